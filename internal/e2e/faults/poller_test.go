//go:build e2e

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// kedaTimeout is how long KEDA waits for an answer.
const kedaTimeout = 3 * time.Second

// The answers that are no value.
const (
	unknown  = "503"
	noAnswer = "no answer in 3 s"
	failed   = "refused" // or reset
)

// poll is one answer.
type poll struct {
	asked time.Time
	took  time.Duration
	got   string // a value, or one of the constants
}

func (p poll) answered() time.Time { return p.asked.Add(p.took) }

// poller asks every 50 ms, whether earlier polls are answered or not: in turn over connections that
// are kept, as KEDA's are, and over new ones.
type poller struct {
	url    string
	ended  chan struct{}
	asking sync.WaitGroup

	mu    sync.Mutex
	polls [2][]poll // over kept and over new connections
}

func startPoller(url string) *poller {
	p := &poller{url: url, ended: make(chan struct{})}
	transports := [2]*http.Transport{{MaxIdleConnsPerHost: 100}, {DisableKeepAlives: true}}
	p.asking.Go(func() {
		defer transports[0].CloseIdleConnections()
		every := time.NewTicker(50 * time.Millisecond)
		defer every.Stop()
		for n := 0; ; n++ {
			client := http.Client{Timeout: kedaTimeout, Transport: transports[n%2]}
			p.asking.Go(func() {
				answer := p.ask(&client)
				p.mu.Lock()
				defer p.mu.Unlock()
				p.polls[n%2] = append(p.polls[n%2], answer)
			})
			select {
			case <-every.C:
			case <-p.ended:
				return
			}
		}
	})
	return p
}

func (p *poller) stop() {
	close(p.ended)
	p.asking.Wait()
	for _, polls := range p.polls {
		slices.SortFunc(polls, func(a, b poll) int { return a.asked.Compare(b.asked) })
	}
}

func (p *poller) ask(client *http.Client) (answer poll) {
	answer.asked = time.Now()
	defer func() { answer.took = time.Since(answer.asked) }()
	resp, err := client.Get(p.url)
	if err == nil {
		defer resp.Body.Close()
		var body []byte
		if body, err = io.ReadAll(resp.Body); err == nil {
			answer.got = classify(resp.StatusCode, string(body))
			return answer
		}
	}
	answer.got = failed
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		answer.got = noAnswer
	}
	return answer
}

// classify returns the value, 503, or an answer that is always wrong.
func classify(status int, body string) string {
	var value int
	if n, _ := fmt.Sscanf(body, "{\"value\":%d}\n", &value); status == http.StatusOK && n == 1 &&
		body == fmt.Sprintf("{\"value\":%d}\n", value) {
		return fmt.Sprint(value)
	}
	if status == http.StatusServiceUnavailable {
		return unknown
	}
	return fmt.Sprintf("%d %q", status, body)
}

// change is an answer that differs from the one before, and when it was first asked for.
type change struct {
	after time.Duration
	got   string
}

// changes are the answers to polls that were asked and answered in a span of time, counted from its
// beginning.
func changes(polls []poll, from, to time.Time) (seen []change) {
	for _, p := range polls {
		if p.asked.Before(from) || p.answered().After(to) {
			continue
		}
		if len(seen) == 0 || seen[len(seen)-1].got != p.got {
			seen = append(seen, change{p.asked.Sub(from), p.got})
		}
	}
	return seen
}

// sequence are the answers without the times: expires.
func sequence(seen []change) string {
	var answers []string
	for _, c := range seen {
		answers = append(answers, strings.ReplaceAll(c.got, " ", "_"))
	}
	return strings.Join(answers, " ")
}

// story says when the answers changed: "0; 503 from 2.3 s on".
func story(seen []change) string {
	if len(seen) == 1 {
		return seen[0].got + " throughout"
	}
	var parts []string
	for i, c := range seen {
		part := c.got
		if i > 0 {
			part += fmt.Sprintf(" from %.1f s on", c.after.Seconds())
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// rightAgain is how long after a moment the first poll was answered of those that are all right. It
// is false when the last one is not.
func rightAgain(polls []poll, right string, end time.Time) (after time.Duration, ok bool) {
	wrong := -1
	for i, p := range polls {
		if p.got != right {
			wrong = i
		}
	}
	if wrong == len(polls)-1 {
		return 0, false
	}
	if first := polls[wrong+1]; first.answered().After(end) {
		after = first.answered().Sub(end)
	}
	return after, true
}
