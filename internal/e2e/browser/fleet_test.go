package browser

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// fleet is two sites that answer for many apps.
type fleet struct {
	*rig.Monitor
	apps    []string
	a, b    *fakesite.Site
	witness *fakesite.Site

	mu   sync.Mutex
	sick map[string]bool // apps that site-b has broken
}

// startFleet starts a monitor of so many apps, with a witness and these further settings.
func startFleet(t *testing.T, apps int, settings ...string) *fleet {
	t.Helper()
	f := &fleet{apps: appNames(apps), sick: make(map[string]bool)}
	f.a, f.witness = rig.Site(t, healthy), rig.Site(t, healthy)
	f.b = rig.Site(t, f.answer)
	f.Monitor = start(t, append([]string{"APPS=" + strings.Join(f.apps, ","),
		"SITE_A_HEALTH_URL=http://" + f.a.Address() + "/{app}",
		"SITE_B_HEALTH_URL=http://" + f.b.Address() + "/{app}",
		"WITNESS_URLS=tcp://" + f.witness.Address()}, settings...)...)
	return f
}

// appNames are shop, blog and pay, and then more systematic ones.
func appNames(n int) []string {
	names := []string{"shop", "blog", "pay"}
	for i := 0; len(names) < n; i++ {
		areas := []string{"billing", "cart", "catalog", "login", "mail", "media", "orders", "search",
			"stock", "tickets"}
		kinds := []string{"api", "web", "worker"}
		name := areas[i%10] + "-" + kinds[i/10%3]
		if i >= 30 {
			name += fmt.Sprintf("-%d", i/30+1)
		}
		names = append(names, name)
	}
	return names[:n]
}

// answer is what site-b does with a request: the path names the app.
func (f *fleet) answer(conn net.Conn) {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	status := http.StatusOK
	f.mu.Lock()
	if f.sick[strings.TrimPrefix(request.URL.Path, "/")] {
		status = http.StatusServiceUnavailable
	}
	f.mu.Unlock()
	fmt.Fprintf(conn, "HTTP/1.1 %d \r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
}

// breaks has site-b answer for these apps with an error, and for all others well.
func (f *fleet) breaks(apps ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.sick)
	for _, app := range apps {
		f.sick[app] = true
	}
}

// polled has KEDA ask for the values of these apps, at both sites.
func (f *fleet) polled(t *testing.T, apps ...string) {
	t.Helper()
	var paths []string
	for _, app := range apps {
		paths = append(paths, app+"/site-a", app+"/site-b")
	}
	polled(t, f.Monitor, slices.Clip(paths)...)
}
