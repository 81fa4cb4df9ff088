package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// What is set when the program is built: -ldflags "-X main.version=…".
var (
	version    = "dev" // the tag
	commit     string
	commitDate string // RFC 3339
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // something is wrong
	exitUsage  = 2 // the settings or the arguments are wrong
)

const usage = `Usage: failover-monitor [command]

  serve        probe the sites and answer KEDA until SIGTERM or SIGINT (the default)
  check        probe every site and witness once and print what was found
  config       print the settings in effect, without secrets
  healthcheck  ask the monitor that runs with the same settings whether it is well
  override     pin a verdict of that monitor for a while, or list what is pinned
  keda         print the KEDA objects of a site's cluster; keda -h lists the flags
  demo         show a failover: the monitor and two built-in sites, to break
  version      print the version, its commit and when that was made
  help         print this

All settings are environment variables; env.example explains them.
Exit code: 0 all is well, 1 something is not, 2 wrong settings or arguments.
`

// process is what a command has of its process.
type process struct {
	environ        []string
	stdout, stderr io.Writer
	machine        machine
}

// run is the whole program: it does what args say, and returns the exit code.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	out := &checkedWriter{to: stdout}
	p := process{environ, out, stderr, machine{os.DirFS("/")}}
	code := p.run(ctx, args)
	if out.err != nil && code == exitOK {
		return p.fail(exitFailed, fmt.Errorf("standard output: %w", out.err))
	}
	return code
}

// checkedWriter remembers the first error.
type checkedWriter struct {
	to  io.Writer
	err error
}

func (w *checkedWriter) Write(text []byte) (int, error) {
	n, err := w.to.Write(text)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

func (p process) run(ctx context.Context, args []string) int {
	command := "serve"
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "override":
		return override(ctx, p, args[1:])
	case "healthcheck":
		return healthcheck(ctx, p, args[1:])
	case "keda":
		return printKEDA(ctx, p, args[1:])
	}
	if len(args) > 1 {
		fmt.Fprintf(p.stderr, "failover-monitor: %q: want one command and nothing behind it\n\n%s",
			strings.Join(args, " "), usage)
		return exitUsage
	}
	switch command {
	case "serve":
		return p.withConfig(ctx, serve)
	case "check":
		return p.withConfig(ctx, check)
	case "config":
		return p.withConfig(ctx, printConfig)
	case "demo":
		return demo(ctx, p)
	case "version", "--version", "-v":
		fmt.Fprintln(p.stdout, versionLine(version, commit, commitDate))
		return exitOK
	case "help", "--help", "-h":
		fmt.Fprint(p.stdout, usage)
		return exitOK
	}
	fmt.Fprintf(p.stderr, "failover-monitor: %q: no such command\n\n%s", command, usage)
	return exitUsage
}

// versionLine is what the version command prints. A plain "go build" knows no commit.
func versionLine(version, commit, date string) string {
	line := "failover-monitor " + version
	if commit != "" {
		line += fmt.Sprintf(" (commit %s, %s)", commit, date)
	}
	return fmt.Sprintf("%s %s %s/%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// withConfig runs a command that needs all settings to be right.
func (p process) withConfig(
	ctx context.Context, command func(context.Context, process, setup) int,
) int {
	s, err := loadSetup(p.environ, p.machine)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	return command(ctx, p, s)
}

// fail prints an error, a line for each of its lines.
func (p process) fail(code int, err error) int {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(p.stderr, "failover-monitor: %s\n", strings.TrimSuffix(line, "\n"))
	}
	return code
}
