package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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
	m, site := rs.apps.asked(strings.TrimPrefix(r.URL.Path, metricPath))
	if m == nil {
		return rs.notFound(w, r)
	}
	value, err := m.Value(r.Context(), site)
	if errors.Is(err, monitor.ErrNoSite) {
		return rs.notFound(w, r)
	}
	if r.Method == http.MethodGet {
		m.Polled(site, probe.Printable(r.UserAgent()), value)
	}
	if err != nil {
		w.Header().Set("Retry-After", "1")
		return writeError(w, http.StatusServiceUnavailable, errorJSON{Error: explainError(err)})
	}
	w.Header()["Content-Type"] = jsonType
	w.Write(rs.values[value])
	return http.StatusOK
}

// healthAnswers are those of the paths that ask how the monitor itself is: over HTTP, and over the
// local socket.
var healthAnswers = map[string]func(http.ResponseWriter, []monitor.Overview) int{
	"/healthz": writeHealth, "/livez": writeLive, "/readyz": writeReady,
}

// writeHealth says whether the probers of all sites are healthy, up or down.
func writeHealth(w http.ResponseWriter, overviews []monitor.Overview) int {
	return writeFaults(w, overviews, proberFault)
}

// writeLive says whether a restart would help ([monitor.Live]).
func writeLive(w http.ResponseWriter, overviews []monitor.Overview) int {
	if monitor.Live(overviews) {
		overviews = nil
	}
	return writeFaults(w, overviews, stalledLoop)
}

// writeReady says whether the probers of some app's sites are all healthy. One that is not says
// nothing against a new version of the monitor.
func writeReady(w http.ResponseWriter, overviews []monitor.Overview) int {
	isHealthy := func(o monitor.Overview) bool {
		return !slices.ContainsFunc(o.Sites, func(s *monitor.Snapshot) bool {
			return proberFault(s, o.Time) != ""
		})
	}
	if slices.ContainsFunc(overviews, isHealthy) {
		overviews = nil
	}
	return writeFaults(w, overviews, proberFault)
}

// writeFaults lists the faults of sites; without one, all is well.
func writeFaults(w http.ResponseWriter, overviews []monitor.Overview,
	faultOf func(*monitor.Snapshot, time.Time) string) int {
	w.Header()["Content-Type"] = plainType
	var lines strings.Builder
	for _, overview := range overviews {
		for _, site := range overview.Sites {
			if fault := faultOf(site, overview.Time); fault != "" {
				fmt.Fprintf(&lines, "%s: %s\n", site.ID(), fault)
			}
		}
	}
	if lines.Len() == 0 {
		io.WriteString(w, "ok\n")
		return http.StatusOK
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, lines.String())
	return http.StatusServiceUnavailable
}

// notFound says what there is: the sites, of one app if the path names it, or else the apps.
func (rs *routes) notFound(w http.ResponseWriter, r *http.Request) int {
	metric, body := "for each site, /metric/{site}", errorJSON{}
	if rs.apps.named() {
		metric = "for each site of an app, /metric/{app}/{site}"
	}
	if m, _ := rs.apps.asked(strings.TrimPrefix(r.URL.Path, metricPath)); m != nil {
		body.Sites, body.More = firstNames(m.Names())
	} else {
		body.Apps, body.More = firstNames(rs.apps.names())
	}
	body.Error = fmt.Sprintf(
		"nothing at %q; there are /, /healthz, /livez, /readyz, /status, /metrics and, %s",
		r.URL.Path, metric)
	return writeError(w, http.StatusNotFound, body)
}

// noApp answers a request with a parameter app that names none.
func (rs *routes) noApp(w http.ResponseWriter, r *http.Request) int {
	body := errorJSON{Error: fmt.Sprintf("no app is called %q", r.URL.Query().Get(paramApp))}
	body.Apps, body.More = firstNames(rs.apps.names())
	return writeError(w, http.StatusNotFound, body)
}

// mostNames is how many names an error lists.
const mostNames = 50

// firstNames gives the first names of a list, and how many more it has.
func firstNames(names []string) (first []string, more int) {
	n := min(len(names), mostNames)
	return names[:n], len(names) - n
}

// errorJSON is the body of every answer of /metric that is no value, and of refused requests.
type errorJSON struct {
	Error string   `json:"error"`
	Apps  []string `json:"apps,omitempty"`
	Sites []string `json:"sites,omitempty"`
	More  int      `json:"more,omitempty"` // of these, beside the first 50
}

func writeError(w http.ResponseWriter, code int, body errorJSON) int {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(body)
	return code
}
