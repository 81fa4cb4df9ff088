package main

// This file has the command demo: its monitor, its sites, and the server to break them by. What it
// shows is in demonstration.go.

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"text/template"
	"time"

	"failover-monitor/internal/config"
	"failover-monitor/internal/fakesite"
)

// What the demo says at its start. What happens follows: on a terminal a block that renews itself,
// elsewhere a line for each change.
var demoText = template.Must(template.New("demo").Parse(
	`Two sites and the monitor run on this machine now: http://{{.Monitor}}/
Break site B:  curl -s {{.Control}}/site-b/hang  (or 500, refuse; then heal)
{{if .Keys}}Keys: b breaks site B, h heals all sites, q quits. Site A breaks by curl, too.
{{- else}}Ask as site A's KEDA does:  curl -s {{.Monitor}}/metric/site-a  (Ctrl-C ends)
{{- end}}
`))

// faults are the ways to break a site of the demo, and to heal it.
var faults = map[string]func(*fakesite.Site) error{
	"hang": func(s *fakesite.Site) error { return s.Become(fakesite.Hang) },
	"500": func(s *fakesite.Site) error {
		return s.Become(fakesite.Answer(http.StatusInternalServerError))
	},
	"refuse": func(s *fakesite.Site) error { s.Refuse(); return nil },
	"heal":   func(s *fakesite.Site) error { return s.Become(fakesite.Answer(http.StatusOK)) },
}

// demo runs the monitor at PORT on loopback, and at the next three ports two sites and a server to
// break them by.
func demo(ctx context.Context, p process) int {
	serving, err := config.LoadServing(p.environ)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	if serving.Port == 0 || serving.Port > lastDemoPort {
		return p.fail(exitUsage, fmt.Errorf(
			"PORT=%v: the demo takes %d ports from there on: want 1 to %d, such as PORT=18000",
			serving.Port, demoPorts, lastDemoPort))
	}
	if err := runDemo(ctx, p, serving); err != nil {
		return p.fail(exitFailed, fmt.Errorf("%w\nthe demo wants %d free ports in a row; "+
			"for others: PORT=18000 failover-monitor demo", err, demoPorts))
	}
	return exitOK
}

// demoPorts are the monitor's, the two sites', and the one to break them by.
const demoPorts = 4

// lastDemoPort is the highest that the monitor can have, with the others behind it.
const lastDemoPort = 65535 - demoPorts + 1

func runDemo(ctx context.Context, p process, serving config.Serving) error {
	address := func(behind config.Port) string {
		return "127.0.0.1:" + (serving.Port + behind).String()
	}
	listener, err := net.Listen("tcp", address(0))
	if err != nil {
		return err
	}
	defer listener.Close()

	sites := make(map[string]*fakesite.Site)
	for i, name := range []string{"site-a", "site-b"} {
		site, err := fakesite.Start(address(config.Port(1+i)), fakesite.Answer(http.StatusOK))
		if err != nil {
			return err
		}
		defer site.Close()
		sites[name] = site
	}
	controlListener, err := net.Listen("tcp", address(3))
	if err != nil {
		return err
	}
	control := &http.Server{Handler: controlHandler(sites), ReadHeaderTimeout: 5 * time.Second}
	go control.Serve(controlListener)
	defer control.Close()

	setup, err := loadSetup([]string{
		"SITE_A_HEALTH_URL=http://" + sites["site-a"].Address(),
		"SITE_B_HEALTH_URL=http://" + sites["site-b"].Address(),
		"CACHE_TTL_SEC=1", "PROBE_TIMEOUT_SEC=1",
	}, p.machine)
	if err != nil {
		return err
	}
	d, err := newDemonstration(p, serving, "http://"+address(0), sites)
	if err != nil {
		return err
	}
	defer d.restore()
	places := map[string]any{
		"Monitor": address(0), "Control": address(3), "Keys": d.terminal != nil && d.terminal.readsKeys(),
	}
	var text strings.Builder
	if err := demoText.Execute(&text, places); err != nil {
		return err
	}
	d.print(text.String())
	ctx, quit := context.WithCancelCause(ctx)
	shown := d.start(ctx, quit)
	err = runMonitor(ctx, setup, listener, d.log)
	quit(err)
	shown.Wait()
	return err
}

// controlHandler breaks and heals sites: /site-b/hang.
func controlHandler(sites map[string]*fakesite.Site) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{site}/{fault}", func(w http.ResponseWriter, r *http.Request) {
		site, change := sites[r.PathValue("site")], faults[r.PathValue("fault")]
		if site == nil || change == nil {
			http.Error(w, "want /site-a/ or /site-b/, and behind it hang, 500, refuse or heal",
				http.StatusNotFound)
			return
		}
		if err := change(site); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "%s: %s\n", r.PathValue("site"), r.PathValue("fault"))
	})
	return mux
}
