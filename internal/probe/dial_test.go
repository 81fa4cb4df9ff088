package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// TestRace connects to a name of several addresses, of which some are silent or refuse: it is well while one accepts.
func TestRace(t *testing.T) {
	t.Parallel()
	site, err := fakesite.Start("127.0.0.1:0", fakesite.Answer(200))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(site.Close)
	well := site.Address()
	port := netip.MustParseAddrPort(well).Port()
	deaf := func(host string) string {
		address := netip.AddrPortFrom(netip.MustParseAddr(host), port)
		stop, err := fakesite.Deaf(address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		return address.String()
	}
	silent, another := deaf("127.0.0.2"), deaf("127.0.0.3")
	refusing := net.JoinHostPort("127.0.0.4", strconv.Itoa(int(port)))
	for name, c := range map[string]struct {
		addresses []string
		delay     time.Duration
		fails     func(error) bool // nil: it does not
	}{
		"well":             {[]string{well}, time.Hour, nil},
		"one is silent":    {[]string{silent, well}, 50 * time.Millisecond, nil},
		"two are silent":   {[]string{silent, another, well}, 50 * time.Millisecond, nil},
		"one refuses":      {[]string{refusing, well}, time.Hour, nil},
		"one is not asked": {[]string{well, silent}, time.Hour, nil},
		"all refuse":       {[]string{refusing, refusing}, time.Hour, isRefusal},
		"all are silent":   {[]string{silent, another}, 50 * time.Millisecond, isTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			conn, err := race(ctx, "tcp", c.addresses, c.delay)
			switch {
			case c.fails != nil:
				if err == nil || !c.fails(err) {
					t.Errorf("ended with %v", err)
				}
			case err != nil:
				t.Error(err)
			case conn.RemoteAddr().String() != well:
				t.Errorf("connected to %v, want %s", conn.RemoteAddr(), well)
			}
			if conn != nil {
				conn.Close()
			}
		})
	}
}

// TestNameServerIsSilent has a name server that never answers: there is time left for the next one.
func TestNameServerIsSilent(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := dialer{timeout: 300 * time.Millisecond}.dialNameServer(t.Context(), "udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, ok := conn.(net.PacketConn); !ok {
		t.Error("the resolver would take it for TCP")
	}
	began := time.Now()
	conn.SetDeadline(began.Add(5 * time.Second))
	if _, err := conn.Read(make([]byte, 512)); !isTimeout(err) || time.Since(began) > time.Second {
		t.Errorf("%v after %v, want a timeout after 100ms", err, time.Since(began))
	}
	conn.SetDeadline(began)
	if _, err := conn.Read(make([]byte, 512)); !isTimeout(err) {
		t.Errorf("%v, want a timeout at once", err)
	}
}

func isRefusal(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}
