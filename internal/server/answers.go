package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
func (rs *routes) metric(w http.ResponseWriter, r *http.Request) int {
	site := strings.TrimPrefix(r.URL.Path, metricPath)
	value, err := rs.monitor.Value(r.Context(), site)
	if errors.Is(err, monitor.ErrNoSite) {
		return rs.notFound(w, r)
	}
	if r.Method == http.MethodGet {
		rs.monitor.Polled(site, probe.Printable(r.UserAgent()))
	}
	if err != nil {
		w.Header().Set("Retry-After", "1")
		return refuse(w, http.StatusServiceUnavailable, refusal{Error: explainError(err)})
	}
	w.Header()["Content-Type"] = jsonType
	w.Write(rs.values[value])
	return http.StatusOK
}

// health says whether the prober is healthy; whether sites are up is no part of that.
func (rs *routes) health(w http.ResponseWriter, _ *http.Request) int { return health(w, rs.monitor) }

func health(w http.ResponseWriter, m *monitor.Monitor) int {
	w.Header()["Content-Type"] = plainType
	overview, healthy := m.Overview(), true
	var lines strings.Builder
	for _, site := range overview.Sites {
		if wrong := trouble(site, overview.Time); wrong != "" {
			healthy = false
			fmt.Fprintf(&lines, "%s: %s\n", site.Name, wrong)
		}
	}
	if healthy {
		io.WriteString(w, "ok\n")
		return http.StatusOK
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, lines.String())
	return http.StatusServiceUnavailable
}

func (rs *routes) notFound(w http.ResponseWriter, r *http.Request) int {
	return refuse(w, http.StatusNotFound, refusal{
		Error: fmt.Sprintf("nothing at %q; there are /, /healthz, /status, /metrics and, for each site, /metric/{site}", r.URL.Path),
		Sites: rs.monitor.Names(),
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
