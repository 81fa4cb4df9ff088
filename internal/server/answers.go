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

// Header values that a poll uses without an allocation.
var (
	noStore   = []string{"no-store"}
	jsonType  = []string{"application/json"}
	plainType = []string{"text/plain; charset=utf-8"}
	htmlType  = []string{"text/html; charset=utf-8"}
)

// valueBodies gives {"value":N} for every N below the number of sites.
func valueBodies(sites int) [][]byte {
	bodies := make([][]byte, sites)
	for n := range bodies {
		bodies[n] = []byte(`{"value":` + strconv.Itoa(n) + "}\n")
	}
	return bodies
}

// metric tells a site's KEDA how many peers are down. KEDA accepts only a 200, and reads much that
// is no number as 0, which would be wrong. So what is not known is a 503.
func (rs *routes) metric(w http.ResponseWriter, r *http.Request) int {
	site := strings.TrimPrefix(r.URL.Path, metricPath)
	value, err := rs.monitor.Value(r.Context(), site)
	if errors.Is(err, monitor.ErrNoSite) {
		return rs.notFound(w, r)
	}
	if r.Method == http.MethodGet {
		rs.monitor.Polled(site, probe.Printable(r.UserAgent()), value)
	}
	if err != nil {
		w.Header().Set("Retry-After", "1")
		return writeError(w, http.StatusServiceUnavailable, errorJSON{Error: explainError(err)})
	}
	w.Header()["Content-Type"] = jsonType
	w.Write(rs.values[value])
	return http.StatusOK
}

func (rs *routes) health(w http.ResponseWriter, _ *http.Request) int {
	return writeHealth(w, rs.monitor)
}

// writeHealth says whether the probers of all sites are healthy, up or down.
func writeHealth(w http.ResponseWriter, m *monitor.Monitor) int {
	w.Header()["Content-Type"] = plainType
	overview, healthy := m.Overview(), true
	var lines strings.Builder
	for _, site := range overview.Sites {
		if fault := proberFault(site, overview.Time); fault != "" {
			healthy = false
			fmt.Fprintf(&lines, "%s: %s\n", site.Name, fault)
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
	return writeError(w, http.StatusNotFound, errorJSON{
		Error: fmt.Sprintf("nothing at %q; there are /, /healthz, /status, /metrics and, "+
			"for each site, /metric/{site}", r.URL.Path),
		Sites: rs.monitor.Names(),
	})
}

// errorJSON is the body of every answer of /metric that is no value, and of refused requests.
type errorJSON struct {
	Error string   `json:"error"`
	Sites []string `json:"sites,omitempty"`
}

func writeError(w http.ResponseWriter, code int, body errorJSON) int {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(body)
	return code
}
