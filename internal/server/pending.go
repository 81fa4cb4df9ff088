package server

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// pendingConns counts the connections that wait for an answer, or are so new that their request has
// not come yet.
//
// [http.Server.Shutdown] waits for these as well. But if the request comes after Shutdown has
// begun, it closes the connection without an answer. A poll at that moment would fail, although
// systemd keeps the port open.
type pendingConns struct{ n atomic.Int64 }

// pendingListener wraps connections, so that each one knows whether it is pending.
type pendingListener struct{ net.Listener }

// Accept implements [net.Listener].
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

// CloseWrite passes on [net.TCPConn]'s. With it the server gets an error to a client that is still
// sending.
func (c *pendingConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// connState is for [http.Server.ConnState].
func (p *pendingConns) connState(conn net.Conn, state http.ConnState) {
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

// wait returns when no connection is pending, or after the limit.
func (p *pendingConns) wait(limit time.Duration) {
	for end := time.Now().Add(limit); p.n.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}
