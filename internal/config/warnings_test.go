package config_test

import (
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	const comment = "what stands behind a # in it is taken for a comment; if it belongs to the " +
		"value, put the value between quotes"
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"VERIFY_TLS=false"},
			"VERIFY_TLS is off for site-a, site-b: whoever stands in between can play a healthy site"},
		{[]string{"SITE_B_VERIFY_TLS=false"},
			"VERIFY_TLS is off for site-b: whoever stands in between can play a healthy site"},
		{[]string{"PROBE_TIMEOUT=3", "CACHE_TLL_SEC=9", "log_level=debug", "LOGNAME=root", "PORTS=1"},
			"CACHE_TLL_SEC is no setting and is ignored; did you mean CACHE_TTL_SEC?|" +
				"PROBE_TIMEOUT is no setting and is ignored; did you mean PROBE_TIMEOUT_SEC?|log_level is no " +
				"setting and is ignored; did you mean LOG_LEVEL?"},
		{[]string{"SITE_B_HEALTH_URL=https://a.test/healthz"},
			"site-a and site-b have the same health URL: they can only be down together"},
		{[]string{"SITE_B_HEALTH_URL=https://a.test/healthz", "EXTRA_HEADER_KEY=Host",
			"SITE_A_EXTRA_HEADER_VAL=a", "SITE_B_EXTRA_HEADER_VAL=b"}, ""},
		{[]string{"SITE_B_OVERRIDE=down"},
			"site-b is pinned down by its OVERRIDE, whatever its probes say"},
		{[]string{"RETRY_INTERVAL_SEC=4", "SITE_B_FAILURE_THRESHOLD=2"},
			"RETRY_INTERVAL_SEC=4 is longer than PROBE_TIMEOUT_SEC=3: the probes that confirm a failure " +
				"of site-b do not overlap, and it is found down later than need be"},
		{[]string{"RETRY_INTERVAL_SEC=6", "PROBE_TIMEOUT_SEC=6", "SITE_B_FAILURE_THRESHOLD=2"},
			"RETRY_INTERVAL_SEC=6 is longer than CACHE_TTL_SEC=5: site-b is probed less often " +
				"when its verdict is in doubt"},
		{[]string{"EXTRA_HEADER_KEY=X", "SITE_B_EXTRA_HEADER_VAL_FILE=/nowhere/token",
			"EXTRA_HEADER_VAL=x"},
			"SITE_B_EXTRA_HEADER_VAL_FILE: open /nowhere/token: no such file or directory: site-b cannot " +
				"be probed before that file can be read"},
		{[]string{"WITNESS_URLS=tcp://w:53,https://b.test"},
			"WITNESS_URLS has the host of site-b, which cannot witness its own death: name one that " +
				"is independent of all sites"},
		{[]string{"ANSWER_TIMEOUT_SEC=3"}, "ANSWER_TIMEOUT_SEC=3 is too long: KEDA gives up after 3 s"},
		{[]string{"SITE_B_CACHE_TTL_SEC=0", "SITE_B_PROBE_TIMEOUT_SEC=1", "SUCCESS_THRESHOLD=2"},
			"CACHE_TTL_SEC=0 has site-b probed only when somebody asks: with a threshold of 2 its " +
				"verdict turns after as many polls, however long that takes"},
		{[]string{"CACHE_TTL_SEC=0", "PROBE_TIMEOUT_SEC=2"}, ""},
		{[]string{"SITE_B_ACCEPT_STATUS_REGEX=200|"},
			"ACCEPT_STATUS_REGEX=200|: site-b is up even when it answers 500 or 503"},
		{[]string{"ACCEPT_STATUS_REGEX=^(2..|5.0)$"}, ""},
		{[]string{"Site_C_HEALTH_URL=http://c"},
			"Site_C_HEALTH_URL is no setting and is ignored; did you mean SITE_C_HEALTH_URL?"},
		{[]string{"site_b_override=down"},
			"site_b_override is no setting and is ignored; did you mean SITE_B_OVERRIDE?"},
		{[]string{"SITEC_HEALTH_URL=http://c"},
			"SITEC_HEALTH_URL is no setting and is ignored; did you mean SITE_A_HEALTH_URL?"},
		{[]string{"ftp_proxy=http://proxy:3128", "FTP_PROXY=http://proxy:3128",
			"http_proxy=http://proxy:3128"}, ""},
		{[]string{"VERIFY_TLS=1"},
			"VERIFY_TLS=1 is on; the predecessor took it for off: write true, or false"},
		{[]string{"VERIFY_TLS=Yes"},
			"VERIFY_TLS=Yes is on; the predecessor took it for off: write true, or false"},
		{[]string{"VERIFY_TLS=TRUE"}, ""},
		{[]string{"EXTRA_HEADER_KEY=X", "EXTRA_HEADER_VAL=abc #def"}, "EXTRA_HEADER_VAL: " + comment},
		{[]string{"EXTRA_HEADER_KEY=X", "EXTRA_HEADER_VAL=x", "SITE_B_EXTRA_HEADER_VAL=abc\t#def"},
			"SITE_B_EXTRA_HEADER_VAL: " + comment},
		{[]string{"EXTRA_HEADER_KEY=X", `EXTRA_HEADER_VAL="abc #def"  # ours`}, ""},
		{[]string{"EXTRA_HEADER_VAL=   # optional", "PROBE_METHOD=GET   # or HEAD",
			"SITE_B_HEALTH_URL=https://b.test/ # B"}, ""},
		{[]string{"SITE_B_HEALTH_URL=https://b.test/ # ops@example.com"},
			"SITE_B_HEALTH_URL: " + comment},
		{[]string{`EXPECT_BODY_REGEX="status": *"up"`},
			"EXPECT_BODY_REGEX: its quotes are taken for its own, since there are more of them inside; " +
				"if they are not, put the value between quotes of the other kind"},
		{[]string{`EXPECT_BODY_REGEX='"status": *"up"'`, `SITE_B_EXPECT_BODY_REGEX="\"ok\""`}, ""},
		{[]string{"HTTPS_PROXY=https://proxy:3128"}, ""},
		{[]string{"HTTP_PROXY=https://proxy:3128", "SITE_B_TLS_SERVER_NAME=b"}, ""},
		{[]string{"ACCEPT_STATUS_REGEX=.", "EXPECT_BODY_REGEX=ok"}, ""},
		{[]string{"HTTPS_PROXY=https://proxy:3128", "SITE_B_TLS_SERVER_NAME=b"}, ""},
	} {
		if got := strings.Join(warnings(load(t, twoSites(c.lines...)...)), "|"); got != c.want {
			t.Errorf("%q:\n got %q\nwant %q", c.lines, got, c.want)
		}
	}
}

// TestHastyThreshold is told of in one line, however many sites have it, and not where it is put
// right.
func TestHastyThreshold(t *testing.T) {
	t.Parallel()
	const recommended = " down and scale the others; recommended: " +
		"FAILURE_THRESHOLD=3, and WITNESS_URLS"
	for _, c := range []struct{ line, want string }{
		{"FAILURE_THRESHOLD=1", hasty + "site-a, site-b" + recommended},
		{"SITE_B_FAILURE_THRESHOLD=3", hasty + "site-a" + recommended},
		{"FAILURE_THRESHOLD=2", ""},
		{"WITNESS_URLS=tcp://10.0.0.53:53", ""},
	} {
		if got := strings.Join(load(t, twoSites(c.line)...).Warnings, "|"); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.line, got, c.want)
		}
	}
}
