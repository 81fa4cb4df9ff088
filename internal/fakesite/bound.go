//go:build unix

package fakesite

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Bound takes a free port of loopback and does not listen there: connections are refused, and nobody
// else can take the port before the socket is closed.
func Bound() (socket int, address string, err error) {
	socket, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, "", err
	}
	syscall.CloseOnExec(socket)
	loopback := [4]byte{127, 0, 0, 1}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: loopback}); err != nil {
		syscall.Close(socket)
		return 0, "", err
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		syscall.Close(socket)
		return 0, "", err
	}
	return socket, (&net.TCPAddr{IP: loopback[:], Port: name.(*syscall.SockaddrInet4).Port}).String(), nil
}

// Deaf lets nobody in at an IPv4 address with its port: whoever connects waits, as before a firewall that drops
// packets. So Linux does while the queue of connections that nobody accepts is full.
func Deaf(address netip.AddrPort) (stop func(), err error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(socket)
	if err = syscall.Bind(socket, &syscall.SockaddrInet4{Addr: address.Addr().As4(), Port: int(address.Port())}); err == nil {
		err = syscall.Listen(socket, 0)
	}
	var queue []net.Conn
	for err == nil {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", address.String(), 100*time.Millisecond); err == nil {
			queue = append(queue, conn)
		}
	}
	stop = func() {
		for _, conn := range queue {
			conn.Close()
		}
		syscall.Close(socket)
	}
	if refused, ok := err.(net.Error); !ok || !refused.Timeout() {
		stop()
		return nil, err
	}
	return stop, nil
}
