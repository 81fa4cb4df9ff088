package main

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// TestDemo does what the demo's text says, without a terminal: each change is a line.
func TestDemo(t *testing.T) {
	t.Parallel()
	port, err := rig.FreePorts("127.0.0.1", demoPorts)
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{fmt.Sprint("PORT=", port)}
	demo := begin(t, environ, "demo")
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	control := fmt.Sprintf("http://127.0.0.1:%d", port+3)
	becomes := func(value string) {
		t.Helper()
		want := "200 {\"value\":" + value + "}\n"
		deadline := time.Now().Add(20 * time.Second)
		for get(t, url+"/metric/site-a") != want {
			if time.Now().After(deadline) {
				t.Fatalf("/metric/site-a does not become %q", want)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	demo.stderr.await(t, "listening")
	becomes("0")
	demo.stdout.await(t, "UTC  site-a: its KEDA is told 0\n")
	for _, fault := range []string{"hang", "500", "refuse"} {
		if got := get(t, control+"/site-b/"+fault); got != "200 site-b: "+fault+"\n" {
			t.Errorf("the control answers %q", got)
		}
		becomes("1")
		demo.stdout.await(t, "UTC  site-b is down: .")
		demo.stdout.await(t, "UTC  site-a: its KEDA is told 1\n")
		demo.stdout.await(t, "UTC  site-a: its HPA goes from 2 to 4 replicas\n")
		get(t, control+"/site-b/heal")
		becomes("0")
	}
	if got := get(t, control+"/site-c/hang"); !strings.HasPrefix(got,
		"404 want /site-a/ or /site-b/") {
		t.Errorf("the control answers %q", got)
	}
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"demo"}, environ, io.Discard, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "address already in use") ||
		!strings.Contains(stderr.String(), "PORT=18000 failover-monitor demo") {
		t.Errorf("a second one: exit code %d, %q", code, &stderr)
	}
	if code := demo.stop(t); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	lines := strings.Split(demo.stdout.String(), "\n")
	for i, want := range []string{
		fmt.Sprintf("http://127.0.0.1:%d/", port),
		fmt.Sprintf("curl -s 127.0.0.1:%d/site-b/hang ", port+3),
		fmt.Sprintf("curl -s 127.0.0.1:%d/metric/site-a ", port),
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %q, want %q in it", i+1, lines[i], want)
		}
	}
	for _, line := range lines[3 : len(lines)-1] {
		if !regexp.MustCompile(`^\d\d:\d\d:\d\d UTC  site-[ab]( is|:) `).MatchString(line) {
			t.Errorf("a line of changes is %q", line)
		}
	}
	stderr.Reset()
	code = run(t.Context(), []string{"demo"}, []string{"PORT=65535"}, io.Discard, &stderr)
	if code != 2 || !strings.Contains(stderr.String(), "the demo takes 4 ports") {
		t.Errorf("no port left: exit code %d, %q", code, &stderr)
	}
}
