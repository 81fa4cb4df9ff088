package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"failover-monitor/internal/config"
)

// healthcheckTimeout is less than the 3 s that KEDA waits: a monitor that takes longer is no use to
// it.
const healthcheckTimeout = 2 * time.Second

// healthcheck asks the monitor that runs with the same settings whether it is well. An image from
// scratch has no curl to do that, and curl would need a certificate or a password where a web
// configuration asks for one.
//
// With the argument live it only asks whether a restart would help, and with ready whether some app
// is well, as /livez and /readyz do.
func healthcheck(ctx context.Context, p process, args []string) int {
	path := "/healthz"
	switch {
	case len(args) == 1 && (args[0] == "live" || args[0] == "ready"):
		path = "/" + args[0] + "z"
	case len(args) > 0:
		return p.fail(exitUsage, fmt.Errorf("%q: want healthcheck, healthcheck live or healthcheck ready",
			strings.Join(args, " ")))
	}
	serving, err := config.LoadServing(p.environ)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	code, text, err := askLocal(ctx, healthcheckTimeout, serving, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return p.fail(exitFailed, err)
	case code != http.StatusOK:
		return p.fail(exitFailed, fmt.Errorf("the monitor is not well:\n%s", text))
	}
	fmt.Fprint(p.stdout, text)
	return exitOK
}
