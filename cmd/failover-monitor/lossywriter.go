package main

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// lossyWriter writes in the background and never blocks: a log reader that hangs, or a full disk,
// must not delay a probe or an answer. Lines that do not fit into the queue, or that cannot be
// written, are lost and counted.
type lossyWriter struct {
	to    io.Writer
	queue chan entry
	lost  atomic.Int64
}

// entry is a line to write, or a flush marker.
type entry struct {
	line    []byte
	lost    int64         // lines lost before this one
	written chan struct{} // of a flush marker: closed when all before it is written
}

// newLossyWriter keeps up to 1000 writes, which is some 300 kB of log lines.
func newLossyWriter(to io.Writer) *lossyWriter {
	w := &lossyWriter{to: to, queue: make(chan entry, 1000)}
	go w.run()
	return w
}

// Write queues a line, and always succeeds.
func (w *lossyWriter) Write(line []byte) (int, error) {
	lost := w.lost.Swap(0)
	select {
	case w.queue <- entry{line: bytes.Clone(line), lost: lost}:
	default:
		w.lost.Add(lost + 1)
	}
	return len(line), nil
}

// lossNotice stands in the log where lines are missing.
const lossNotice = "failover-monitor: %d lines of the log are lost: " +
	"standard error was full, or nobody read it\n"

func (w *lossyWriter) run() {
	var lost int64 // lines lost since the last notice
	for e := range w.queue {
		if lost += e.lost; lost > 0 {
			if _, err := fmt.Fprintf(w.to, lossNotice, lost); err == nil {
				lost = 0
			}
		}
		if _, err := w.to.Write(e.line); err != nil {
			lost++
		}
		if e.written != nil {
			close(e.written)
		}
	}
}

// flush waits until all is written, but no longer than maxWait.
func (w *lossyWriter) flush(maxWait time.Duration) {
	timeout := time.After(maxWait)
	marker := entry{written: make(chan struct{}), lost: w.lost.Swap(0)}
	select {
	case w.queue <- marker:
	case <-timeout:
		return
	}
	select {
	case <-marker.written:
	case <-timeout:
	}
}
