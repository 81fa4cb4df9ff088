//go:build e2e

package faults

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"failover-monitor/internal/e2e/rig"
)

// nameserver answers DNS over UDP and TCP at port 53 of an address of loopback. It knows one name for each
// row that asks for one, and treats it as it was last told to.
type nameserver struct {
	mu     sync.Mutex
	treats map[string]treatment // by name
}

// treatment is how a question is answered.
type treatment func(question []byte, overTCP bool) (answer []byte)

// Of RFC 1035: response codes, the flag of an answer that does not fit into UDP, the type of a question.
const (
	noError   = 0
	servFail  = 2
	nxDomain  = 3
	truncated = 0x02
	ipv4      = 1
)

// resolves gives the address of the sites, and no IPv6 address.
func resolves(question []byte, _ bool) []byte { return records(question, rig.Host()) }

// records gives these IPv4 addresses.
func records(question []byte, addresses ...net.IP) []byte {
	response := respond(noError)(question, false)
	if asks(question, ipv4) {
		response[7] = byte(len(addresses))
		for _, address := range addresses {
			response = append(response, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4) // the name asked for, A, IN, a minute
			response = append(response, address.To4()...)
		}
	}
	return response
}

// asks is whether a question is for records of a type.
func asks(question []byte, kind uint16) bool {
	return binary.BigEndian.Uint16(question[len(question)-4:]) == kind
}

// ipv4Alone says nothing about IPv6 addresses, not even that there is none.
func ipv4Alone(question []byte, overTCP bool) []byte {
	if !asks(question, ipv4) {
		return nil
	}
	return resolves(question, overTCP)
}

// silent never answers.
func silent([]byte, bool) []byte { return nil }

// respond answers with a code and no record.
func respond(code byte) treatment {
	return func(question []byte, _ bool) []byte {
		response := append([]byte(nil), question...)
		response[2], response[3] = 0x85, 0x80|code // an authoritative answer, recursion was and is there
		return response
	}
}

// tooLong sends the resolver from UDP to TCP, and is silent there.
func tooLong(question []byte, overTCP bool) []byte {
	if overTCP {
		return nil
	}
	response := respond(noError)(question, false)
	response[2] |= truncated
	return response
}

// late resolves after 400 ms, more than a third of a probe's time.
func late(question []byte, overTCP bool) []byte {
	time.Sleep(400 * time.Millisecond)
	return resolves(question, overTCP)
}

// alternating treats every other question for an IPv4 address in that way, and resolves the rest.
func alternating(treat treatment) treatment {
	var n atomic.Int32
	return func(question []byte, overTCP bool) []byte {
		if asks(question, ipv4) && n.Add(1)%2 == 0 {
			return treat(question, overTCP)
		}
		return resolves(question, overTCP)
	}
}

// become treats a name in another way from now on.
func (s *nameserver) become(name string, treat treatment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.treats[name+"."] = treat
}

// answer is nil for a question that gets none.
func (s *nameserver) answer(message []byte, overTCP bool) []byte {
	question, name := cutQuestion(message)
	s.mu.Lock()
	treat := s.treats[strings.ToLower(name)]
	s.mu.Unlock()
	if treat == nil {
		treat = respond(nxDomain)
	}
	return treat(question, overTCP)
}

// cutQuestion takes what follows its one question off a message.
func cutQuestion(message []byte) (question []byte, name string) {
	end := 12
	for message[end] != 0 {
		length := int(message[end])
		name += string(message[end+1:end+1+length]) + "."
		end += 1 + length
	}
	question = append([]byte(nil), message[:end+5]...)
	copy(question[6:12], make([]byte, 6)) // no other records
	return question, name
}

func (s *nameserver) serveUDP(socket net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		message := append([]byte(nil), buffer[:n]...)
		go func() {
			if answer := s.answer(message, false); answer != nil {
				socket.WriteTo(answer, from)
			}
		}()
	}
}

func (s *nameserver) serveTCP(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			var length [2]byte
			for {
				if _, err := io.ReadFull(conn, length[:]); err != nil {
					return
				}
				message := make([]byte, binary.BigEndian.Uint16(length[:]))
				if _, err := io.ReadFull(conn, message); err != nil {
					return
				}
				if answer := s.answer(message, true); answer != nil {
					conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
				}
			}
		}()
	}
}

// startNameserver starts one and puts it into the /etc/resolv.conf of this mount namespace.
func startNameserver(t *testing.T) *nameserver {
	t.Helper()
	const host = "127.53.53.53"
	s := &nameserver{treats: make(map[string]treatment)}
	udp, err := net.ListenPacket("udp", host+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	tcp, err := net.Listen("tcp", host+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	go s.serveUDP(udp)
	go s.serveTCP(tcp)

	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver "+host+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	mount(t, conf, "/etc/resolv.conf", "", syscall.MS_BIND, "")
	return s
}

// mount mounts something until the test ends.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Fatalf("mount %s at %s: %v", source, target, err)
	}
	t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
}
