package server

import (
	"net/http"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// apps are the monitors of all apps, in the order of the settings. Without apps there is one
// monitor, whose app has no name.
type apps struct {
	list   []*monitor.Monitor
	byName map[string]*monitor.Monitor
}

func newApps(list []*monitor.Monitor) apps {
	a := apps{list, make(map[string]*monitor.Monitor)}
	for _, m := range list {
		a.byName[m.App()] = m
	}
	return a
}

// named is whether there are apps, and not only sites.
func (a apps) named() bool { return a.list[0].App() != "" }

// names lists the apps.
func (a apps) names() []string {
	var names []string
	for _, m := range a.list {
		names = append(names, m.App())
	}
	return names
}

// asked parts what stands behind /metric/ into the app's monitor and the site's name. The monitor
// is nil for an app that there is not; without apps, it is the only one.
func (a apps) asked(path string) (m *monitor.Monitor, site string) {
	if !a.named() {
		return a.list[0], path
	}
	app, site, _ := strings.Cut(path, "/")
	return a.byName[app], site
}

// chosen are the apps that a request asks for: the one of its parameter app, or all. It is false
// for an app that there is not.
func (a apps) chosen(r *http.Request) (chosen apps, ok bool) {
	if !a.named() || !r.URL.Query().Has(paramApp) {
		return a, true
	}
	m, ok := a.byName[r.URL.Query().Get(paramApp)]
	return apps{list: []*monitor.Monitor{m}}, ok
}

// paramApp is the parameter of / and /status that names an app.
const paramApp = "app"

// maxWait is the longest that a poll can take.
func (a apps) maxWait() (longest time.Duration) {
	for _, m := range a.list {
		longest = max(longest, m.MaxWait())
	}
	return longest
}

// mostSites is how many sites the largest app has.
func (a apps) mostSites() (most int) {
	for _, m := range a.list {
		most = max(most, len(m.Names()))
	}
	return most
}

// overviews takes a snapshot of each app.
func (a apps) overviews() []monitor.Overview { return monitor.Overviews(a.list) }
