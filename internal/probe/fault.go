package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"syscall"
	"time"
)

// ownFault is an error of the monitor's own, for which no site can be blamed: a file that it cannot
// use, a name server that is not configured.
type ownFault struct{ error }

// lacks are the errors of a machine that is short of something: file descriptors, memory, a port.
var lacks = []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EAGAIN}

// isLack is whether the machine had no means.
func isLack(err error) bool {
	return slices.ContainsFunc(lacks, func(lack syscall.Errno) bool { return errors.Is(err, lack) })
}

// isOwnFault is whether no site can be blamed for an error. The machine may also refuse to make a
// socket at all, as one without IPv6 does (EAFNOSUPPORT), or one whose seccomp filter forbids it
// (EPERM).
func isOwnFault(err error) bool {
	var (
		own   ownFault
		call  *os.SyscallError
		roots x509.SystemRootsError
	)
	switch {
	case errors.As(err, &own), errors.As(err, &roots), isLack(err),
		errors.Is(err, syscall.EADDRNOTAVAIL):
		return true
	}
	return errors.As(err, &call) && call.Syscall == "socket"
}

// blameClock makes a certificate that is not valid today the monitor's own fault while its
// clock is from before the program was made, as that of a machine that has just booted without one.
func (c *client) blameClock(err error) error {
	var invalid x509.CertificateInvalidError
	if now := time.Now(); now.Before(c.target.Made) && errors.As(err, &invalid) &&
		invalid.Reason == x509.Expired {
		return ownFault{fmt.Errorf(
			"the monitor's clock is wrong: it says %s, and the program was made on %s",
			now.UTC().Format(time.DateTime), c.target.Made.UTC().Format(time.DateOnly))}
	}
	return err
}

// isTimeout is whether a time limit was over, the probe's or the system's.
func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// withoutURL takes the URL off an error of http.Client: its query is a secret.
func withoutURL(err error) error {
	var named *url.Error
	if errors.As(err, &named) {
		return named.Err
	}
	return err
}
