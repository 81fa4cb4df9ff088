// Package server answers over HTTP: KEDA's polls, health checks, Prometheus, people. Every route is in [New].
package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// Server answers for a monitor. It has no address: the caller gives it a listener.
type Server struct {
	*http.Server
	guard   *WebGuard
	pending *pendingConns
	log     *slog.Logger
}

// New makes the server of a monitor. The guard is nil without a web configuration.
func New(m *monitor.Monitor, metrics *Metrics, guard *WebGuard, log *slog.Logger) *Server {
	r := &routes{monitor: m, metrics: metrics, log: log, values: values(len(m.Names()))}
	handler := router{
		metric: r.route("/metric", r.metric),
		paths: map[string]http.HandlerFunc{
			"/healthz": r.route("/healthz", r.health),
			"/status":  r.route("/status", r.status),
			"/metrics": r.route("/metrics", observed(metrics.handler(m))),
			"/":        r.route("/", r.page),
		},
		other: r.route("other", r.notFound),
	}
	s := &Server{Server: limited(handler, m.MaxWait(), log), guard: guard, pending: new(pendingConns), log: log}
	s.ConnState = s.pending.note
	return s
}

// Announce has every answer say which program gives it, as in "Server: failover-monitor/1.0". What
// net/http says itself to a request that it cannot read (400, 417, 431, 505) is no answer of ours,
// and has no such header.
func (s *Server) Announce(product string) {
	header := []string{product} // made once: no allocation for a poll
	// net/http asks for this once, when the exporter-toolkit has put its handler around ours. Thus its
	// 401 has the header, too.
	s.BaseContext = func(net.Listener) context.Context {
		next := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Server"] = header
			next.ServeHTTP(w, r)
		})
		return context.Background()
	}
}

// limited makes a server whose handler waits no longer than that.
func limited(handler http.Handler, maxWait time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:  handler,
		ErrorLog: errorLog(log),
		// OPTIONS * is no exception to "only GET and HEAD".
		DisableGeneralOptionsHandler: true,
		// A poll is a few hundred bytes, sent at once. A client that takes longer is broken, or hostile.
		ReadTimeout:    5 * time.Second,
		MaxHeaderBytes: 16 << 10,
		// The longest that a handler waits, and time to take the answer away.
		WriteTimeout: maxWait + 5*time.Second,
		// KEDA closes a connection that was idle for 90 s. We wait longer, so that it never sends a poll
		// into one that we are just closing.
		IdleTimeout: 2 * time.Minute,
	}
}

// router finds the handler of a path. [http.ServeMux] would answer //metric/site-a and the like with a redirect
// of its own, which nobody counts and caches may keep.
type router struct {
	metric http.HandlerFunc // of /metric/{site}
	paths  map[string]http.HandlerFunc
	other  http.HandlerFunc
}

const metricPath = "/metric/"

// ServeHTTP is [http.Handler]'s.
func (r router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, metricPath) {
		r.metric(w, req)
	} else if handler := r.paths[req.URL.Path]; handler != nil {
		handler(w, req)
	} else {
		r.other(w, req)
	}
}

// routes are the handlers, and what they share.
type routes struct {
	monitor *monitor.Monitor
	metrics *Metrics
	log     *slog.Logger
	values  [][]byte // the answer for each number of peers that can be down
}

// handler answers a request and says with which status code.
type handler func(http.ResponseWriter, *http.Request) int

// route is what all routes have in common: they answer GET and HEAD alone, tell caches not to keep what
// is true only now, and are counted and logged.
func (rs *routes) route(name string, answer handler) http.HandlerFunc {
	count := rs.metrics.route(name)
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w.Header()["Cache-Control"] = noStore
		code := http.StatusMethodNotAllowed
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			code = answer(w, r)
		} else {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, code, refusal{Error: "only GET and HEAD are answered here"})
		}
		took := time.Since(began)
		count(code, took)
		if rs.log.Enabled(r.Context(), slog.LevelDebug) {
			rs.log.Debug("request", "method", r.Method, "path", probe.Printable(r.URL.Path), "code", code, "took", took, "from", r.RemoteAddr, "by", probe.Printable(r.UserAgent()))
		}
	}
}

// observed makes a handler of one that does not say with which status code it answers.
func observed(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) int {
		answer := &answer{w, http.StatusOK}
		h.ServeHTTP(answer, r)
		return answer.code
	}
}

// answer remembers the status code.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}
