package rig

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
)

// Host is a loopback address that no other process uses, so that none can take a port of ours while
// nothing listens there.
func Host() net.IP {
	pid := os.Getpid() // 4194304 at most
	return net.IPv4(127, byte(64+pid>>16), byte(pid>>8), byte(pid))
}

// FreeAddress finds a free port of [Host].
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := FreePorts(Host().String(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(Host().String(), strconv.Itoa(port))
}

// FreePorts finds consecutive free ports of a host, and returns the first. They are below those
// that the kernel gives to clients: they stay free while nothing listens there.
func FreePorts(host string, count int) (first int, err error) {
	for range 100 {
		first = 10000 + rand.IntN(20000)
		if free(host, first, count) {
			return first, nil
		}
	}
	return 0, errors.New("no free ports")
}

// free is whether nothing listens at these ports.
func free(host string, first, count int) bool {
	for port := first; port < first+count; port++ {
		listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}
