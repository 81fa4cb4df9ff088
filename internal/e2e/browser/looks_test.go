package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// screenshots is the folder of what the camera saw. Look at it.
const screenshots = "screenshots"

var schemes = []string{"light", "dark"}

// looks checks that the page fits a phone and a wall screen, in light and dark, and is legible
// there. It leaves a screenshot of each.
func (p *tab) looks(t *testing.T, name string) {
	t.Helper()
	paper := make(map[string]string)
	for _, scheme := range schemes {
		p.do(t,
			do(emulation.SetEmulatedMedia,
				emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
					{Name: "prefers-color-scheme", Value: scheme}}}))
		for _, width := range []int64{360, 800, 1600} {
			p.do(t, chromedp.EmulateViewport(width, 900))
			if needs := eval[int64](t, p, "document.scrollingElement.scrollWidth"); needs > width {
				t.Errorf("%s: at %d px the page is %d px wide", name, width, needs)
			}
			if width == 360 && !eval[bool](t, p, worstFirst) {
				t.Errorf("%s: at %d px a site in trouble is below one that is well", name, width)
			}
			for _, text := range eval[[]string](t, p, crowded) {
				t.Errorf("%s at %d px: in a picture, %s", name, width, text)
			}
			for _, pale := range eval[[]string](t, p, contrasts) {
				t.Errorf("%s at %d px, %s: %s", name, width, scheme, pale)
			}
			p.picture(t, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
		}
		paper[scheme] = eval[string](t, p,
			"getComputedStyle(document.body).backgroundColor + "+
				"getComputedStyle(document.querySelector('h1')).color + "+
				"getComputedStyle(document.querySelector('.verdict, td')).color")
	}
	if paper["light"] == paper["dark"] {
		t.Errorf("%s has the same colours in the light and in the dark: %s", name, paper["light"])
	}
}

// picture leaves a screenshot of the whole page.
func (p *tab) picture(t *testing.T, file string) {
	t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	keep(t, file, picture)
}

func keep(t *testing.T, file string, picture []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(screenshots, file), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPicture leaves the picture of the documents, page.png: site-b hangs for a while
// by then.
func TestPicture(t *testing.T) {
	t.Parallel()
	b := rig.Site(t, healthy)
	m := start(t, "SITE_A_HEALTH_URL="+plain(rig.Site(t, healthy)), "SITE_B_HEALTH_URL="+plain(b),
		"CACHE_TTL_SEC=1", "RETRY_INTERVAL_SEC=0.5", "PROBE_TIMEOUT_SEC=1", "FAILURE_THRESHOLD=3",
		"SUCCESS_THRESHOLD=2", "WITNESS_URLS=tcp://"+rig.Site(t, healthy).Address())
	polled(t, m, "site-a", "site-b")
	time.Sleep(45 * time.Second)
	become(t, b, fakesite.Hang)
	p := open(t, m)
	p.do(t, chromedp.EmulateViewport(1000, 600, chromedp.EmulateScale(2)))
	p.reads(t, 10*time.Second, "h1", "site-b is down")
	time.Sleep(8 * time.Second)
	p.reads(t, 10*time.Second, "header", "site-a is told to scale up")
	p.picture(t, "page.png")
}

// TestPictureOfApps leaves the other picture of the documents, apps.png: site-b is down for most of
// twelve apps by then, and has been for one before.
func TestPictureOfApps(t *testing.T) {
	t.Parallel()
	f := startFleet(t, 12, "CACHE_TTL_SEC=1", "RETRY_INTERVAL_SEC=0.5", "PROBE_TIMEOUT_SEC=1",
		"FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2")
	f.polled(t, f.apps...)
	time.Sleep(25 * time.Second)
	f.breaks("blog")
	time.Sleep(5 * time.Second)
	f.breaks()
	time.Sleep(25 * time.Second)
	f.breaks(f.apps[2:]...)
	p := open(t, f.Monitor)
	p.do(t, chromedp.EmulateViewport(1000, 600, chromedp.EmulateScale(2)))
	p.reads(t, 10*time.Second, "h1", "site-b is down for 10 of 12 apps")
	time.Sleep(8 * time.Second)
	p.reads(t, 10*time.Second, "header", "site-a is told to scale up for 10 of 12 apps")
	p.picture(t, "apps.png")
}

// worstFirst is whether the cards are in the order in which a user with a phone looks for them.
const worstFirst = `[...document.querySelectorAll(".card")]
	.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
	.map(card => ["down", "unknown", "up"].findIndex(verdict => card.classList.contains(verdict)))
	.every((rank, i, all) => rank >= (all[i - 1] ?? 0))`

// crowded lists the texts of pictures that reach into each other or out of the page.
const crowded = `[...document.querySelectorAll("svg")].flatMap(svg => {
	const texts = [...svg.querySelectorAll("text")]
		.map(e => ({ says: e.textContent, box: e.getBoundingClientRect() }));
	const out = texts.filter(({ box }) => box.left < 0 || box.right > innerWidth)
		.map(({ says }) => says + " is cut off");
	const meet = (a, b) => a.left < b.right && b.left < a.right &&
		a.top + 1 < b.bottom && b.top + 1 < a.bottom;
	return out.concat(texts.flatMap((a, i) => texts.slice(i + 1).filter(b => meet(a.box, b.box))
		.map(b => a.says + " and " + b.says + " are in one place")));
})`

// contrasts lists the text whose contrast to what is behind it is below 4.5, by the formula of WCAG
// 2, and first of all that there is text.
const contrasts = `(() => {
	const rgba = text => {
		const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
		return { c: [r, g, b], a };
	};
	const over = (top, below, a) => top.map((c, i) => a * c + (1 - a) * below[i]);
	const line = e => e ? [...line(e.parentElement), e] : [];
	const luminance = rgb => rgb.map(c => c / 255)
		.map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
	const contrast = e => {
		let paper = [255, 255, 255], ink, veil = 1, under;
		for (const parent of line(e)) {
			const style = getComputedStyle(parent), { c, a } = rgba(style.backgroundColor);
			if (style.opacity < 1) { veil *= style.opacity; under = paper; }
			paper = over(c, paper, a);
		}
		const style = getComputedStyle(e);
		ink = rgba(e.localName == "text" ? style.fill : style.color).c;
		if (under) { ink = over(ink, under, veil); paper = over(paper, under, veil); }
		const [low, high] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
		return (high + .05) / (low + .05);
	};
	const seen = [...document.body.querySelectorAll(
		"h1, h2, h3, p, small, strong, li, dt, dd, a, time, summary, text, b, th, td, caption, output")]
		.filter(e => e.textContent.trim() && e.checkVisibility() && e.id != "news");
	if (seen.length < 20) return ["there are only " + seen.length + " pieces of text"];
	return seen.filter(e => contrast(e) < 4.5)
		.map(e => contrast(e).toFixed(2) + " is the contrast of: " + e.textContent);
})()`

// TestKeyboard goes through the links with the Tab key, and follows one.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	m := pair(t, plain(rig.Site(t, healthy)), plain(rig.Site(t, healthy)))
	p := open(t, m)
	p.reads(t, 5*time.Second, "h1", "All sites are up")
	for _, want := range []string{"status", "metrics"} {
		p.do(t, chromedp.KeyEvent(kb.Tab))
		focused := eval[string](t, p, "document.activeElement.getAttribute('href') ?? ''")
		if focused != want {
			t.Fatalf("Tab went to %q, want %q", focused, want)
		}
		outline := eval[string](t, p,
			"(s => s.outlineStyle + ' ' + s.outlineWidth)(getComputedStyle(document.activeElement))")
		if outline != "solid 3px" {
			t.Errorf("the outline of %s is %s", want, outline)
		}
	}
	p.forgive = "favicon.ico" // which the browser wants for what is not HTML
	p.do(t, chromedp.KeyEvent(kb.Enter))
	p.reads(t, 5*time.Second, "body", "failover_site_up{")
}
