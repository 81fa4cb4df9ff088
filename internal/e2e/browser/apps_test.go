package browser

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"failover-monitor/internal/e2e/rig"
)

// fleetStates are how things can stand for several apps, one after the other, and what a reader
// then sees.
var fleetStates = []struct {
	name     string
	next     func(t *testing.T, f *fleet)
	headline func(apps int) string
	header   string                // what is in the header, one per line
	troubles func(apps int) string // what is in the list of those in trouble, one per line
	hears    []string              // what a screen reader finds
}{
	{
		name:     "up",
		next:     func(*testing.T, *fleet) {},
		headline: func(apps int) string { return fmt.Sprintf("All %d apps are up", apps) },
		header:   "The monitor is online; witness tcp://",
		hears:    []string{"rowheader: shop", "cell: up", "columnheader: App"},
	},
	{
		name:     "app",
		next:     func(_ *testing.T, f *fleet) { f.breaks("blog") },
		headline: func(int) string { return "site-b is down for blog" },
		header:   "site-a is told to scale up for blog",
		troubles: func(int) string {
			return "1 app in trouble\nblog\nsite-b down for \nstatus 503\nsite-a is told to scale up"
		},
		hears: []string{"region: Apps in trouble", "cell: down", "heading: 1 app in trouble"},
	},
	{
		name:     "site",
		next:     func(_ *testing.T, f *fleet) { f.breaks(); f.b.Refuse() },
		headline: func(apps int) string { return fmt.Sprintf("site-b is down for all %d apps", apps) },
		troubles: func(apps int) string {
			text := fmt.Sprintf("%d apps in trouble\nsite-b down for ", apps)
			if apps > 20 {
				text += fmt.Sprintf("\nand %d more", apps-20)
			}
			return text
		},
		hears: []string{"cell: down"},
	},
	{
		name: "offline",
		next: func(t *testing.T, f *fleet) {
			become(t, f.b, f.answer)
			time.Sleep(5 * time.Second)
			f.witness.Refuse()
			f.b.Refuse()
		},
		headline: func(apps int) string { return fmt.Sprintf("site-b is unknown for all %d apps", apps) },
		header:   "The monitor is offline since",
		troubles: func(apps int) string {
			return fmt.Sprintf("%d apps in trouble\nsite-b unknown\nsite-a gets no value, so its KEDA holds",
				apps)
		},
		hears: []string{"cell: unknown"},
	},
}

// TestFleet shows each state of three and of forty apps.
func TestFleet(t *testing.T) {
	t.Parallel()
	for _, apps := range []int{3, 40} {
		t.Run(fmt.Sprint(apps), func(t *testing.T) {
			t.Parallel()
			f := startFleet(t, apps, brisk...)
			f.polled(t, f.apps...)
			p := open(t, f.Monitor)
			for _, s := range fleetStates {
				s.next(t, f)
				p.reads(t, 20*time.Second, "h1", s.headline(apps))
				for want := range strings.SplitSeq(s.header, "\n") {
					p.reads(t, 10*time.Second, "header", want)
				}
				if s.troubles == nil {
					p.until(t, 5*time.Second, "no trouble", func() bool { return p.text(t, ".troubles") == "" })
				} else {
					for want := range strings.SplitSeq(s.troubles(apps), "\n") {
						p.reads(t, 10*time.Second, ".troubles", want)
					}
				}
				p.hears(t, s.hears...)
				p.looks(t, fmt.Sprintf("apps-%d-%s", apps, s.name))
			}
		})
	}
}

// TestSingleApp is the page of one app of several, and of the only one.
func TestSingleApp(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 3, brisk...)
	f.polled(t, f.apps...)
	p := open(t, f.Monitor)
	p.reads(t, 10*time.Second, "h1", "All 3 apps are up")
	f.breaks("blog")
	p.reads(t, 10*time.Second, "h1", "site-b is down for blog")
	p.follow(t, `.troubles a[href="?app=blog"]`)
	p.reads(t, 10*time.Second, "h1", "site-b is down")
	p.reads(t, 5*time.Second, `section[aria-label="site-b"]`, "status 503")
	p.reads(t, 5*time.Second, ".past", "blog/site-b is down")
	if past := p.text(t, ".past"); strings.Contains(past, "shop/") {
		t.Errorf("there is another app in %s", past)
	}
	if title := spelled(eval[string](t, p, "document.title")); !strings.HasPrefix(title,
		"site-b down – blog – "+f.Address) {
		t.Errorf("the title is %q", title)
	}
	p.looks(t, "apps-blog")
	p.follow(t, "#all")
	p.reads(t, 10*time.Second, "h1", "site-b is down for blog")

	only := startFleet(t, 1, brisk...)
	p = open(t, only.Monitor)
	p.reads(t, 10*time.Second, "h1", "All sites are up")
	p.hears(t, "region: site-a", "region: site-b")
	if eval[bool](t, p, "!!document.querySelector('#apps, #all, #search')") {
		t.Error("the page of the only app has what that of several has")
	}
	only.breaks("shop")
	p.reads(t, 10*time.Second, "h1", "site-b is down")
	only.witness.Refuse()
	p.reads(t, 20*time.Second, "h1", "site-b is unknown")
	p.reads(t, 5*time.Second, "header", "The monitor is offline since")
}

// follow clicks on a link, which may be a new one every 2 s.
func (p *tab) follow(t *testing.T, selector string) {
	t.Helper()
	eval[any](t, p, fmt.Sprintf("document.querySelector(%q).click()", selector))
}

// listed are the apps that a reader sees in the table.
func (p *tab) listed(t *testing.T) []string {
	t.Helper()
	return eval[[]string](t, p, `[...document.querySelectorAll("#apps tbody tr")]
		.filter(row => row.checkVisibility()).map(row => row.cells[0].innerText.trim())`)
}

// slash types a slash as a keyboard does: the page may keep it from being written. That of
// [chromedp.KeyEvent] is written all the same.
var slash = do(input.DispatchKeyEvent, input.DispatchKeyEventParams{
	Type: kb.KeyDown, Key: "/", Code: "Slash", Text: "/", WindowsVirtualKeyCode: 191,
})

// TestMixedApps has apps whose sites are not the same, or have long names, and one that is pinned.
func TestMixedApps(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 3, append([]string{
		"SITE_OPENSHIFT_EU_CENTRAL_PRODUCTION_HEALTH_URL=" + plain(rig.Site(t, healthy)) + "/{app}",
		"SITE_US_WEST_HEALTH_URL=" + plain(rig.Site(t, healthy)) + "/{app}",
		"SITE_US_SOUTH_HEALTH_URL=" + plain(rig.Site(t, healthy)) + "/{app}",
		"APP_BLOG_SITE_US_WEST_HEALTH_URL=none", "APP_SHOP_SITE_US_SOUTH_HEALTH_URL=none",
		"APP_PAY_SITE_A_OVERRIDE=down",
		"APP_SHOP_SITE_B_EXTRA_HEADER_KEY=Authorization",
		"APP_SHOP_SITE_B_EXTRA_HEADER_VAL_FILE=" + filepath.Join(t.TempDir(), "token"),
	}, brisk...)...)
	f.polled(t, f.apps...)
	p := open(t, f.Monitor)
	p.reads(t, 10*time.Second, "h1", "site-a is down for pay; site-b is unknown for shop")
	p.reads(t, 10*time.Second, "header", "site-a is pinned for pay")
	p.reads(t, 10*time.Second, ".troubles", "token: no such file")
	if got := p.text(t, "#apps tbody tr:nth-child(2) td:last-child"); got != "" {
		t.Errorf("blog has %q at site-us-west", got)
	}
	p.reads(t, time.Second, "#apps tbody tr:nth-child(3) td", "down pinned")
	p.looks(t, "apps-mixed")
	printed(t, p, "apps-print.png")
}

// TestFilter filters the apps with the keyboard alone. The filter stays while the page renews
// itself, and on the way to an app's page and back.
func TestFilter(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 40, brisk...)
	p := open(t, f.Monitor)
	p.reads(t, 10*time.Second, "h1", "All 40 apps are up")
	if n := len(p.listed(t)); n != 40 {
		t.Fatalf("%d apps are listed", n)
	}
	p.do(t, slash, chromedp.KeyEvent("CART"))
	want := []string{"cart-api", "cart-web", "cart-worker", "cart-api-2"}
	for range 3 {
		if got := p.listed(t); !slices.Equal(got, want) {
			t.Fatalf("got %q for %q", got, eval[string](t, p, "document.getElementById(`filter`).value"))
		}
		if focused := eval[string](t, p, "document.activeElement.id"); focused != "filter" {
			t.Fatalf("the focus went to %q", focused)
		}
		p.updated(t)
	}
	p.reads(t, time.Second, "#shown", "4 of 40 apps")
	p.do(t, chromedp.KeyEvent("-w"))
	if got := p.listed(t); !slices.Equal(got, want[1:3]) {
		t.Errorf("got %q", got)
	}
	p.looks(t, "apps-filter")
	p.do(t, chromedp.KeyEvent(kb.Enter))
	p.reads(t, 5*time.Second, ".app", "cart-web")
	p.do(t, chromedp.NavigateBack())
	p.reads(t, 5*time.Second, "#shown", "2 of 40 apps")
	p.do(t, slash, chromedp.KeyEvent(kb.Escape))
	if got := p.listed(t); len(got) != 40 || p.text(t, "#shown") != "" ||
		strings.Contains(eval[string](t, p, "location.href"), "cart") {
		t.Errorf("after Escape, %d apps are listed", len(got))
	}
	p.do(t, chromedp.KeyEvent(kb.Tab))
	if focused := eval[string](t, p, "document.activeElement.innerText"); focused != "shop" {
		t.Errorf("Tab went to %q", focused)
	}
	p.updated(t)
	if focused := eval[string](t, p, "document.activeElement.innerText"); focused != "shop" {
		t.Errorf("the focus went to %q", focused)
	}
}

// TestFleetNoJavaScript shows all apps, and no box that would do nothing.
func TestFleetNoJavaScript(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 3, brisk...)
	p := open(t, f.Monitor,
		do(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	p.reads(t, 10*time.Second, "h1", "All 3 apps are up")
	if eval[bool](t, p, "document.querySelector('#search').checkVisibility()") {
		t.Error("there is a box to filter with")
	}
	if got := p.listed(t); !slices.Equal(got, f.apps) {
		t.Errorf("got %q", got)
	}
}

// The most that an update of a thousand apps may have while all is well, and that it may take until
// there is something on the screen.
const (
	mostBytes  = 150e3
	firstPaint = time.Second
)

// TestThousandApps holds the page of a thousand apps to its budget.
func TestThousandApps(t *testing.T) {
	f := startFleet(t, 1000, "CACHE_TTL_SEC=10")
	p := blank(t, f.URL("/"))
	p.until(t, 30*time.Second, "all apps are up", func() bool {
		status, _ := f.Get(t, "/healthz")
		_, page := f.Get(t, "/")
		return status == 200 && strings.Contains(page, "All 1000 apps are up")
	})
	p.do(t, chromedp.Navigate(f.URL("/")))
	p.reads(t, 10*time.Second, "h1", "All 1000 apps are up")
	const painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
	p.until(t, 5*time.Second, "painted", func() bool { return eval[float64](t, p, painted) > 0 })
	paint := time.Duration(eval[float64](t, p, painted) * float64(time.Millisecond))
	p.updated(t)
	bytes, took := p.lastUpdate(t)
	t.Logf("first paint after %v; an update has %d bytes, and comes within %v", paint, bytes, took)
	if paint > firstPaint || bytes > mostBytes {
		t.Errorf("want at most %v, and %v bytes", firstPaint, mostBytes)
	}
	if took := p.renewal(t); took > 300*time.Millisecond {
		t.Errorf("to show an update keeps the page from everything else for %v", took)
	}
	p.staysPut(t, func() {})
	p.window(t, "apps-1000-up")

	p.staysPut(t, func() {
		f.breaks(f.apps[700])
		p.reads(t, 30*time.Second, "h1", "site-b is down for "+f.apps[700])
	})
	p.window(t, "apps-1000-app")
	f.b.Refuse()
	p.reads(t, 40*time.Second, "h1", "site-b is down for all 1000 apps")
	p.updated(t)
	bytes, took = p.lastUpdate(t)
	t.Logf("with site-b down, an update has %d bytes, and comes within %v", bytes, took)
	p.do(t, slash, chromedp.KeyEvent("cart"))
	p.reads(t, 5*time.Second, "#shown", " of 1000 apps")
	p.window(t, "apps-1000-site")
	f.witness.Refuse()
	p.reads(t, 40*time.Second, "h1", "site-b is unknown for all 1000 apps")
	p.reads(t, 5*time.Second, "header", "The monitor is offline since")
	p.window(t, "apps-1000-offline")
}

// lastUpdate is how large the last update was, and how long it took to come.
func (p *tab) lastUpdate(t *testing.T) (bytes int, took time.Duration) {
	t.Helper()
	last := eval[[]float64](t, p, `(e => [e.decodedBodySize, e.duration])(
		performance.getEntriesByType("resource").filter(e => e.initiatorType == "fetch").at(-1))`)
	return int(last[0]), time.Duration(last[1] * float64(time.Millisecond))
}

// renewal is how long the page is busy with an update that has come.
func (p *tab) renewal(t *testing.T) time.Duration {
	t.Helper()
	eval[any](t, p, "fetch(location.href).then(a => a.text()).then(text => window.came = text), 0")
	p.until(t, 5*time.Second, "an update comes", func() bool { return eval[bool](t, p, "'came' in window") })
	took := time.Duration(eval[float64](t, p, `(() => {
		const began = performance.now();
		replace(new DOMParser().parseFromString(came, "text/html").querySelector("main"));
		document.body.getBoundingClientRect(); // has it laid out
		return performance.now() - began;
	})()`) * float64(time.Millisecond))
	t.Logf("to show an update takes %v", took)
	return took
}

// staysPut holds the row in the middle of the window to stay where it is while something changes.
func (p *tab) staysPut(t *testing.T, change func()) {
	t.Helper()
	p.do(t, chromedp.EmulateViewport(1600, 900))
	const middle = `(row => [row.cells[0].innerText, Math.round(row.getBoundingClientRect().top)].join())(
		document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest("tr"))`
	eval[any](t, p, "scrollTo(0, 15000)")
	before := eval[string](t, p, middle)
	if !eval[bool](t, p, "!!document.elementFromPoint(innerWidth / 2, 0).closest('thead')") {
		t.Errorf("the head of the table is not at the top, but at %v", eval[float64](t, p,
			"document.querySelector('thead').getBoundingClientRect().top"))
	}
	change()
	p.updated(t)
	p.updated(t)
	if after := eval[string](t, p, middle); after != before {
		t.Errorf("in the middle of the window there was %s, and then %s", before, after)
	}
}

// window leaves screenshots of what a window shows of a long page, on a phone and a wall screen.
func (p *tab) window(t *testing.T, name string) {
	t.Helper()
	for i, width := range []int64{360, 1600} {
		p.do(t, chromedp.EmulateViewport(width, 900), do(emulation.SetEmulatedMedia,
			emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: schemes[i]}}}))
		if needs := eval[int64](t, p, "document.scrollingElement.scrollWidth"); needs > width {
			t.Errorf("%s: at %d px the page is %d px wide", name, width, needs)
		}
		picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		keep(t, fmt.Sprintf("%s-%d-%s.png", name, width, schemes[i]), picture)
	}
}
