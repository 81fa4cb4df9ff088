package server

// This file serves the page: page.html with what a view has, page.css and page.js; and pageapps.html,
// pageapps.css and pageapps.js for several apps.

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the parts of the page
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

//go:embed page.html
var pageHTML string

//go:embed pageapps.html
var pageAppsHTML string

//go:embed page.css
var pageCSS string

//go:embed pageapps.css
var pageAppsCSS string

//go:embed page.js
var pageJS string

//go:embed pageapps.js
var pageAppsJS string

// style and script are the same on all pages, so that they all have the same policy.
var style, script = pageCSS + pageAppsCSS, pageJS + pageAppsJS

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return formatTime(t, time.Now()) },
	"hour": func(t time.Time) string {
		return strings.TrimSuffix(formatTime(t, time.Now()), " UTC")
	},
	"ago": ago, "took": took,
}).Parse(pageHTML + pageAppsHTML))

// pagePolicy lets the page use its own style and script, and load nothing else.
var pagePolicy = []string{"default-src 'none'; style-src " + digest(style) +
	"; script-src " + digest(script) + "; connect-src 'self'; img-src data:; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Page is what the page shows beside what a monitor knows at the moment.
type Page struct {
	version string
	urls    map[string]string
	changes changes
}

// NewPage makes the page of a monitor of this version. The URLs that are probed, by
// [monitor.Site.ID], are shown as they are: they must have no secret in them.
func NewPage(version string, urls map[string]string) *Page {
	return &Page{version: version, urls: urls}
}

// Observe remembers the last changes of verdicts.
func (p *Page) Observe(e monitor.Event) { p.changes.observe(e) }

// page shows the status of all apps to people, and that of one at /?app=shop.
func (rs *routes) page(w http.ResponseWriter, r *http.Request) int {
	shown, ok := rs.apps.chosen(r)
	if !ok {
		return rs.noApp(w, r)
	}
	var body bytes.Buffer
	v := rs.view(shown.overviews(), r.Host)
	if err := pageTemplate.Execute(&body, v); err != nil {
		return writeError(w, http.StatusInternalServerError, errorJSON{Error: err.Error()})
	}
	header := w.Header()
	header["Content-Type"] = htmlType
	header["Content-Security-Policy"] = pagePolicy
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.Write(body.Bytes())
	return http.StatusOK
}

// view is that of several apps, or of one.
func (rs *routes) view(overviews []monitor.Overview, host string) view {
	if len(overviews) > 1 {
		return newAppsView(overviews, rs.shown, host)
	}
	v := newView(overviews[0], rs.shown, host)
	if all := len(rs.apps.list); all > 1 {
		v.AllApps = all
		v.Suspect = "" // the monitor's own network would have all apps fail; the page of all says so
	}
	return v
}
