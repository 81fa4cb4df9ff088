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
	"unicode"
	"unicode/utf8"

	"failover-monitor/internal/monitor"
)

// Local answers the commands healthcheck and override, over a socket that only this machine or container
// reaches. Its answers are text, for the one who typed the command.
type Local struct {
	*http.Server
	monitor *monitor.Monitor
	keep    func(map[string]monitor.Override) error

	orders sync.Mutex // one after the other, with what is kept of it
}

// ErrNotKept is the error of what keeps overrides where they are not kept.
var ErrNotKept = errors.New("no STATE_DIRECTORY is set")

// NewLocal makes the server. What keeps the overrides gets those of all sites whenever one has changed.
func NewLocal(m *monitor.Monitor, keep func(map[string]monitor.Override) error, log *slog.Logger) *Local {
	l := &Local{monitor: m, keep: keep}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { health(w, m) })
	mux.HandleFunc("GET /overrides", l.list)
	mux.HandleFunc("POST /overrides/{site}", allowed(l.set))
	mux.HandleFunc("DELETE /overrides/{site}", allowed(l.clear))
	l.Server = limited(mux, 0, log)
	l.ConnContext = withPeer
	return l
}

// The parameters of an order to override.
const (
	ParamVerdict  = "verdict"  // up or down
	ParamDuration = "duration" // for [time.ParseDuration]
	ParamReason   = "reason"
)

// reasonLimit is how many characters a reason may have.
const reasonLimit = 200

type peerKey struct{}

// withPeer notes who is at the other end of a connection.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	if uid, err := peerUID(conn); err == nil {
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return ctx
}

// overflowUID is what Linux shows of every user who does not exist in a user namespace (user_namespaces(7)).
const overflowUID = 65534

// allowed lets root and the monitor's own user through, and says who it is.
func allowed(order func(w http.ResponseWriter, r *http.Request, by string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		uid, known := r.Context().Value(peerKey{}).(int)
		if !known || uid != 0 && (uid != os.Geteuid() || uid == overflowUID) {
			http.Error(w, "only root and the monitor's own user may override a verdict: type sudo before the command", http.StatusForbidden)
			return
		}
		order(w, r, fmt.Sprintf("uid %d", uid))
	}
}

// list says which verdicts are pinned.
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
	o, err := newOverride(r.FormValue(ParamVerdict), r.FormValue(ParamDuration), r.FormValue(ParamReason), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.By = by
	l.order(w, r, o)
}

// newOverride makes an override of what a person typed.
func newOverride(verdict, duration, reason string, now time.Time) (monitor.Override, error) {
	o := monitor.Override{Verdict: map[string]monitor.Verdict{"up": monitor.Up, "down": monitor.Down}[verdict], Began: now, Reason: strings.TrimSpace(reason)}
	lasts, err := time.ParseDuration(duration)
	switch {
	case o.Verdict == monitor.Unknown:
		return o, fmt.Errorf("%q: want up or down", verdict)
	case err != nil || lasts < time.Second || lasts > monitor.MaxOverride:
		return o, fmt.Errorf("%q: want how long, such as 30m or 2h, and at most %.0fh", duration, monitor.MaxOverride.Hours())
	case o.Reason == "":
		return o, errors.New("want a reason behind the duration, for whoever reads of it later")
	case utf8.RuneCountInString(o.Reason) > reasonLimit:
		return o, fmt.Errorf("the reason has %d characters: want at most %d", utf8.RuneCountInString(o.Reason), reasonLimit)
	case !utf8.ValidString(o.Reason) || strings.ContainsFunc(o.Reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return o, errors.New("the reason has characters that cannot be printed: want plain text")
	}
	o.Ends = now.Add(lasts)
	return o, nil
}

// clear ends an override that was set while the monitor runs.
func (l *Local) clear(w http.ResponseWriter, r *http.Request, by string) {
	o := l.monitor.Overview()
	for _, s := range o.Sites {
		if override := s.Override(o.Time); s.Name == r.PathValue("site") && override.Ends.IsZero() {
			why := "nothing to clear"
			if override.Verdict != monitor.Unknown {
				why = "that is a setting, and goes with a restart without it"
			}
			http.Error(w, explain(s, o.Time)+": "+why, http.StatusBadRequest)
			return
		}
	}
	l.order(w, r, monitor.Override{By: by})
}

// order has the monitor pin a verdict, or not any more, and says how the site is then.
func (l *Local) order(w http.ResponseWriter, r *http.Request, override monitor.Override) {
	l.orders.Lock()
	defer l.orders.Unlock()
	name := r.PathValue("site")
	switch err := l.monitor.SetOverride(r.Context(), name, override); {
	case errors.Is(err, monitor.ErrNoSite):
		http.Error(w, fmt.Sprintf("%q: no such site: there are %s", name, strings.Join(l.monitor.Names(), ", ")), http.StatusNotFound)
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
	switch err := l.keep(all); {
	case err == nil && override.Verdict != monitor.Unknown:
		io.WriteString(w, "a restart does not end it\n")
	case err != nil && override.Verdict != monitor.Unknown:
		fmt.Fprintf(w, "until the monitor restarts, if that is sooner: %v\n", err)
	case err != nil && !errors.Is(err, ErrNotKept):
		fmt.Fprintf(w, "it may be back after a restart: %v\n", err)
	}
}
