package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"syscall"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
	"failover-monitor/internal/probe"
)

// rounds is how often each probe is measured, in turn with the other.
const rounds = 7

// sites serves a plain and a TLS site on loopback, in a process of their own, and prints their
// addresses and the certificate of their authority.
func sites() error {
	ca := rig.NewCA("bench")
	secure := rig.TLS(
		&tls.Config{Certificates: []tls.Certificate{ca.Issue(time.Now().AddDate(0, 0, 7), "127.0.0.1")}},
		fakesite.Respond(okAnswer))
	for _, behave := range []fakesite.Behaviour{fakesite.Respond(okAnswer), secure} {
		site, err := fakesite.Start("127.0.0.1:0", behave)
		if err != nil {
			return err
		}
		fmt.Println(site.Address())
	}
	fmt.Printf("%q\n", ca.PEM)
	select {}
}

// probes compares what one probe costs the process that makes it with what a bare http.Client costs
// that asks once.
func probes(self string) error {
	server, err := start("", nil, self, "sites")
	if err != nil {
		return err
	}
	defer server.stop()
	plain, secure := readLine(server), readLine(server)
	var pem []byte
	if _, err := fmt.Sscanf(readLine(server), "%q", &pem); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	const each = 300
	fmt.Printf("\nOne probe: %d rounds of %d by turns. Median (quartiles).\n", rounds, each)
	head("", "CPU of a bare client, µs", "of a probe", "ratio", "allocations of a bare client",
		"of a probe", "kB of a bare client", "of a probe")
	for _, address := range []string{"http://" + plain, "https://" + secure} {
		target, err := url.Parse(address)
		if err != nil {
			return err
		}
		var bare, ours cost
		for range rounds {
			err := errors.Join(bare.add(each, once(address, roots)), ours.add(each, ourProbe(target, roots)))
			if err != nil {
				return err
			}
		}
		row(target.Scheme, bare.cpu.quartiles("%.0f", 1e6), ours.cpu.quartiles("%.0f", 1e6),
			ratios(ours.cpu, bare.cpu).quartiles("%.2f", 1),
			bare.allocations.quartiles("%.0f", 1), ours.allocations.quartiles("%.0f", 1),
			bare.bytes.quartiles("%.1f", 1e-3), ours.bytes.quartiles("%.1f", 1e-3))
	}
	return nil
}

func readLine(p *process) string {
	line := <-p.lines
	return line[:max(0, len(line)-1)]
}

// once asks as one asks with net/http alone, on a fresh connection.
func once(address string, roots *x509.CertPool) func() error {
	client := http.Client{Timeout: 3 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return func() error {
		resp, err := client.Get(address)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
}

func ourProbe(target *url.URL, roots *x509.CertPool) func() error {
	p := probe.New(probe.Target{
		URL: target, Method: http.MethodGet, UserAgent: "bench",
		Accept:  func(status int) bool { return status == http.StatusOK },
		RootCAs: func() (*x509.CertPool, error) { return roots, nil },
	})
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		result, err := p.Probe(ctx)
		if err == nil && !result.Up {
			err = errors.New(result.Detail)
		}
		return err
	}
}

// cost is what each round has cost this process, for one of its calls.
type cost struct{ cpu, allocations, bytes sample }

func (c *cost) add(times int, f func() error) error {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := ownCPU()
	for range times {
		if err := f(); err != nil {
			return err
		}
	}
	n := float64(times)
	c.cpu = append(c.cpu, (ownCPU()-cpu).Seconds()/n)
	runtime.ReadMemStats(&after)
	c.allocations = append(c.allocations, float64(after.Mallocs-before.Mallocs)/n)
	c.bytes = append(c.bytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
	return nil
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
