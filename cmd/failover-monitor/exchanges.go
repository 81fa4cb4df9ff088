package main

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// exchanges are the connections that wait for an answer, or are so new that their request is still to come.
//
// [http.Server.Shutdown] waits for these as well, but closes a connection unanswered when its request comes
// after Shutdown has begun. A poll that is made just then would fail, although systemd keeps the port open.
type exchanges struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func newExchanges() *exchanges { return &exchanges{open: make(map[net.Conn]struct{})} }

// note is for [http.Server.ConnState].
func (e *exchanges) note(conn net.Conn, state http.ConnState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		e.open[conn] = struct{}{}
	default:
		delete(e.open, conn)
	}
}

// wait returns when none is open, or after that time.
func (e *exchanges) wait(atMost time.Duration) {
	for end := time.Now().Add(atMost); e.any() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

func (e *exchanges) any() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.open) > 0
}
