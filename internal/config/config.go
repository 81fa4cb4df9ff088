// Package config reads the monitor's settings from environment variables: it finds the sites,
// cleans values that the readers of env files have damaged, checks everything, and reports every
// mistake at once.
//
// A setting of [Probing] may be given for all sites (PROBE_TIMEOUT_SEC), for one
// (SITE_B_PROBE_TIMEOUT_SEC), for an app (APP_SHOP_PROBE_TIMEOUT_SEC), and for a site of an app
// (APP_SHOP_SITE_B_PROBE_TIMEOUT_SEC). What is most specific counts: app and site, app, site, all.
// What is empty counts as not given.
package config

import (
	"cmp"
	"errors"
	"net/url"
	"path"
	"regexp"

	"golang.org/x/net/http/httpproxy"
)

// Config holds all settings, checked.
type Config struct {
	Serving
	Deciding
	Proxies
	Supervisor Supervisor
	Defaults   Probing   // for sites without settings of their own
	Sites      []Site    // at least two of each app: app by app as in APPS, then by name
	Given      []Setting // the variables of sites and apps, as they were set
	Warnings   []string  // what is allowed, but worth a line in the log
}

// Serving is how the monitor answers and logs.
type Serving struct {
	// TCP port
	Port Port `env:"PORT" envDefault:"8000"`
	// host:port; without it 0.0.0.0:$PORT
	ListenAddr Address `env:"LISTEN_ADDR"`
	// longest wait for a missing verdict; below the 3 s of KEDA's client
	AnswerTimeout PositiveSeconds `env:"ANSWER_TIMEOUT_SEC" envDefault:"2"`
	// TLS, client certificates and passwords for whoever asks, in the Prometheus exporter-toolkit's
	// format
	WebConfigFile string `env:"WEB_CONFIG_FILE"`
	// debug, info, warn, error
	LogLevel LogLevel `env:"LOG_LEVEL" envDefault:"info"`
	// text or json
	LogFormat LogFormat `env:"LOG_FORMAT" envDefault:"text"`
	// where overrides and failovers outlive a restart; systemd sets it for a unit with StateDirectory=
	StateDirectory string `env:"STATE_DIRECTORY"`
}

// Deciding is what holds for the decisions on all sites.
type Deciding struct {
	// names of apps, with commas between them; {app} in a site's settings stands for each of them
	Apps AppNames `env:"APPS"`
	// http(s) URLs and tcp://host:port; one must answer for a failed probe to count
	Witnesses Witnesses `env:"WITNESS_URLS"`
	// while all sites are down: scale counts them, error answers 503
	AllDownPolicy AllDownPolicy `env:"ALL_DOWN_POLICY" envDefault:"scale"`
}

// Proxies are what probes go through. The variables are those that most programs know, also in
// lower case, which counts where both are set.
type Proxies struct {
	// for http:// URLs
	HTTPProxy Proxy `env:"HTTP_PROXY"`
	// for https:// URLs
	HTTPSProxy Proxy `env:"HTTPS_PROXY"`
	// in place of one of these that is not set
	AllProxy Proxy `env:"ALL_PROXY"`
	// hosts, domains and networks that are asked directly, with commas between them
	NoProxy string `env:"NO_PROXY"`
}

// For is the proxy for a URL, nil for none. There is none for loopback addresses.
func (p Proxies) For() func(*url.URL) (*url.URL, error) {
	proxies := httpproxy.Config{
		HTTPProxy:  cmp.Or(p.HTTPProxy, p.AllProxy).reveal(),
		HTTPSProxy: cmp.Or(p.HTTPSProxy, p.AllProxy).reveal(),
		// Most clients ignore a leading dot; here it would leave out the domain itself.
		NoProxy: leadingDots.ReplaceAllString(p.NoProxy, "$1"),
	}
	return proxies.ProxyFunc()
}

var leadingDots = regexp.MustCompile(`(^|,)\s*\.+`)

// Supervisor is what systemd, or whatever replaces it, passes to a service: sd_notify(3),
// sd_listen_fds(3) and sd_watchdog_enabled(3); and what podman and Kubernetes pass to every
// container. These are no settings of a user's.
type Supervisor struct {
	NotifySocket string `env:"NOTIFY_SOCKET"`
	WatchdogUSec string `env:"WATCHDOG_USEC"`
	WatchdogPID  string `env:"WATCHDOG_PID"`
	ListenFDs    string `env:"LISTEN_FDS"`
	ListenPID    string `env:"LISTEN_PID"`

	Container             string `env:"container"` // such as podman
	KubernetesServiceHost string `env:"KUBERNETES_SERVICE_HOST"`
}

// Probing is how a site is probed, and when its verdict turns.
type Probing struct {
	// GET, HEAD, OPTIONS, POST (empty body)
	Method Method `env:"PROBE_METHOD" envDefault:"GET"`
	// one deadline over the whole probe
	Timeout PositiveSeconds `env:"PROBE_TIMEOUT_SEC" envDefault:"3"`
	// whether a certificate must be valid
	VerifyTLS Switch `env:"VERIFY_TLS" envDefault:"true"`
	// the statuses that are up
	AcceptStatus StatusRegexp `env:"ACCEPT_STATUS_REGEX" envDefault:"^2\\d\\d$"`
	// what the first 64 KiB of a body must have in them
	ExpectBody BodyRegexp `env:"EXPECT_BODY_REGEX"`
	// always, same-host, never; without it GET follows and the others do not
	FollowRedirects Redirects `env:"FOLLOW_REDIRECTS"`
	// from one probe's start to the next; 0: each request probes
	CacheTTL Seconds `env:"CACHE_TTL_SEC" envDefault:"5"`
	// a header that every probe sends
	HeaderKey HeaderName `env:"EXTRA_HEADER_KEY"`
	// its value
	HeaderVal Secret `env:"EXTRA_HEADER_VAL"`
	// a file with its value, read for every probe
	HeaderValFile string `env:"EXTRA_HEADER_VAL_FILE"`
	// PEM file, or directory of them, trusted beside the system's roots
	RequestsCA string `env:"REQUESTS_CA_BUNDLE"`
	// the plain name of the same
	CABundle string `env:"CA_BUNDLE"`
	// PEM certificate to show to a site that asks, read each time
	ClientCert string `env:"CLIENT_CERT_FILE"`
	// its key
	ClientKey string `env:"CLIENT_KEY_FILE"`
	// the name a certificate must have; without it the URL's host
	TLSServerName ServerName `env:"TLS_SERVER_NAME"`

	// failures in a row from up to down
	FailureThreshold Count `env:"FAILURE_THRESHOLD" envDefault:"1"`
	// successes in a row from down to up
	SuccessThreshold Count `env:"SUCCESS_THRESHOLD" envDefault:"1"`
	// from one start to the next while a verdict is in doubt
	RetryInterval PositiveSeconds `env:"RETRY_INTERVAL_SEC" envDefault:"1"`
}

// groups are settings that stand for, or belong to, each other: a site that gives one inherits none
// of its group.
var groups = [][]string{
	{"REQUESTS_CA_BUNDLE", "CA_BUNDLE"},
	{"EXTRA_HEADER_VAL", "EXTRA_HEADER_VAL_FILE"},
	{"CLIENT_CERT_FILE", "CLIENT_KEY_FILE"},
}

// Site is one site, and how it is probed.
type Site struct {
	App       string   // one of APPS; empty without them
	Name      string   // site-a for SITE_A_HEALTH_URL, site-eu-west for SITE_EU_WEST_HEALTH_URL
	HealthURL URL      `env:"HEALTH_URL"`
	Override  Override `env:"OVERRIDE"` // up or down: pins the verdict, for a drill or planned work
	Probing
	Bundle *CABundle // of CA_BUNDLE; nil without one
}

// ID tells the site from all others: "shop/site-a", or "site-a" without APPS.
func (s Site) ID() string { return path.Join(s.App, s.Name) }

// Load reads all settings from "NAME=value" strings. Its error has a line for every mistake; the
// config is then what could be read.
func Load(environ []string) (Config, error) {
	l := newLoader(environ)
	var cfg Config
	l.parse(&cfg.Serving, scope{})
	l.parse(&cfg.Deciding, scope{})
	l.parse(&cfg.Proxies, scope{})
	l.parse(&cfg.Supervisor, scope{})
	l.parse(&cfg.Defaults, scope{})
	if l.hasApps() && cfg.Apps == nil { // it is unknown what the sites are
		return cfg, errors.Join(l.problems...)
	}
	variables := l.scopedVariables(cfg.Apps.prefixes())
	cfg.Given = l.asGiven(variables)
	sites := l.scopes(cfg.Apps, variables)
	for _, s := range sites {
		site := l.site(s)
		if site.AcceptStatus.String() == cfg.Defaults.AcceptStatus.String() {
			site.AcceptStatus = cfg.Defaults.AcceptStatus // one of them for thousands of sites
		}
		cfg.Sites = append(cfg.Sites, site)
	}
	l.checkTemplates(sites)
	l.checkSites(cfg.Apps, cfg.Sites)
	l.fillAddress(&cfg.Serving)
	if len(l.problems) > 0 {
		l.typos(cfg.Apps, l.report) // perhaps what is missing has only another name
		return cfg, errors.Join(l.problems...)
	}
	l.warnAbout(cfg)
	l.typos(cfg.Apps, l.warn)
	l.warnOfCleaning(environ)
	l.countWarnings()
	cfg.Warnings = l.warnings
	return cfg, nil
}

// LoadServing reads only how the monitor answers and logs, for the commands that need no sites:
// healthcheck and demo.
func LoadServing(environ []string) (Serving, error) {
	l := newLoader(environ)
	var s Serving
	l.parse(&s, scope{})
	l.fillAddress(&s)
	return s, errors.Join(l.problems...)
}
