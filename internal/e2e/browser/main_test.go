// Package browser shows the page of the built binary to a real browser, and holds it to what a
// reader sees. It needs Go and Chromium; "make e2e-browser" installs the latter.
package browser

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// binary is the program under test, and chromium the browser; TestMain makes both.
var (
	binary   string
	chromium context.Context
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "failover-monitor")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "failover-monitor")
	build := exec.Command("go", "build", "-C", "../../..", "-ldflags", "-X main.version=v1.2.3",
		"-o", binary, "./cmd/failover-monitor")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(err)
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		panic(err)
	}
	var stop context.CancelFunc
	chromium, stop = browse()
	defer stop()
	if err := chromedp.Do(chromium); err != nil {
		panic(err)
	}
	return m.Run()
}

// browse starts a browser without a window, a sandbox, which root has none of, or a proxy.
func browse() (context.Context, context.CancelFunc) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox,
		chromedp.Flag("no-proxy-server", true))
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	browser, stop := chromedp.NewContext(allocator)
	return browser, func() { stop(); free() }
}
