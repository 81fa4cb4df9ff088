package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

const healthURL = "HEALTH_URL"

var (
	siteLabel = regexp.MustCompile(`^[A-Z0-9]+(_[A-Z0-9]+)*$`)

	// serviceLink is the shape of the variables that Kubernetes gives every pod for a Service, here
	// one called site-something (its documentation: Service, discovering services, environment
	// variables).
	serviceLink = regexp.MustCompile(
		`^SITE_.*_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
)

// siteName makes site-eu-west of SITE_EU_WEST_.
func siteName(prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimSuffix(prefix, "_"), "_", "-"))
}

// sitePrefixes finds the sites by their health URLs, and refuses every other SITE_ variable that is
// not a setting of one of them: a typing error there must not pass in silence.
func (l *loader) sitePrefixes() []string {
	var prefixes []string
	settings := make(map[string]string) // prefix by variable
	for _, name := range slices.Sorted(maps.Keys(l.vars)) {
		if !strings.HasPrefix(name, "SITE_") || l.vars[name] == "" {
			continue
		}
		switch prefix, key := splitVariable(name); {
		case key == "" && serviceLink.MatchString(name): // not meant for us
		case key == "":
			l.report("%s: no such setting; %s", name, didYouMean(name))
		case key == healthURL:
			prefixes = append(prefixes, prefix)
		default:
			settings[name] = prefix
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if prefix := settings[name]; !slices.Contains(prefixes, prefix) {
			l.report("%s: there is no %s; set %s, too", name, siteName(prefix), prefix+healthURL)
		}
	}
	return prefixes
}

// exampleHost is a name that RFC 2606 keeps for examples. Nobody can have a site there.
var exampleHost = regexp.MustCompile(`(?i)^(.+\.)?(example|example\.(com|net|org))\.?$`)

// checkHost refuses a health URL that nobody has edited: example.com answers, and its 404 would
// scale every site.
func (l *loader) checkHost(prefix string, s Site) {
	if u := s.HealthURL.Reveal(); u != nil && exampleHost.MatchString(u.Hostname()) {
		l.report("%s%s=%q: %s is the host of an example: set your own",
			prefix, healthURL, s.HealthURL, u.Hostname())
	}
}

func (l *loader) checkSites(sites []Site) {
	switch len(sites) {
	case 0:
		l.report("SITE_A_HEALTH_URL and SITE_B_HEALTH_URL are not set: want at least two sites")
	case 1:
		l.report(
			"%s is the only site: want at least two, such as SITE_A_HEALTH_URL and SITE_B_HEALTH_URL",
			sites[0].Name)
	}
}

// splitVariable parts SITE_EU_WEST_VERIFY_TLS into SITE_EU_WEST_ and VERIFY_TLS. The key is empty
// where no setting is named.
func splitVariable(name string) (prefix, key string) {
	for _, known := range keys(&Site{}) {
		label, ok := strings.CutSuffix(strings.TrimPrefix(name, "SITE_"), "_"+known)
		if ok && siteLabel.MatchString(label) && len(known) > len(key) {
			prefix, key = "SITE_"+label+"_", known
		}
	}
	return prefix, key
}

// didYouMean asks for the variable most like a mistyped one, over every way to part that into site
// and setting, if any is alike.
func didYouMean(name string) string {
	name = strings.ToUpper(name)
	for _, key := range append(keys(&Serving{}), keys(&Deciding{})...) {
		if strings.HasSuffix(name, "_"+key) {
			return "did you mean " + key + ", which is one for all sites?"
		}
	}
	best, least := "", len(healthURL) // letters to change
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] != '_' {
			continue
		}
		for _, key := range keys(&Site{}) {
			rest := name[i+1:]
			if len(rest)-len(key) >= least { // cannot be nearer
				continue
			}
			if d := distance(rest, key); d < least && d <= len(key)/2 {
				best, least = sitePrefix(name[:i])+key, d
			}
		}
	}
	if best == "" {
		return "every variable that begins with SITE_ must be a setting of the monitor"
	}
	return "did you mean " + best + "?"
}

// sitePrefix takes what stands before a setting for a site, SITE_A where it cannot be one.
func sitePrefix(start string) string {
	if label, ok := strings.CutPrefix(start, "SITE_"); ok && siteLabel.MatchString(label) {
		return start + "_"
	}
	return "SITE_A_"
}

// distance is Levenshtein's: the least number of letters to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
