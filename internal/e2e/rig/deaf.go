//go:build unix

package rig

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Bound takes a free port of loopback and does not listen there: connections are refused, and no
// other process can take the port before the socket is closed.
func Bound() (socket int, address string, err error) { return bind("127.0.0.1:0", 0) }

// Deaf makes an IPv4 address with its port, or a free one for 0, accept no connection: connecting
// gets no answer, as if packets were dropped, because the queue of a listener that accepts nothing
// is full.
func Deaf(at string) (address string, stop func(), err error) {
	socket, address, err := bind(at, 1) // where a site may just have been
	if err != nil {
		return "", nil, err
	}
	var queue []net.Conn
	stop = func() {
		syscall.Close(socket)
		for _, conn := range queue {
			conn.Close()
		}
	}
	err = syscall.Listen(socket, 0)
	for range 10 {
		if err != nil {
			break
		}
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", address, 200*time.Millisecond); err == nil {
			queue = append(queue, conn)
		}
	}
	if full, ok := err.(net.Error); ok && full.Timeout() {
		return address, stop, nil
	}
	stop()
	return "", nil, errors.Join(errors.New("the queue does not fill up"), err)
}

// bind takes an address, with SO_REUSEADDR or not, and does not listen there.
func bind(at string, reuse int) (socket int, address string, err error) {
	want, err := netip.ParseAddrPort(at)
	if err != nil {
		return 0, "", err
	}
	socket, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return 0, "", err
	}
	syscall.CloseOnExec(socket)
	syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, reuse)
	err = syscall.Bind(socket, &syscall.SockaddrInet4{Addr: want.Addr().As4(), Port: int(want.Port())})
	if err != nil {
		syscall.Close(socket)
		return 0, "", err
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		syscall.Close(socket)
		return 0, "", err
	}
	return socket, netip.AddrPortFrom(want.Addr(),
		uint16(name.(*syscall.SockaddrInet4).Port)).String(), nil
}
