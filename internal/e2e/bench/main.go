// Command bench measures the built monitor against the practical limit and other servers, and how
// its cost grows with the number of sites. Its tables are Markdown. The script beside it runs it.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const usage = "want answers, probes, starting or detection, and the binary; or scale, the " +
	"binary, and numbers of sites, or of apps (10x2)"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "bare": // a server under measurement
		return bare(false)
	case len(args) == 1 && args[0] == "limited":
		return bare(true)
	case len(args) == 1 && args[0] == "sites":
		return sites()
	case len(args) < 2:
		return errors.New(usage)
	}
	parts := map[string]func() error{
		"answers":   func() error { return answers(args[1]) },
		"probes":    func() error { return probes(self) },
		"starting":  func() error { return errors.Join(starting(args[1]), sizes(args[1])) },
		"detection": func() error { return detection(args[1]) },
		"scale":     func() error { return scaleAll(args[1], args[2:]) },
	}
	part := parts[args[0]]
	if part == nil {
		return errors.New(usage)
	}
	return part()
}

func scaleAll(binary string, numbers []string) error {
	var fleets []fleet
	for _, number := range numbers {
		of, apps := strings.CutSuffix(number, "x2")
		n, err := strconv.Atoi(of)
		switch {
		case err != nil || n < 1 || n < 2 && !apps:
			return fmt.Errorf("%q is no number of sites, such as 20, or of apps, such as 10x2", number)
		case apps:
			fleets = append(fleets, fleet{n, 2 * n})
		default:
			fleets = append(fleets, fleet{0, n})
		}
	}
	return scale(binary, fleets, 30*time.Second)
}
