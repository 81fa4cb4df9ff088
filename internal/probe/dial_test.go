package probe

import (
	"context"
	"errors"
	"net"
	"strings"
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
	_, port, _ := net.SplitHostPort(well)
	deaf := func(host string) (address string, stop func()) {
		address, stop, err := fakesite.Deaf(net.JoinHostPort(host, port))
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
	time.AfterFunc(200*time.Millisecond, stop) // and refuses what is tried again a second after the first time
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
		"the first, late":  {[]string{late, "255.255.255.255:1"}, 50 * time.Millisecond, isRefusal}, // the second is unreachable
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

// TestNameServerIsSilent has a name server that never answers: there is time left for the next one, and for the site.
func TestNameServerIsSilent(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	d := dialer{timeout: 600 * time.Millisecond, began: time.Now()}
	for i, least := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond} {
		conn, err := d.dialNameServer(t.Context(), "udp", server.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, ok := conn.(net.PacketConn); !ok {
			t.Error("the resolver would take it for TCP")
		}
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 512))
		if took := time.Since(d.began); !isTimeout(err) || took < least || took > 3*time.Second {
			t.Errorf("number %d: %v after %v, want a timeout after %v", i, err, took, least)
		}
		conn.SetDeadline(d.began)
		if _, err := conn.Read(make([]byte, 512)); !isTimeout(err) {
			t.Errorf("%v, want a timeout at once", err)
		}
	}
}

func isRefusal(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// TestZone keeps the interface of a link-local address.
func TestZone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := dialer{timeout: time.Second}.dial(ctx, "tcp", "[fe80::1%lo]:1")
	if err == nil || !strings.Contains(err.Error(), "[fe80::1%lo]:1") {
		t.Errorf("error %v, want one about [fe80::1%%lo]:1", err)
	}
}

// TestSeveralAddresses follows connections to several addresses of one name.
func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	s := &steps{doing: starting}
	trace := s.trace()
	for _, address := range []string{"[::1]:80", "10.0.0.1:80", "10.0.0.2:80"} {
		trace.ConnectStart("tcp", address)
		time.Sleep(10 * time.Millisecond)
	}
	trace.ConnectDone("tcp", "10.0.0.2:80", errors.New("refused"))
	if got, want := s.String(), "connecting to [::1]:80"; got != want {
		t.Errorf("one has refused: still %s, want %s", got, want)
	}
	trace.ConnectDone("tcp", "10.0.0.1:80", nil)
	trace.ConnectDone("tcp", "[::1]:80", errors.New("cancelled"))
	if got, want := s.String(), "waiting for an answer from 10.0.0.1:80"; got != want {
		t.Errorf("connected: still %s, want %s", got, want)
	}
	if took := s.result().Connect; took < 30*time.Millisecond {
		t.Errorf("connected after %v, want the time of all", took)
	}
}
