package blackbox

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// TestServerHeader asks for everything, in every way: each answer says which program gives it. With
// an old service on the same port, that is the first thing to look at.
func TestServerHeader(t *testing.T) {
	t.Parallel()
	_, stdout, _ := command(t, nil, "version")
	want := "failover-monitor/" + strings.Fields(stdout)[1]
	open := start(t, sites(healthy(t), healthy(t))...)
	open.Verdict(t, "site-b", "up")
	hangs := site(t, fakesite.Hang)
	unknown := start(t, sites(hangs, hangs, "ANSWER_TIMEOUT_SEC=0.1")...)
	password, both := guard(t, passwords), guard(t, serverTLS+passwords)

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(both.ca.PEM)
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}}
	defer client.CloseIdleConnections()

	for _, c := range []struct {
		method, url string
		password    string
		status      int
	}{
		{"GET", open.URL("/metric/site-a"), "", 200},
		{"HEAD", open.URL("/metric/site-a"), "", 200},
		{"GET", open.URL("/healthz"), "", 200},
		{"GET", open.URL("/status"), "", 200},
		{"GET", open.URL("/metrics"), "", 200},
		{"GET", open.URL("/"), "", 200},
		{"GET", open.URL("/metric/site-c"), "", 404},
		{"HEAD", open.URL("/nothing"), "", 404},
		{"POST", open.URL("/metric/site-a"), "", 405},
		{"OPTIONS", open.URL("/"), "", 405},
		{"GET", unknown.URL("/metric/site-a"), "", 503},
		{"GET", password.URL("/metric/site-a"), "geheim", 200},
		{"GET", password.URL("/metric/site-a"), "falsch", 401},
		{"HEAD", password.URL("/"), "", 401},
		{"GET", both.URL("/metric/site-a"), "geheim", 200},
		{"POST", both.URL("/"), "geheim", 405},
		{"GET", both.URL("/"), "", 401},
	} {
		req, err := http.NewRequest(c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.password != "" {
			req.SetBasicAuth("keda", c.password)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := resp.Header["Server"]
		if resp.StatusCode != c.status || len(got) != 1 || got[0] != want {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.url, resp.StatusCode, got, c.status, want)
		}
	}
}
