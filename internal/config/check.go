package config

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/names"
)

// This file looks at settings beside each other: what does not go together is refused, what is
// allowed and dangerous is warned of.

// check looks at the settings of one site.
func (l *loader) check(of scope, s Site) {
	l.checkHost(of, s)
	l.checkHeader(of, s.Probing)
	l.wantBoth(of, "CLIENT_CERT_FILE", "CLIENT_KEY_FILE")
	if s.ExpectBody.Regexp() != nil && s.Method == "HEAD" {
		l.report("%s is set, and %s is HEAD, which has no body: use GET",
			l.source(of, "EXPECT_BODY_REGEX"), l.source(of, "PROBE_METHOD"))
	}
	l.warnAboutFile(of, "EXTRA_HEADER_VAL_FILE", s.HeaderValFile, s.ID())
	l.warnAboutFile(of, "CLIENT_CERT_FILE", s.ClientCert, s.ID())
	l.warnAboutFile(of, "CLIENT_KEY_FILE", s.ClientKey, s.ID())
}

func (l *loader) checkHeader(of scope, p Probing) {
	key, val := l.source(of, "EXTRA_HEADER_KEY"), l.source(of, "EXTRA_HEADER_VAL")
	file := l.source(of, "EXTRA_HEADER_VAL_FILE")
	hasVal, hasFile := l.given(of, "EXTRA_HEADER_VAL") != "", l.given(of,
		"EXTRA_HEADER_VAL_FILE") != ""
	switch {
	case hasVal && hasFile:
		l.report("%s and %s are set: keep one of them", val, file)
	case hasFile:
		l.wantBoth(of, "EXTRA_HEADER_KEY", "EXTRA_HEADER_VAL_FILE")
	case l.given(of, "EXTRA_HEADER_KEY") != "" && !hasVal:
		l.report("%s is set, and neither %s nor %s is: set one of them", key, val, file)
	default:
		l.wantBoth(of, "EXTRA_HEADER_KEY", "EXTRA_HEADER_VAL")
	}
	if p.HeaderKey == "Host" && p.HeaderValFile != "" {
		l.report("%s is set, and %s is Host, which is no secret and does not change: use %s", file, key,
			val)
	}
	if p.HeaderKey == "Host" && p.HeaderVal != "" && !hostPort.MatchString(p.HeaderVal.Reveal()) {
		l.report(
			"%s: value not shown: for %s=Host want a host, such as app.example.com or app.example.com:8443",
			val, key)
	}
}

// hostPort is a name, IPv4 or [IPv6] address, and perhaps a port. net/http would send an empty Host
// for anything else.
var hostPort = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// wantBoth refuses one of two settings without the other.
func (l *loader) wantBoth(of scope, key, other string) {
	if l.given(of, key) == "" {
		key, other = other, key
	}
	if l.given(of, key) != "" && l.given(of, other) == "" {
		l.report("%s is set but %s is not: set both or neither", l.source(of, key), l.source(of, other))
	}
}

// warnOfCleaning warns of values that may not mean what was read: quotes that are kept, and a
// comment cut off a secret. A password may contain a #; a method does not.
func (l *loader) warnOfCleaning(environ []string) {
	known := append(settings(), keys(&Proxies{})...)
	for _, entry := range environ {
		damaged, raw, _ := strings.Cut(entry, "=")
		name := cleanName(damaged)
		if !strings.HasPrefix(name, "SITE_") && !l.isOfApp(name) && !slices.Contains(known, name) {
			continue
		}
		if keepsQuotes(raw) {
			l.warn(
				"%s: its quotes are taken for its own, since there are more of them inside; if they are "+
					"not, put the value between quotes of the other kind", name)
		}
		cut := cutComment(raw)
		if strings.HasSuffix(name, "EXTRA_HEADER_VAL") && cut != "" || strings.Contains(cut, "@") {
			l.warn(
				"%s: what stands behind a # in it is taken for a comment; if it belongs to the value, put "+
					"the value between quotes", name)
		}
	}
}

// settings are the names of all but those that only a site has, and the proxies, which are not ours
// alone.
func settings() []string {
	return slices.Concat(keys(&Serving{}), keys(&Deciding{}), keys(&Probing{}))
}

// typos tells of names that are almost a setting's. They may be another program's, and are no
// reason not to start.
func (l *loader) typos(apps AppNames, tell func(format string, args ...any)) {
	known, prefixes := settings(), apps.prefixes()
	for _, name := range slices.Sorted(maps.Keys(l.vars)) {
		if len(name) < 6 || strings.HasPrefix(name, "SITE_") || l.isOfApp(name) ||
			l.hasApps() && strings.HasPrefix(name, "APPS_") || slices.Contains(known, name) {
			continue
		}
		upper := strings.ToUpper(name)
		_, key := splitVariable(upper)
		switch {
		case !l.hasApps() && siteOfApp.MatchString(name):
			tell("%s is ignored: APPS is not set, which names the apps", name)
		case l.isOfApp(upper) && len(readings(upper, prefixes)) > 0:
			tell("%s is no setting and is ignored; did you mean %s?", name, upper)
		case l.hasApps() && len(readings(appPrefix+upper, prefixes)) > 0: // SHOP_VERIFY_TLS
			tell("%s is no setting and is ignored; did you mean %s?", name, appPrefix+upper)
		case strings.HasPrefix(upper, "SITE") && key != "":
			tell("%s is no setting and is ignored; %s", name, didYouMean(name))
		default:
			if key := almost(name, known); key != "" {
				tell("%s is no setting and is ignored; did you mean %s?", name, key)
			}
		}
	}
}

// almost is the setting that a name is mistyped for; empty if there is none.
func almost(name string, known []string) string {
	for _, key := range known {
		if strings.HasPrefix(key, name+"_") ||
			len(name) < 2*len(key) && distance(strings.ToUpper(name), key) <= 2 {
			return key
		}
	}
	return ""
}

// KEDATimeout is how long KEDA's HTTP client waits: its KEDA_HTTP_DEFAULT_TIMEOUT, 3000 ms unless
// set.
const KEDATimeout = 3 * time.Second

// warnAbout tells of settings that are allowed and dangerous.
func (l *loader) warnAbout(cfg Config) {
	var unverified, hasty []string
	seen := make(map[string]string)
	for _, s := range cfg.Sites {
		if !s.VerifyTLS {
			unverified = append(unverified, s.ID())
		}
		if s.FailureThreshold == 1 && cfg.Witnesses == nil {
			hasty = append(hasty, s.ID())
		}
		// A Host header can tell sites apart.
		asks := fmt.Sprintln(s.HealthURL.Reveal(), s.HeaderKey, s.HeaderVal.Reveal())
		if other := seen[asks]; other != "" {
			l.warn("%s and %s have the same health URL: they can only be down together", other, s.ID())
		}
		seen[asks] = s.ID()
		l.warnAboutSite(s)
	}
	for _, w := range cfg.Witnesses {
		sameHost := func(s Site) bool {
			return s.HealthURL.Reveal().Hostname() == w.Reveal().Hostname()
		}
		if i := slices.IndexFunc(cfg.Sites, sameHost); i >= 0 {
			l.warn(
				"WITNESS_URLS has the host of %s, which cannot witness its own death: name one that is "+
					"independent of all sites", cfg.Sites[i].ID())
		}
	}
	if word := l.vars["VERIFY_TLS"]; word != "" && bool(cfg.Defaults.VerifyTLS) &&
		!strings.EqualFold(word, "true") {
		l.warn("VERIFY_TLS=%s is on; the predecessor took it for off: write true, or false", word)
	}
	if hasty != nil {
		l.warn("FAILURE_THRESHOLD=1 without WITNESS_URLS: one lost packet can take %s down "+
			"and scale the others; recommended: FAILURE_THRESHOLD=3, and WITNESS_URLS",
			names.List(hasty, names.Short))
	}
	if unverified != nil {
		l.warn("VERIFY_TLS is off for %s: whoever stands in between can play a healthy site",
			names.List(unverified, names.Short))
	}
	if time.Duration(cfg.AnswerTimeout) >= KEDATimeout {
		l.warn("ANSWER_TIMEOUT_SEC=%s is too long: KEDA gives up after 3 s", cfg.AnswerTimeout)
	}
}

func (l *loader) warnAboutSite(s Site) {
	if s.CacheTTL > 0 && s.RetryInterval > PositiveSeconds(s.CacheTTL) &&
		max(s.FailureThreshold, s.SuccessThreshold) > 1 {
		l.warn(
			"RETRY_INTERVAL_SEC=%s is longer than CACHE_TTL_SEC=%s: %s is probed less often when its "+
				"verdict is in doubt", s.RetryInterval, s.CacheTTL, s.ID())
	}
	if s.CacheTTL > 0 && s.RetryInterval > s.Timeout && s.FailureThreshold > 1 {
		l.warn(
			"RETRY_INTERVAL_SEC=%s is longer than PROBE_TIMEOUT_SEC=%s: the probes that confirm a "+
				"failure of %s do not overlap, and it is found down later than need be", s.RetryInterval,
			s.Timeout, s.ID())
	}
	if turns := max(s.FailureThreshold, s.SuccessThreshold); s.CacheTTL == 0 && turns > 1 {
		l.warn(
			"CACHE_TTL_SEC=0 has %s probed only when somebody asks: with a threshold of %d its verdict "+
				"turns after as many polls, however long that takes", s.ID(), turns)
	}
	if s.AcceptStatus.Match(http.StatusInternalServerError) &&
		s.AcceptStatus.Match(http.StatusServiceUnavailable) && s.ExpectBody.Regexp() == nil {
		l.warn("ACCEPT_STATUS_REGEX=%s: %s is up even when it answers 500 or 503", s.AcceptStatus, s.ID())
	}
	if s.Override != "" {
		l.warn("%s is pinned %s by its OVERRIDE, whatever its probes say", s.ID(), s.Override)
	}
}

// warnAboutFile tells of a file that is read for every probe, and cannot be read now.
func (l *loader) warnAboutFile(of scope, key, path, site string) {
	if path == "" {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		l.warn("%s: %v: %s cannot be probed before that file can be read", l.source(of, key), err,
			site)
		return
	}
	file.Close()
}
