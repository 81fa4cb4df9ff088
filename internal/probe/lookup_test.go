package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"failover-monitor/internal/e2e/rig"
)

// TestSilentNameServerLeavesTime has a name server that never answers: there is time left for the
// next one, and for the site.
func TestSilentNameServerLeavesTime(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	n := &nameServers{dialer: newDialer(), began: time.Now(), budget: 600 * time.Millisecond,
		silent: map[string]bool{}}
	for i, least := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond} {
		conn, err := n.dial(t.Context(), "udp", server.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, ok := conn.(net.PacketConn); !ok {
			t.Error("the resolver would take it for TCP")
		}
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 512))
		if took := time.Since(n.began); !isTimeout(err) || took < least || took > 3*time.Second {
			t.Errorf("number %d: %v after %v, want a timeout after %v", i, err, took, least)
		}
		conn.SetDeadline(n.began)
		if _, err := conn.Read(make([]byte, 512)); !isTimeout(err) {
			t.Errorf("%v, want a timeout at once", err)
		}
	}
}

// lookupWith has a dialer ask one name server, as if resolv.conf named the others.
func lookupWith(t *testing.T, server *rig.NameServer, named ...string) dialer {
	t.Helper()
	d := newDialer()
	d.resolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	content := "# a comment\nsearch example.com\n"
	for _, address := range named {
		content += "nameserver  " + address + "\t# and another\n"
	}
	if err := os.WriteFile(d.resolvConf, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	direct := d.dial
	d.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(address, ":53") {
			address = server.Address
		}
		return direct(ctx, network, address)
	}
	return d
}

// machineNameServers are those that the resolver asks on this machine.
func machineNameServers(t *testing.T) (addresses []string) {
	t.Helper()
	n := &nameServers{dialer: newDialer()}
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network,
		address string) (net.Conn, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.asked = append(n.asked, address)
		return nil, errors.New("not asked")
	}}
	resolver.LookupHost(t.Context(), "name.test")
	for _, address := range n.asked {
		host, _, _ := net.SplitHostPort(address)
		addresses = append(addresses, host)
	}
	if addresses == nil {
		t.Fatal("the resolver asks no name server")
	}
	return addresses
}

// TestLookup asks name servers that are old, slow, or not known.
func TestLookup(t *testing.T) {
	t.Parallel()
	resolves := rig.Resolve(net.IPv4(10, 0, 0, 1))
	all := machineNameServers(t)
	for name, c := range map[string]struct {
		treat rig.Treatment
		named []string
		fails func(error) bool // nil: it does not
	}{
		"answers":                 {resolves, all, nil},
		"without EDNS0":           {rig.WithoutEDNS(resolves), all, nil},
		"over TCP alone":          {rig.TCPAlone(resolves), all, nil},
		"nothing about IPv6":      {rig.IPv4Alone(resolves), all, nil},
		"answers, not configured": {resolves, nil, nil},
		"fails": {rig.Respond(dnsmessage.RCodeServerFailure), all,
			func(err error) bool { return !isOwnFault(err) }},
		"fails, not configured":     {rig.Respond(dnsmessage.RCodeServerFailure), nil, isOwnFault},
		"is silent, not configured": {rig.Silent, []string{"10.0.0.53"}, isOwnFault},
		"unknown name, not configured": {rig.Respond(dnsmessage.RCodeNameError), []string{"10.0.0.53"},
			isOwnFault},
		"is silent": {rig.Silent, all,
			func(err error) bool { return !isOwnFault(err) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := rig.StartNameServer(t, "127.0.0.1:0")
			server.Become("name.test", c.treat)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			found, err := lookupWith(t, server, c.named...).lookup(ctx, "name.test.")
			switch {
			case c.fails != nil:
				if err == nil || !c.fails(err) {
					t.Errorf("ended with %v", err)
				}
			case err != nil || len(found) != 1 || found[0].String() != "10.0.0.1":
				t.Errorf("found %v, %v", found, err)
			}
			if slices.ContainsFunc(server.Asked("name.test"), func(q rig.Question) bool { return q.EDNS }) {
				t.Error("it was asked with EDNS0")
			}
		})
	}
}

// TestNameServerCannotBeAsked: when the machine cannot ask its name servers, that is no answer of
// theirs.
func TestNameServerCannotBeAsked(t *testing.T) {
	t.Parallel()
	server := rig.StartNameServer(t, "127.0.0.1:0")
	for name, c := range map[string]struct {
		call  string
		errno syscall.Errno
		own   bool
	}{
		"no file descriptor": {"socket", syscall.EMFILE, true},
		"no memory":          {"socket", syscall.EAGAIN, true},
		"no route":           {"connect", syscall.ENETUNREACH, true},
		"a firewall here":    {"connect", syscall.EPERM, true},
		"nothing listens":    {"connect", syscall.ECONNREFUSED, false},
	} {
		d := lookupWith(t, server, machineNameServers(t)...)
		d.dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError(c.call, c.errno)}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if _, err := d.lookup(ctx, "name.test."); err == nil || isOwnFault(err) != c.own {
			t.Errorf("%s: %v, want a fault of the monitor's: %v", name, err, c.own)
		}
		cancel()
	}
}

// TestSilentNameServerIsAskedOnce: a silent name server is asked once for each address family, and
// not again for every name of a search list.
func TestSilentNameServerIsAskedOnce(t *testing.T) {
	t.Parallel()
	server := rig.StartNameServer(t, "127.0.0.1:0")
	n := &nameServers{dialer: lookupWith(t, server, "10.0.0.1", "10.0.0.2"), began: time.Now(),
		budget: time.Second, silent: map[string]bool{}}
	conn, err := n.dial(t.Context(), "udp", "10.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now())
	if _, err := conn.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("%v, want a timeout", err)
	}
	if _, err := n.dial(t.Context(), "udp", "10.0.0.1:53"); err == nil {
		t.Error("the silent one is asked again")
	}
	if other, err := n.dial(t.Context(), "udp", "10.0.0.2:53"); err != nil {
		t.Errorf("the other one: %v", err)
	} else {
		other.Close()
	}
}

// TestLookupsAreIndependent has a lookup hang: the next one asks anew, instead of waiting for the
// same answer.
func TestLookupsAreIndependent(t *testing.T) {
	t.Parallel()
	server := rig.StartNameServer(t, "127.0.0.1:0")
	server.Become("name.test", rig.Silent)
	d := lookupWith(t, server)
	first, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ended := make(chan bool)
	go func() {
		d.lookup(first, "name.test.")
		close(ended)
	}()
	for len(server.Asked("name.test")) == 0 {
		time.Sleep(time.Millisecond)
	}
	server.Become("name.test", rig.Resolve(net.IPv4(10, 0, 0, 1)))
	second, cancelSecond := context.WithTimeout(t.Context(), time.Second)
	defer cancelSecond()
	if _, err := d.lookup(second, "name.test."); err != nil {
		t.Errorf("the second lookup ended with %v", err)
	}
	cancel()
	<-ended
}
