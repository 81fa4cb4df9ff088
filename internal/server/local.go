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
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/names"
	"failover-monitor/internal/probe"
)

// Local answers the commands healthcheck and override, over a socket that only this machine or
// container reaches. Its answers are text, for whoever typed the command.
type Local struct {
	*http.Server
	apps apps
	save func(map[string]monitor.Override) error

	overriding sync.Mutex // held while an override is set and saved
}

// ErrNotKept is the error of a save function that has no place to save overrides.
var ErrNotKept = errors.New("no STATE_DIRECTORY is set")

// NewLocal makes the server. Whenever an override has changed, save gets those of all sites, by
// [monitor.Site.ID].
func NewLocal(
	monitors []*monitor.Monitor, save func(map[string]monitor.Override) error, log *slog.Logger,
) *Local {
	l := &Local{apps: newApps(monitors), save: save}
	mux := http.NewServeMux()
	for path, write := range healthAnswers {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			write(w, l.apps.overviews())
		})
	}
	mux.HandleFunc("GET /overrides", l.list)
	mux.HandleFunc("POST /overrides/{of}", authorized(l.set))
	mux.HandleFunc("DELETE /overrides/{of}", authorized(l.clear))
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
	pinned := false
	for _, o := range l.apps.overviews() {
		for _, s := range o.Sites {
			if s.Override(o.Time).Verdict != monitor.Unknown {
				fmt.Fprintln(w, explain(s, o.Time))
				pinned = true
			}
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
	sites := l.choose(r.PathValue("of"))
	o.By, o.ForAll = by, sites.forAll
	l.override(w, r, sites, o)
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

// clear ends overrides that were set while the monitor runs.
func (l *Local) clear(w http.ResponseWriter, r *http.Request, by string) {
	sites := l.choose(r.PathValue("of"))
	var set []siteOf
	var none, settings []string // what is not pinned, and what is pinned by the settings
	for _, of := range sites.list {
		s, now := of.snapshot()
		switch o := s.Override(now); {
		case !o.Ends.IsZero():
			set = append(set, of)
		case o.Verdict == monitor.Unknown:
			none = append(none, explain(s, now))
		default:
			settings = append(settings, explain(s, now))
		}
	}
	switch {
	case set == nil && settings != nil:
		http.Error(w, "that is a setting, and goes with a restart without it: "+
			strings.Join(settings, "; "), http.StatusBadRequest)
	case set == nil && none != nil:
		fmt.Fprintln(w, "nothing to clear:", strings.Join(none, "; "))
	default:
		sites.list = set
		l.override(w, r, sites, monitor.Override{By: by})
	}
}

// siteOf is a site of one of the apps.
type siteOf struct {
	monitor *monitor.Monitor
	name    string
}

// String is the site's name, and its app's.
func (of siteOf) String() string {
	s, _ := of.snapshot()
	return s.ID()
}

// snapshot is what is known of the site.
func (of siteOf) snapshot() (*monitor.Snapshot, time.Time) {
	o := of.monitor.Overview()
	return o.Sites[slices.Index(of.monitor.Names(), of.name)], o.Time
}

// choice is what a person has named: shop/site-b, or site-b, which is that site of every app.
type choice struct {
	list   []siteOf
	forAll bool
	// left are those that one for all apps leaves alone, and why: an app has pinned its own.
	left []string
}

func (l *Local) choose(named string) (c choice) {
	app, site, one := strings.Cut(named, "/")
	if !one || !l.apps.named() {
		one, site = false, named
	}
	c.forAll = l.apps.named() && !one
	for _, m := range l.apps.list {
		if one && m.App() != app || !slices.Contains(m.Names(), site) {
			continue
		}
		of := siteOf{m, site}
		s, now := of.snapshot()
		if o := s.Override(now); c.forAll && !o.Ends.IsZero() && !o.ForAll {
			c.left = append(c.left, explain(s, now))
		} else {
			c.list = append(c.list, of)
		}
	}
	return c
}

// override sets or clears overrides, saves them, and describes the sites after that.
func (l *Local) override(w http.ResponseWriter, r *http.Request, sites choice,
	override monitor.Override) {
	if sites.list == nil && sites.left == nil {
		http.Error(w, l.explainNoSite(r.PathValue("of")), http.StatusNotFound)
		return
	}
	l.overriding.Lock()
	defer l.overriding.Unlock()
	failed := l.setAll(r.Context(), sites.list, override)
	if errors.Join(failed...) != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	for i, of := range sites.list {
		if failed[i] == nil {
			fmt.Fprintln(w, explain(of.snapshot()))
		} else {
			fmt.Fprintf(w, "%s is left as it was: %v\n", of, failed[i])
		}
	}
	for _, why := range sites.left {
		fmt.Fprintf(w, "left alone, since it was pinned by itself: %s\n", why)
	}
	switch err := l.save(l.overrides()); {
	case err == nil && override.Verdict != monitor.Unknown:
		io.WriteString(w, "a restart does not end it\n")
	case err != nil && override.Verdict != monitor.Unknown:
		fmt.Fprintf(w, "until the monitor restarts, if that is sooner: %v\n", err)
	case err != nil && !errors.Is(err, ErrNotKept):
		fmt.Fprintf(w, "it may be back after a restart: %v\n", err)
	}
}

// setTimeout is how long a site's loop may take to set an override. One that is stuck never does.
const setTimeout = 2 * time.Second

// setAll sets an override of several sites at once, and gives the error of each.
func (l *Local) setAll(ctx context.Context, sites []siteOf, override monitor.Override) []error {
	ctx, cancel := context.WithTimeout(ctx, setTimeout)
	defer cancel()
	failed := make([]error, len(sites))
	var setting sync.WaitGroup
	for i, of := range sites {
		setting.Go(func() { failed[i] = of.monitor.SetOverride(ctx, of.name, override) })
	}
	setting.Wait()
	return failed
}

// overrides are those of all sites that were set while the monitor runs.
func (l *Local) overrides() map[string]monitor.Override {
	all := make(map[string]monitor.Override)
	for _, o := range l.apps.overviews() {
		for _, s := range o.Sites {
			if pinned := s.Override(o.Time); !pinned.Ends.IsZero() {
				all[s.ID()] = pinned
			}
		}
	}
	return all
}

// explainNoSite says which sites there are, or which apps.
func (l *Local) explainNoSite(named string) string {
	app, _, both := strings.Cut(named, "/")
	m := l.apps.byName[app]
	switch {
	case !l.apps.named():
		return fmt.Sprintf("%q: no such site: there are %s", named,
			names.List(l.apps.list[0].Names(), mostNames))
	case m != nil:
		return fmt.Sprintf("%q: no such site of %s: want %[2]s/ and one of %s", named, app,
			names.List(m.Names(), mostNames))
	case both:
		return fmt.Sprintf("%q: no such app: there are %s", named, names.List(l.apps.names(), mostNames))
	}
	var sites []string
	for _, c := range countBySite(l.apps.overviews()) {
		sites = append(sites, c.Site)
	}
	return fmt.Sprintf("%q: no such site: want APP/SITE, or a site for all apps: %s", named,
		names.List(sites, mostNames))
}
