//go:build e2e

package faults

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"failover-monitor/internal/e2e/rig"
	"failover-monitor/internal/fakesite"
)

// machineFaults are in the machine that the monitor runs on. With the recommended thresholds and a
// witness, none of them may be taken for a site's death.
func machineFaults(t *testing.T, shipped, stepped string) []fault {
	return []fault{
		resolvConf("resolv.conf is empty for 0.4 s, again and again", shipped, 400*time.Millisecond),
		resolvConf("resolv.conf is empty", shipped, 0),
		startsWithoutNameServer(shipped),
		withoutFiles(),
		pauses(),
		withoutIPv6(shipped),
		oldClock(stepped),
	}
}

// recommended are the settings that env.example recommends, with a witness that answers.
func recommended(s *scene, more ...string) []string {
	return append([]string{"FAILURE_THRESHOLD=3", "SUCCESS_THRESHOLD=2",
		"WITNESS_URLS=tcp://" + startSite(s.T).Address()}, more...)
}

// What a poller sees that never gets 1.
const neverOne = "0|(0 )?503( 0)?"

// confirmed is how much longer a verdict counts with witnesses.
const confirmed = 2 * time.Second

// keepsConf is how long Go keeps what it has read of resolv.conf.
const keepsConf = 5 * time.Second

// resolvConf empties the file for that long, again and again, or for all of the fault: the monitor
// has one of its own, in a mount namespace of its own.
func resolvConf(name, shipped string, empty time.Duration) fault {
	conf := func(s *scene) string { return filepath.Join(s.dir, "resolv.conf") }
	restore := func(s *scene) { s.write("resolv.conf", []byte("nameserver "+nameServerHost+"\n")) }
	var rewriting sync.WaitGroup
	stop := func() {}
	return fault{
		name: name, binary: shipped,
		wrap: func(s *scene, binary string) []string {
			return []string{"unshare", "--mount", "sh", "-c",
				`mount --bind "$0" /etc/resolv.conf && exec "$1"`, conf(s), binary}
		},
		environ: func(s *scene) []string {
			s.dns.Become("resolv.test", resolves)
			restore(s)
			return recommended(s, "SITE_B_HEALTH_URL=http://"+s.at("resolv.test"))
		},
		begin: func(s *scene) {
			os.Truncate(conf(s), 0)
			var ctx context.Context
			ctx, stop = context.WithCancel(s.Context())
			rewriting.Go(func() {
				for empty > 0 && ctx.Err() == nil {
					time.Sleep(empty)
					restore(s)
					time.Sleep(empty)
					os.Truncate(conf(s), 0)
				}
			})
		},
		end: func(s *scene) {
			stop()
			rewriting.Wait()
			restore(s)
		},
		lasts: lifetime + confirmed + 2*cacheTTL + keepsConf, slow: keepsConf,
		sees: neverOne, never: "1",
	}
}

// startsWithoutNameServer is a monitor that is started before the network is there.
func startsWithoutNameServer(shipped string) fault {
	f := resolvConf("resolv.conf is empty at the start", shipped, 0)
	environ := f.environ
	f.environ = func(s *scene) []string {
		settings := environ(s)
		s.write("resolv.conf", nil)
		return settings
	}
	f.begin = func(*scene) {}
	f.sees = "503"
	return f
}

// withoutFiles leaves no file descriptor to read resolv.conf with, or to ask a name server.
func withoutFiles() fault {
	return fault{
		name: "no file descriptor is left to look a name up",
		environ: func(s *scene) []string {
			s.dns.Become("files.test", resolves)
			return recommended(s, "SITE_B_HEALTH_URL=http://"+s.at("files.test"))
		},
		begin: func(s *scene) { s.limitFiles("3") },
		end:   func(s *scene) { s.limitFiles("1024") },
		lasts: lifetime + confirmed + 2*cacheTTL, slow: keepsConf,
		sees: neverOne + "|(0 )?no_answer_in_3_s", never: "1",
	}
}

// pauses stops the process again and again for less than a probe's timeout, while the site answers
// after 0.3 s.
func pauses() fault {
	probed := make(chan bool, 100)
	ended := make(chan bool)
	answer := fakesite.Answer(200)
	return fault{
		name: "monitor is stopped for 0.9 s in every probe",
		environ: func(s *scene) []string {
			s.become(func(conn net.Conn) {
				probed <- true
				time.Sleep(300 * time.Millisecond)
				answer(conn)
			})
			return recommended(s)
		},
		begin: func(s *scene) {
			go func() {
				defer close(ended)
				for until := time.Now().Add(lifetime + confirmed + 2*cacheTTL); time.Now().Before(until); {
					for len(probed) > 0 {
						<-probed
					}
					<-probed
					s.monitor.Signal(s.T, syscall.SIGSTOP)
					time.Sleep(900 * time.Millisecond)
					s.monitor.Signal(s.T, syscall.SIGCONT)
				}
			}()
		},
		lasts: lifetime + confirmed + 2*cacheTTL,
		end:   func(*scene) { <-ended },
		sees:  neverOne + "|.*no_answer.*", never: "1",
	}
}

// withoutIPv6 has the kernel refuse IPv6 sockets to the monitor, as with ipv6.disable=1 or a
// seccomp filter, and a site that has no other address.
func withoutIPv6(shipped string) fault {
	return fault{
		name: "machine refuses IPv6, site has no other address", binary: shipped,
		wrap: func(_ *scene, binary string) []string {
			self, err := os.Executable()
			if err != nil {
				panic(err) // no /proc
			}
			return []string{"env", refuseIPv6 + "=" + binary, self}
		},
		environ: func(s *scene) []string {
			s.dns.Become("six.test", rig.Resolve(net.IPv6loopback))
			return recommended(s, "SITE_B_HEALTH_URL=http://"+s.at("six.test"))
		},
		begin: func(*scene) {}, end: func(*scene) {},
		sees: "503", right: "503", never: "1",
	}
}

// refuseIPv6 names the program that this one is to become once the filter is there.
const refuseIPv6 = "REFUSE_IPV6_TO"

// TestMain is also the program that refuses IPv6 to another, which takes its place.
func TestMain(m *testing.M) {
	if program := os.Getenv(refuseIPv6); program != "" {
		runtime.LockOSThread()
		if err := filterIPv6(); err != nil {
			panic(err)
		}
		panic(syscall.Exec(program, []string{program}, os.Environ()))
	}
	os.Exit(m.Run())
}

// filterIPv6 has socket(AF_INET6) fail with EAFNOSUPPORT in this thread and what it becomes
// (seccomp(2)).
func filterIPv6() error {
	const (
		load, equal, give = 0x20, 0x15, 0x06 // BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
		allow, fail       = 0x7fff0000, 0x00050000
		number, family    = 0, 16 // where struct seccomp_data has them
	)
	filter := []syscall.SockFilter{
		{Code: load, K: number},
		{Code: equal, Jf: 3, K: syscall.SYS_SOCKET},
		{Code: load, K: family},
		{Code: equal, Jf: 1, K: syscall.AF_INET6},
		{Code: give, K: fail | uint32(syscall.EAFNOSUPPORT)},
		{Code: give, K: allow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const setNoNewPrivs, setSeccomp, filterMode = 38, 22, 2
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	_, _, errno = syscall.RawSyscall(syscall.SYS_PRCTL, setSeccomp, filterMode,
		uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// oldClock sets the monitor's clock to before the program was made, as at a boot without a clock:
// no certificate is valid yet.
func oldClock(stepped string) fault {
	ca := rig.NewCA("Test CA")
	f := clockStep(stepped, "clock says 1970, site has TLS", -50*365*24*time.Hour)
	environ := f.environ
	f.environ = func(s *scene) []string {
		cert := ca.Issue(time.Now().AddDate(0, 0, 1), rig.Host().String())
		s.become(rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, fakesite.Answer(200)))
		return append(environ(s), recommended(s, "SITE_B_HEALTH_URL=https://"+s.b.Address(),
			"CA_BUNDLE="+s.write("ca.pem", ca.PEM))...)
	}
	f.lasts, f.sees, f.never = lifetime+confirmed+2*cacheTTL, expires, "1"
	return f
}

// TestAnswersBeforeItReads probes sites that send their answer at once and do not read the request,
// as nc, xinetd and keepalived's servers do: 20 000 probes, and none of them fails.
func TestAnswersBeforeItReads(t *testing.T) {
	for name, environ := range map[string][]string{"http": nil, "https": {"VERIFY_TLS=false"}} {
		t.Run(name, func(t *testing.T) {
			binary, err := rig.Build(t.TempDir(), "failover-monitor")
			if err != nil {
				t.Fatal(err)
			}
			cert, _ := rig.SelfSigned(time.Now().AddDate(0, 0, 1), "127.0.0.1")
			atOnce := fakesite.Behaviour(func(conn net.Conn) {
				fmt.Fprint(conn, "HTTP/1.0 200 OK\r\n\r\nok\n")
			})
			if name == "https" {
				atOnce = rig.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}, atOnce)
			}
			for i := range 20 {
				environ = append(environ, fmt.Sprintf("SITE_%d_HEALTH_URL=%s://%s", i, name,
					rig.Site(t, atOnce).Address()))
			}
			m := rig.Start(t, exec.Command(binary), append(environ, "CACHE_TTL_SEC=0.02")...)
			const want = 10000
			var ok, bad float64
			for deadline := time.Now().Add(5 * time.Minute); ok+bad < want; time.Sleep(time.Second) {
				if time.Now().After(deadline) {
					t.Fatalf("%v probes in five minutes", ok+bad)
				}
				ok, bad = m.Probes(t)
			}
			fmt.Printf("%s: %v probes of sites that answer before they read, %v of them bad\n", name, ok+bad,
				bad)
			if bad > 0 {
				t.Errorf("%v of %v probes failed:\n%s", bad, ok+bad, m.Log())
			}
		})
	}
}
