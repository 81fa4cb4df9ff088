package probe

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// minSecret is how long a secret is at least: a shorter one protects nothing, and to hide it would make
// words unreadable that have its letters in them.
const minSecret = 4

// masker hides the secrets of one probe in what it found, whoever wrote them there: a peer can put what
// it was sent into a certificate, or into the host that it redirects to. It is the only place for that.
type masker struct{ secrets *strings.Replacer }

// newMasker hides the credentials in headers, the query of the health URL, and a proxy's password.
func newMasker(headers http.Header, from *url.URL, proxy *url.URL) masker {
	var secrets []string
	for key, values := range headers {
		if isCredential(key) {
			secrets = append(secrets, values...)
			words := strings.Fields(values[0])
			secrets = append(secrets, words[min(1, max(0, len(words)-1)):]...) // the first is Bearer, or Basic
		}
	}
	if user, password, ok := (&http.Request{Header: headers}).BasicAuth(); ok {
		secrets = append(secrets, user, password)
	}
	secrets = append(secrets, from.RawQuery)
	for _, values := range from.Query() {
		secrets = append(secrets, values...)
	}
	if proxy != nil && proxy.User != nil {
		password, _ := proxy.User.Password()
		secrets = append(secrets, password)
	}
	var pairs []string
	for _, secret := range secrets {
		for _, written := range spellings(secret) {
			pairs = append(pairs, written, "***")
		}
	}
	return masker{strings.NewReplacer(pairs...)}
}

// spellings are the ways in which a peer may send a secret back.
func spellings(secret string) []string {
	if len(secret) < minSecret {
		return nil
	}
	quoted := strconv.Quote(secret)
	return []string{
		secret, strings.ToLower(secret), strings.ToUpper(secret), quoted[1 : len(quoted)-1],
		url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)),
	}
}

// clean makes a text fit to be shown: without secrets, and with control and format characters escaped,
// which could turn the words around them on a terminal or page.
func (m masker) clean(text string) string {
	if m.secrets != nil {
		text = m.secrets.Replace(text)
	}
	return Printable(text)
}

// Printable is a text with all characters escaped that are not to be seen, such as U+009B or U+202E.
func Printable(text string) string {
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var shown strings.Builder
	for _, r := range text {
		if isHidden(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			shown.WriteString(quoted[1 : len(quoted)-1])
		} else {
			shown.WriteRune(r)
		}
	}
	return shown.String()
}

func isHidden(r rune) bool { return !unicode.IsPrint(r) }
