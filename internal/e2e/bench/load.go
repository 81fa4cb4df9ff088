package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// load is what one run of requests has measured.
type load struct {
	perSecond  float64
	p50, p99   float64 // seconds
	cpuPerCall float64 // seconds of the server
}

// target is what to ask, and where.
type target struct {
	name    string
	server  *process
	path    string
	chunked bool // whether the answers' length is not in their headers
}

// measure asks a target over so many connections, each of which sends its next request when it has
// the last answer, for as long as given.
func measure(t target, connections int, during time.Duration) (load, error) {
	took := make([][]float64, connections)
	errs := make([]error, connections)
	var running sync.WaitGroup
	cpu, began := t.server.cpu(), time.Now()
	for i := range connections {
		running.Go(func() { took[i], errs[i] = ask(t, began.Add(during)) })
	}
	running.Wait()
	elapsed := time.Since(began).Seconds()
	cpu = t.server.cpu() - cpu
	var all sample
	for i := range took {
		if errs[i] != nil {
			return load{}, fmt.Errorf("%s: %w", t.name, errs[i])
		}
		all = append(all, took[i]...)
	}
	calls := float64(len(all))
	return load{calls / elapsed, all.quantile(.5), all.quantile(.99), cpu.Seconds() / calls}, nil
}

// ask sends requests over one connection, and gives how long each took. An answer that is not 200
// is an error. At least one request is sent.
func ask(t target, until time.Time) (took []float64, err error) {
	conn, err := net.Dial("tcp", t.server.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(max(0, time.Until(until)) + time.Minute))
	request := []byte("GET " + t.path + " HTTP/1.1\r\nHost: " + t.server.address +
		"\r\nUser-Agent: bench\r\n\r\n")
	in := bufio.NewReader(conn)
	for sent := time.Now(); sent.Before(until) || took == nil; {
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		if err := t.readAnswer(in); err != nil {
			return nil, err
		}
		now := time.Now()
		took = append(took, now.Sub(sent).Seconds())
		sent = now
	}
	return took, nil
}

func (t target) readAnswer(in *bufio.Reader) error {
	if t.chunked {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("answers %s", resp.Status)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return skipAnswer(in)
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
)

// skipAnswer reads an answer with next to no work, so that the server is what is measured.
func skipAnswer(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, statusOK) {
		return fmt.Errorf("answers %q", line)
	}
	length := 0
	for len(line) > 2 {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(line, contentLength); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = in.Discard(length)
	return err
}
