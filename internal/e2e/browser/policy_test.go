package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// TestPolicy injects content into the page, as an attacker would: the browser must neither run it
// nor send a request for it.
func TestPolicy(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
	}))
	t.Cleanup(other.Close)
	p := open(t, pair(t, plain(rig.Site(t, healthy)), plain(rig.Site(t, healthy))))
	p.reads(t, 5*time.Second, "h1", "All sites are up")
	eval[any](t, p, fmt.Sprintf(`
		window.refused = new Set();
		document.addEventListener("securitypolicyviolation", e => refused.add(e.effectiveDirective));
		for (const [name, more] of [["script", { textContent: "window.ran = true" }],
			["script", { src: %[1]q }], ["img", { src: %[1]q }],
			["iframe", { src: %[1]q }], ["link", { rel: "stylesheet", href: %[1]q }],
			["style", { textContent: "h1 { display: none }" }]])
			document.body.append(Object.assign(document.createElement(name), more));
		fetch(%[1]q, { mode: "no-cors" }).catch(() => 0);
		document.body.setAttribute("onclick", "window.ran = true");
		document.body.click()`, other.URL))
	for _, directive := range []string{"script-src-elem", "script-src-attr", "img-src", "frame-src",
		"style-src-elem", "connect-src"} {
		p.until(t, 3*time.Second, "refused by "+directive,
			func() bool { return eval[bool](t, p, fmt.Sprintf("refused.has(%q)", directive)) })
	}
	if eval[bool](t, p, "'ran' in window") || p.text(t, "h1") == "" {
		t.Error("the page runs, or takes style from, what is not its own")
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("another origin was asked %d times", n)
	}
	p.forget() // the browser also reports what it refuses to do
}
