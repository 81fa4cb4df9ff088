// Package server answers over HTTP: KEDA's polls, health checks, Prometheus, people. [New] lists
// all routes.
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

// Server answers for the monitors of all apps. The caller gives it a listener.
type Server struct {
	*http.Server
	guard   *WebGuard
	pending *pendingConns
	log     *slog.Logger
}

// New makes the server of the monitors of all apps, or of one without apps. The guard is nil
// without a web configuration.
func New(
	monitors []*monitor.Monitor, metrics *Metrics, page *Page, guard *WebGuard, log *slog.Logger,
) *Server {
	all := newApps(monitors)
	r := &routes{
		apps: all, metrics: metrics, shown: page, log: log, values: valueBodies(all.mostSites()),
	}
	handler := router{
		metric: r.route("/metric", r.metric),
		paths: map[string]http.HandlerFunc{
			"/status":  r.route("/status", r.status),
			"/metrics": r.route("/metrics", recordStatus(metrics.handler(all))),
			"/":        r.route("/", r.page),
		},
		other: r.route("other", r.notFound),
	}
	for path, write := range healthAnswers {
		handler.paths[path] = r.route(path, func(w http.ResponseWriter, _ *http.Request) int {
			return write(w, all.overviews())
		})
	}
	s := &Server{
		Server: newHTTPServer(handler, all.maxWait(), log),
		guard:  guard, pending: new(pendingConns), log: log,
	}
	s.ConnState = s.pending.connState
	return s
}

// Announce adds a header to every answer that names the program: "Server: failover-monitor/1.0".
// Only net/http's own answers to requests that it cannot read (400, 417, 431, 505) do not have it.
func (s *Server) Announce(product string) {
	header := []string{product} // made once: no allocation for a poll
	// net/http calls this once, after the exporter-toolkit has put its handler around ours. So the
	// toolkit's 401 has the header, too.
	s.BaseContext = func(net.Listener) context.Context {
		next := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Server"] = header
			next.ServeHTTP(w, r)
		})
		return context.Background()
	}
}

// newHTTPServer makes a server with all limits set, for a handler that waits no longer than
// maxWait.
func newHTTPServer(handler http.Handler, maxWait time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:  handler,
		ErrorLog: errorLog(log),
		// OPTIONS * gets a 405, as every method but GET and HEAD.
		DisableGeneralOptionsHandler: true,
		// A poll is a few hundred bytes, sent at once. A client that takes longer is broken, or hostile.
		ReadTimeout:    5 * time.Second,
		MaxHeaderBytes: 16 << 10,
		// The longest that a handler waits, and time to send the answer.
		WriteTimeout: maxWait + 5*time.Second,
		// KEDA closes a connection after 90 idle seconds. The server waits longer, so that KEDA never
		// sends a poll over a connection that the server is closing.
		IdleTimeout: 2 * time.Minute,
	}
}

// router finds the handler of a path. [http.ServeMux] would redirect //metric/site-a and the like
// by itself: no metric would count that, and caches might keep it.
type router struct {
	metric http.HandlerFunc // of /metric/{site} and /metric/{app}/{site}
	paths  map[string]http.HandlerFunc
	other  http.HandlerFunc
}

const metricPath = "/metric/"

// ServeHTTP implements [http.Handler].
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
	apps    apps
	metrics *Metrics
	shown   *Page
	log     *slog.Logger
	values  [][]byte // the body for each number of peers that can be down
}

// handler answers a request and returns the status code.
type handler func(http.ResponseWriter, *http.Request) int

// route does what all routes have in common: it refuses other methods than GET and HEAD, tells
// caches not to keep the answer, and counts and logs the request.
func (rs *routes) route(name string, handle handler) http.HandlerFunc {
	count := rs.metrics.route(name)
	return func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		w.Header()["Cache-Control"] = noStore
		code := http.StatusMethodNotAllowed
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			code = handle(w, r)
		} else {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, code, errorJSON{Error: "only GET and HEAD are answered here"})
		}
		took := time.Since(began)
		count(code, took)
		if rs.log.Enabled(r.Context(), slog.LevelDebug) {
			rs.log.Debug("request", "method", r.Method, "path", probe.Printable(r.URL.Path), "code", code,
				"took", took, "from", r.RemoteAddr, "by", probe.Printable(r.UserAgent()))
		}
	}
}

// recordStatus makes a handler of one that does not return its status code.
func recordStatus(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) int {
		recorder := &statusWriter{w, http.StatusOK}
		h.ServeHTTP(recorder, r)
		return recorder.code
	}
}

// statusWriter records the status code.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}
