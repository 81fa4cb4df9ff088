//go:build e2e

package faults

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// clientFaults are what others do to the monitor's port. A poller must not notice.
func clientFaults() []fault {
	return []fault{
		attack("3000 clients that send a byte of a request a second", 3000, 8*time.Second, slowly),
		attack("30 clients that ask over and over and read no answer", 30, 15*time.Second, unread),
		attack("10 000 connections opened and dropped", 50, 5*time.Second, droppedOften),
		attack("oversized and malformed requests, over and over", 10, 5*time.Second, malformed),
	}
}

// attack lets many clients do something again and again. Afterwards nothing of it may be left.
func attack(name string, clients int, lasts time.Duration,
	visit func(ctx context.Context, address string) error) fault {
	var (
		group  sync.WaitGroup
		stop   context.CancelFunc
		visits atomic.Int64
		before load
	)
	return fault{
		name: name, alone: true, sees: "0", lasts: lasts,
		begin: func(s *scene) {
			before = s.load()
			var ctx context.Context
			ctx, stop = context.WithCancel(s.Context())
			for range clients {
				group.Go(func() {
					for ctx.Err() == nil {
						if err := visit(ctx, s.monitor.Address); err != nil {
							s.Error(err)
							return
						}
						visits.Add(1)
					}
				})
			}
		},
		end: func(*scene) { stop(); group.Wait() },
		check: func(s *scene) {
			s.Logf("%d visits", visits.Load())
			if visits.Load() < int64(clients) {
				s.Errorf("%d visits, want each of %d clients to have made one", visits.Load(), clients)
			}
			if after := s.load(); after.files > before.files+10 || after.goroutines > before.goroutines+20 {
				s.Errorf("before: %+v, after: %+v", before, after)
			}
		},
	}
}

// load is what the monitor says of itself.
type load struct{ files, goroutines int }

func (s *scene) load() load {
	s.Helper()
	resp, err := http.Get(s.monitor.URL("/metrics"))
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.Fatal(err)
	}
	read := func(metric string) int {
		found := regexp.MustCompile(`(?m)^` + metric + ` (\d+)$`).FindSubmatch(text)
		if found == nil {
			s.Fatalf("no %s in\n%s", metric, text)
		}
		n, _ := strconv.Atoi(string(found[1]))
		return n
	}
	return load{read("process_open_fds"), read("go_goroutines")}
}

// dial connects for at most ten seconds, and closes the connection when ctx ends.
func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil
		}
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return conn, nil
}

// slowly sends a byte of a request a second, until the monitor has had enough.
func slowly(ctx context.Context, address string) error {
	conn, err := dial(ctx, address)
	if conn == nil {
		return err
	}
	defer conn.Close()
	began := time.Now()
	for _, char := range []byte("GET /metric/site-a HTTP/1.1\r\nHost: monitor\r\n") {
		if _, err := conn.Write([]byte{char}); err != nil {
			return nil
		}
		conn.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || !isTimeout(err) {
			return nil
		}
		if time.Since(began) > 7*time.Second {
			return fmt.Errorf("a client that is slow was not cut off in %v", time.Since(began))
		}
	}
	return nil
}

// unread asks for much and takes nothing of it, until the monitor has had enough.
func unread(ctx context.Context, address string) error {
	conn, err := dial(ctx, address)
	if conn == nil {
		return err
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(1024)
	began := time.Now()
	requests := strings.Repeat("GET /status HTTP/1.1\r\nHost: monitor\r\n\r\n", 100)
	for time.Since(began) < 14*time.Second { // WriteTimeout, and what it takes to fill all buffers
		conn.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		if _, err := io.WriteString(conn, requests); err != nil && !isTimeout(err) {
			return nil // cut off, or the end of the test
		}
	}
	return fmt.Errorf("a client that reads nothing was not cut off in %v", time.Since(began))
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// droppedOften opens connections and drops them, by turns with a request half sent and with a
// reset.
func droppedOften(ctx context.Context, address string) error {
	for n := range 200 {
		conn, err := dial(ctx, address)
		if conn == nil {
			return err
		}
		if n%2 == 0 {
			io.WriteString(conn, "GET /metric/site-a HT")
		} else {
			conn.(*net.TCPConn).SetLinger(0)
		}
		conn.Close()
	}
	<-ctx.Done() // once each
	return nil
}

// malformed sends what is no request, or too much of one. None of it may be answered with a value.
func malformed(ctx context.Context, address string) error {
	for _, request := range []string{
		"\r\n\r\n\r\n", strings.Repeat("\x00", 100<<10), "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /metric/site-a HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
		"GET /metric/site-a HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: x\r\n", 100<<10) + "\r\n",
		"GET /metric/site-a HTTP/1.1\r\n\r\n",
		"GET /metric/site-a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"GET /metric/site-a HTTP/9.9\r\nHost: x\r\n\r\n", "GET  /metric/site-a\r\n\r\n",
		"GET /metric/site-a HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
		"GET /metric/../metric/site-a HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /metric/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /metric/site-a%2f HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /metric/site-a HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775807\r\n\r\n" +
			strings.Repeat("x", 1<<20),
		"POST /metric/site-a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("1\r\nx\r\n", 100<<10),
		"GET /metric/site-a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"GET /metric/site-a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n",
		"CONNECT /metric/site-a HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		conn, err := dial(ctx, address)
		if conn == nil {
			return err
		}
		conn.SetDeadline(time.Now().Add(time.Second))
		io.WriteString(conn, request)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		conn.Close()
		if strings.Contains(string(answer), `"value"`) {
			return fmt.Errorf("%.60q was answered with %q", request, answer)
		}
	}
	return nil
}
