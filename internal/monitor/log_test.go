package monitor_test

import (
	"testing"
	"time"

	"failover-monitor/internal/monitor"
)

func TestLogOfAVerdict(t *testing.T) {
	t.Parallel()
	a, b := newFake(), newFake()
	bubble(t, 5*time.Second, []*fake{a, b}, func(t *testing.T, _ *monitor.Monitor, log *journal) {
		time.Sleep(time.Second)
		_ = log.String()
		b.set(func(f *fake) { f.takes = time.Hour })
		time.Sleep(20 * time.Second)
		want := "level=INFO msg=\"site is down\" site=site-b from=up to=down probes=1 reason=timeout detail=hangs address=\"\" took=3s since_last_up=7.99s\n"
		if got := log.String(); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	})
}
