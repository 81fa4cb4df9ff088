package probe

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
)

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"https://a/x", "https://a/y", true},
		{"https://a", "https://A:443/y?z", true},
		{"http://a", "http://a:80", true},
		{"http://a:8443", "https://a:8443", true},
		{"https://a:8443", "http://a:8443", false},
		{"http://a", "https://a", false},
		{"https://a", "https://b", false},
		{"https://a", "https://sub.a", false},
		{"https://a", "https://a:8443", false},
		{"https://[::1]", "https://[::1]:443", true},
	} {
		from, _ := url.Parse(c.from)
		to, _ := url.Parse(c.to)
		if got := sameOrigin(to, from); got != c.want {
			t.Errorf("credentials for %s to %s: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestOwnFault(t *testing.T) {
	t.Parallel()
	dial := func(errno syscall.Errno) error {
		return &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", errno)}}
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{dial(syscall.EMFILE), true},
		{dial(syscall.EADDRNOTAVAIL), true},
		{fmt.Errorf("x: %w", &net.DNSError{Err: "dial udp 10.0.0.1:53: socket: too many open files"}), true},
		{dial(syscall.ECONNREFUSED), false},
		{&net.DNSError{Err: "no such host"}, false},
		{errors.New("x"), false},
		{nil, false},
	} {
		if got := isOwnFault(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
