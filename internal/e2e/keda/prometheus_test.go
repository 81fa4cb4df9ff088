package keda

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	thanosHost = "thanos-querier.openshift-monitoring.svc.cluster.local:9092"
	token      = "a service account's token"
)

// server is Debian's Prometheus.
type server struct {
	address, data string
	cmd           *exec.Cmd
}

// target is what it scrapes: a monitor, or a pod of one.
type target struct{ address, monitor string }

// prometheus scrapes these every second.
func prometheus(t *testing.T, targets ...target) *server {
	t.Helper()
	s := &server{address: freeAddress(t), data: t.TempDir()}
	s.start(t, targets...)
	t.Cleanup(s.kill)
	return s
}

func (s *server) start(t *testing.T, targets ...target) {
	t.Helper()
	var config strings.Builder
	config.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" +
		"- job_name: failover-monitor\n  static_configs:\n")
	for _, to := range targets {
		fmt.Fprintf(&config, "  - {targets: [%q], labels: {monitor: %q}}\n", to.address, to.monitor)
	}
	s.cmd = exec.Command("prometheus", "--config.file="+file(t, "prometheus.yml", config.String()),
		"--storage.tsdb.path="+s.data, "--web.listen-address="+s.address, "--log.level=warn")
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// values asks for what each monitor says, by its label; there is none while Prometheus does not
// answer.
func (s *server) values(t *testing.T, query string) map[string]string {
	t.Helper()
	resp, err := http.Get("http://" + s.address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil
	}
	values := make(map[string]string)
	for _, series := range answer.Data.Result {
		values[series.Metric["monitor"]], _ = series.Value[1].(string)
	}
	return values
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// thanos is what stands before OpenShift's Thanos: TLS, a token, and a namespace that must be
// named.
func thanos(t *testing.T, s *server) replacements {
	t.Helper()
	private, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, key := private.issue(t)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.address})
	behind.ErrorLog = log.New(io.Discard, "", 0) // it starts before Prometheus listens
	guard := func(w http.ResponseWriter, r *http.Request) {
		authorized := r.Header.Get("Authorization") == "Bearer "+token
		if !authorized || r.URL.Query().Get("namespace") != "default" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		behind.ServeHTTP(w, r)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(guard))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return replacements{
		hosts:   map[string]string{thanosHost: server.Listener.Addr().String()},
		secrets: map[string]string{"token": token, "ca.crt": private.pem},
	}
}

// twoPods are two pods of one monitor, and thus two series.
func twoPods(t *testing.T, w *world) replacements {
	return thanos(t, prometheus(t, target{w.start(t).address, "1"}, target{w.start(t).address, "1"}))
}

// A value of the past is no value: the series goes stale with the first scrape that fails.
func TestDeadMonitorIsAnErrorToPrometheus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "site-a")
	m := w.start(t)
	k := apply(t, "openshift.yaml", thanos(t, prometheus(t, target{m.address, "1"})))
	k.until(t, 0, "0", unknown)
	w.peer.become(sick)
	k.until(t, 0, "1", "0")
	m.kill()
	k.until(t, 0, unknown, "1")
	k.stays(t, 0, unknown)
	if _, err := k.ask(t, 0); !strings.Contains(err.Error(), "the result is empty") {
		t.Error(err)
	}
}

// A Prometheus that no longer scrapes the monitor says what it knew for five minutes. The queries
// count nothing that is older than 30 s.
func TestOldSampleIsNoValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "site-a")
	w.peer.become(sick)
	m := w.start(t)
	p := prometheus(t, target{m.address, "1"}, target{m.address, "2"}, target{m.address, "3"})
	with := thanos(t, p)
	one, three := apply(t, "openshift.yaml", with), apply(t, "openshift-three-monitors.yaml", with)
	one.until(t, 0, "1", unknown)
	three.until(t, 0, "1", unknown)
	p.kill()
	killed := time.Now()
	p.start(t) // without targets
	for {
		_, errOne := one.ask(t, 0)
		_, errThree := three.ask(t, 0)
		old := p.values(t, "failover_metric_value{site='site-a'}")["1"]
		since := time.Since(killed).Round(time.Second)
		switch {
		case old == "1" && errOne != nil && errThree != nil:
			if since < 25*time.Second {
				t.Errorf("no value after %s already: %v, %v", since, errOne, errThree)
			}
			return
		case since > 35*time.Second:
			t.Fatalf("after %s the series is %q, and KEDA gets %v, %v", since, old, errOne, errThree)
		}
		time.Sleep(time.Second)
	}
}

func TestDeadPrometheusIsAnError(t *testing.T) {
	t.Parallel()
	p := prometheus(t, target{newWorld(t, "site-a").start(t).address, "1"})
	k := apply(t, "openshift.yaml", thanos(t, p))
	k.until(t, 0, "0", unknown)
	p.kill()
	k.until(t, 0, unknown, "0")
}

func TestWrongTokenIsAnError(t *testing.T) {
	t.Parallel()
	with := twoPods(t, newWorld(t, "site-a"))
	apply(t, "openshift.yaml", with).until(t, 0, "0", unknown)
	with.secrets["token"] = "another"
	refused(t, "openshift.yaml", with, "status: 403")
}

// Two pods of one monitor may differ: one is on a node without a network, or has just been started.
func TestPodsThatDiffer(t *testing.T) {
	t.Parallel()
	one, other := newWorld(t, "site-a"), newWorld(t, "site-a")
	m := one.start(t)
	pods := []target{{m.address, "1"}, {other.start(t).address, "1"}}
	k := apply(t, "openshift.yaml", thanos(t, prometheus(t, pods...)))
	k.until(t, 0, "0", unknown)
	other.peer.become(sick)
	k.until(t, 0, "1", "0")
	k.stays(t, 0, "1") // one is enough
	m.kill()
	k.stays(t, 0, "1") // and so is the other alone
	other.peer.become(well)
	k.until(t, 0, "0", "1")
}
