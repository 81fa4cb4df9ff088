//go:build e2e

package faults

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// buildStepped builds the binary on a package time whose wall clock is off by the seconds that
// stand in the file CLOCK_STEP. All else is as it is shipped; the monotonic clock goes on. The
// machine's own clock is not to be stepped, a time namespace has no wall clock of its own, and
// libfaketime needs a libc.
func buildStepped(dir string) (path string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src/time/time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	const now = "\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(source), now) != 1 {
		return "", fmt.Errorf("%s does not read the clock in one place with %q: this Go is another one",
			original, now)
	}
	stepped := filepath.Join(dir, "time.go")
	text := strings.Replace(string(source), now, now+"\tsec += clockStep()\n", 1)
	overlay, _ := json.Marshal(map[string]map[string]string{"Replace": {
		original: stepped,
		filepath.Join(filepath.Dir(original), "clockstep.go"): filepath.Join(dir, "clockstep.go"),
	}})
	if err := errors.Join(
		os.WriteFile(stepped, []byte(text), 0o600),
		os.WriteFile(filepath.Join(dir, "clockstep.go"), []byte(clockStepSource), 0o600),
		os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600),
	); err != nil {
		return "", err
	}
	return rig.Build(dir, "failover-monitor-stepped", "-overlay", filepath.Join(dir, "overlay.json"),
		"-ldflags", "-X main.commitDate="+time.Now().AddDate(0, 0, -1).Format(time.RFC3339))
}

// clockStepSource reads the seconds from memory that is the file: the runtime looks at the clock
// where nothing else can be done.
const clockStepSource = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var clockStepAt = mapClockStep()

func mapClockStep() *int64 {
	path, ok := syscall.Getenv("CLOCK_STEP")
	if !ok {
		return new(int64)
	}
	file, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	memory, err := syscall.Mmap(file, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	syscall.Close(file)
	return (*int64)(unsafe.Pointer(&memory[0]))
}

func clockStep() (seconds int64) { return atomic.LoadInt64(clockStepAt) }
`

// clockStep steps the wall clock, and back again.
func clockStep(stepped, name string, by time.Duration) fault {
	step := func(s *scene, by time.Duration) {
		file, err := os.OpenFile(filepath.Join(s.dir, "clock"), os.O_WRONLY, 0)
		if err != nil {
			s.Fatal(err)
		}
		defer file.Close()
		_, err = file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(by/time.Second)), 0)
		if err != nil {
			s.Fatal(err)
		}
		s.wantClock(by)
	}
	return fault{
		name: name, binary: stepped,
		environ: func(s *scene) []string {
			return []string{"CLOCK_STEP=" + s.write("clock", make([]byte, 8))}
		},
		begin: func(s *scene) { step(s, by) },
		end:   func(s *scene) { step(s, 0) },
	}
}

// clockFaults step the clock by an hour.
func clockFaults(stepped string) []fault {
	row := func(name string, by time.Duration, sees string, begin, end func(*scene)) fault {
		f := clockStep(stepped, name, by)
		step, back := f.begin, f.end
		f.sees = sees
		f.begin = func(s *scene) { begin(s); step(s) }
		f.end = func(s *scene) { end(s); back(s) }
		return f
	}
	nothing := func(*scene) {}
	die := func(s *scene) { s.b.Refuse() }
	return []fault{
		row("clock steps an hour forward, and back", time.Hour, "0", nothing, nothing),
		row("clock steps an hour back, and forward", -time.Hour, "0", nothing, nothing),
		row("clock steps forward, site dies", time.Hour, turns1, die, (*scene).heal),
		row("clock steps back, site dies", -time.Hour, turns1, die, (*scene).heal),
	}
}

// wantClock checks that the monitor's clock is off by that much.
func (s *scene) wantClock(by time.Duration) {
	s.Helper()
	resp, err := http.Get(s.monitor.URL("/status"))
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	var status struct{ Time time.Time }
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		s.Fatal(err)
	}
	if off := time.Until(status.Time) - by; off.Abs() > 5*time.Second {
		s.Errorf("the monitor's clock says %v, want %v from now", status.Time, by)
	}
}
