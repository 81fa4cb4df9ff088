package keda

import (
	"crypto/tls"
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

// prometheus is Debian's, which scrapes these monitors every second.
func prometheus(t *testing.T, targets ...string) *exec.Cmd {
	t.Helper()
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: failover-monitor\n  static_configs: [{targets: [%s]}]\n", strings.Join(targets, ","))
	cmd := exec.Command("prometheus", "--config.file="+file(t, "prometheus.yml", config),
		"--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+freeAddress(t), "--log.level=warn")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
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

// thanos is what stands before OpenShift's Thanos: TLS, a token, and a namespace that must be named.
func thanos(t *testing.T, prometheus *exec.Cmd) replacements {
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
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: listensAt(prometheus)})
	behind.ErrorLog = log.New(io.Discard, "", 0) // it starts before Prometheus listens
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token || r.URL.Query().Get("namespace") != "default" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return replacements{
		hosts:   map[string]string{thanosHost: server.Listener.Addr().String()},
		secrets: map[string]string{"token": token, "ca.crt": private.pem},
	}
}

func listensAt(prometheus *exec.Cmd) (address string) {
	for _, arg := range prometheus.Args {
		if value, ok := strings.CutPrefix(arg, "--web.listen-address="); ok {
			address = value
		}
	}
	return address
}

func openShift(t *testing.T, w *world) replacements {
	return thanos(t, prometheus(t, w.start(t).address))
}

// A value of the past is no value: the series goes stale with the first scrape that fails.
func TestDeadMonitorIsAnErrorToPrometheus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "site-a")
	m := w.start(t)
	k := apply(t, "openshift.yaml", thanos(t, prometheus(t, m.address)))
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

func TestDeadPrometheusIsAnError(t *testing.T) {
	t.Parallel()
	p := prometheus(t, newWorld(t, "site-a").start(t).address)
	k := apply(t, "openshift.yaml", thanos(t, p))
	k.until(t, 0, "0", unknown)
	p.Process.Kill()
	k.until(t, 0, unknown, "0")
}

func TestWrongTokenIsAnError(t *testing.T) {
	t.Parallel()
	with := openShift(t, newWorld(t, "site-a"))
	apply(t, "openshift.yaml", with).until(t, 0, "0", unknown)
	with.secrets["token"] = "another"
	refused(t, "openshift.yaml", with, "status: 403")
}

func TestTwoSeriesAreAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "site-a")
	k := apply(t, "openshift.yaml", thanos(t, prometheus(t, w.start(t).address, w.start(t).address)))
	deadline := time.Now().Add(20 * time.Second)
	for {
		_, err := k.ask(t, 0)
		if err != nil && strings.Contains(err.Error(), "returned multiple elements") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the last error is: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
