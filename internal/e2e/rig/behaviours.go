package rig

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"failover-monitor/internal/fakesite"
)

// Reset reads the request and resets the connection.
func Reset(conn net.Conn) {
	conn.Read(make([]byte, 1))
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// Drip answers with start and then adds piece again and again, with a pause in between.
func Drip(start, piece string, pause time.Duration) fakesite.Behaviour {
	return func(conn net.Conn) {
		fakesite.Respond(start)(conn)
		for {
			if _, err := io.WriteString(conn, piece); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}
}

// TLS puts TLS around a behaviour.
func TLS(config *tls.Config, behave fakesite.Behaviour) fakesite.Behaviour {
	return func(conn net.Conn) {
		secure := tls.Server(conn, config)
		defer secure.Close()
		if secure.Handshake() == nil {
			behave(secure)
		}
	}
}
