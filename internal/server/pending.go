package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// pendingConns counts the connections that wait for an answer, or are so new that their request is still to
// come.
//
// [http.Server.Shutdown] waits for these as well, but closes a connection unanswered when its request comes
// after Shutdown has begun. A poll that is made just then would fail, although systemd keeps the port open.
type pendingConns struct{ n atomic.Int64 }

// pendingListener accepts connections that know whether they are pending.
type pendingListener struct{ net.Listener }

// Accept is [net.Listener]'s.
func (l pendingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &pendingConn{Conn: conn}, nil
}

type pendingConn struct {
	net.Conn
	pending atomic.Bool
}

// CloseWrite is [net.TCPConn]'s: the server uses it so that an error reaches a client which is still sending.
func (c *pendingConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// note is for [http.Server.ConnState].
func (p *pendingConns) note(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	c, ok := conn.(*pendingConn)
	if !ok {
		return
	}
	pending := state == http.StateNew || state == http.StateActive
	switch was := c.pending.Swap(pending); {
	case pending && !was:
		p.n.Add(1)
	case was && !pending:
		p.n.Add(-1)
	}
}

// wait returns when none is pending, or after that time.
func (p *pendingConns) wait(limit time.Duration) {
	for end := time.Now().Add(limit); p.n.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}
