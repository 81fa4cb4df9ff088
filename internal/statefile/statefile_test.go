package statefile_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/statefile"
)

var now = time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)

// good is a file that Load takes.
const good = `{"overrides": {"site-b": {"verdict": "down", ` +
	`"began": "2026-03-29T01:00:00Z", "ends": "2026-03-29T03:00:00Z", ` +
	`"reason": "x", "by": "uid 0"}}}`

func override(lasts time.Duration) monitor.Override {
	return monitor.Override{
		Verdict: monitor.Down, Began: now, Ends: now.Add(lasts), Reason: `a "drill"`, By: "uid 0",
	}
}

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got, err := statefile.LoadOverrides(dir, now); got != nil || err != nil {
		t.Errorf("without a file: got %v, %v", got, err)
	}
	saved := map[string]monitor.Override{"site-a": override(time.Minute),
		"shop/site-b": override(time.Hour)}
	forAll := override(time.Hour)
	forAll.ForAll = true
	saved["blog/site-b"] = forAll
	for range 2 { // the second replaces the first
		if err := statefile.SaveOverrides(dir, saved); err != nil {
			t.Fatal(err)
		}
	}
	for later, want := range map[time.Duration]int{0: 3, time.Minute: 2, time.Hour: 0} {
		got, err := statefile.LoadOverrides(dir, now.Add(later))
		if err != nil || len(got) != want {
			t.Errorf("after %v: got %v, %v; want %d", later, got, err, want)
		}
		if later == 0 && !maps.Equal(got, saved) {
			t.Errorf("got %v, want %v", got, saved)
		}
	}
	if err := statefile.SaveOverrides(dir, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := statefile.LoadOverrides(dir, now); len(got) != 0 || err != nil {
		t.Errorf("cleared: got %v, %v", got, err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

// TestSaveFails: nothing is left behind when the file cannot be replaced.
func TestSaveFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A file cannot get the name of a directory.
	if err := os.Mkdir(filepath.Join(dir, "overrides.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := statefile.SaveOverrides(dir, nil); err == nil {
		t.Error("no error")
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	if err := statefile.SaveOverrides(filepath.Join(dir, "nowhere"), nil); !errors.Is(err,
		fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestLoadRefuses has a row for each mistake in a file, of which nothing is used then.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	replace := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "EOF"},
		"cut off":         {good[:len(good)-2], "EOF"},
		"two values":      {good + good, "more than one JSON value"},
		"another field":   {replace(`"by"`, `"for"`), `unknown field "for"`},
		"another verdict": {replace("down", "maybe"), `site-b: verdict "maybe": want up or down`},
		"no end":          {replace(`"ends": "2026-03-29T03:00:00Z", `, ""), "at most 72h"},
		"no begin":        {replace(`"began": "2026-03-29T01:00:00Z", `, ""), "at most 72h"},
		"too long":        {replace("2026-03-29T03", "2026-04-02T03"), "at most 72h"},
		"backwards":       {replace("2026-03-29T03", "2026-03-28T03"), "at most 72h"},
		"in the future":   {replace("2026-03-29T01", "2026-04-02T01"), ""},
		"no reason":       {replace(`"reason": "x", `, ""), "no reason"},
		"nobody":          {replace(`uid 0`, ""), "nobody who asked for it"},
		"huge":            {good + strings.Repeat(" ", 64<<20), "longer than 67108864 bytes"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "overrides.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := statefile.LoadOverrides(dir, now)
		if got != nil || err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: got %v, %v; want %q", name, got, err, c.want)
		}
	}
}

// FuzzLoad: no file pins a verdict for longer than is allowed.
func FuzzLoad(f *testing.F) {
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "overrides.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		overrides, _ := statefile.LoadOverrides(dir, now)
		for site, o := range overrides {
			left := o.Ends.Sub(now)
			if o.Verdict == monitor.Unknown || left <= 0 || left > monitor.MaxOverride ||
				o.Reason == "" {
				t.Errorf("%s: %+v", site, o)
			}
		}
	})
}

// TestFailovers saves some, and reads the same.
func TestFailovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got, err := statefile.LoadFailovers(dir); got != nil || err != nil {
		t.Errorf("without a file: got %v, %v", got, err)
	}
	at := func(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }
	saved := map[string][]monitor.Failover{"site-b": {
		{Down: at(-9), Ended: at(-8), Drill: true},
		{Failed: at(-5), Down: at(-4), Told: []monitor.Told{{Peer: "site-a", At: at(-3)}}},
	}}
	if err := statefile.SaveFailovers(dir, saved); err != nil {
		t.Fatal(err)
	}
	if got, err := statefile.LoadFailovers(dir); err != nil || !reflect.DeepEqual(got, saved) {
		t.Errorf("got %v, %v, want %v", got, err, saved)
	}
}

// TestLoadFailoversRefuses has a row for each file that is not taken: none of it, then.
func TestLoadFailoversRefuses(t *testing.T) {
	t.Parallel()
	const good = `{"failovers": {"site-b": [
		{"failed": "2026-03-29T01:00:00Z", "down": "2026-03-29T01:00:07Z", "ended": "2026-03-29T01:09:00Z"},
		{"down": "2026-03-29T01:20:00Z", "told": [{"peer": "site-a", "at": "2026-03-29T01:21:00Z"}]}]}}`
	load := func(text string) (string, error) {
		dir := t.TempDir()
		path := filepath.Join(dir, "failovers.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := statefile.LoadFailovers(dir)
		if err != nil && got != nil {
			t.Errorf("%v beside the error %v", got, err)
		}
		return path, err
	}
	if _, err := load(good); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"cut off":               {"}]}}", "", "EOF"},
		"another field":         {`"told"`, `"said"`, `unknown field "said"`},
		"never down":            {`"down": "2026-03-29T01:20:00Z", `, "", "site-b: first failed at"},
		"failed after it":       {"01:00:00Z", "01:00:08Z", "site-b: first failed at"},
		"ended before it":       {"01:09:00Z", "01:00:00Z", "site-b: down at"},
		"an old one goes on":    {`, "ended": "2026-03-29T01:09:00Z"`, "", "not ended"},
		"told before":           {"01:21:00Z", "01:19:00Z", `"site-a" told at`},
		"a peer without a name": {`"site-a"`, `""`, `"" told at`},
	} {
		path, err := load(strings.Replace(good, c.old, c.new, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
