package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/server"
)

var errOverrideUsage = errors.New(`want one of
  override SITE up|down DURATION REASON   pin a verdict: override site-b down 30m drill of the failover
  override SITE clear                     have the probes decide again
  override                                list what is pinned`)

// overrideTimeout is time for a slow disk to keep an override.
const overrideTimeout = 10 * time.Second

// override has the running monitor pin a verdict, or not any more, or lists what is pinned.
func override(ctx context.Context, p process, args []string) int {
	serving, err := config.LoadServing(p.environ)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	method, path, form, err := overrideRequest(args)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	code, text, err := askLocal(ctx, overrideTimeout, serving, method, path, form)
	switch {
	case err != nil:
		return p.fail(exitFailed, err)
	case code == http.StatusBadRequest, code == http.StatusNotFound:
		return p.fail(exitUsage, errors.New(text))
	case code != http.StatusOK:
		return p.fail(exitFailed, errors.New(text))
	}
	fmt.Fprint(p.stdout, text)
	return exitOK
}

// overrideRequest is what the arguments ask the monitor for.
func overrideRequest(args []string) (method, path string, form url.Values, err error) {
	switch {
	case len(args) == 0:
		return http.MethodGet, "/overrides", nil, nil
	case len(args) == 2 && args[1] == "clear":
		return http.MethodDelete, "/overrides/" + url.PathEscape(args[0]), nil, nil
	case len(args) >= 3:
		return http.MethodPost, "/overrides/" + url.PathEscape(args[0]), url.Values{
			server.ParamVerdict: {args[1]}, server.ParamDuration: {args[2]},
			server.ParamReason: {strings.Join(args[3:], " ")},
		}, nil
	}
	return "", "", nil, errOverrideUsage
}
