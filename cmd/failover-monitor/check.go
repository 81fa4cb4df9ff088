package main

import (
	"context"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/probe"
)

// check probes every site once, all at the same time, and prints a table: does the firewall let us
// through, is the CA right, which step is slow. It fails when a site is not up.
func check(ctx context.Context, p process, cfg config.Config) int {
	results := make([]probe.Result, len(cfg.Sites))
	errs := make([]error, len(cfg.Sites))
	var probes sync.WaitGroup
	for i, s := range cfg.Sites {
		probes.Go(func() { results[i], errs[i] = newProber(s).Probe(ctx) })
	}
	probes.Wait()

	code := exitOK
	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SITE\tVERDICT\tREASON\tSTATUS\tDNS\tCONNECT\tTLS\tFIRST BYTE\tTOTAL\tCERTIFICATE UNTIL\tADDRESS")
	for i, s := range cfg.Sites {
		fmt.Fprintln(table, row(s.Name, results[i], errs[i]))
	}
	table.Flush()
	for i, s := range cfg.Sites {
		switch r := results[i]; {
		case errs[i] != nil:
			code = exitFailed
			fmt.Fprintf(p.stdout, "\n%s is unknown: %v", s.Name, errs[i])
		case !r.Up:
			code = exitFailed
			fmt.Fprintf(p.stdout, "\n%s is down: %s", s.Name, r.Detail)
		}
	}
	if code != exitOK {
		fmt.Fprintln(p.stdout)
	}
	return code
}

// row is one site's line of the table; "-" stands for a step that did not happen.
func row(site string, r probe.Result, err error) string {
	verdict := "down"
	switch {
	case err != nil:
		verdict = "unknown"
	case r.Up:
		verdict = "up"
	}
	status, certificate := "-", "-"
	if r.Status != 0 {
		status = fmt.Sprint(r.Status)
	}
	if !r.CertNotAfter.IsZero() {
		certificate = r.CertNotAfter.UTC().Format("2006-01-02 15:04 MST")
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", site, verdict, orDash(string(r.Reason)), status,
		took(r.DNS), took(r.Connect), took(r.TLS), took(r.FirstByte), took(r.Duration), certificate, orDash(r.Address))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func took(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
}
