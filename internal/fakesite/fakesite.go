// Package fakesite is a site on loopback that is well or sick in a chosen way. It plays the two
// sites of the demo, and in tests the world outside.
package fakesite

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
)

// Behaviour is how a site treats one connection, which is closed when it returns.
type Behaviour func(net.Conn)

// Site listens on one address and treats each connection as it was last set to.
type Site struct {
	address string

	mu       sync.Mutex
	behave   Behaviour
	listener net.Listener // nil while the site refuses connections
	open     map[net.Conn]struct{}
	handlers sync.WaitGroup
}

// Start listens on address, host:port, where port 0 is any free one.
func Start(address string, behave Behaviour) (*Site, error) {
	s := &Site{address: address, open: make(map[net.Conn]struct{})}
	return s, s.Become(behave)
}

// Address is the host:port where the site listens, or did before Refuse.
func (s *Site) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// Become makes the site treat every connection from now on in this way. It keeps those that are
// open.
func (s *Site) Become(behave Behaviour) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behave = behave
	if s.listener != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.listener, s.address = listener, listener.Addr().String()
	s.handlers.Go(func() { s.accept(listener) })
	return nil
}

// Refuse closes the port: connections are refused until Become.
func (s *Site) Refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
	for conn := range s.open {
		conn.Close()
	}
}

// Close ends the site and everything it has open.
func (s *Site) Close() {
	s.Refuse()
	s.handlers.Wait()
}

func (s *Site) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		s.handlers.Go(func() { s.handle(conn, listener) })
	}
}

func (s *Site) handle(conn net.Conn, from net.Listener) {
	defer conn.Close()
	s.mu.Lock()
	behave, refused := s.behave, s.listener != from
	s.open[conn] = struct{}{}
	s.mu.Unlock()
	if !refused {
		behave(conn)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, conn)
}

// Answer gives every request this status.
func Answer(status int) Behaviour {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return Respond(fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s\n", text, len(text)+1, text))
}

// Respond answers a request with these bytes, be they HTTP or not.
func Respond(raw string) Behaviour {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			io.WriteString(conn, raw)
		}
	}
}

// Hang reads the request and never answers, until the peer closes the connection.
func Hang(conn net.Conn) {
	io.Copy(io.Discard, conn)
}
