//go:build unix

package fakesite

import (
	"net"
	"syscall"
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
