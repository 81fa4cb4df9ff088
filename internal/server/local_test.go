package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// startLocal starts the server for two sites that are up, of which the first may be pinned by a
// setting. It returns a function that sends requests, and the overrides that the server has saved.
func startLocal(t *testing.T, setting monitor.Verdict, saveError error) (
	ask func(method, path string, form ...string) (int, string), saved map[string]monitor.Override,
) {
	t.Helper()
	return startLocalOf(t, []*monitor.Monitor{twoUp("", setting)}, saveError)
}

// twoUp is a monitor of two sites that are up, of which the first may be pinned.
func twoUp(app string, setting monitor.Verdict) *monitor.Monitor {
	up := func(context.Context) (probe.Result, error) {
		return probe.Result{Up: true, Began: time.Now()}, nil
	}
	site := func(name string, v monitor.Verdict) *monitor.Site {
		return &monitor.Site{
			App: app, Name: name, Probe: up, Interval: time.Hour, Timeout: time.Hour, Override: v,
			Thresholds: monitor.Thresholds{Failure: 1, Success: 1},
		}
	}
	return monitor.New([]*monitor.Site{site("site-a", setting), site("site-b", 0)},
		monitor.Options{AnswerTimeout: time.Minute})
}

func startLocalOf(
	t *testing.T, monitors []*monitor.Monitor, saveError error, stuck ...*monitor.Monitor,
) (
	ask func(method, path string, form ...string) (int, string), saved map[string]monitor.Override,
) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	for _, m := range monitors {
		m.Start(ctx)
		t.Cleanup(m.Wait)
		for _, name := range m.Names() { // each waits for the other's first probe
			if _, err := m.Value(ctx, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	saved = make(map[string]monitor.Override)
	l := NewLocal(append(monitors, stuck...), func(all map[string]monitor.Override) error {
		clear(saved)
		maps.Copy(saved, all)
		return saveError
	}, slog.New(slog.DiscardHandler))
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go l.Serve(listener)
	t.Cleanup(func() { l.Close(); cancel() })
	dial := func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", socket)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	return func(method, path string, form ...string) (int, string) {
		values := make(url.Values)
		for i, name := range []string{ParamVerdict, ParamDuration, ParamReason} {
			if i < len(form) {
				values.Set(name, form[i])
			}
		}
		req, _ := http.NewRequest(method, "http://monitor"+path, strings.NewReader(values.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}, saved
}

// TestLocalRefuses has a row for each mistake in a request. The answer says what is wanted instead.
func TestLocalRefuses(t *testing.T) {
	t.Parallel()
	ask, saved := startLocal(t, monitor.Up, nil)
	long := strings.Repeat("é", 201)
	for _, c := range []struct {
		method, path string
		form         []string
		code         int
		want         string
	}{
		{"POST", "/overrides/site-b", []string{"", "1h", "x"}, 400, `"": want up or down`},
		{"POST", "/overrides/site-b", []string{"dwon", "1h", "x"}, 400, `"dwon": want up or down`},
		{"POST", "/overrides/site-b", []string{"down", "", "x"}, 400,
			`"": want how long, such as 30m or 2h, from 1s to 72h`},
		{"POST", "/overrides/site-b", []string{"down", "2", "x"}, 400, `"2": want how long`},
		{"POST", "/overrides/site-b", []string{"down", "1d", "x"}, 400, `"1d": want how long`},
		{"POST", "/overrides/site-b", []string{"down", "72h1s", "x"}, 400, `"72h1s": want how long`},
		{"POST", "/overrides/site-b", []string{"down", "0s", "x"}, 400, `"0s": want how long`},
		{"POST", "/overrides/site-b", []string{"down", "-1h", "x"}, 400, `"-1h": want how long`},
		{"POST", "/overrides/site-b", []string{"down", "1h", ""}, 400, `want a reason`},
		{"POST", "/overrides/site-b", []string{"down", "1h", " "}, 400, `want a reason`},
		{"POST", "/overrides/site-b", []string{"down", "1h", long}, 400,
			`the reason has 201 characters: want at most 200`},
		{"POST", "/overrides/site-b", []string{"down", "1h", "a\nb"}, 400, `cannot be printed`},
		{"POST", "/overrides/site-b", []string{"down", "1h", "a\x1b[2J"}, 400, `cannot be printed`},
		{"POST", "/overrides/site-b", []string{"down", "1h", "a\xff"}, 400, `cannot be printed`},
		{"POST", "/overrides/site-c", []string{"down", "1h", "x"}, 404,
			`"site-c": no such site: there are site-a, site-b`},
		{"DELETE", "/overrides/site-c", nil, 404, `"site-c": no such site`},
		{"DELETE", "/overrides/site-b", nil, 200, "nothing to clear: site-b is up since"},
		{"DELETE", "/overrides/site-a", nil, 400,
			"that is a setting, and goes with a restart without it: " +
				"site-a is pinned up by its OVERRIDE; its probes say up"},
		{"PUT", "/overrides/site-b", nil, 405, "Method Not Allowed"},
		{"GET", "/metric/site-a", nil, 404, "not found"},
	} {
		code, text := ask(c.method, c.path, c.form...)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s %s %q: got %d %q, want %d %q",
				c.method, c.path, c.form, code, text, c.code, c.want)
		}
	}
	if len(saved) > 0 {
		t.Errorf("saved %v", saved)
	}
}

// TestLocalOverrides pins, replaces, lists and clears.
func TestLocalOverrides(t *testing.T) {
	t.Parallel()
	ask, saved := startLocal(t, monitor.Unknown, nil)
	want := func(method, path string, form []string, parts ...string) {
		t.Helper()
		code, text := ask(method, path, form...)
		for _, part := range parts {
			if code != 200 || !strings.Contains(text, part) {
				t.Errorf("%s %s: got %d %q, want %q", method, path, code, text, part)
			}
		}
	}
	want("GET", "/healthz", nil, "ok\n")
	want("GET", "/livez", nil, "ok\n")
	want("GET", "/overrides", nil, "no verdict is pinned\n")
	want("POST", "/overrides/site-b", []string{"down", "2h", "drill <b>"},
		"site-b is pinned down by uid ", " UTC (drill <b>); its probes say up\n",
		"a restart does not end it\n")
	want("POST", "/overrides/site-b", []string{"up", "30m", strings.Repeat("é", 200)},
		"site-b is pinned up by uid ")
	want("POST", "/overrides/site-a", []string{"down", "72h", "moved"}, "site-a is pinned down")
	want("GET", "/overrides", nil, "site-a is pinned down", "site-b is pinned up")
	sites := slices.Sorted(maps.Keys(saved))
	if !slices.Equal(sites, []string{"site-a", "site-b"}) || saved["site-b"].Verdict != monitor.Up {
		t.Errorf("saved %v", saved)
	}
	if left := time.Until(saved["site-b"].Ends); left < 29*time.Minute || left > 30*time.Minute {
		t.Errorf("ends in %v, want 30m", left)
	}
	want("DELETE", "/overrides/site-b", nil, "site-b is up since")
	want("GET", "/overrides", nil, "site-a is pinned down")
	if _, there := saved["site-b"]; there || len(saved) != 1 {
		t.Errorf("saved %v", saved)
	}
}

// TestLocalCannotSave: the answer says so if a restart ends an override.
func TestLocalCannotSave(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err          error
		set, cleared string
	}{
		{ErrNotKept, "until the monitor restarts, if that is sooner: no STATE_DIRECTORY is set\n", ""},
		{errors.New("disk full"), "until the monitor restarts, if that is sooner: disk full\n",
			"it may be back after a restart: disk full\n"},
	} {
		ask, _ := startLocal(t, monitor.Unknown, c.err)
		code, text := ask("POST", "/overrides/site-b", "down", "1h", "x")
		if code != 200 || !strings.HasSuffix(text, "its probes say up\n"+c.set) {
			t.Errorf("got %d %q, want %q", code, text, c.set)
		}
		code, text = ask("DELETE", "/overrides/site-b")
		if code != 200 || !strings.HasSuffix(text, "UTC\n"+c.cleared) {
			t.Errorf("got %d %q, want %q", code, text, c.cleared)
		}
	}
}

// TestAuthorized has a row for each kind of user.
func TestAuthorized(t *testing.T) {
	t.Parallel()
	answer := func(ctx context.Context) int {
		w := httptest.NewRecorder()
		handler := authorized(func(w http.ResponseWriter, _ *http.Request, by string) {
			io.WriteString(w, by)
		})
		handler(w, httptest.NewRequestWithContext(ctx, "POST", "/", nil))
		return w.Code
	}
	for uid, want := range map[int]int{0: 200, 12345: 403, overflowUID: 403} {
		if got := answer(context.WithValue(t.Context(), peerKey{}, uid)); got != want {
			t.Errorf("uid %d: got %d, want %d", uid, got, want)
		}
	}
	if got := answer(t.Context()); got != 403 {
		t.Errorf("an unknown user: got %d, want 403", got)
	}
}

// TestOverrideWithAStuckApp: the loop of one app that is stuck does not keep the override from the
// others, and the answer says which one is left out.
func TestOverrideWithAStuckApp(t *testing.T) {
	t.Parallel()
	stuck := twoUp("shop", 0) // it is never started
	ask, saved := startLocalOf(t, []*monitor.Monitor{twoUp("blog", 0), twoUp("zoo", 0)}, nil, stuck)
	code, text := ask("POST", "/overrides/site-b", "down", "1h", "x")
	for _, want := range []string{"blog/site-b is pinned down by uid 0",
		"zoo/site-b is pinned down by uid 0",
		"shop/site-b is left as it was: context deadline exceeded"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if keys := slices.Sorted(maps.Keys(saved)); code != 503 ||
		!slices.Equal(keys, []string{"blog/site-b", "zoo/site-b"}) {
		t.Errorf("%d, and %q are saved", code, keys)
	}
}

// TestOverridesOfApps: shop/site-b is one site, site-b that of every app.
func TestOverridesOfApps(t *testing.T) {
	t.Parallel()
	ask, saved := startLocalOf(t, []*monitor.Monitor{twoUp("shop", 0), twoUp("blog", monitor.Up)}, nil)
	step := func(method, of string, form []string, code int, want string, pinned ...string) {
		t.Helper()
		path := "/overrides"
		if of != "" {
			path += "/" + url.PathEscape(of)
		}
		got, text := ask(method, path, form...)
		if got != code || !strings.Contains(text, want) {
			t.Errorf("%s %s: %d %s, want %d and %q in it", method, of, got, text, code, want)
		}
		if keys := slices.Sorted(maps.Keys(saved)); !slices.Equal(keys, pinned) {
			t.Errorf("%s %s: %q are saved, want %q", method, of, keys, pinned)
		}
	}
	down := []string{"down", "1h", "x"}
	step("POST", "nix/site-b", down, 404, `"nix/site-b": no such app: there are shop, blog`)
	step("POST", "site-c", down, 404,
		`"site-c": no such site: want APP/SITE, or a site for all apps: site-a, site-b`)
	step("POST", "shop/site-c", down, 404,
		`"shop/site-c": no such site of shop: want shop/ and one of site-a, site-b`)
	step("POST", "shop", down, 404, `"shop": no such site of shop: want shop/ and one of site-a, site-b`)
	step("POST", "shop/site-b", down, 200, "shop/site-b is pinned down by uid 0", "shop/site-b")
	step("POST", "site-b", []string{"up", "1h", "all"}, 200,
		"blog/site-b is pinned up by uid 0", "blog/site-b", "shop/site-b")
	step("POST", "site-b", []string{"up", "1h", "all"}, 200,
		"left alone, since it was pinned by itself: shop/site-b is pinned down", "blog/site-b",
		"shop/site-b")
	step("GET", "", nil, 200, "blog/site-a is pinned up by its OVERRIDE", "blog/site-b", "shop/site-b")
	step("DELETE", "site-b", nil, 200, "blog/site-b is up since", "shop/site-b")
	step("DELETE", "site-b", nil, 200, "nothing to clear: blog/site-b is up since", "shop/site-b")
	step("DELETE", "shop/site-b", nil, 200, "shop/site-b is up since")
	step("DELETE", "blog/site-a", nil, 400, "that is a setting")
	step("POST", "site-a", down, 200, "blog/site-a is pinned down", "blog/site-a", "shop/site-a")
	step("DELETE", "site-a", nil, 200, "shop/site-a is up since")
	step("DELETE", "site-a", nil, 400,
		"that is a setting, and goes with a restart without it: blog/site-a")
}
