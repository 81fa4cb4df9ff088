//go:debug netedns0=0

package probe

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// TestDialFirst connects to a name with several addresses, some of them silent or refusing: it
// succeeds if one accepts.
func TestDialFirst(t *testing.T) {
	t.Parallel()
	site, err := fakesite.Start("127.0.0.1:0", fakesite.Answer(200))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	healthy := site.Address()
	_, port, _ := net.SplitHostPort(healthy)
	deaf := func(host string) (address string, stop func()) {
		address, stop, err := rig.Deaf(net.JoinHostPort(host, port))
		if err != nil {
			t.Fatal(err)
		}
		return address, stop
	}
	silent, stop := deaf("127.0.0.2")
	t.Cleanup(stop)
	another, stop := deaf("127.0.0.3")
	t.Cleanup(stop)
	refusing := net.JoinHostPort("127.0.0.4", port)
	late, stop := deaf("127.0.0.5")
	// and refuses what is tried again a second after the first time
	time.AfterFunc(200*time.Millisecond, stop)
	const noSocket = "a kind of address that the machine does not have"
	const noFile = "an address for which there is no file descriptor"
	d := newDialer()
	direct := d.dial
	d.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		switch address {
		case noSocket:
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EAFNOSUPPORT)}
		case noFile:
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
		}
		return direct(ctx, network, address)
	}
	for name, c := range map[string]struct {
		addresses []string
		delay     time.Duration
		fails     func(error) bool // nil: it does not
		address   string           // of the connection, or of the error
	}{
		"accepts":          {[]string{healthy}, time.Hour, nil, healthy},
		"one is silent":    {[]string{silent, healthy}, 50 * time.Millisecond, nil, healthy},
		"two are silent":   {[]string{silent, another, healthy}, 50 * time.Millisecond, nil, healthy},
		"one refuses":      {[]string{refusing, healthy}, time.Hour, nil, healthy},
		"one is not asked": {[]string{healthy, silent}, time.Hour, nil, healthy},
		"all refuse":       {[]string{refusing, refusing}, time.Hour, isRefused, refusing},
		// the second is unreachable
		"the first, late": {[]string{late, "255.255.255.255:1"}, 50 * time.Millisecond, isRefused,
			late},
		"all are silent": {[]string{silent, another}, 50 * time.Millisecond, isTimeout, silent},
		"the second is silent": {[]string{refusing, another}, 50 * time.Millisecond, isTimeout,
			another},
		"no IPv6, and one accepts": {[]string{noSocket, healthy}, time.Hour, nil, healthy},
		"no IPv6, and a refusal":   {[]string{noSocket, refusing}, time.Hour, isRefused, refusing},
		"no IPv6 alone":            {[]string{noSocket, noSocket}, time.Hour, isOwnFault, noSocket},
		"no file, and a refusal":   {[]string{refusing, noFile}, time.Hour, isOwnFault, noFile},
		"no file, and one accepts": {[]string{noFile, healthy}, time.Hour, nil, healthy},
		"no file, and silence":     {[]string{noFile, silent}, 50 * time.Millisecond, isOwnFault, noFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			conn, address, err := d.dialFirst(ctx, c.addresses, c.delay)
			switch {
			case c.fails != nil:
				if err == nil || !c.fails(err) {
					t.Errorf("ended with %v", err)
				}
			case err != nil:
				t.Error(err)
			case conn.RemoteAddr().String() != healthy:
				t.Errorf("connected to %v, want %s", conn.RemoteAddr(), healthy)
			}
			if c.address != address {
				t.Errorf("it names %s, want %s", address, c.address)
			}
			if conn != nil {
				conn.Close()
			}
		})
	}
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// TestZone keeps the interface of a link-local address.
func TestZone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	// interfaces have names in both cases
	for _, host := range []string{"[fe80::1%lo]:1", "[fe80::1%Wan]:1"} {
		_, err := newDialer().connect(ctx, new(trace), &url.URL{Scheme: "http", Host: host})
		if err == nil || !strings.Contains(err.Error(), host) {
			t.Errorf("error %v, want one about %s", err, host)
		}
	}
}
