package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal shows the demo: a block of lines that renews itself, and keys that need no Enter.
type terminal struct {
	in, out *os.File

	mu       sync.Mutex
	before   *term.State // of in; nil if no keys are read
	restored bool
	rows     int // of the block that is shown
}

// openTerminal prepares a terminal for the block. It is nil if out is none, or if this process runs
// in the background: there it must not change how the terminal works. Keys are read if in is a
// terminal, too. Whoever opens it must call [terminal.restore].
func openTerminal(in *os.File, out io.Writer) (*terminal, error) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || !inForeground(file) {
		return nil, nil
	}
	t := &terminal{in: in, out: file}
	if term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, err
		}
		t.before = before
	}
	return t, nil
}

// inForeground is false for "failover-monitor demo &". In a container the terminal's own process
// group may be in another namespace, and is then 0.
func inForeground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err != nil || group == 0 || group == unix.Getpgrp()
}

// What a terminal understands, be it a real one or any program that stands for one.
const (
	hideCursor, showCursor = "\x1b[?25l", "\x1b[?25h"
	// Without wrapping, a line that is too long takes one row all the same.
	noWrap, wrap = "\x1b[?7l", "\x1b[?7h"
	clearBelow   = "\x1b[J"
	cursorUp     = "\x1b[A"
	red, bold    = "\x1b[31m", "\x1b[1m"
	plain        = "\x1b[0m"
)

// readsKeys is whether there are keys to press.
func (t *terminal) readsKeys() bool { return t.before != nil }

// size is the terminal's. One that does not know it has 80×24, as all have at least.
func (t *terminal) size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width == 0 || height == 0 {
		return 80, 24
	}
	return width, height
}

// print writes lines that stay, above the block.
func (t *terminal) print(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.out, strings.ReplaceAll(text, "\n", "\r\n"))
}

// draw shows these lines in place of those before. After restore it does nothing.
func (t *terminal) draw(lines []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restored {
		return
	}
	_, height := t.size()
	up := min(t.rows, height-1) // less, if the terminal has become smaller
	var b strings.Builder
	b.WriteString(hideCursor + noWrap + strings.Repeat(cursorUp, up) + "\r" + clearBelow)
	for _, line := range lines {
		b.WriteString(line + plain + "\r\n")
	}
	t.rows = len(lines)
	io.WriteString(t.out, b.String()) // at once: nothing flickers
}

// restore makes the terminal as it was. The block stays on it. It may be called more than once, and
// each goroutine of the demo defers it: so it is done when one panics, too.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.restored {
		return
	}
	t.restored = true
	io.WriteString(t.out, plain+wrap+showCursor)
	if t.before != nil {
		term.Restore(int(t.in.Fd()), t.before)
	}
}

// readKeys calls pressed for each key, until the terminal is gone. It cannot be stopped.
func (t *terminal) readKeys(pressed func(key byte)) {
	defer t.restore()
	keys := make([]byte, 16)
	for {
		n, err := t.in.Read(keys)
		if err != nil {
			return
		}
		for _, key := range keys[:n] {
			pressed(key)
		}
	}
}

// logTail keeps the last lines of a log.
type logTail struct {
	mu    sync.Mutex
	lines []string
}

// logTailLines is how many lines of the log are shown at most.
const logTailLines = 6

// Write takes a line, as slog's handlers write them.
func (l *logTail) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(bytes.TrimSuffix(line, []byte("\n"))))
	l.lines = l.lines[max(0, len(l.lines)-logTailLines):]
	return len(line), nil
}

// last gives these lines, the newest last.
func (l *logTail) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}
