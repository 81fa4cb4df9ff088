// Package server answers over HTTP: KEDA's polls, health checks, people with curl. Every route is in [New].
package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"failover-monitor/internal/monitor"
)

// New makes the HTTP server of a monitor. It has no address: the caller gives it a listener.
func New(m *monitor.Monitor, log *slog.Logger) *http.Server {
	s := &server{monitor: m, values: values(len(m.Names()))}
	mux := http.NewServeMux()
	mux.HandleFunc("/metric/{site}", s.metric)
	mux.HandleFunc("/healthz", s.health)
	mux.HandleFunc("/status", s.status)
	mux.HandleFunc("/", s.notFound)
	return &http.Server{
		Handler:  readOnly(mux),
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), // connections that cannot be accepted
		// OPTIONS * is no exception to "only GET and HEAD".
		DisableGeneralOptionsHandler: true,
		// A poll is a few hundred bytes, sent at once. Who takes longer is broken, or means to hold us up.
		ReadTimeout:    5 * time.Second,
		MaxHeaderBytes: 16 << 10,
		// The longest that a handler waits, and time to take the answer away.
		WriteTimeout: m.Patience() + 5*time.Second,
		// KEDA closes a connection that was idle for 90 s. We wait longer, so that it never sends a poll
		// into one that we are just closing.
		IdleTimeout: 2 * time.Minute,
	}
}

type server struct {
	monitor *monitor.Monitor
	values  [][]byte // the answer for each number of peers that can be down
}

// values writes {"value":N} for every N below sites.
func values(sites int) [][]byte {
	bodies := make([][]byte, sites)
	for n := range bodies {
		bodies[n] = []byte(`{"value":` + strconv.Itoa(n) + "}\n")
	}
	return bodies
}

// Header values that need no allocation for a poll.
var (
	noStore   = []string{"no-store"}
	jsonType  = []string{"application/json"}
	plainType = []string{"text/plain; charset=utf-8"}
)

// readOnly lets GET and HEAD pass alone, and keeps caches from keeping what is true only now.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = noStore
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, refusal{Error: "only GET and HEAD are answered here"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// metric tells a site's KEDA how many peers are down. KEDA takes 200 for an answer and nothing else,
// and reads much that is no number as 0 (a wrong one): hence a 503 for whatever is not known.
func (s *server) metric(w http.ResponseWriter, r *http.Request) {
	site := r.PathValue("site")
	value, err := s.monitor.Value(r.Context(), site)
	if errors.Is(err, monitor.ErrNoSite) {
		s.notFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		s.monitor.Polled(site, r.UserAgent())
	}
	switch {
	case err != nil:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, refusal{Error: err.Error()})
	default:
		w.Header()["Content-Type"] = jsonType
		w.Write(s.values[value])
	}
}

// health says whether every probe loop is at work; whether sites are up is no part of that.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = plainType
	if err := s.monitor.Alive(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}

// status shows all that is known, as [monitor.Status] documents it.
func (s *server) status(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = jsonType
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false) // for people with curl
	out.Encode(s.monitor.Status())
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, refusal{
		Error: fmt.Sprintf("nothing at %q; there are /healthz, /status and, for each site, /metric/{site}", r.URL.Path),
		Sites: s.monitor.Names(),
	})
}

// refusal is the JSON of every answer that is no value.
type refusal struct {
	Error string   `json:"error"`
	Sites []string `json:"sites,omitempty"`
}

func refuse(w http.ResponseWriter, status int, why refusal) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(why)
}
