package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// TestLostLinesAreReported blocks the writer for a while: the number of lost lines is reported
// where they are missing, and at the end.
func TestLostLinesAreReported(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	w := newLossyWriter(writer)
	lines := bufio.NewScanner(reader)
	next := func() string {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		return lines.Text()
	}
	const room = 1 + 1000 // one is being written, the others wait in the queue
	for n := range room + 7 {
		fmt.Fprintln(w, n)
		for n == 0 && len(w.queue) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for n := range room {
		if got := next(); got != fmt.Sprint(n) {
			t.Fatalf("got %q, want %d", got, n)
		}
	}
	fmt.Fprintln(w, "later")
	if got := next(); !strings.Contains(got, " 7 lines of the log are lost") {
		t.Errorf("in the gap: %q", got)
	}
	if got := next(); got != "later" {
		t.Errorf("after the gap: %q", got)
	}
	w.lost.Store(3)
	go w.flush(time.Minute)
	if got := next(); !strings.Contains(got, " 3 lines of the log are lost") {
		t.Errorf("at the end: %q", got)
	}
}

// TestFullDiskLosesLines fails some writes: the lines are lost, and reported with the next write.
func TestFullDiskLosesLines(t *testing.T) {
	t.Parallel()
	d := &disk{full: 3}
	w := newLossyWriter(d)
	for n := range 4 {
		fmt.Fprintln(w, n)
	}
	w.flush(time.Minute)
	if got := d.String(); !strings.Contains(got, " 2 lines of the log are lost") ||
		!strings.HasSuffix(got, "\n2\n3\n") {
		t.Errorf("got %q", got)
	}
}

// disk fails its first writes.
type disk struct {
	strings.Builder
	full int
}

func (d *disk) Write(text []byte) (int, error) {
	if d.full--; d.full >= 0 {
		return 0, errors.New("no space left on device")
	}
	return d.Builder.Write(text)
}
