package probe

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"
)

// maxToken is how many bytes of a token file are read. Servers take 8 KiB of headers and little more.
const maxToken = 16 << 10

// credentials are the headers that only the target itself may see.
func credentials(target Target) (http.Header, error) {
	headers := make(http.Header)
	value := target.HeaderVal
	if target.HeaderValFile != "" {
		token, err := readToken(target.HeaderValFile)
		if err != nil {
			return nil, fmt.Errorf("EXTRA_HEADER_VAL_FILE: %w", err)
		}
		value = token
	}
	if target.HeaderKey != "" {
		headers.Set(target.HeaderKey, value)
	}
	if user := target.URL.User; user != nil { // it replaces a header Authorization, as it did with requests
		password, _ := user.Password()
		req := http.Request{Header: headers}
		req.SetBasicAuth(user.Username(), password)
	}
	return headers, nil
}

// readToken reads a file that holds one line.
func readToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxToken {
		return "", fmt.Errorf("%s: want a file of at most %d bytes", path, maxToken)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(strings.TrimPrefix(string(content), "\ufeff"))
	if token == "" || strings.ContainsFunc(token, unicode.IsControl) {
		return "", fmt.Errorf("%s: want one line of text in it", path)
	}
	return token, nil
}

// authorize gives a request, the first or a redirected one, its headers. The client has copied the
// first one's to a redirected one: what the target alone may see is taken off again elsewhere.
func (p *Prober) authorize(req *http.Request, headers http.Header) {
	own := sameOrigin(req.URL, p.base)
	req.Header.Del("Referer") // the client's own would carry the health URL's query along
	for key, values := range headers {
		req.Header.Del(key)
		if own {
			req.Header[key] = values
		}
	}
	req.Host = ""
	if own {
		req.Host = headers.Get("Host") // net/http takes it from there alone
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", p.target.UserAgent)
	}
}

// sameOrigin is whether credentials for the one may go to the other: the same host and port, and
// never from https to http.
func sameOrigin(to, from *url.URL) bool {
	return hostPort(to) == hostPort(from) && (to.Scheme == from.Scheme || to.Scheme == "https")
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
