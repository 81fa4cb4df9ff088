package probe

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is how many bytes of a body are read, after decompression. A health answer fits in; a
// longer or endless body is no fault.
const maxBody = 64 << 10

// judge says whether an answer is one of a site that is up.
func (c *client) judge(resp *http.Response) error {
	if resp.ProtoMajor != 1 || resp.StatusCode < 100 {
		return failure{ReasonProtocol, "the answer is not HTTP/1.1, " + c.trace.String()}
	}
	c.trace.begin(readingBody)
	c.trace.status = resp.StatusCode
	if !c.target.Accept(resp.StatusCode) {
		return c.statusFailure(resp)
	}
	// What follows is no body, and reading it would ignore the deadline.
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	if c.target.ExpectBody == nil {
		if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
			return bodyError{err}
		}
		return nil
	}
	return c.matchBody(resp)
}

// matchBody looks for what the body must have in it. A byte order mark and white space around the
// body do not count, and lines end as regular expressions know it.
func (c *client) matchBody(resp *http.Response) error {
	read := readBody
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		read = readGzip
	}
	body, err := read(resp.Body)
	if err != nil {
		return bodyError{err}
	}
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !c.target.ExpectBody.Match(text) {
		return failure{ReasonBody, fmt.Sprintf("nothing in the body (%d bytes read) matches %q",
			len(body), strings.TrimPrefix(c.target.ExpectBody.String(), "(?m)"))}
	}
	return nil
}

func readBody(body io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(body, maxBody)) }

// readGzip reads one compressed stream after another. What follows them and is none does not count,
// as for most clients.
func readGzip(body io.Reader) ([]byte, error) {
	buffered := bufio.NewReader(body)
	if _, err := buffered.Peek(1); err == io.EOF { // as after HEAD
		return nil, nil
	}
	stream, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, err
	}
	var text []byte
	for more := true; more && len(text) < maxBody; more = stream.Reset(buffered) == nil {
		stream.Multistream(false)
		part, err := io.ReadAll(io.LimitReader(stream, int64(maxBody-len(text))))
		if err != nil {
			return nil, err
		}
		text = append(text, part...)
	}
	return text, nil
}
