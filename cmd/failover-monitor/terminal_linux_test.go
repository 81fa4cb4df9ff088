package main

import (
	"strings"
	"testing"

	"failover-monitor/internal/e2e/pty"
)

// TestTerminalAfterPanic expects the terminal as it was before, when a goroutine that shows the
// demo panics.
func TestTerminalAfterPanic(t *testing.T) {
	t.Parallel()
	person := pty.New(t)
	shown, err := openTerminal(person.Program, person.Program)
	if err != nil || shown == nil || !shown.readsKeys() {
		t.Fatalf("openTerminal: %+v, %v", shown, err)
	}
	if person.Mode(t) == person.Before {
		t.Error("the terminal is not raw")
	}
	func() {
		defer func() { recover() }()
		defer shown.restore()
		shown.draw([]string{"a block"})
		panic("test")
	}()
	shown.draw([]string{"a block that is too late"})
	if after := person.Mode(t); after != person.Before {
		t.Errorf("the terminal is %+v, before %+v", after, person.Before)
	}
	person.Await(t, "\x1b[?25h")
	if output := person.Output(); strings.Contains(output, "too late") {
		t.Errorf("it draws after it was restored: %q", output)
	}
}

// TestNoTerminal opens none where the output is a file.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	var output buffer
	if shown, err := openTerminal(pty.New(t).Program, &output); err != nil || shown != nil {
		t.Errorf("openTerminal: %+v, %v; want none", shown, err)
	}
}
