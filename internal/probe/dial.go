package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// dialer connects as a new client does: it looks a name up anew, asks the next name server when one
// is silent, and tries the next address when one is. Go's own dialer would wait for the first of
// either until the probe's time is up.
type dialer struct {
	dial       func(ctx context.Context, network, address string) (net.Conn, error)
	resolvConf string // the file that names the name servers
}

func newDialer() dialer {
	return dialer{dial: new(net.Dialer).DialContext, resolvConf: "/etc/resolv.conf"}
}

// connect connects to the host and port of a URL. The trace then has the address of the connection,
// or that of the attempt whose error counts.
func (d dialer) connect(ctx context.Context, t *trace, to *url.URL) (net.Conn, error) {
	host, port := address(to)
	addresses := []string{net.JoinHostPort(host, port)}
	if _, err := netip.ParseAddr(host); err != nil {
		t.begin(lookingUp)
		found, err := d.lookup(ctx, host)
		if err != nil {
			return nil, err
		}
		addresses = nil
		for _, ip := range found {
			addresses = append(addresses, net.JoinHostPort(ip.String(), port))
		}
	}
	t.begin(connecting)
	conn, address, err := d.dialFirst(ctx, addresses, attemptDelay(ctx, len(addresses)))
	t.address = address
	return conn, err
}

// lookup resolves a name. An error is the monitor's own fault where a question could not be asked,
// and where a name server was asked that resolv.conf does not name: Go asks 127.0.0.1 and ::1 when
// it cannot read the file, or finds it empty (while it is being written), and keeps what it read
// for five seconds.
func (d dialer) lookup(ctx context.Context, host string) ([]net.IPAddr, error) {
	n := &nameServers{dialer: d, began: time.Now(), silent: make(map[string]bool)}
	if deadline, ok := ctx.Deadline(); ok {
		n.budget = deadline.Sub(n.began)
	}
	// A resolver of this probe's own: a shared one lets a lookup join another that is still under way,
	// perhaps one that hangs.
	resolver := net.Resolver{PreferGo: true, Dial: n.dial}
	found, err := resolver.LookupIPAddr(ctx, host) // with their zones, unlike LookupNetIP
	if err != nil {
		if fault := n.fault(); fault != nil {
			return nil, ownFault{fault}
		}
	}
	return found, err
}

// nameServers connects one lookup to name servers. The resolver's goroutines use it, some of them
// after the lookup has ended.
type nameServers struct {
	dialer
	began  time.Time
	budget time.Duration // for the lookup and the rest of the probe; 0: no limit

	mu     sync.Mutex
	asked  []string        // host:port
	silent map[string]bool // those that did not answer in time
	failed error           // why a question could not be asked, by the machine's fault
}

// dial connects to a name server. The resolver alone would wait 5 s for an answer (resolv.conf(5),
// timeout), also when only a packet was lost, and for each name of a search list anew. So over UDP
// the first one that is asked has a third of the probe's time, and later ones have until five
// sixths of it are over: some time is left to connect where only the question for IPv6 addresses
// gets no answer. One that was silent is not asked again while there is another.
func (n *nameServers) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.asked = append(n.asked, address)
	silent := n.silent[address]
	n.mu.Unlock()
	if silent && len(n.named()) > 1 {
		return nil, errors.New("the name server " + address + " was silent before")
	}
	conn, err := n.dialer.dial(ctx, network, address)
	n.note(address, err)
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return conn, err
	}
	asked := nameServerConn{UDPConn: udp, note: func(err error) { n.note(address, err) }}
	switch {
	case n.budget == 0:
	case time.Since(n.began) < n.budget/4:
		asked.latest = n.began.Add(n.budget / 3)
	default:
		asked.latest = n.began.Add(n.budget * 5 / 6)
	}
	return asked, nil
}

// note takes what an error says of a name server, or of this machine: one that has no route to a
// name server, or forbids to write to it, cannot blame the site.
func (n *nameServers) note(address string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
	case isOwnFault(err), errors.Is(err, syscall.EPERM),
		errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENETUNREACH):
		n.failed = fmt.Errorf("no name server can be asked: %w", err)
	case isTimeout(err):
		n.silent[address] = true
	}
}

// fault is why a lookup has failed through no fault of a name server; nil if there is no such
// reason.
func (n *nameServers) fault() error {
	named := n.named()
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.ContainsFunc(n.asked, func(a string) bool { return !slices.Contains(named, a) }) {
		return fmt.Errorf("no name server is known: %s does not name those that were asked", n.resolvConf)
	}
	return n.failed
}

// named are the name servers that resolv.conf names now; none if it cannot be read.
func (n *nameServers) named() (servers []string) {
	content, _ := os.ReadFile(n.resolvConf)
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			servers = append(servers, net.JoinHostPort(fields[1], "53"))
		}
	}
	return servers
}

// nameServerConn is a UDP socket whose deadline is never after the latest, and whose errors are
// noted.
type nameServerConn struct {
	*net.UDPConn
	latest time.Time // zero: any
	note   func(error)
}

// SetDeadline is [net.Conn]'s.
func (c nameServerConn) SetDeadline(t time.Time) error {
	if !c.latest.IsZero() && c.latest.Before(t) {
		t = c.latest
	}
	return c.UDPConn.SetDeadline(t)
}

// Read is [net.Conn]'s.
func (c nameServerConn) Read(p []byte) (int, error) {
	size, err := c.UDPConn.Read(p)
	c.note(err)
	return size, err
}

// Write is [net.Conn]'s.
func (c nameServerConn) Write(p []byte) (int, error) {
	size, err := c.UDPConn.Write(p)
	c.note(err)
	return size, err
}

// attemptDelay is how long an address may be silent before the next one is tried beside it: 250 ms,
// and no less than 10 ms (RFC 8305, section 5). Half of the probe's time is for what follows.
func attemptDelay(ctx context.Context, addresses int) time.Duration {
	delay := 250 * time.Millisecond
	if deadline, ok := ctx.Deadline(); ok {
		delay = min(delay, time.Until(deadline)/time.Duration(2*addresses))
	}
	return max(10*time.Millisecond, delay)
}

// attempt is one connection that is tried. Its order is its address's place in the list.
type attempt struct {
	order   int
	address string
	conn    net.Conn
	err     error
}

// dialFirst connects to the addresses in turn, to the next one when one has failed or been silent
// for the delay, and takes the first connection that it gets. It gives the address of that, or of
// the attempt whose error counts: one that the machine had no means for, or else the first that is
// no fault of its own, or the first that is still silent when ctx ends.
func (d dialer) dialFirst(
	ctx context.Context, addresses []string, delay time.Duration,
) (net.Conn, string, error) {
	// whose errors are none of ours, such as the deadline
	attempts, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan attempt)
	begin := func(a attempt) {
		a.conn, a.err = d.dial(attempts, "tcp", a.address)
		select {
		case ended <- a:
		case <-attempts.Done():
			if a.conn != nil {
				a.conn.Close()
			}
		}
	}
	var failed []attempt
	for next := 0; len(failed) < len(addresses); {
		var silent <-chan time.Time
		if next < len(addresses) {
			go begin(attempt{order: next, address: addresses[next]})
			next++
			silent = time.After(delay)
		}
		select {
		case a := <-ended:
			if a.err == nil {
				return a.conn, a.address, nil
			}
			failed = append(failed, a)
		case <-silent:
		case <-ctx.Done():
			if i := slices.IndexFunc(failed, func(a attempt) bool { return isLack(a.err) }); i >= 0 {
				return nil, failed[i].address, failed[i].err
			}
			return nil, firstSilent(addresses, failed), ctx.Err()
		}
	}
	counts := slices.MinFunc(failed, func(a, b attempt) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.order-b.order)
	})
	return nil, counts.address, counts.err
}

// rank is how much an attempt's error counts, the most first. One for lack of means says nothing
// about the site, and the attempt might have succeeded; one for an address family that the machine
// does not have would not.
func (a attempt) rank() int {
	switch {
	case isLack(a.err):
		return 0
	case isOwnFault(a.err):
		return 2
	}
	return 1
}

// firstSilent is the first address whose attempt has not failed.
func firstSilent(addresses []string, failed []attempt) string {
	for order, address := range addresses {
		if !slices.ContainsFunc(failed, func(a attempt) bool { return a.order == order }) {
			return address
		}
	}
	return ""
}
