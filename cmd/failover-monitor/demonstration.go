package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"failover-monitor/internal/config"
	"failover-monitor/internal/fakesite"
)

// demonstration shows a failover while it happens. It asks the monitor as everybody does: /status
// for the verdicts, and /metric/{site} in place of each KEDA, for a model of its HPA.
type demonstration struct {
	monitor  string // its URL
	sites    map[string]*fakesite.Site
	client   *http.Client
	stdout   io.Writer
	terminal *terminal // nil if standard output is none
	log      *slog.Logger
	tail     logTail // of the log, if it is shown on the terminal

	mu   sync.Mutex
	view demoView
}

// newDemonstration prepares the terminal, if there is one. There, the log is a part of what is
// shown, unless it goes into a file.
func newDemonstration(
	p process, serving config.Serving, monitor string, sites map[string]*fakesite.Site,
) (*demonstration, error) {
	d := &demonstration{
		monitor: monitor, sites: sites, stdout: p.stdout,
		client: &http.Client{Timeout: 3 * time.Second},
	}
	for name := range sites {
		d.view = append(d.view,
			demoSite{name: name, verdict: "unknown", replicas: newDemoHPA().replicas})
	}
	slices.SortFunc(d.view, func(a, b demoSite) int { return strings.Compare(a.name, b.name) })
	var out io.Writer = p.stdout
	if checked, ok := out.(*checkedWriter); ok {
		out = checked.to
	}
	var err error
	if d.terminal, err = openTerminal(os.Stdin, out); err != nil {
		return nil, err
	}
	d.log = newLogger(serving, p.stderr)
	if d.terminal != nil && term.IsTerminal(int(os.Stderr.Fd())) {
		d.log = slog.New(slog.NewTextHandler(&d.tail,
			&slog.HandlerOptions{Level: slog.Level(serving.LogLevel), ReplaceAttr: shortAttr}))
	}
	return d, nil
}

// shortAttr makes a line of the log fit better into a terminal: of its time, it has the clock's.
func shortAttr(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		a.Value = slog.StringValue(a.Value.Time().UTC().Format(time.TimeOnly))
	}
	return durationsWithUnit(groups, a)
}

// restore makes the terminal as it was, if there is one.
func (d *demonstration) restore() {
	if d.terminal != nil {
		d.terminal.restore()
	}
}

func (d *demonstration) print(text string) {
	if d.terminal != nil {
		d.terminal.print(text)
	} else {
		io.WriteString(d.stdout, text)
	}
}

// refresh is how often the monitor is asked for its verdicts, and the block is drawn.
const refresh = 200 * time.Millisecond

// errQuit is why the demo ends when q is pressed.
var errQuit = errors.New("q was pressed")

// start shows what happens until ctx ends. The terminal is restored at once when that ends, since
// stopping may take a second.
func (d *demonstration) start(ctx context.Context, quit context.CancelCauseFunc) *sync.WaitGroup {
	var running sync.WaitGroup
	context.AfterFunc(ctx, d.restore)
	if d.terminal != nil && d.terminal.readsKeys() {
		go d.terminal.readKeys(func(key byte) { d.pressed(key, quit) })
	}
	for i := range d.view {
		running.Go(func() {
			defer d.restore()
			ask := func(ctx context.Context) (int, error) { return d.ask(ctx, d.view[i].name) }
			newDemoHPA().run(ctx, ask, func(value int, err error, replicas int) {
				told := "503"
				if err == nil {
					told = strconv.Itoa(value)
				}
				d.change(func(v demoView) { v[i].told, v[i].replicas = told, replicas })
			})
		})
	}
	running.Go(func() {
		defer d.restore()
		for ctx.Err() == nil {
			d.readStatus(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(refresh):
			}
		}
	})
	return &running
}

// pressed does what a key says.
func (d *demonstration) pressed(key byte, quit context.CancelCauseFunc) {
	const ctrlC = 3 // in raw mode it is a key as others are
	var err error
	switch key {
	case 'b':
		err = faults["hang"](d.sites["site-b"])
	case 'h':
		for _, site := range d.sites {
			err = errors.Join(err, faults["heal"](site))
		}
	case 'q', ctrlC:
		quit(errQuit)
	}
	if err != nil {
		d.log.Error("the key did nothing", "key", string(key), "error", err)
	}
}

// change changes the view, and shows it: the whole block, or what is different.
func (d *demonstration) change(apply func(demoView)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := slices.Clone(d.view)
	apply(d.view)
	now := time.Now()
	if d.terminal == nil {
		for _, line := range before.changes(d.view) {
			fmt.Fprintf(d.stdout, "%s UTC  %s\n", now.UTC().Format(time.TimeOnly), line)
		}
		return
	}
	width, height := d.terminal.size()
	lines := d.view.block(now, width, d.tail.last())
	const opening = 4 // with the row of the cursor
	if most := max(1, height-opening); len(lines) > most {
		lines = lines[:most]
	}
	d.terminal.draw(lines)
}

// ask polls the value of a site as its KEDA does.
func (d *demonstration) ask(ctx context.Context, site string) (int, error) {
	var answer struct{ Value int }
	err := d.get(ctx, "/metric/"+site, &answer)
	return answer.Value, err
}

// readStatus takes the verdicts from the monitor. While there is no answer, the view stays.
func (d *demonstration) readStatus(ctx context.Context) {
	var status struct {
		Sites []struct {
			Verdict    string
			Since      time.Time
			LastResult struct{ Detail string } `json:"last_result"`
			Failovers  []demoFailover
		}
	}
	if d.get(ctx, "/status", &status) != nil || len(status.Sites) != len(d.view) {
		return
	}
	d.change(func(v demoView) {
		for i, s := range status.Sites {
			v[i].verdict, v[i].since, v[i].detail = s.Verdict, s.Since, s.LastResult.Detail
			if len(s.Failovers) > 0 {
				v[i].failover = s.Failovers[0].String()
			}
		}
	})
}

// demoFailover is a failover in /status.
type demoFailover struct {
	Failed time.Time `json:"first_failed_probe"`
	Down   time.Time
	Told   []struct {
		Site string
		At   time.Time
	}
	Ended time.Time
}

// String says what happened when, in less than 80 columns.
func (f demoFailover) String() string {
	at := func(t time.Time) string { return t.UTC().Format(time.TimeOnly) }
	text := fmt.Sprintf("failed %s, down %s", at(f.Failed), at(f.Down))
	for _, told := range f.Told {
		text += fmt.Sprintf(", %s told %s", told.Site, at(told.At))
	}
	if !f.Ended.IsZero() {
		text += ", up " + at(f.Ended)
	}
	return text
}

// get reads JSON from the monitor. Any status but 200 is an error.
func (d *demonstration) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.monitor+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "failover-monitor demo")
	response, err := d.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
