package probe

import (
	"context"
	"net"
	"time"
)

// dialer connects as a new client does: it looks a name up anew, asks the next name server when one is silent, and
// tries the next address when one is. Go's own would wait for the first of either until the probe's time is up.
type dialer struct {
	timeout time.Duration // of the whole probe
	began   time.Time     // when it set out to connect
}

// How long an address may be silent before the next one is tried beside it, and at least is (RFC 8305, section 5).
const (
	attemptDelay    = 250 * time.Millisecond
	minAttemptDelay = 10 * time.Millisecond
)

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	d.began = time.Now()
	// A resolver of its own: the shared one would let a lookup join another that is still under way, perhaps
	// that of the last probe, which has hung.
	resolver := net.Resolver{PreferGo: true, Dial: d.dialNameServer}
	found, err := resolver.LookupIPAddr(ctx, host) // with their zones, unlike LookupNetIP
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, ip := range found {
		addresses = append(addresses, net.JoinHostPort(ip.String(), port))
	}
	delay := d.timeout / time.Duration(2*len(addresses)) // half of the time is for what follows
	return race(ctx, network, addresses, max(minAttemptDelay, min(attemptDelay, delay)))
}

// race connects to the addresses in turn, to the next one when one has failed or been silent for the delay, and takes
// the first connection that it gets. The error is that of the first address.
func race(ctx context.Context, network string, addresses []string, delay time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of those that are still under way
	type attempt struct {
		left int // addresses, when it began: the most for the first
		conn net.Conn
		err  error
	}
	ended := make(chan attempt)
	var first attempt
	for running := 0; len(addresses) > 0 || running > 0; {
		var silent <-chan time.Time
		if len(addresses) > 0 {
			address, left := addresses[0], len(addresses)
			addresses, running = addresses[1:], running+1
			go func() {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				select {
				case ended <- attempt{left, conn, err}:
				case <-ctx.Done():
					if conn != nil {
						conn.Close()
					}
				}
			}()
			silent = time.After(delay)
		}
		select {
		case a := <-ended:
			if a.err == nil {
				return a.conn, nil
			}
			if running--; a.left > first.left {
				first = a
			}
		case <-silent:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, first.err
}

// dialNameServer connects to a name server. By itself the resolver would wait 5 s for an answer (resolv.conf(5),
// timeout), also when only a packet was lost. Over UDP, whoever is asked first has a third of the probe's time, and who
// is asked then has until five sixths of it are over: some time is left to connect where only IPv6 is not answered for.
func (d dialer) dialNameServer(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(untraced{ctx}, network, address)
	udp, ok := conn.(*net.UDPConn)
	switch {
	case !ok:
		return conn, err
	case time.Since(d.began) < d.timeout/4:
		return impatient{udp, d.began.Add(d.timeout / 3)}, nil
	}
	return impatient{udp, d.began.Add(d.timeout * 5 / 6)}, nil
}

// untraced hides the trace of a probe: connecting to a name server is none of its steps.
type untraced struct{ context.Context }

// Value is [context.Context]'s.
func (untraced) Value(any) any { return nil }

// impatient is a UDP socket that has no deadline after the latest.
type impatient struct {
	*net.UDPConn
	latest time.Time
}

// SetDeadline is [net.Conn]'s.
func (c impatient) SetDeadline(t time.Time) error {
	if c.latest.Before(t) {
		t = c.latest
	}
	return c.UDPConn.SetDeadline(t)
}
