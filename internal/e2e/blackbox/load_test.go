package blackbox

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// visits records the connections to a site.
type visits struct {
	mu    sync.Mutex
	began []time.Time
	now   int
	most  int // at once
}

// around records each connection to a behaviour.
func (v *visits) around(behave fakesite.Behaviour) fakesite.Behaviour {
	return func(conn net.Conn) {
		v.mu.Lock()
		v.began = append(v.began, time.Now())
		v.now++
		v.most = max(v.most, v.now)
		v.mu.Unlock()
		behave(conn)
		v.mu.Lock()
		v.now--
		v.mu.Unlock()
	}
}

// poll is one answer to a poller.
type poll struct {
	site  string
	asked time.Time
	took  time.Duration
	body  string // or the error
}

// TestFailoverUnderLoad is what the monitor is for: a healthy peer begins to accept and never
// answer, while 64 pollers with KEDA's timeout of 3 s ask for 30 s. It is not parallel, to have the
// machine to itself.
func TestFailoverUnderLoad(t *testing.T) {
	const (
		pollers  = 64
		duration = 30 * time.Second
		cacheTTL = 5 * time.Second // the defaults
		timeout  = 3 * time.Second
	)
	var visitsA, visitsB visits
	siteB := rig.Site(t, visitsB.around(fakesite.Answer(200)))
	m := start(t, sites(site(t, visitsA.around(fakesite.Answer(200))), siteB.Address())...)
	m.Verdict(t, "site-a", "up")
	m.Verdict(t, "site-b", "up")
	if err := siteB.Become(visitsB.around(fakesite.Hang)); err != nil {
		t.Fatal(err)
	}
	hung := time.Now()

	transport := &http.Transport{MaxIdleConnsPerHost: pollers}
	client := http.Client{Timeout: 3 * time.Second, Transport: transport}
	var (
		mu    sync.Mutex
		polls []poll
		group sync.WaitGroup
	)
	for range pollers {
		group.Go(func() {
			for n := 0; time.Since(hung) < duration; n++ {
				p := ask(&client, m, []string{"site-a", "site-b"}[n%2])
				mu.Lock()
				polls = append(polls, p)
				mu.Unlock()
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	group.Wait()

	slices.SortFunc(polls, func(a, b poll) int { return a.asked.Compare(b.asked) })
	var turned, surely time.Duration // first asked for, and answered
	latencies := make([]time.Duration, 0, len(polls))
	for _, p := range polls {
		latencies = append(latencies, p.took)
		at := p.asked.Sub(hung)
		switch {
		case p.site == "site-a" && p.body == "{\"value\":1}\n":
			if turned == 0 {
				turned, surely = at, at+p.took
			}
		case p.body == "{\"value\":0}\n" && (p.site == "site-b" || turned == 0 || at < surely):
		default:
			t.Errorf("%s, %v after: %q", p.site, at, p.body)
		}
	}
	slices.Sort(latencies)
	p99, slowest := latencies[len(latencies)*99/100], latencies[len(latencies)-1]
	t.Logf("%d polls; p50 %v, p99 %v, slowest %v; the value turned after %v", len(polls),
		latencies[len(latencies)/2], p99, slowest, turned)
	if slowest > timeout/2 { // how fast they are beside a healthy peer's is for make bench to say
		t.Errorf("an answer took %v: as if it had waited for a probe", slowest)
	}
	if limit := cacheTTL + timeout + time.Second; turned == 0 || turned > limit {
		t.Errorf("the value turned after %v, want at most %v", turned, limit)
	}
	for name, v := range map[string]*visits{"site-a": &visitsA, "site-b": &visitsB} {
		checkVisits(t, name, v, cacheTTL)
	}
}

func ask(client *http.Client, m *rig.Monitor, site string) (p poll) {
	p = poll{site: site, asked: time.Now()}
	defer func() { p.took = time.Since(p.asked) }()
	resp, err := client.Get(m.URL("/metric/" + site))
	if err != nil {
		p.body = err.Error()
		return p
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if p.body = string(body); err != nil || resp.StatusCode != http.StatusOK {
		p.body = fmt.Sprintf("%d %q %v", resp.StatusCode, body, err)
	}
	return p
}

// checkVisits wants one probe for each interval, and never two at once. The second probe comes
// sooner: it moves the site to its place in the cycle.
func checkVisits(t *testing.T, name string, v *visits, interval time.Duration) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.most != 1 || len(v.began) < 6 {
		t.Errorf("%s saw %d probes, up to %d at once; want at least 6, one at a time", name, len(v.began),
			v.most)
	}
	const late = 500 * time.Millisecond // a probe that a busy machine delays comes nearer to the next
	for i := 2; i < len(v.began); i++ {
		if gap := v.began[i].Sub(v.began[i-1]); gap < interval-late {
			t.Errorf("%s saw two probes within %v, want %v", name, gap, interval)
		}
	}
}
