package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// okAnswer is what a site answers that is well.
const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"

// fleet is how many sites are watched: all of one app without a name, or two of each app.
type fleet struct{ apps, sites int }

// String is what a table says.
func (f fleet) String() string {
	if f.apps > 0 {
		return fmt.Sprintf("%d apps × 2", f.apps)
	}
	return strconv.Itoa(f.sites)
}

// many is one server for many sites, each at a path of its own: /7 is the site with index 7, and
// /7/b the second site of the app with index 7. It notes when each is probed.
type many struct {
	fleet
	server *fakesite.Site
	ca     []byte // PEM; nil without TLS

	mu       sync.Mutex
	arrivals [][]time.Time
}

// startMany starts the server of all sites.
func startMany(f fleet, secure bool) (m *many, err error) {
	m = &many{fleet: f, arrivals: make([][]time.Time, f.sites)}
	behave := m.answer
	if secure {
		ca := rig.NewCA("bench")
		m.ca = ca.PEM
		certificate := ca.Issue(time.Now().AddDate(0, 0, 7), "127.0.0.1")
		behave = rig.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}, m.answer)
	}
	m.server, err = fakesite.Start("127.0.0.1:0", behave)
	return m, err
}

// answer reads a request, as GET /7 HTTP/1.1, notes it and says that all is well.
func (m *many) answer(conn net.Conn) {
	now := time.Now()
	in := bufio.NewReaderSize(conn, 512)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return
	}
	path, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("GET /")), []byte(" "))
	number, second := bytes.CutSuffix(path, []byte("/b"))
	site, err := strconv.Atoi(string(number))
	if err != nil {
		return
	}
	if m.apps > 0 {
		site *= 2
	}
	if second {
		site++
	}
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return
		}
	}
	io.WriteString(conn, okAnswer)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.arrivals[site] = append(m.arrivals[site], now)
}

// environ are the monitor's settings of these sites.
func (m *many) environ() []string {
	scheme := "http"
	if m.ca != nil {
		scheme = "https"
	}
	var environ, names []string
	for i := range m.apps {
		names = append(names, fmt.Sprintf("%05d", i))
	}
	if m.apps > 0 {
		url := scheme + "://" + m.server.Address() + "/{app}"
		return []string{"APPS=" + strings.Join(names, ","), "SITE_A_HEALTH_URL=" + url,
			"SITE_B_HEALTH_URL=" + url + "/b"}
	}
	for i := range m.sites {
		environ = append(environ, fmt.Sprintf("SITE_%05d_HEALTH_URL=%s://%s/%d", i, scheme,
			m.server.Address(), i))
	}
	return environ
}

// polls are the paths to ask for a value: of each app, or of one site.
func (m *many) polls() (paths []string) {
	if m.apps == 0 {
		return []string{"/metric/site-00000"}
	}
	for i := range m.apps {
		paths = append(paths, fmt.Sprintf("/metric/%05d/site-a", i))
	}
	return paths
}

// lateness is how much later than planned each probe of a time began. The plan is not known out
// here: it is taken from the most punctual probe of each site, and an interval from one to the
// next.
func (m *many) lateness(from, to time.Time, interval time.Duration) (late sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, arrivals := range m.arrivals {
		var offsets []time.Duration // from a grid that begins at from
		for _, at := range arrivals {
			if at.After(from) && at.Before(to) {
				offsets = append(offsets, at.Sub(from)-interval*time.Duration(len(offsets)))
			}
		}
		first := time.Duration(1 << 62)
		for _, o := range offsets {
			first = min(first, o)
		}
		for _, o := range offsets {
			late = append(late, (o - first).Seconds())
		}
	}
	return late
}

// probes counts those of a time.
func (m *many) probes(from, to time.Time) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, arrivals := range m.arrivals {
		for _, at := range arrivals {
			if at.After(from) && at.Before(to) {
				n++
			}
		}
	}
	return n
}
