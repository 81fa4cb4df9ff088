package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"failover-monitor/internal/e2e/rig"
)

// tab is a tab of the browser, with the page of one monitor.
type tab struct {
	ctx     context.Context
	forgive string // what the console may say

	mu         sync.Mutex
	requests   []string // what the page asked for
	documents  int      // how often that was a document
	complaints []string // what the console says of it
}

// open shows a monitor's page in a tab of its own. When the test ends, the page must not have asked
// anybody else for anything, nor have given the console anything to say.
func open(t *testing.T, m *rig.Monitor, before ...chromedp.Action[chromedp.Void]) *tab {
	t.Helper()
	p := blank(t, m.URL("/"))
	p.do(t, before...)
	p.do(t, chromedp.Navigate(m.URL("/")))
	return p
}

// blank is a tab for pages whose addresses begin like that.
func blank(t *testing.T, origin string) *tab {
	t.Helper()
	p := &tab{}
	patience, giveUp := context.WithTimeout(chromium, 2*time.Minute)
	ctx, closeTab := chromedp.NewContext(patience, chromedp.WithNewBrowserContext(),
		chromedp.WithListener(p.listen))
	p.ctx = ctx
	t.Cleanup(func() {
		closeTab()
		giveUp()
		p.check(t, origin)
	})
	p.do(t, do(network.Enable, network.EnableParams{}),
		do(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	return p
}

// do is a command of the browser's protocol as an action.
func do[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
		if e.Type == network.ResourceTypeDocument {
			p.documents++
		}
	case *log.EventEntryAdded:
		p.complaints = append(p.complaints, fmt.Sprint(e.Entry.Source, ": ", e.Entry.Text, " ",
			e.Entry.URL))
	case *runtime.EventConsoleAPICalled:
		p.complaints = append(p.complaints, fmt.Sprint("console.", e.Type))
	case *runtime.EventExceptionThrown:
		p.complaints = append(p.complaints, e.ExceptionDetails.Text)
	}
}

func (p *tab) check(t *testing.T, origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		t.Error("no request was seen")
	}
	for _, url := range p.requests {
		if !strings.HasPrefix(url, origin) && !strings.HasPrefix(url, "data:") {
			t.Errorf("a request to another origin: %s", url)
		}
	}
	for _, complaint := range p.complaints {
		if p.forgive == "" || !strings.Contains(complaint, p.forgive) {
			t.Errorf("the console says: %s", complaint)
		}
	}
}

func (p *tab) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// eval is what a JavaScript expression comes to in the page.
func eval[T any](t *testing.T, p *tab, expression string) T {
	t.Helper()
	for {
		value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
		switch {
		case err == nil:
			return value
		// the page that was asked is just being loaded anew
		case !strings.Contains(err.Error(), "navigated or closed"):
			t.Fatalf("%s: %v", expression, err)
		}
	}
}

// text is what a reader sees of the first element like that.
func (p *tab) text(t *testing.T, selector string) string {
	t.Helper()
	return spelled(
		eval[string](t, p,
			fmt.Sprintf("(e => e?.checkVisibility() ? e.innerText : '')(document.querySelector(%q))",
				selector)))
}

// spelled has plain hyphens and spaces for those that do not break a line.
func spelled(text string) string {
	return strings.NewReplacer("\u2011", "-", "\u00a0", " ").Replace(text)
}

// until waits for something to become true, and says how long that took.
func (p *tab) until(t *testing.T, limit time.Duration, what string, is func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s; the page says:\n%s", limit, what, p.text(t, "body"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(began)
}

// reads waits until a reader sees this in an element.
func (p *tab) reads(t *testing.T, limit time.Duration, selector, want string) time.Duration {
	t.Helper()
	return p.until(t, limit, selector+" reads "+want,
		func() bool { return strings.Contains(p.text(t, selector), want) })
}

// heard is what a screen reader finds on the page beside plain text, as "role: name".
func (p *tab) heard(t *testing.T) (nodes []string) {
	t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range tree.Nodes {
		if role := said(node.Role); !node.Ignored &&
			!slices.Contains([]string{"StaticText", "InlineTextBox", "paragraph"}, role) {
			nodes = append(nodes, role+": "+said(node.Name))
		}
	}
	return nodes
}

func said(value *accessibility.Value) (text string) {
	if value != nil {
		json.Unmarshal(value.Value, &text)
	}
	return spelled(text)
}

// hears holds the page to have this for a screen reader.
func (p *tab) hears(t *testing.T, wants ...string) {
	t.Helper()
	nodes := p.heard(t)
	for _, want := range wants {
		if !slices.Contains(nodes, want) {
			t.Errorf("a screen reader finds no %q in %q", want, nodes)
		}
	}
}

// forget forgives what was wrong so far.
func (p *tab) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests, p.complaints = p.requests[:1], nil
}
