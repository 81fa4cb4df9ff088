package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// Header values that need no allocation for a poll.
var (
	noStore   = []string{"no-store"}
	jsonType  = []string{"application/json"}
	plainType = []string{"text/plain; charset=utf-8"}
	htmlType  = []string{"text/html; charset=utf-8"}
)

// values writes {"value":N} for every N below sites.
func values(sites int) [][]byte {
	bodies := make([][]byte, sites)
	for n := range bodies {
		bodies[n] = []byte(`{"value":` + strconv.Itoa(n) + "}\n")
	}
	return bodies
}

// metric tells a site's KEDA how many peers are down. KEDA takes 200 for an answer and nothing else,
// and reads much that is no number as 0 (a wrong one): hence a 503 for whatever is not known.
func (s *server) metric(w http.ResponseWriter, r *http.Request) int {
	site := strings.TrimPrefix(r.URL.Path, metricPath)
	value, err := s.monitor.Value(r.Context(), site)
	if errors.Is(err, monitor.ErrNoSite) {
		return s.notFound(w, r)
	}
	if r.Method == http.MethodGet {
		s.monitor.Polled(site, probe.Printable(r.UserAgent()))
	}
	if err != nil {
		w.Header().Set("Retry-After", "1")
		return refuse(w, http.StatusServiceUnavailable, refusal{Error: err.Error()})
	}
	w.Header()["Content-Type"] = jsonType
	w.Write(s.values[value])
	return http.StatusOK
}

// health says whether the prober is well; whether sites are up is no part of that.
func (s *server) health(w http.ResponseWriter, _ *http.Request) int { return health(w, s.monitor) }

func health(w http.ResponseWriter, m *monitor.Monitor) int {
	w.Header()["Content-Type"] = plainType
	if err := m.Well(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return http.StatusServiceUnavailable
	}
	fmt.Fprintln(w, "ok")
	return http.StatusOK
}

// status shows all that is known, as [monitor.Status] documents it.
func (s *server) status(w http.ResponseWriter, _ *http.Request) int {
	w.Header()["Content-Type"] = jsonType
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false) // for people with curl
	out.Encode(s.monitor.Status())
	return http.StatusOK
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) int {
	return refuse(w, http.StatusNotFound, refusal{
		Error: fmt.Sprintf("nothing at %q; there are /, /healthz, /status, /metrics and, for each site, /metric/{site}", r.URL.Path),
		Sites: s.monitor.Names(),
	})
}

// refusal is the JSON of every answer that is no value.
type refusal struct {
	Error string   `json:"error"`
	Sites []string `json:"sites,omitempty"`
}

func refuse(w http.ResponseWriter, code int, why refusal) int {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(why)
	return code
}
