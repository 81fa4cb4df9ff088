package monitor_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"failover-monitor/internal/monitor"
	"failover-monitor/internal/probe"
)

// TestMonitorsShareAHost: the witnesses of several apps are asked once a second for all of them, an
// app whose failure they do not confirm makes the monitor offline for all, and a failure of another
// one that they confirm ends that. A verdict stays each app's own.
func TestMonitorsShareAHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var answers atomic.Bool
		host := monitor.NewHost([]monitor.Witness{{Name: "w",
			Probe: func(context.Context) (probe.Result, error) {
				asked.Add(1)
				return probe.Result{Up: answers.Load()}, nil
			}}})
		ctx, cancel := context.WithCancel(t.Context())
		var apps []*monitor.Monitor
		for range 20 { // the second site of each fails from 12 s on
			o := noEvents
			o.Host = host
			m := monitor.New(scenario{sites: []script{nil, {{12 * time.Second, refuses}}}}.list(), o)
			m.Start(ctx)
			apps = append(apps, m)
		}
		wellOff := monitor.New(scenario{sites: []script{nil, nil}}.list(),
			monitor.Options{Host: host, AnswerTimeout: time.Second})
		wellOff.Start(ctx)
		time.Sleep(18 * time.Second) // they failed at 15 s
		if n := asked.Load(); n < 1 || n > 4 {
			t.Errorf("the witness was asked %d times in 3 s, want once a second", n)
		}
		if wellOff.Overview().Online() {
			t.Error("the monitor is offline, and an app that is well does not say so")
		}
		answers.Store(true)
		time.Sleep(5 * time.Second)
		for _, m := range append(apps, wellOff) {
			if !m.Overview().Online() {
				t.Fatal("a witness has answered, and the monitor is offline")
			}
		}
		if value, err := apps[19].Value(ctx, "site-a"); value != 1 || err != nil {
			t.Errorf("an app that fails: %d, %v, want 1", value, err)
		}
		if value, err := wellOff.Value(ctx, "site-a"); value != 0 || err != nil {
			t.Errorf("an app that is well: %d, %v, want 0", value, err)
		}
		cancel()
		for _, m := range append(apps, wellOff) {
			m.Wait()
		}
		host.Wait()
	})
}
