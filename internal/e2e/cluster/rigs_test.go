package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// rigs start what the files of deploy/keda need.
var rigs = map[string]func(t *testing.T, site string) (*fixture, replacements){
	"site-a.yaml":             plain,
	"site-b.yaml":             plain,
	"fast-failover.yaml":      fast,
	"prometheus-format.yaml":  plain,
	"basic-auth.yaml":         basicAuth,
	"client-certificate.yaml": clientCertificate,
	"three-monitors.yaml":     threeAlike,
	"openshift.yaml":          openShift,

	"openshift-three-monitors.yaml": openShift,
}

const monitorHost = "failover-monitor.example.com:8000"

func plain(t *testing.T, site string) (*fixture, replacements) {
	w := newFixture(t, site)
	return w, replacements{hosts: map[string]string{monitorHost: w.Address}}
}

// fast is a monitor that detects an outage fast.
func fast(t *testing.T, site string) (*fixture, replacements) {
	w := newFixture(t, site, "CACHE_TTL_SEC=2", "PROBE_TIMEOUT_SEC=1", "RETRY_INTERVAL_SEC=0.5")
	w.limit -= 6 * time.Second // the verdict takes 4 s
	return w, replacements{hosts: map[string]string{monitorHost: w.Address}}
}

// threeAlike are three hosts that are one monitor: it votes three times. TestThreeMonitors has
// three.
func threeAlike(t *testing.T, site string) (*fixture, replacements) {
	w := newFixture(t, site)
	hosts := make(map[string]string)
	for i := range 3 {
		hosts[fmt.Sprintf("failover-monitor-%d.example.com:8000", i+1)] = w.Address
	}
	return w, replacements{hosts: hosts}
}

// webConfig makes the setting of a web config file with this certificate.
func webConfig(t *testing.T, cert, key []byte, more string) (setting string) {
	t.Helper()
	return "WEB_CONFIG_FILE=" +
		file(t, "web.yml", fmt.Sprintf("tls_server_config:\n  cert_file: %s\n  key_file: %s\n%s",
			file(t, "tls.crt", string(cert)), file(t, "tls.key", string(key)), more))
}

// certificate is one for the monitors' addresses.
func certificate(t *testing.T, ca *rig.CA) (cert, key []byte) {
	t.Helper()
	cert, key, err := pemPair(ca.Issue(time.Now().AddDate(0, 0, 7), rig.Host().String()))
	must(t, err)
	return cert, key
}

func file(t *testing.T, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func basicAuth(t *testing.T, site string) (*fixture, replacements) {
	const hash = "$2a$04$hmWrXeD.PEkOZJQ3n0EZ.OhbbeO6QRx1hpx.c9mJBWEGhzoXkY5cW" // of e2e-password
	// which is in KEDA's --ca-dir
	cert, key := certificate(t, control.pki.ca)
	w := newFixture(t, site, webConfig(t, cert, key, "basic_auth_users: {keda: "+hash+"}\n"))
	return w, replacements{
		hosts:   map[string]string{monitorHost: w.Address},
		secrets: map[string]string{"username": "keda", "password": "e2e-password"},
	}
}

func clientCertificate(t *testing.T, site string) (*fixture, replacements) {
	private := rig.NewCA("private")
	cert, key := certificate(t, private)
	w := newFixture(t, site, webConfig(t, cert, key, fmt.Sprintf(
		"  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: %s\n",
		file(t, "ca.crt", string(private.PEM)))))
	return w, replacements{
		hosts: map[string]string{monitorHost: w.Address},
		secrets: map[string]string{"tls.crt": string(cert), "tls.key": string(key),
			"ca.crt": string(private.PEM)},
	}
}

// openShift is a monitor that the querier asks as if it were three.
func openShift(t *testing.T, site string) (*fixture, replacements) {
	w := newFixture(t, site)
	w.limit += scrapeInterval
	address := querier(t, w.Address, w.Address, w.Address)
	return w, replacements{hosts: map[string]string{thanos: address}}
}

const (
	thanos         = "thanos-querier.openshift-monitoring.svc.cluster.local:9092"
	scrapeInterval = 5 * time.Second
)

// querier starts a Prometheus that scrapes monitors, behind what stands before OpenShift's: TLS by
// the cluster's own CA, and the token of a service account. Kubernetes itself puts both into the
// Secret of the file.
func querier(t *testing.T, monitors ...string) (address string) {
	t.Helper()
	ports, err := freePorts(1)
	must(t, err)
	prometheus := "127.0.0.1:" + ports[0]
	config := fmt.Sprintf("global: {scrape_interval: %s}\nscrape_configs:\n"+
		"- job_name: failover-monitor\n  static_configs:\n", scrapeInterval)
	for i, monitor := range monitors {
		config += fmt.Sprintf("  - {targets: [%q], labels: {monitor: \"%d\"}}\n", monitor, i+1)
	}
	path, err := exec.LookPath("prometheus")
	must(t, err)
	process, err := startProcess(t.TempDir(), path, nil,
		"--config.file="+file(t, "prometheus.yml", config),
		"--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+prometheus, "--log.level=warn")
	must(t, err)
	t.Cleanup(process.stop)
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: prometheus})
	server := httptest.NewUnstartedServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("namespace") != "default" || !knowsToken(r.Header.Get("Authorization")) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			behind.ServeHTTP(w, r)
		}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{control.pki.ca.Issue(time.Now().AddDate(0, 0, 7), "127.0.0.1")}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// knowsToken asks the API server: whoever it knows may see which APIs there are.
func knowsToken(authorization string) bool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(control.pki.ca.PEM)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool},
		DisableKeepAlives: true}}
	request, err := http.NewRequest(http.MethodGet, control.server+"/apis", nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", authorization)
	resp, err := client.Do(request)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
