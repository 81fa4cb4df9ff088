package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// unhurried writes in the background and never waits: a reader of the log who hangs, or a full
// disk, must delay no probe and no answer. What does not fit into the queue, or is not taken, is
// lost and counted.
type unhurried struct {
	to    io.Writer
	queue chan entry
	lost  atomic.Int64
}

// entry is something to write, or somebody to tell that all before it is written.
type entry struct {
	text    []byte
	lost    int64 // lines before it
	written chan struct{}
}

// newUnhurried keeps up to 1000 writes, which is some 300 kB of log lines.
func newUnhurried(to io.Writer) *unhurried {
	u := &unhurried{to: to, queue: make(chan entry, 1000)}
	go u.run()
	return u
}

// Write takes text to be written, and always succeeds.
func (u *unhurried) Write(text []byte) (int, error) {
	lost := u.lost.Swap(0)
	select {
	case u.queue <- entry{text: bytes.Clone(text), lost: lost}:
	default:
		u.lost.Add(lost + 1)
	}
	return len(text), nil
}

func (u *unhurried) run() {
	var lost int64 // lines of which nobody has been told
	for e := range u.queue {
		if lost += e.lost; lost > 0 {
			if _, err := fmt.Fprintf(u.to,
				"failover-monitor: %d lines of the log are lost: standard error was full, or nobody read it\n",
				lost); err == nil {
				lost = 0
			}
		}
		if _, err := u.to.Write(e.text); err != nil {
			lost++
		}
		if e.written != nil {
			close(e.written)
		}
	}
}

// flush waits until all is written, but no longer than that.
func (u *unhurried) flush(patience time.Duration) {
	timeout := time.After(patience)
	last := entry{written: make(chan struct{}), lost: u.lost.Swap(0)}
	select {
	case u.queue <- last:
	case <-timeout:
		return
	}
	select {
	case <-last.written:
	case <-timeout:
	}
}
