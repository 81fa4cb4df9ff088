// The monitor asks name servers without EDNS0, as libc does: old ones answer FORMERR to it. It
// accepts certificates with a negative serial number and keys of 16384 bits, as the predecessor's
// OpenSSL does.
//
//go:debug netedns0=0
//go:debug x509negativeserial=1
//go:debug tlsmaxrsasize=16384

// Failover-monitor watches two or more sites from outside and tells each site's KEDA how many of
// the others are down, so that it scales up before users notice.
//
//	failover-monitor [serve]      probe the sites and answer KEDA until SIGTERM or SIGINT
//	failover-monitor check        probe every site and witness once and print what was found
//	failover-monitor config       print the settings in effect, without secrets
//	failover-monitor healthcheck  ask the monitor that runs with the same settings whether it is well
//	failover-monitor override     pin a verdict of that monitor for a while, or list what is pinned
//	failover-monitor keda         print the KEDA objects of a site's cluster
//	failover-monitor demo         show a failover: the monitor and two built-in sites, to break
//	failover-monitor version
//	failover-monitor help
//
// All settings are environment variables; env.example and deploy/SETTINGS.md explain them. The exit
// code is 0 when all is well, 1 when something is not (a site is down, a port is taken), and 2 when
// the settings or the arguments are wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopLimit is how long stopping may take, whatever hangs: a probe, the reader of the log. The
// goal is two seconds; the rest is for a machine that gives the monitor hardly any CPU.
const stopLimit = 1500 * time.Millisecond

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		time.Sleep(stopLimit)
		os.Exit(exitOK)
	})
	stderr := newLossyWriter(os.Stderr)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, stderr)
	stderr.flush(stopLimit)
	os.Exit(code)
}
