package browser

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"failover-monitor/internal/e2e/rig"
)

// TestLive breaks a site before the reader's eyes.
func TestLive(t *testing.T) {
	t.Parallel()
	b := rig.Site(t, healthy)
	m := pair(t, plain(rig.Site(t, healthy)), plain(b))
	p := open(t, m)
	p.reads(t, 5*time.Second, "h1", "All sites are up")
	eval[any](t, p, `
		window.marker = 1;
		window.heard = [];
		new MutationObserver(() => heard.push(document.querySelector("#news").innerText))
			.observe(document.querySelector("#news"), { childList: true, characterData: true,
				subtree: true });
		document.querySelector('a[href="status"]').focus({ preventScroll: true });
		document.body.style.height = "3000px"; // whatever the window
		scrollTo(0, 300)`)

	p.updated(t)
	p.updated(t)
	if heard := eval[[]string](t, p, "heard"); len(heard) > 0 {
		t.Errorf("a screen reader heard %q while there was no news", heard)
	}
	become(t, b, broken)
	// 2 s from one update to the next, 1.1 s at most to detect it, and a busy machine
	took := p.reads(t, 5*time.Second, "h1", "site-b is down")
	t.Logf("the page said so after %v", took)
	p.updated(t)

	if heard := eval[[]string](t, p, "heard"); len(heard) != 1 ||
		spelled(heard[0]) != "site-b is down" {
		t.Errorf("a screen reader heard %q", heard)
	}
	if title := eval[string](t, p, "document.title"); !strings.HasPrefix(spelled(title),
		"site-b down – "+m.Address) {
		t.Errorf("the title is %q", title)
	}
	if icon := p.icon(t); !strings.Contains(icon, "e0352b") {
		t.Errorf("the tab's icon is not the red one: %s", icon)
	}
	focused := eval[string](t, p, "document.activeElement.getAttribute('href') ?? ''")
	if focused != "status" {
		t.Errorf("the focus went to %q", focused)
	}
	if y := eval[int](t, p, "Math.round(scrollY)"); y != 300 {
		t.Errorf("the page was scrolled to %d", y)
	}
	if eval[int](t, p, "window.marker ?? 0") != 1 || p.loads() != 1 {
		t.Errorf("the page was loaded %d times", p.loads())
	}
}

// icon is the picture that the tab has.
func (p *tab) icon(t *testing.T) string {
	t.Helper()
	return eval[string](t, p, "document.querySelector('link[rel=icon]').href")
}

// updated waits for the next update.
func (p *tab) updated(t *testing.T) {
	t.Helper()
	eval[any](t, p, "window.before = document.querySelector('header'), 0")
	p.until(t, 5*time.Second, "an update",
		func() bool { return eval[bool](t, p, "!before.isConnected") })
}

// loads is how many documents the browser has asked for.
func (p *tab) loads() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.documents
}

// TestLostMonitor: the page says when the monitor does not answer, and recovers when it does.
func TestLostMonitor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		lose, back func(*rig.Monitor, testing.TB)
	}{
		{"killed", func(m *rig.Monitor, _ testing.TB) { m.Kill() }, (*rig.Monitor).Run},
		{"stopped", signal(syscall.SIGSTOP), signal(syscall.SIGCONT)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := pair(t, plain(rig.Site(t, healthy)), plain(rig.Site(t, healthy)))
			p := open(t, m)
			p.forgive = "net::ERR_CONNECTION_"
			p.reads(t, 5*time.Second, "h1", "All sites are up")
			p.updated(t)
			c.lose(m, t)
			seen := p.text(t, "main time")
			took := p.reads(t, 8*time.Second, "#lost",
				"The monitor does not answer. This is how things stood at "+seen)
			t.Logf("the page said so after %v", took)
			p.hears(t, "alert: ")
			title := eval[string](t, p, "document.title")
			if title != "No answer – "+m.Address+" – Failover Monitor" {
				t.Errorf("the title is %q", title)
			}
			if icon := p.icon(t); !strings.Contains(icon, "888") {
				t.Errorf("the tab's icon is not the grey one: %s", icon)
			}
			if c.name == "killed" {
				p.looks(t, "lost")
			}
			c.back(m, t)
			p.until(t, 8*time.Second, "the page shows what is new",
				func() bool { return p.text(t, "#lost") == "" && p.text(t, "main time") != seen })
			p.reads(t, 5*time.Second, "h1", "All sites are up")
			if icon := p.icon(t); !strings.Contains(icon, "2a9d64") {
				t.Errorf("the tab's icon is not the green one again: %s", icon)
			}
			if slices.Contains(p.heard(t), "alert: ") {
				t.Error("the alert is still there for a screen reader")
			}
			if p.loads() != 1 {
				t.Errorf("the page was loaded %d times", p.loads())
			}
		})
	}
}

// TestEarlierFailovers opens the list of the older ones with the keyboard: it stays open, and keeps
// the focus, while the page renews itself. On paper it is open.
func TestEarlierFailovers(t *testing.T) {
	t.Parallel()
	b := rig.Site(t, healthy)
	m := pair(t, plain(rig.Site(t, healthy)), plain(b))
	p := open(t, m)
	for range 5 {
		become(t, b, broken)
		p.reads(t, 5*time.Second, "h1", "site-b is down")
		become(t, b, healthy)
		p.reads(t, 5*time.Second, "h1", "All sites are up")
	}
	p.reads(t, 5*time.Second, "summary", "Earlier failovers: 2")
	item := func() string { return p.text(t, "details li") }
	if text := item(); text != "" {
		t.Errorf("the list is open already: %s", text)
	}
	printed(t, p, "print.png")
	if text := item(); !strings.HasPrefix(text, "site-b: first failed probe ") {
		t.Errorf("on paper the list has %q", text)
	}
	p.do(t, do(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "screen"}))
	p.do(t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	p.updated(t)
	p.updated(t)
	if text := item(); !strings.HasPrefix(text, "site-b: first failed probe ") {
		t.Errorf("the list has closed: %q", text)
	}
	if focused := eval[string](t, p, "document.activeElement.localName"); focused != "summary" {
		t.Errorf("the focus went to %s", focused)
	}
	p.hears(t, "image: site-b: "+p.text(t, ".failover .caption"))
	p.looks(t, "failovers")
}

// printed shows the page as a printer gets it, from a browser with a dark scheme.
func printed(t *testing.T, p *tab, file string) {
	t.Helper()
	p.do(t, do(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print",
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}),
		chromedp.EmulateViewport(720, 1000))
	if paper := eval[string](t, p, "getComputedStyle(document.body).backgroundColor"); paper !=
		"rgb(255, 255, 255)" {
		t.Errorf("the paper is %s", paper)
	}
	for _, pale := range eval[[]string](t, p, contrasts) {
		t.Errorf("on paper: %s", pale)
	}
	if link := p.text(t, "footer a"); link != "" {
		t.Errorf("on paper there is a link: %s", link)
	}
	p.picture(t, file)
}

func signal(s syscall.Signal) func(*rig.Monitor, testing.TB) {
	return func(m *rig.Monitor, t testing.TB) { m.Signal(t, s) }
}

// TestNoJavaScript has the page refresh itself all the same.
func TestNoJavaScript(t *testing.T) {
	t.Parallel()
	b := rig.Site(t, healthy)
	m := pair(t, plain(rig.Site(t, healthy)), plain(b))
	p := open(t, m,
		do(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	p.until(t, 5*time.Second, "the page is loaded anew", func() bool { return p.loads() > 1 })
	p.reads(t, 5*time.Second, "h1", "All sites are up")
	become(t, b, broken)
	p.reads(t, 5*time.Second, "h1", "site-b is down")
	p.reads(t, time.Second, `section[aria-label="site-b"]`, "503")
}
