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

// local is the server of two sites that are up, with what it has kept, at a socket of its own.
func local(t *testing.T, settings monitor.Verdict,
	fails error) (ask func(method, path string, form ...string) (int, string),
	kept map[string]monitor.Override) {
	t.Helper()
	up := func(context.Context) (probe.Result,
		error) {
		return probe.Result{Up: true, Began: time.Now()}, nil
	}
	site := func(name string, v monitor.Verdict) *monitor.Site {
		return &monitor.Site{Name: name, Probe: up, Interval: time.Hour, Timeout: time.Hour, Override: v,
			Thresholds: monitor.Thresholds{Failure: 1, Success: 1}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	m := monitor.New([]*monitor.Site{site("site-a", settings), site("site-b", 0)},
		monitor.Options{AnswerTimeout: time.Minute})
	m.Start(ctx)
	for _, name := range m.Names() { // each waits for the other's first probe
		if _, err := m.Value(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	kept = make(map[string]monitor.Override)
	l := NewLocal(m, func(all map[string]monitor.Override) error {
		clear(kept)
		maps.Copy(kept, all)
		return fails
	}, slog.New(slog.DiscardHandler))
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go l.Serve(listener)
	t.Cleanup(func() { l.Close(); cancel(); m.Wait() })
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string,
		string) (net.Conn, error) {
		return net.Dial("unix", socket)
	}}}
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
	}, kept
}

// TestLocalRefuses has a row for each order that is none, with what to write instead.
func TestLocalRefuses(t *testing.T) {
	t.Parallel()
	ask, kept := local(t, monitor.Up, nil)
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
			`"": want how long, such as 30m or 2h, and at most 72h`},
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
		{"DELETE", "/overrides/site-b", nil, 400, "site-b is up since"},
		{"DELETE", "/overrides/site-a", nil, 400,
			"site-a is pinned up by its OVERRIDE; its probes say up: that is a setting, and goes with a restart without it"},
		{"PUT", "/overrides/site-b", nil, 405, "Method Not Allowed"},
		{"GET", "/metric/site-a", nil, 404, "not found"},
	} {
		if code, text := ask(c.method, c.path, c.form...); code != c.code ||
			!strings.Contains(text, c.want) {
			t.Errorf("%s %s %q: got %d %q, want %d %q", c.method, c.path, c.form, code, text, c.code, c.want)
		}
	}
	if len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
}

// TestLocalOverrides pins, replaces, lists and clears.
func TestLocalOverrides(t *testing.T) {
	t.Parallel()
	ask, kept := local(t, monitor.Unknown, nil)
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
	want("GET", "/overrides", nil, "no verdict is pinned\n")
	want("POST", "/overrides/site-b", []string{"down", "2h", "drill <b>"},
		"site-b is pinned down by uid ", " UTC (drill <b>); its probes say up\n",
		"a restart does not end it\n")
	want("POST", "/overrides/site-b", []string{"up", "30m", strings.Repeat("é", 200)},
		"site-b is pinned up by uid ")
	want("POST", "/overrides/site-a", []string{"down", "72h", "moved"}, "site-a is pinned down")
	want("GET", "/overrides", nil, "site-a is pinned down", "site-b is pinned up")
	if sites := slices.Sorted(maps.Keys(kept)); !slices.Equal(sites, []string{"site-a", "site-b"}) ||
		kept["site-b"].Verdict != monitor.Up {
		t.Errorf("kept %v", kept)
	}
	if left := time.Until(kept["site-b"].Ends); left < 29*time.Minute || left > 30*time.Minute {
		t.Errorf("ends in %v, want 30m", left)
	}
	want("DELETE", "/overrides/site-b", nil, "site-b is up since")
	want("GET", "/overrides", nil, "site-a is pinned down")
	if _, there := kept["site-b"]; there || len(kept) != 1 {
		t.Errorf("kept %v", kept)
	}
}

// TestLocalKeepsNothing says so where an override ends with the monitor.
func TestLocalKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fails        error
		set, cleared string
	}{
		{ErrNotKept, "until the monitor restarts, if that is sooner: no STATE_DIRECTORY is set\n", ""},
		{errors.New("disk full"), "until the monitor restarts, if that is sooner: disk full\n",
			"it may be back after a restart: disk full\n"},
	} {
		ask, _ := local(t, monitor.Unknown, c.fails)
		if code, text := ask("POST", "/overrides/site-b", "down", "1h", "x"); code != 200 ||
			!strings.HasSuffix(text, "its probes say up\n"+c.set) {
			t.Errorf("got %d %q, want %q", code, text, c.set)
		}
		if code, text := ask("DELETE", "/overrides/site-b"); code != 200 ||
			!strings.HasSuffix(text, "UTC\n"+c.cleared) {
			t.Errorf("got %d %q, want %q", code, text, c.cleared)
		}
	}
}

// TestAllowed has a row for each kind of user.
func TestAllowed(t *testing.T) {
	t.Parallel()
	answer := func(ctx context.Context) int {
		w := httptest.NewRecorder()
		authorized(func(w http.ResponseWriter, _ *http.Request, by string) { io.WriteString(w, by) })(w,
			httptest.NewRequestWithContext(ctx, "POST", "/", nil))
		return w.Code
	}
	for uid, want := range map[int]int{0: 200, 12345: 403, overflowUID: 403} {
		if got := answer(context.WithValue(t.Context(), peerKey{}, uid)); got != want {
			t.Errorf("uid %d: got %d, want %d", uid, got, want)
		}
	}
	if got := answer(t.Context()); got != 403 {
		t.Errorf("nobody knows who: got %d, want 403", got)
	}
}
