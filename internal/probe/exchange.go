package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/proxy"
)

// maxHeader is how many bytes of headers are read; more are a fault. nginx and Apache take 8 KiB a
// line by default; Go's own limit of 10 MiB would be a burden with many sites.
const maxHeader = 256 << 10

// RoundTrip is [http.RoundTripper]'s: it sends one request over a connection of its own, which the
// answer's body closes.
//
// It stands in for [http.Transport], which keeps connections and so reads from them at any time.
// The answer of a server that does not wait for the request, such as xinetd or nc, would now and
// then be "unsolicited". Here nothing is read before the request is written.
func (c *client) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.roundTrip(req)
	if err != nil || !c.mayHaveMissedCertificate(resp) {
		return resp, err
	}
	c.newestTLS = tls.VersionTLS12
	if again, err := c.roundTrip(req); err == nil {
		resp.Body.Close()
		return again, nil
	}
	return resp, nil
}

func (c *client) roundTrip(req *http.Request) (*http.Response, error) {
	conn, err := c.open(req)
	if err != nil {
		return nil, err
	}
	resp, err := c.exchange(req, conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	resp.Body = body{resp.Body, conn}
	return resp, nil
}

// body is an answer's, and closes the connection.
type body struct {
	io.Reader
	io.Closer
}

// connection ends with the context that it was opened for.
type connection struct {
	net.Conn   // TLS over raw, or raw itself
	raw        net.Conn
	tls        *tls.ConnectionState // with the server itself; nil without TLS
	release    func() bool
	untilClose bool  // whether the end of the connection is the end of the body
	broke      error // why the last Read failed
}

// Read accepts the end of a connection without TLS's close_notify, as OpenSSL's users do,
// or, in a body of unknown length, with a reset: a server that has not read the request resets it
// when it closes. Other bodies have an end of their own.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.ErrUnexpectedEOF || c.untilClose && isClosed(err) {
		err = io.EOF
	}
	c.broke = err
	return n, err
}

// Close does not wait for a peer that reads nothing, as TLS's farewell would.
func (c *connection) Close() error {
	c.release()
	return c.raw.Close()
}

// open connects to the server of a request, or through a proxy, with TLS for https.
func (c *client) open(req *http.Request) (*connection, error) {
	ctx, t := req.Context(), &c.trace
	t.proxy, c.proxy = "", nil
	if c.target.Proxy != nil {
		via, err := c.target.Proxy(req.URL)
		if err != nil {
			return nil, ownFault{err}
		}
		if c.proxy = via; via != nil {
			t.proxy = net.JoinHostPort(address(via))
			c.proxies = append(c.proxies, via)
		}
	}
	raw, err := c.dial(ctx, req.URL)
	if err != nil {
		return nil, err
	}
	conn := &connection{Conn: raw, raw: raw}
	conn.release = context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
	if err = c.secure(ctx, conn, req.URL); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// dial connects to the server of a URL, or to the proxy before it.
func (c *client) dial(ctx context.Context, to *url.URL) (net.Conn, error) {
	via := c.proxy
	if via == nil {
		return c.dialer.connect(ctx, &c.trace, to)
	}
	forward := forwarder(func(ctx context.Context) (net.Conn, error) {
		return c.dialer.connect(ctx, &c.trace, via)
	})
	if !isSOCKS(via) {
		return forward(ctx)
	}
	var auth *proxy.Auth
	if via.User != nil {
		password, _ := via.User.Password()
		auth = &proxy.Auth{User: via.User.Username(), Password: password}
	}
	socks, err := proxy.SOCKS5("tcp", c.trace.proxy, auth, forward)
	if err != nil {
		return nil, err
	}
	return socks.(proxy.ContextDialer).DialContext(ctx, "tcp", net.JoinHostPort(address(to)))
}

func isSOCKS(via *url.URL) bool { return via.Scheme == "socks5" || via.Scheme == "socks5h" }

// forwarder connects to a proxy, whatever address is asked for.
type forwarder func(context.Context) (net.Conn, error)

// Dial is [proxy.Dialer]'s.
func (f forwarder) Dial(_, _ string) (net.Conn, error) { return f(context.Background()) }

// DialContext is [proxy.ContextDialer]'s.
func (f forwarder) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return f(ctx) }

// secure makes the connection ready for a request to a URL: TLS with the proxy and a tunnel through
// it, and TLS with the server.
func (c *client) secure(ctx context.Context, conn *connection, to *url.URL) error {
	if c.proxy != nil && c.proxy.Scheme == "https" {
		c.trace.atProxy = true
		if err := c.handshake(conn, c.proxy); err != nil {
			return err
		}
		c.trace.atProxy = false
	}
	if to.Scheme != "https" {
		return nil
	}
	if c.proxy != nil && !isSOCKS(c.proxy) {
		if err := c.tunnel(ctx, conn, to); err != nil {
			return err
		}
	}
	return c.handshake(conn, to)
}

// mayHaveMissedCertificate is whether a refusal may mean that the server wanted to ask for the
// client certificate after the handshake, as Apache does where one path alone needs it. With TLS
// 1.3 Go cannot be asked then; with TLS 1.2 it can.
func (c *client) mayHaveMissedCertificate(resp *http.Response) bool {
	return refuses(resp.StatusCode) && resp.TLS != nil && resp.TLS.Version == tls.VersionTLS13 &&
		c.target.ClientCert != nil && !c.trace.showedCert && sameOrigin(resp.Request.URL, c.base)
}

// handshake puts TLS with the host of a URL on a connection.
func (c *client) handshake(conn *connection, with *url.URL) error {
	config, err := c.tlsConfig(with)
	if err != nil {
		return err
	}
	c.trace.begin(handshaking)
	client := tls.Client(conn.Conn, config)
	err = client.Handshake()
	state := client.ConnectionState()
	c.trace.handshake(state, err)
	conn.Conn = client
	if !c.trace.atProxy {
		conn.tls = &state
	}
	return c.blameClock(err)
}

// tunnel asks the proxy to connect to the server of a URL.
func (c *client) tunnel(ctx context.Context, conn *connection, to *url.URL) error {
	c.trace.begin(tunnelling)
	server := net.JoinHostPort(address(to))
	req := (&http.Request{
		Method: http.MethodConnect, URL: &url.URL{Opaque: server}, Host: server,
		Header: proxyAuth(c.proxy),
	}).WithContext(ctx)
	req.Header.Set("User-Agent", c.target.UserAgent)
	if err := req.Write(conn); err != nil {
		return err
	}
	return c.readTunnelAnswer(textproto.NewReader(bufio.NewReader(io.LimitReader(conn, maxHeader))))
}

// readTunnelAnswer reads a proxy's answer to CONNECT. Only the status counts; its headers, valid or
// not, are ignored.
func (c *client) readTunnelAnswer(lines *textproto.Reader) error {
	first, err := lines.ReadLine()
	if err != nil {
		return err
	}
	for rest := first; rest != ""; {
		if rest, err = lines.ReadLine(); err != nil {
			return err
		}
	}
	version, status, _ := strings.Cut(first, " ")
	code, err := strconv.Atoi(status[:min(3, len(status))])
	switch {
	case err != nil || !strings.HasPrefix(version, "HTTP/1."):
		return failure{ReasonProtocol,
			fmt.Sprintf("the proxy %s does not answer CONNECT as HTTP/1.1 does", c.trace.proxy)}
	case code != http.StatusOK:
		return failure{ReasonUnreachable,
			fmt.Sprintf("the proxy %s answers %d to CONNECT", c.trace.proxy, code)}
	}
	return nil
}

// proxyAuth is the header with the proxy's user and password, if it has some.
func proxyAuth(via *url.URL) http.Header {
	header := make(http.Header)
	if via.User != nil {
		password, _ := via.User.Password()
		(&http.Request{Header: header}).SetBasicAuth(via.User.Username(), password)
		header = http.Header{"Proxy-Authorization": header["Authorization"]}
	}
	return header
}

// exchange writes the request and reads the head of the answer.
func (c *client) exchange(req *http.Request, conn *connection) (*http.Response, error) {
	c.trace.begin(waiting)
	// A server that does not read the request may have closed its side already; its answer is there
	// all the same.
	if err := c.onWire(req).Write(conn); err != nil && !isClosed(err) {
		return nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	reader := bufio.NewReader(limited)
	if _, err := reader.Peek(1); err != nil {
		return nil, err
	}
	c.trace.begin(readingHead)
	for {
		resp, err := http.ReadResponse(reader, req)
		switch {
		case err != nil && limited.N <= 0:
			return nil, failure{ReasonProtocol,
				fmt.Sprintf("more than %d bytes of headers, %v", maxHeader, &c.trace)}
		// net/http complains of half a line, and not of why it is half
		case err != nil && conn.broke != nil && conn.broke != io.EOF:
			return nil, conn.broke
		case err != nil:
			return nil, err
		case resp.StatusCode < 100 || resp.StatusCode > 199 ||
			resp.StatusCode == http.StatusSwitchingProtocols:
			limited.N = math.MaxInt64
			resp.TLS = conn.tls
			conn.untilClose = resp.ContentLength < 0 && resp.TransferEncoding == nil
			if location := resp.Header.Get("Location"); location != "" {
				resp.Header.Set("Location", escapePercent(location))
			}
			return resp, nil
		}
	}
}

// onWire is a request as it is written: to a proxy that has no tunnel with the whole URL, whatever
// the Host header says.
func (c *client) onWire(req *http.Request) *http.Request {
	out := *req
	out.Close = true
	if c.proxy != nil && !isSOCKS(c.proxy) && req.URL.Scheme == "http" {
		out.Header = req.Header.Clone()
		for key, values := range proxyAuth(c.proxy) {
			out.Header[key] = values
		}
		path := cmp.Or(req.URL.EscapedPath(), "/")
		out.URL = &url.URL{
			Scheme: "http", Opaque: "//" + hostHeader(req.URL) + path, RawQuery: req.URL.RawQuery,
		}
	}
	return &out
}

func isClosed(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// notEscaped is a percent sign that begins no escape.
var notEscaped = regexp.MustCompile(`%([^0-9A-Fa-f]|$|[0-9A-Fa-f]([^0-9A-Fa-f]|$))`)

// escapePercent escapes a percent sign that begins no escape, which [url.Parse] would refuse.
func escapePercent(text string) string {
	var escaped strings.Builder
	for at := notEscaped.FindStringIndex(text); at != nil; at = notEscaped.FindStringIndex(text) {
		escaped.WriteString(text[:at[0]] + "%25")
		text = text[at[0]+1:]
	}
	return escaped.String() + text
}
