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
}

// attemptDelay is how long an address may be silent before the next one is tried beside it (RFC 8305, section 5).
const attemptDelay = 250 * time.Millisecond

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	// A resolver of its own: the shared one would let a lookup join another that is still under way, perhaps
	// that of the last probe, which has hung.
	resolver := net.Resolver{PreferGo: true, Dial: d.dialNameServer}
	found, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, ip := range found {
		addresses = append(addresses, net.JoinHostPort(ip.Unmap().String(), port))
	}
	return race(ctx, network, addresses, min(attemptDelay, d.timeout/time.Duration(2*len(addresses))))
}

// race connects to the addresses in turn, to the next one when one has failed or been silent for the delay, and takes
// the first connection that it gets. The error is that of the first address that fails.
func race(ctx context.Context, network string, addresses []string, delay time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of those that are still under way
	type attempt struct {
		conn net.Conn
		err  error
	}
	ended := make(chan attempt)
	var first error
	for running := 0; len(addresses) > 0 || running > 0; {
		var silent <-chan time.Time
		if len(addresses) > 0 {
			address := addresses[0]
			addresses, running = addresses[1:], running+1
			go func() {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				select {
				case ended <- attempt{conn, err}:
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
			if running--; first == nil {
				first = a.err
			}
		case <-silent:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, first
}

// dialNameServer connects to a name server, which then has a third of the probe's time for an answer. By itself the
// resolver would wait 5 s for it (resolv.conf(5), timeout), also when only a packet was lost.
func (d dialer) dialNameServer(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(untraced{ctx}, network, address)
	if udp, ok := conn.(*net.UDPConn); ok {
		return impatient{udp, d.timeout / 3}, nil
	}
	return conn, err
}

// untraced hides the trace of a probe: connecting to a name server is none of its steps.
type untraced struct{ context.Context }

// Value is [context.Context]'s.
func (untraced) Value(any) any { return nil }

// impatient is a UDP socket whose deadlines are never further away than its patience.
type impatient struct {
	*net.UDPConn
	patience time.Duration
}

// SetDeadline is [net.Conn]'s.
func (c impatient) SetDeadline(t time.Time) error {
	if soon := time.Now().Add(c.patience); soon.Before(t) {
		t = soon
	}
	return c.UDPConn.SetDeadline(t)
}
