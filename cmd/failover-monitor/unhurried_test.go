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

// TestUnhurried has nobody read for a while: what is lost is told where it is missing, and at the
// end.
func TestUnhurried(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	u := newUnhurried(writer)
	lines := bufio.NewScanner(reader)
	next := func() string {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		return lines.Text()
	}
	const room = 1 + 1000 // one that is being written, and the queue
	for n := range room + 7 {
		fmt.Fprintln(u, n)
		for n == 0 && len(u.queue) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for n := range room {
		if got := next(); got != fmt.Sprint(n) {
			t.Fatalf("got %q, want %d", got, n)
		}
	}
	fmt.Fprintln(u, "later")
	if got := next(); !strings.Contains(got, " 7 lines of the log are lost") {
		t.Errorf("in the gap: %q", got)
	}
	if got := next(); got != "later" {
		t.Errorf("after the gap: %q", got)
	}
	u.lost.Store(3)
	go u.flush(time.Minute)
	if got := next(); !strings.Contains(got, " 3 lines of the log are lost") {
		t.Errorf("at the end: %q", got)
	}
}

// TestFullDisk loses what is written while the disk is full, and says so as soon as it can.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := &disk{full: 3}
	u := newUnhurried(d)
	for n := range 4 {
		fmt.Fprintln(u, n)
	}
	u.flush(time.Minute)
	if got := d.String(); !strings.Contains(got, " 2 lines of the log are lost") ||
		!strings.HasSuffix(got, "\n2\n3\n") {
		t.Errorf("got %q", got)
	}
}

// disk is full for so many writes.
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
