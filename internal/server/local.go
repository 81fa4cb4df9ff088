package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// Local answers the commands healthcheck and override, over a socket that only this machine or
// container reaches. Its answers are text, for whoever typed the command.
type Local struct {
	*http.Server
	monitor *monitor.Monitor
	save    func(map[string]monitor.Override) error

	overriding sync.Mutex // held while an override is set and saved
}

// ErrNotKept is the error of a save function that has no place to save overrides.
var ErrNotKept = errors.New("no STATE_DIRECTORY is set")

// NewLocal makes the server. Whenever an override has changed, save gets those of all sites.
func NewLocal(
	m *monitor.Monitor, save func(map[string]monitor.Override) error, log *slog.Logger,
) *Local {
	l := &Local{monitor: m, save: save}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, m) })
	mux.HandleFunc("GET /overrides", l.list)
	mux.HandleFunc("POST /overrides/{site}", authorized(l.set))
	mux.HandleFunc("DELETE /overrides/{site}", authorized(l.clear))
	l.Server = newHTTPServer(mux, 0, log)
	l.ConnContext = withPeer
	return l
}

// The parameters of a request to set an override.
const (
	ParamVerdict  = "verdict"  // up or down
	ParamDuration = "duration" // for [time.ParseDuration]
	ParamReason   = "reason"
)

// reasonLimit is how many characters a reason may have.
const reasonLimit = 200

type peerKey struct{}

// withPeer records the user at the other end of a connection.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if uid, err := peerUID(conn); err == nil {
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return ctx
}

// overflowUID stands for every user who does not exist in a user namespace (user_namespaces(7)).
const overflowUID = 65534

// authorized passes on the requests of root and of the monitor's own user, with the user's name.
func authorized(handle func(w http.ResponseWriter, r *http.Request, by string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		uid, known := r.Context().Value(peerKey{}).(int)
		if !known || uid != 0 && (uid != os.Geteuid() || uid == overflowUID) {
			http.Error(w, "only root and the monitor's own user may override a verdict: "+
				"type sudo before the command", http.StatusForbidden)
			return
		}
		handle(w, r, fmt.Sprintf("uid %d", uid))
	}
}

// list names the verdicts that are pinned.
func (l *Local) list(w http.ResponseWriter, _ *http.Request) {
	o, pinned := l.monitor.Overview(), false
	for _, s := range o.Sites {
		if s.Override(o.Time).Verdict != monitor.Unknown {
			fmt.Fprintln(w, explain(s, o.Time))
			pinned = true
		}
	}
	if !pinned {
		io.WriteString(w, "no verdict is pinned\n")
	}
}

// set pins a verdict.
func (l *Local) set(w http.ResponseWriter, r *http.Request, by string) {
	o, err := newOverride(r.FormValue(ParamVerdict), r.FormValue(ParamDuration),
		r.FormValue(ParamReason), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.By = by
	l.override(w, r, o)
}

// newOverride makes an override from what a person typed.
func newOverride(verdict, duration, reason string, now time.Time) (monitor.Override, error) {
	o := monitor.Override{
		Verdict: monitor.ParseVerdict(verdict), Began: now, Reason: strings.TrimSpace(reason),
	}
	lasts, err := time.ParseDuration(duration)
	switch {
	case o.Verdict == monitor.Unknown:
		return o, fmt.Errorf("%q: want up or down", verdict)
	case err != nil || lasts < time.Second || lasts > monitor.MaxOverride:
		return o, fmt.Errorf("%q: want how long, such as 30m or 2h, from 1s to %.0fh",
			duration, monitor.MaxOverride.Hours())
	case o.Reason == "":
		return o, errors.New("want a reason behind the duration, for whoever reads of it later")
	case utf8.RuneCountInString(o.Reason) > reasonLimit:
		return o, fmt.Errorf("the reason has %d characters: want at most %d",
			utf8.RuneCountInString(o.Reason), reasonLimit)
	case !utf8.ValidString(o.Reason) || probe.Printable(o.Reason) != o.Reason:
		return o, errors.New("the reason has characters that cannot be printed: want plain text")
	}
	o.Ends = now.Add(lasts)
	return o, nil
}

// clear ends an override that was set while the monitor runs.
func (l *Local) clear(w http.ResponseWriter, r *http.Request, by string) {
	o := l.monitor.Overview()
	for _, s := range o.Sites {
		override := s.Override(o.Time)
		switch {
		case s.Name != r.PathValue("site") || !override.Ends.IsZero():
		case override.Verdict == monitor.Unknown:
			fmt.Fprintln(w, "nothing to clear:", explain(s, o.Time))
			return
		default:
			http.Error(w, "that is a setting, and goes with a restart without it: "+explain(s, o.Time),
				http.StatusBadRequest)
			return
		}
	}
	l.override(w, r, monitor.Override{By: by})
}

// override sets or clears an override, saves it, and describes the site after that.
func (l *Local) override(w http.ResponseWriter, r *http.Request, override monitor.Override) {
	l.overriding.Lock()
	defer l.overriding.Unlock()
	name := r.PathValue("site")
	switch err := l.monitor.SetOverride(r.Context(), name, override); {
	case errors.Is(err, monitor.ErrNoSite):
		sites := strings.Join(l.monitor.Names(), ", ")
		http.Error(w, fmt.Sprintf("%q: no such site: there are %s", name, sites), http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	o, all := l.monitor.Overview(), make(map[string]monitor.Override)
	for _, s := range o.Sites {
		if s.Name == name {
			fmt.Fprintln(w, explain(s, o.Time))
		}
		if pinned := s.Override(o.Time); !pinned.Ends.IsZero() {
			all[s.Name] = pinned
		}
	}
	switch err := l.save(all); {
	case err == nil && override.Verdict != monitor.Unknown:
		io.WriteString(w, "a restart does not end it\n")
	case err != nil && override.Verdict != monitor.Unknown:
		fmt.Fprintf(w, "until the monitor restarts, if that is sooner: %v\n", err)
	case err != nil && !errors.Is(err, ErrNotKept):
		fmt.Fprintf(w, "it may be back after a restart: %v\n", err)
	}
}
