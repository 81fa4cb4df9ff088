// Package pty has terminals for the programs under test. It is for Linux.
package pty

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a terminal of 80×24 for a program: what a person sees, and the keys that they press.
type Terminal struct {
	Program *os.File     // the program's end
	Before  unix.Termios // how it was before there was a program
	person  *os.File

	mu     sync.Mutex
	output []byte
}

// New opens a terminal until the test ends.
func New(t testing.TB) *Terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(person.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/dev/pts/%d", number)
	program, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &Terminal{Program: program, person: person}
	term.Resize(t, 80, 24)
	term.Before = term.Mode(t)
	read := make(chan struct{})
	go func() {
		defer close(read)
		term.read()
	}()
	t.Cleanup(func() {
		program.Close() // the last one of its end: reading ends
		<-read
		person.Close()
	})
	return term
}

// Resize makes the terminal as wide and high as this.
func (term *Terminal) Resize(t testing.TB, columns, rows uint16) {
	t.Helper()
	size := &unix.Winsize{Col: columns, Row: rows}
	if err := unix.IoctlSetWinsize(int(term.person.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}

func (term *Terminal) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := term.person.Read(buffer)
		term.mu.Lock()
		term.output = append(term.output, buffer[:n]...)
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Attach gives a command this terminal, as its controlling one: a Ctrl-C that is no key ends it.
func (term *Terminal) Attach(cmd *exec.Cmd) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.Program, term.Program, term.Program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
}

// Press presses keys.
func (term *Terminal) Press(t testing.TB, keys string) {
	t.Helper()
	if _, err := term.person.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// Output is all that was written so far.
func (term *Terminal) Output() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return string(term.output)
}

// Mode is how the terminal works: whether it echoes keys, waits for Enter, and so on.
func (term *Terminal) Mode(t testing.TB) unix.Termios {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(term.Program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *mode
}

// Await waits until the output has this text.
func (term *Terminal) Await(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(term.Output(), text); {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in %q", text, term.Output())
		}
		time.Sleep(10 * time.Millisecond)
	}
}
