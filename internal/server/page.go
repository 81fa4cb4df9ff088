package server

// This file serves the page: page.html with what a view has, page.css and page.js.

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

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return formatTime(t, time.Now()) },
	"hour": func(t time.Time) string {
		return strings.TrimSuffix(formatTime(t, time.Now()), " UTC")
	},
	"ago": ago, "took": took,
}).Parse(pageHTML))

// pagePolicy lets the page use its own style and script, and load nothing else.
var pagePolicy = []string{"default-src 'none'; style-src " + digest(pageCSS) +
	"; script-src " + digest(pageJS) + "; connect-src 'self'; img-src data:; base-uri 'none'; " +
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

// page shows the status to people.
func (rs *routes) page(w http.ResponseWriter, r *http.Request) int {
	var body bytes.Buffer
	v := newView(rs.apps.list[0].Overview(), rs.shown, r.Host)
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
