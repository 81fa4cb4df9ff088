package probe

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// minSecret is how long a secret is at least: a shorter one protects nothing, and to hide it would
// make words unreadable that have its letters in them.
const minSecret = 4

// ownWords are words of the monitor's own sentences. A secret that is one of them is not masked:
// the sentence would be unreadable, and the word does not reveal that it is a secret.
var ownWords = strings.Fields(
	`after answer answered answers authority body certificate connected connecting connection
	credentials expired false from handshake header headers host http https lookup monitor name names port probe
	proxy redirect redirects refused reset server shown signed site socket status that there timeout token
	true unknown waiting`)

// masker hides the secrets of one probe in what it found, whoever wrote them there: a peer can put
// what it was sent into a certificate, or into the host that it redirects to. It is the only place
// for that.
type masker struct{ secrets *strings.Replacer }

// newMasker hides the credentials in headers, the query of the health URL, and the users and
// passwords of proxies.
func newMasker(headers http.Header, from *url.URL, proxies []*url.URL) masker {
	var secrets []string
	for key, values := range headers {
		if isCredential(key) {
			secrets = append(append(secrets, values...), wordsOf(values[0])...)
		}
	}
	if user, password, ok := (&http.Request{Header: headers}).BasicAuth(); ok {
		secrets = append(secrets, user, password)
	}
	secrets = append(secrets, from.RawQuery)
	for _, values := range from.Query() {
		secrets = append(secrets, values...)
	}
	for _, via := range proxies {
		if via.User != nil {
			password, _ := via.User.Password()
			secrets = append(secrets, password, via.User.Username(), via.User.Username()+":"+password)
		}
	}
	var written []string
	for _, secret := range secrets {
		if len(secret) >= minSecret && !slices.Contains(ownWords, strings.ToLower(secret)) {
			written = append(written, spellings(secret)...)
		}
	}
	// one may be a part of another
	slices.SortFunc(written, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, w := range written {
		pairs = append(pairs, w, "***")
	}
	return masker{strings.NewReplacer(pairs...)}
}

// wordsOf are the parts of a header's value that may be secrets alone: the token in "Bearer TOKEN",
// and the values in "session=VALUE; id=VALUE".
func wordsOf(value string) (words []string) {
	for i, word := range strings.Fields(value) {
		name, rest, named := strings.Cut(word, "=")
		switch {
		case named && strings.Trim(rest, "=") != "": // "=" behind it is padding
			words = append(words, strings.Trim(rest, `;,"`))
		case i > 0: // the first is Bearer, or Basic
			words = append(words, strings.Trim(name, `;,"`))
		}
	}
	return words
}

// spellings are the ways in which a peer may send a secret back.
func spellings(secret string) []string {
	quoted := strconv.Quote(secret)
	return []string{
		secret, strings.ToLower(secret), strings.ToUpper(secret), quoted[1 : len(quoted)-1],
		url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)),
	}
}

// clean makes a text fit to be shown: without secrets, and with control and format characters
// escaped, which could turn the words around them on a terminal or page.
func (m masker) clean(text string) string {
	if m.secrets != nil {
		text = m.secrets.Replace(text)
	}
	return Printable(text)
}

// Printable is a text with all characters escaped that are not to be seen, such as U+009B or
// U+202E.
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
