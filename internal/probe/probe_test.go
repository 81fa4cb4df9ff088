package probe_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

// target probes a URL with the predecessor's defaults.
func target(t *testing.T, rawURL string) probe.Target {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return probe.Target{URL: u, Method: "GET", Accept: func(status int) bool {
		return status/100 == 2
	}, UserAgent: "failover-monitor/test"}
}

func site(t *testing.T, behave fakesite.Behaviour) string {
	t.Helper()
	return rig.Site(t, behave).Address()
}

func handler(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func run(t *testing.T, target probe.Target) probe.Result {
	t.Helper()
	return runWithin(t, target, 5*time.Second)
}

func runWithin(t *testing.T, target probe.Target, limit time.Duration) probe.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	result, err := probe.New(target).Probe(ctx)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	if result.Duration > limit+time.Second {
		t.Errorf("took %v, want it over by %v", result.Duration, limit)
	}
	return result
}

// trust makes a CA bundle of one authority.
func trust(ca *rig.CA) func() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.PEM)
	return func() (*x509.CertPool, error) { return pool, nil }
}

// refusing is an address that refuses connections.
func refusing(t *testing.T) string {
	t.Helper()
	socket, address, err := rig.Bound()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	return address
}

// goAway is what an HTTP/2 server sends that wants no more requests: an empty SETTINGS frame, and
// GOAWAY.
const goAway = "\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
	"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00"

// text is the value of a header.
func text(value string) func() (string, error) {
	return func() (string, error) { return value, nil }
}

// TestTimeoutClosesTheConnection: whatever a probe was doing at its deadline, the site soon sees
// its connection closed. Go's transport would leave a handshake running.
func TestTimeoutClosesTheConnection(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			address := site(t, func(conn net.Conn) {
				fakesite.Hang(conn)
				close(gone)
			})
			got := runWithin(t, target(t, scheme+"://"+address), 100*time.Millisecond)
			if got.Reason != probe.ReasonTimeout {
				t.Errorf("got %q, want timeout", got.Reason)
			}
			select {
			case <-gone:
			case <-time.After(5 * time.Second):
				t.Error("the connection is still open")
			}
		})
	}
}

// TestOneConnectionForEachProbe has a site that speaks HTTP/2 alone and wants no more requests.
// Go's client would come back hundreds of times.
func TestOneConnectionForEachProbe(t *testing.T) {
	t.Parallel()
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	http2 := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}
	var connections atomic.Int32
	answer := rig.TLS(http2, fakesite.Respond(goAway))
	target := target(t, "https://"+site(t, func(conn net.Conn) {
		connections.Add(1)
		answer(conn)
	}))
	target.SkipVerify = true
	prober := probe.New(target)
	for want := range int32(3) {
		got, err := prober.Probe(t.Context())
		if err != nil || got.Reason != probe.ReasonProtocol || connections.Load() != want+1 {
			t.Errorf("%d connections, %q, %v; want %d", connections.Load(), got.Reason, err, want+1)
		}
	}
}

// TestEarlyCloseIsNoTLSFault closes the connection before or while the request is written: the
// reason is reset or protocol, never unreachable or tls.
func TestEarlyCloseIsNoTLSFault(t *testing.T) {
	t.Parallel()
	cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
	for name, url := range map[string]string{
		"accepts": "http://" + site(t, func(net.Conn) {}),
		"speaks first": "http://" + site(t, func(conn net.Conn) {
			io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n")
		}),
		"shakes hands": "https://" +
			site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, func(net.Conn) {})),
		"closes later": "http://" + site(t, func(conn net.Conn) { conn.Read(make([]byte, 1)) }),
	} {
		target := target(t, url)
		target.SkipVerify = true
		prober := probe.New(target)
		for range 100 {
			got, err := prober.Probe(t.Context())
			if err != nil || got.Reason != probe.ReasonReset && got.Reason != probe.ReasonProtocol ||
				strings.Contains(got.Detail, "%!") {
				t.Fatalf("%s: got %q %q, %v; want reset or protocol", name, got.Reason, got.Detail, err)
			}
		}
	}
}

func TestRequestSaysConnectionClose(t *testing.T) {
	t.Parallel()
	url := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if !r.Close {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	if got := run(t, target(t, url)); !got.Up {
		t.Error("the request does not say Connection: close")
	}
}

func TestCancelledProbeHasNoResult(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the monitor stops")
	prober := probe.New(target(t, "http://"+site(t, func(conn net.Conn) {
		cancel(stopped)
		fakesite.Hang(conn)
	})))
	if got, err := prober.Probe(ctx); !errors.Is(err, stopped) || got != (probe.Result{}) {
		t.Errorf("got %+v, %v; want no result and the cause", got, err)
	}
}

// TestBodyLimit reads a body without end that is small on the wire (gzip), and matches it.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	url := handler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		for zeros := make([]byte, 32<<10); ; {
			packed.Write(zeros)
			if packed.Flush() != nil || http.NewResponseController(w).Flush() != nil {
				return // the prober has hung up
			}
		}
	})
	target := target(t, url)
	target.ExpectBody = regexp.MustCompile("^\x00+$")
	if got := run(t, target); !got.Up {
		t.Errorf("got %q %q, want up", got.Reason, got.Detail)
	}
}

func TestDurationsOfTheSteps(t *testing.T) {
	t.Parallel()
	ca := rig.NewCA("Test CA")
	address := site(t,
		rig.TLS(
			&tls.Config{Certificates: []tls.Certificate{ca.Issue(time.Now().AddDate(0, 0, 1), "localhost")}},
			fakesite.Answer(200)))
	target := target(t, "https://"+strings.Replace(address, "127.0.0.1", "localhost", 1))
	target.SkipVerify = true
	got := run(t, target)
	if got.DNS <= 0 || got.Connect <= 0 || got.TLS <= 0 || got.FirstByte <= 0 ||
		got.DNS+got.Connect+got.TLS+got.FirstByte > got.Duration {
		t.Errorf("steps %v %v %v %v of %v, want each over zero and no more than the whole", got.DNS,
			got.Connect, got.TLS, got.FirstByte, got.Duration)
	}
	if got.Address != address || got.Began.IsZero() {
		t.Errorf("address %q, began %v; want %q and a time", got.Address, got.Began, address)
	}
}
