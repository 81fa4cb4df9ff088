package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// reasons are all there are.
var reasons = []Reason{ReasonDNS, ReasonRefused, ReasonUnreachable, ReasonReset, ReasonTimeout,
	ReasonTLSExpired, ReasonTLSUnknown,
	ReasonTLSName, ReasonTLS, ReasonRedirect, ReasonStatus, ReasonCredentials, ReasonBody,
	ReasonProtocol}

// FuzzAnswer has a site answer with any bytes, and then close the connection or leave it open. The
// probe ends by its deadline, has exactly one reason unless the site is up, and leaves no goroutine
// behind.
func FuzzAnswer(f *testing.F) {
	for _, answer := range answers() {
		f.Add([]byte(answer), false, false)
	}
	f.Add([]byte("HTTP/1.1 200 OK\r\nX-A: "), true, false)
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n"), true, true)
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), false, true)
	socket := filepath.Join(f.TempDir(), "site")
	listener, err := net.Listen("unix", socket) // TCP would run out of ports
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { listener.Close() })
	f.Fuzz(func(t *testing.T, answer []byte, open, head bool) {
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		defer waitForGoroutines(t, before)
		defer cancel()
		site := serve(ctx, listener, answer, open)
		timed, cancelTimed := context.WithTimeout(ctx, fuzzTimeout)
		defer cancelTimed()
		result, err := fuzzed(socket, func(target *Target) {
			if head {
				target.Method, target.FollowRedirects, target.ExpectBody = "HEAD", Always, regexp.MustCompile(
					"^$")
			}
		}).Probe(timed)
		cancel()
		site()

		if err != nil {
			t.Fatalf("the monitor is blamed: %v", err)
		}
		if result.Up != (result.Reason == "") || result.Up != (result.Detail == "") ||
			!result.Up && !slices.Contains(reasons, result.Reason) {
			t.Errorf("up %v for %q %q", result.Up, result.Reason, result.Detail)
		}
		if result.Up && (result.Status != 200 || !bytes.Contains(answer, []byte("HTTP/1."))) {
			t.Errorf("up with status %d", result.Status)
		}
		if result.Duration > fuzzTimeout+5*time.Second { // the machine is busy with this
			t.Errorf("took %v, its deadline is %v", result.Duration, fuzzTimeout)
		}
	})
}

// answers are the seeds.
func answers() []string {
	const ok = "HTTP/1.1 200 OK\r\n"
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	zip.Write(make([]byte, 10<<20))
	zip.Close()
	zipped := ok + "Content-Encoding: gzip\r\n\r\n" + bomb.String()
	return []string{
		ok + "\r\n", ok + "Content-Length: 2\r\n\r\nok", ok + "Content-Length: 3\r\n\r\nok",
		ok + "Content-Length: 1\r\n\r\nok",
		ok + "Content-Length: -1\r\n\r\n", ok + "Content-Length: 99999999999999999999\r\n\r\n",
		ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 099 Low\r\n\r\n", "HTTP/1.1 0 Low\r\n\r\n", "HTTP/1.1 600 High\r\n\r\n",
		"HTTP/1.1 999 High\r\n\r\n", "HTTP/1.1 1000 High\r\n\r\n", "HTTP/1.1 -200 OK\r\n\r\n",
		"HTTP/0.9 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 200\r\n\r\n", "HTTP/1.1", "\r\n",
		"",
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100),
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 3) + ok + "\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		ok + "X-A", ok + "X-A: b", ok + ": b\r\n\r\n", ok + " folded\r\n\r\n",
		ok + "X-A: " + strings.Repeat("x", 300<<10), ok + "X\x00: \x00\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nok",
		ok + "Transfer-Encoding: chunked\r\n\r\n2;x\r\nok",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: y\r\n\r\n",
		zipped, zipped[:len(zipped)/2], ok + "Content-Encoding: gzip\r\n\r\nno gzip",
		ok + "Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /again\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: //\x7f\r\n\r\n",
		"HTTP/1.1 308 x\r\nLocation: https://x/\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: x://y\r\nSet-Cookie: a=b; Domain=.\r\n\r\n",
		ok + "Set-Cookie: =\x01;;;\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01\x00\x02\x02\x28",
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x08\x07",
	}
}

const fuzzTimeout = 100 * time.Millisecond

// fuzzed probes what listens at a socket, wherever a redirect leads.
func fuzzed(socket string, change func(*Target)) *Prober {
	target := Target{
		URL: &url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/"}, Method: "GET",
		Accept: func(status int) bool { return status == 200 }, UserAgent: "failover-monitor/fuzz",
	}
	change(&target)
	p := New(target)
	p.dialer.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return p
}

// serve answers every connection with these bytes until ctx ends; wait returns when it has.
func serve(ctx context.Context, listener net.Listener, answer []byte, open bool) (wait func()) {
	ended := make(chan struct{})
	deadline := listener.(*net.UnixListener).SetDeadline
	deadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { deadline(time.Now()) })
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			cut := context.AfterFunc(ctx, func() { conn.Close() })
			conn.Read(make([]byte, 4096))
			conn.Write(answer)
			if open {
				io.Copy(io.Discard, conn)
			}
			cut()
			conn.Close()
		}
	}()
	return func() { <-ended; stop() }
}

// waitForGoroutines wants no more of them than there were.
func waitForGoroutines(t *testing.T, before int) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for ; runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before,
				stacks[:runtime.Stack(stacks, true)])
		}
	}
}
