package browser

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

var (
	healthy = slowly(fakesite.Answer(http.StatusOK))
	broken  = slowly(fakesite.Answer(http.StatusServiceUnavailable))
)

// slowly takes a few milliseconds more or less, as real sites do.
func slowly(behave fakesite.Behaviour) fakesite.Behaviour {
	return func(conn net.Conn) {
		time.Sleep(time.Duration(1+rand.ExpFloat64()*15) * time.Millisecond)
		behave(conn)
	}
}

// brisk are settings for a test that does not wait long, on a machine that may be busy.
var brisk = []string{"CACHE_TTL_SEC=0.1", "RETRY_INTERVAL_SEC=0.1", "PROBE_TIMEOUT_SEC=3"}

// pair starts a monitor of two sites with these further settings. KEDA polls both.
func pair(t *testing.T, a, b string, settings ...string) *rig.Monitor {
	t.Helper()
	m := start(t, append(append(settings, "SITE_A_HEALTH_URL="+a, "SITE_B_HEALTH_URL="+b),
		brisk...)...)
	polled(t, m, "site-a", "site-b")
	return m
}

func plain(s *fakesite.Site) string { return "http://" + s.Address() + "/healthz" }

// states are how things can stand, and what a reader then sees. A state makes its monitor and says
// what happens next, when the page has been shown for a while.
var states = []struct {
	name     string
	start    func(t *testing.T) (m *rig.Monitor, next func())
	headline string
	header   string            // what is in the header, one per line
	cards    map[string]string // what is in a site's card, one per line
	past     string            // what is in the lists below the cards, one per line
}{
	{
		name:     "up",
		start:    up,
		headline: "All sites are up",
		header: "No witnesses are set; they would tell dead sites from a " +
			"monitor that is cut off.",
		cards: map[string]string{
			"site-a": "up\nfor \nof the last\nprobes were up\nnow\nprobed at https://***@127.0.0.1:\n" +
				"Certificate\nexpires in 20 days, on\nDown after\n3 probes failed in a row: at most 3.3 " +
				"s, or 0.3 s if it refuses connections\nUp after\n2 probes succeeded in a row\n0\nis what " +
				"KEDA at site-a is told\nIt last asked\nas keda-operator",
			"site-b": "up\n0\nis what KEDA at site-b is told",
		},
	},
	{
		name:     "down",
		start:    down,
		headline: "site-b is down",
		header:   "The monitor is online; witness tcp://127.0.0.1:",
		cards: map[string]string{
			"site-a": "up\n1\nis what KEDA at site-a is told",
			"site-b": "down\nfor \n3 of 3 probes failed, last: \n503\nCertificate\nnone " +
				"seen\n0\nis what KEDA at site-b is told",
		},
	},
	{
		name:     "alldown",
		start:    allDown,
		headline: "site-a and site-b are down",
		header: "site-a and site-b are down\nAll sites fail, and no witnesses are set: it may be the " +
			"monitor's own network\nsite-a and site-b are told to scale up",
		cards: map[string]string{
			"site-a": "down\n1\nis what KEDA at site-a is told: scale up",
			"site-b": "down\n1\nis what KEDA at site-b is told: scale up",
		},
	},
	{
		name:     "drill",
		start:    drill,
		headline: "site-b is down",
		header:   "site-a is told to scale up",
		cards:    map[string]string{"site-b": "down\npinned\ndrill of the failover"},
		past: "site-b is pinned down by \nLast failovers times in UTC\nsite-b drill for \nso far\ndrill: " +
			"pinned down\nsite-a told \nsite-b down for \nup again",
	},
	{
		name:     "unasked",
		start:    unasked,
		headline: "site-b is down",
		header:   "site-a would be told 1, but its KEDA has not asked yet",
		cards: map[string]string{
			"site-a": "1\nwould be told, but KEDA at site-a has never asked.",
			"site-b": "0\nwould be told, but KEDA at site-b has never asked.",
		},
		past: "site-b is down: 1 of 1 probes failed, last: status 503\nsite-a is up: a first probe " +
			"succeeded\nnobody told",
	},
	{
		name:     "disarmed",
		start:    disarmed,
		headline: "site-b is down",
		header: "site-a would be told 1, but its KEDA does not ask\n" +
			"nobody asks for the value of site-b: its failover is disarmed",
		cards: map[string]string{
			"site-a": "1\nwould be told, but KEDA at site-a does not ask: its failover is disarmed.\n" +
				"It last asked 6\n s ago.",
			"site-b": "0\nwould be told, but KEDA at site-b has never asked: its failover is disarmed.",
		},
	},
	{
		name:     "offline",
		start:    offline,
		headline: "site-b is unknown",
		header:   "The monitor is offline since ",
		cards: map[string]string{
			"site-a": "up\n503\nis what KEDA at site-a is told, so it holds: no verdict on site-b",
			"site-b": "unknown\nthe monitor has been offline since\nlast known: " +
				"up\ndid not count\nthe last one does not count",
		},
	},
	{
		name:     "override",
		start:    override,
		headline: "site-b is down",
		header:   "site-b is pinned down by its OVERRIDE; its probes say up",
		cards: map[string]string{
			"site-a": "1\nis what KEDA at site-a is told",
			"site-b": "down\npinned\npinned down by its OVERRIDE; its " +
				"probes say up",
		},
	},
	{
		name:     "unknown",
		start:    unknown,
		headline: "site-b is unknown",
		header:   "No witnesses are set",
		cards: map[string]string{
			"site-a": "up\n503\nso it holds: no verdict on site-b",
			"site-b": "unknown\nno probe of it has had a result yet\nno probe yet\nnone yet\n1 " +
				"probe failed: at most 60.1 s, or 0.1 s if it refuses connections",
		},
	},
	{
		name:     "prober",
		start:    prober,
		headline: "site-b is unknown",
		header:   "site-b cannot be probed: ",
		cards:    map[string]string{"site-b": "unknown\ntoken\nno such file\ndid not count"},
	},
	{
		name:     "certificate",
		start:    certificate,
		headline: "site-b is down",
		header:   "the certificate of site-b expired 3 days ago, on ",
		cards:    map[string]string{"site-b": "down\ntls_expired\nCertificate\nexpired 3 days ago, on "},
	},
	{
		name:     "many",
		start:    many,
		headline: "site-openshift-eu-central-production and site-us-west are down",
		header:   "No witnesses are set",
		cards: map[string]string{"site-us-east": "up\n2\nis what KEDA at site-us-east is told",
			"site-us-west": "down\nrefused"},
	},
}

func up(t *testing.T) (*rig.Monitor, func()) {
	authority := rig.NewCA("the site's")
	issued := authority.Issue(time.Now().AddDate(0, 0, 20).Add(time.Hour), "127.0.0.1")
	a := rig.Site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{issued}}, healthy))
	return pair(t, "https://user:secret@"+a.Address(), plain(rig.Site(t, healthy)),
		"FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2", "CA_BUNDLE="+file(t, "ca.pem", authority.PEM)), nil
}

func down(t *testing.T) (*rig.Monitor, func()) {
	b := rig.Site(t, healthy)
	m := pair(t, plain(rig.Site(t, healthy)), plain(b), "FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2",
		"WITNESS_URLS=tcp://"+rig.Site(t, healthy).Address())
	return m, func() { become(t, b, broken) }
}

func allDown(t *testing.T) (*rig.Monitor, func()) {
	a, b := rig.Site(t, healthy), rig.Site(t, healthy)
	m := pair(t, plain(a), plain(b))
	return m, func() { become(t, a, broken); b.Refuse() }
}

// drill has an outage first, which ends, and then pins the site.
func drill(t *testing.T) (*rig.Monitor, func()) {
	b := rig.Site(t, healthy)
	m := pair(t, plain(rig.Site(t, healthy)), plain(b))
	return m, func() {
		become(t, b, broken)
		time.Sleep(4 * time.Second)
		become(t, b, healthy)
		time.Sleep(2 * time.Second)
		pin := exec.Command(binary, "override", "site-b", "down", "30m", "drill of the failover")
		pin.Env = []string{"LISTEN_ADDR=" + m.Address}
		if out, err := pin.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// unasked is a monitor that no KEDA asks.
func unasked(t *testing.T) (*rig.Monitor, func()) {
	return start(t, append([]string{"SITE_A_HEALTH_URL=" + plain(rig.Site(t, healthy)),
		"SITE_B_HEALTH_URL=" + plain(rig.Site(t, broken))}, brisk...)...), nil
}

// disarmed was asked once, by a client without a name, more than a minute ago.
func disarmed(t *testing.T) (*rig.Monitor, func()) {
	m, _ := unasked(t)
	request, err := http.NewRequestWithContext(t.Context(), "GET", m.URL("/metric/site-a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", "")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	time.Sleep(61 * time.Second) // a minute without a poll disarms a failover
	return m, nil
}

func offline(t *testing.T) (*rig.Monitor, func()) {
	b, witness := rig.Site(t, healthy), rig.Site(t, healthy)
	m := pair(t, plain(rig.Site(t, healthy)), plain(b), "WITNESS_URLS=tcp://"+witness.Address())
	return m, func() { witness.Refuse(); b.Refuse() }
}

func override(t *testing.T) (*rig.Monitor, func()) {
	return pair(t, plain(rig.Site(t, healthy)), plain(rig.Site(t, healthy)),
		"SITE_B_OVERRIDE=down"), nil
}

func unknown(t *testing.T) (*rig.Monitor, func()) {
	return pair(t, plain(rig.Site(t, healthy)), plain(rig.Site(t, fakesite.Hang)),
		"SITE_B_PROBE_TIMEOUT_SEC=60"), nil
}

func prober(t *testing.T) (*rig.Monitor, func()) {
	missing := filepath.Join(t.TempDir(), "token")
	return pair(t, plain(rig.Site(t, healthy)), plain(rig.Site(t, healthy)),
		"SITE_B_EXTRA_HEADER_KEY=Authorization", "SITE_B_EXTRA_HEADER_VAL_FILE="+missing), nil
}

func certificate(t *testing.T) (*rig.Monitor, func()) {
	authority := rig.NewCA("the site's")
	issued := authority.Issue(time.Now().AddDate(0, 0, -3), "127.0.0.1")
	b := rig.Site(t, rig.TLS(&tls.Config{Certificates: []tls.Certificate{issued}}, healthy))
	return pair(t, plain(rig.Site(t, healthy)), "https://"+b.Address(),
		"CA_BUNDLE="+file(t, "ca.pem", authority.PEM)), nil
}

func many(t *testing.T) (*rig.Monitor, func()) {
	refusing := rig.Site(t, healthy)
	refusing.Refuse()
	m := start(t, append([]string{
		"SITE_OPENSHIFT_EU_CENTRAL_PRODUCTION_HEALTH_URL=" + plain(rig.Site(t, broken)),
		"SITE_EU_WEST_HEALTH_URL=" + plain(rig.Site(t, healthy)),
		"SITE_US_EAST_HEALTH_URL=" + plain(rig.Site(t, healthy)),
		"SITE_US_SOUTH_HEALTH_URL=" + plain(rig.Site(t, healthy)),
		"SITE_US_WEST_HEALTH_URL=" + plain(refusing),
	}, brisk...)...)
	polled(t, m, "site-openshift-eu-central-production", "site-eu-west", "site-us-east",
		"site-us-south", "site-us-west")
	return m, nil
}

// TestStates shows each state to a reader, to a screen reader, and to the camera.
func TestStates(t *testing.T) {
	t.Parallel()
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			m, next := s.start(t)
			p := open(t, m)
			if next != nil {
				time.Sleep(3 * time.Second) // for some bars from before
				next()
			}
			p.reads(t, 15*time.Second, "h1", s.headline)
			for want := range strings.SplitSeq(s.header, "\n") {
				p.reads(t, 10*time.Second, "header", want)
			}
			for want := range strings.SplitSeq(s.past, "\n") {
				p.reads(t, 10*time.Second, ".past", want)
			}
			for name, wants := range s.cards {
				for want := range strings.SplitSeq(wants, "\n") {
					p.reads(t, 5*time.Second, `section[aria-label="`+name+`"]`, want)
				}
				p.hears(t, "region: "+name, "heading: "+name)
				p.until(t, 5*time.Second, "the strip's name is its caption", func() bool {
					return slices.Contains(p.heard(t),
						"image: "+p.text(t, `section[aria-label="`+name+`"] .caption`))
				})
			}
			p.reads(t, 5*time.Second, "header", "Failover Monitor v1.2.3 at "+m.Address+", as of ")
			p.hears(t, "heading: "+s.headline, "status: ", "main: ", "link: JSON", "link: Metrics")
			p.looks(t, s.name)
		})
	}
}
