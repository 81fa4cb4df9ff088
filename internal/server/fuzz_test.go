package server_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/server"
)

// FuzzRequests sends any bytes over a connection. The server ends it and does not panic, and no
// answer has a wrong value.
func FuzzRequests(f *testing.F) {
	const host = " HTTP/1.1\r\nHost: x\r\n"
	for _, request := range []string{
		"GET /metric/site-a" + host + "\r\n",
		"GET /metric/site-b" + host + "\r\nGET /metric/site-a" + host + "Connection: close\r\n\r\n",
		"HEAD /metric/site-a" + host + "\r\n", "GET /metric/site-a HTTP/1.0\r\n\r\n",
		"GET http://x/metric/site-a" + host + "\r\n",
		"POST /metric/site-a" + host + "Content-Length: 3\r\n\r\nabc",
		"POST /metric/site-a" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"GET /metric/site-a" + host + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		"GET /metric/site-a" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET /metric/{\"value\":9}" + host + "\r\n", "GET /%7b%22value%22:9%7d%0a" + host + "\r\n",
		"GET /metric//site-a" + host + "\r\n", "GET /metric/../metric/site-a" + host + "\r\n",
		"GET /metric/site%2da" + host + "\r\n",
		"GET /healthz" + host + "\r\n", "GET /status" + host + "\r\n",
		"GET /metrics" + host + "Accept: application/openmetrics-text\r\nAccept-Encoding: gzip\r\n\r\n",
		"GET /" + host + "\r\n",
		"OPTIONS *" + host + "\r\n", "CONNECT x:1" + host + "\r\n", "TRACE /" + host + "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01",
		"GET /metric/site-a" + host + "X: " + strings.Repeat("x", 20<<10) + "\r\n\r\n",
		"GET /" + strings.Repeat("x", 20<<10), "GET / HTTP/1.1\r\n\r\n",
		"\r\n\r\nGET /metric/site-a" + host + "\r\n",
		"GET /metric/site-a" + host +
			"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
			"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	var log logLines
	srv := server.New([]*monitor.Monitor{startMonitor(f, monitor.Up, monitor.Down)},
		server.NewMetrics("fuzz", false), testPage(),
		nil, slog.New(slog.NewTextHandler(&log, nil)))
	socket := filepath.Join(f.TempDir(), "monitor")
	listener, err := net.Listen("unix", socket) // TCP would run out of ports
	if err != nil {
		f.Fatal(err)
	}
	go srv.Serve(listener)
	f.Cleanup(func() { srv.Close() })
	f.Fuzz(func(t *testing.T, request []byte) {
		answer := exchange(t, socket, request)
		if logged := log.take(); strings.Contains(logged, "panic") {
			t.Error(logged)
		}
		for _, response := range splitResponses(answer) {
			if strings.Contains(response, `{"value":`) && !rightValue.MatchString(response) {
				t.Errorf("a wrong value: %q", response)
			}
		}
	})
}

// rightValue matches all that may follow "HTTP/1.1 " in an answer with a value: 1 for site-a, 0 for
// site-b.
var rightValue = regexp.MustCompile(`^200 OK\r\n` +
	`([A-Z][A-Za-z-]*: [^\r\n]*\r\n)*Content-Length: 12\r\n([A-Z][A-Za-z-]*: [^\r\n]*\r\n)*` +
	`\r\n\{"value":[01]\}\n$`)

func splitResponses(answer string) []string {
	return regexp.MustCompile(`HTTP/1\.[01] `).Split(answer, -1)[1:]
}

// exchange sends a request, and gives all that comes back until the server closes the connection.
func exchange(t *testing.T, socket string, request []byte) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		conn.Write(request)
		conn.(*net.UnixConn).CloseWrite()
	}()
	answer, err := io.ReadAll(conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		t.Error("the server does not end the connection")
	}
	return string(answer)
}

// logLines is a log that is read while it is written.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logLines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}
