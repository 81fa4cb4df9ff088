package cluster

import (
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/fakesite"
)

// TestRestartInBlip restarts the monitor three times right before KEDA asks, while the peer answers
// its first probe with a 500. One failure is no verdict: nothing may scale.
func TestRestartInBlip(t *testing.T) {
	w := newFixture(t, "site-a")
	a := apply(t, "site-a.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	for range 3 {
		w.restartAtPoll(t, func() { must(t, w.peer.Become(blip())) })
		a.holds(2)
	}
}

// TestRestartInFailover restarts the monitor right before KEDA asks, while the peer is down. Until
// the monitor has a verdict again it has no value, and the 4 replicas stay.
func TestRestartInFailover(t *testing.T) {
	w := newFixture(t, "site-a")
	a := apply(t, "site-a.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	for _, fault := range faults {
		must(t, fault.cause(w.peer))
		a.reaches(4)
		w.restartAtPoll(t, func() {})
		a.holds(4)
		w.heal(t)
		a.reaches(2)
	}
}

// TestDeadMonitorHoldsTheCount: neither a monitor that is killed, nor one that starts and has no
// verdict for a long time, may end a failover.
func TestDeadMonitorHoldsTheCount(t *testing.T) {
	witness := newSite(t)
	w := newFixture(t, "site-a", "WITNESS_URLS=http://"+witness.Address())
	a := apply(t, "site-a.yaml", replacements{hosts: map[string]string{monitorHost: w.Address}})
	w.fail(t)
	a.reaches(4)
	w.Kill()
	a.holds(4)
	must(t, witness.Become(fakesite.Hang)) // so that no failed probe counts
	w.Run(t)
	a.holds(4)
	must(t, witness.Become(healthy))
	a.holds(4)
	w.heal(t)
	a.reaches(2)
	w.Kill()
	a.holds(2)
}

// blip answers the first request with a 500, and then is well.
func blip() fakesite.Behaviour {
	var requests atomic.Int32
	return func(conn net.Conn) {
		if requests.Add(1) == 1 {
			fakesite.Answer(http.StatusInternalServerError)(conn)
			return
		}
		healthy(conn)
	}
}

// restart ends the monitor as systemd does, and starts it again.
func (w *fixture) restart(t *testing.T) {
	t.Helper()
	if code, _ := w.Stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	w.Run(t)
	w.AwaitListening(t)
}

// restartAtPoll restarts the monitor so that KEDA asks within the second after the start: then at
// most one probe of the peer has ended. In between something can be done. A round of the HPA may be
// early or late: then it tries the next one.
func (w *fixture) restartAtPoll(t *testing.T, between func()) {
	t.Helper()
	for range 5 {
		polled, _ := w.status(t)
		next := polled.Add(hpaSync)
		for ; time.Until(next) < 2*time.Second; next = next.Add(hpaSync) {
		}
		time.Sleep(time.Until(next.Add(-600 * time.Millisecond)))
		w.Stop(t, syscall.SIGTERM)
		between()
		started := time.Now()
		w.Run(t)
		w.AwaitListening(t)
		// A poll that waits for a probe that hangs counts when it is answered, 2 s later. There is no
		// verdict then.
		time.Sleep(time.Until(next.Add(2500 * time.Millisecond)))
		polled, decided := w.status(t)
		if !polled.IsZero() && (decided.IsZero() || polled.Sub(started) < time.Second) {
			return
		}
		eventually(t, 2*hpaSync, "asked", func() bool {
			polled, _ = w.status(t)
			return !polled.IsZero()
		})
	}
	t.Fatal("KEDA never asked right after the start")
}
