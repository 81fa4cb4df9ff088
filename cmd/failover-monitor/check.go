package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// target is what check probes, and what it finds.
type target struct {
	name   string
	limit  time.Duration
	probe  monitor.Probe
	result probe.Result
	err    error
}

// check probes every site and every witness once, nearly at the same time, and prints a table: does
// the firewall let us through, is the CA right, which step is slow. It fails when one of them is
// not up.
func check(ctx context.Context, p process, s setup) int {
	var targets []*target
	for i, prober := range newProbers(s) {
		site := s.Sites[i]
		targets = append(targets, &target{name: site.ID(), limit: time.Duration(site.Timeout),
			probe: prober.Probe})
	}
	for _, w := range newWitnesses(s.Config) {
		targets = append(targets, &target{name: "witness " + w.Name, limit: monitor.WitnessTimeout,
			probe: w.Probe})
	}
	var probes sync.WaitGroup
	for i, t := range targets {
		probes.Go(func() {
			wait(ctx, time.After(time.Duration(i)*monitor.FirstProbeGap))
			ctx, cancel := context.WithTimeout(ctx, t.limit)
			defer cancel()
			t.result, t.err = t.probe(ctx)
		})
	}
	probes.Wait()

	table := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table,
		"SITE\tPROBE\tREASON\tSTATUS\tDNS\tCONNECT\tTLS\tFIRST BYTE\tTOTAL\tCERTIFICATE UNTIL\tADDRESS")
	var faults grouped
	var notes []string
	for _, t := range targets {
		fmt.Fprintln(table, t.row())
		switch {
		case t.err != nil:
			faults.add(s.Apps != nil, t.name, fmt.Sprintf("unknown: %v", t.err))
		case !t.result.Up:
			why := t.result.Detail
			if t.result.Reason == probe.ReasonRefused {
				why += s.machine.explainRefused(t.result.Address, s.Supervisor)
			}
			faults.add(s.Apps != nil, t.name, "down: "+why)
		case t.result.RedirectedTo != "":
			notes = append(notes, fmt.Sprintf("%s was answered after a redirect, from %s (%s)", t.name,
				t.result.RedirectedTo, t.result.Address))
		}
	}
	table.Flush()
	lines := append(faults.lines(" is ", " are "), notes...)
	for _, warning := range s.Warnings {
		lines = append(lines, "warning: "+warning)
	}
	if lines != nil {
		fmt.Fprintf(p.stdout, "\n%s\n", strings.Join(lines, "\n"))
	}
	if faults != nil {
		return exitFailed
	}
	return exitOK
}

// row is a line of the table; "-" stands for a step that did not happen.
func (t *target) row() string {
	r, outcome := t.result, "down"
	switch {
	case t.err != nil:
		outcome = "unknown"
	case r.Up:
		outcome = "up"
	}
	status, certificate := "-", "-"
	if r.Status != 0 {
		status = fmt.Sprint(r.Status)
	}
	if !r.CertNotAfter.IsZero() {
		certificate = r.CertNotAfter.UTC().Format("2006-01-02 15:04 MST")
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", t.name, outcome,
		orDash(string(r.Reason)), status,
		took(r.DNS), took(r.Connect), took(r.TLS), took(r.FirstByte), took(r.Duration), certificate,
		orDash(r.Address))
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
