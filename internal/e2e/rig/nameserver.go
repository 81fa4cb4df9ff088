package rig

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// NameServer answers DNS over UDP and TCP. It treats each name as last set by Become; other names
// do not exist.
type NameServer struct {
	Address string // host:port

	mu     sync.Mutex
	treats map[string]Treatment // by name
	asked  []Question
}

// Question is what a name server is asked.
type Question struct {
	Name string // without the last dot
	Type dnsmessage.Type
	EDNS bool // whether it has an OPT record (RFC 6891)
	TCP  bool
}

// Reply is what a name server answers: a code, and the addresses of the type that was asked for.
type Reply struct {
	Code      dnsmessage.RCode
	Truncated bool // does not fit into UDP
	Addresses []net.IP
}

// Treatment is how a question is answered; nil is no answer.
type Treatment func(Question) *Reply

// Respond answers with a code and no address.
func Respond(code dnsmessage.RCode) Treatment {
	return func(Question) *Reply { return &Reply{Code: code} }
}

// Resolve gives a name these addresses.
func Resolve(addresses ...net.IP) Treatment {
	return func(Question) *Reply { return &Reply{Addresses: addresses} }
}

// Silent never answers.
func Silent(Question) *Reply { return nil }

// IPv4Alone does not answer questions about IPv6 addresses at all.
func IPv4Alone(treat Treatment) Treatment {
	return func(q Question) *Reply {
		if q.Type != dnsmessage.TypeA {
			return nil
		}
		return treat(q)
	}
}

// TCPAlone sends the resolver from UDP to TCP.
func TCPAlone(treat Treatment) Treatment {
	return func(q Question) *Reply {
		if !q.TCP {
			return &Reply{Truncated: true}
		}
		return treat(q)
	}
}

// Late answers after a while.
func Late(by time.Duration, treat Treatment) Treatment {
	return func(q Question) *Reply {
		time.Sleep(by)
		return treat(q)
	}
}

// Alternate treats every other question for an IPv4 address in one way, and the rest in another.
func Alternate(odd, rest Treatment) Treatment {
	var n atomic.Int32
	return func(q Question) *Reply {
		if q.Type == dnsmessage.TypeA && n.Add(1)%2 == 0 {
			return odd(q)
		}
		return rest(q)
	}
}

// WithoutEDNS refuses questions that have an OPT record, as old servers do.
func WithoutEDNS(treat Treatment) Treatment {
	return func(q Question) *Reply {
		if q.EDNS {
			return &Reply{Code: dnsmessage.RCodeFormatError}
		}
		return treat(q)
	}
}

// StartNameServer listens at an address, host:port, until the test ends. Port 0 is a free one.
func StartNameServer(t testing.TB, address string) *NameServer {
	t.Helper()
	udp, tcp, err := listenBoth(address)
	// its TCP port was not free
	for strings.HasSuffix(address, ":0") && errors.Is(err, syscall.EADDRINUSE) {
		udp, tcp, err = listenBoth(address)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close(); tcp.Close() })
	s := &NameServer{Address: udp.LocalAddr().String(), treats: make(map[string]Treatment)}
	go s.serveUDP(udp)
	go s.serveTCP(tcp)
	return s
}

// listenBoth takes one port for UDP and TCP.
func listenBoth(address string) (net.PacketConn, net.Listener, error) {
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, nil, err
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		udp.Close()
	}
	return udp, tcp, err
}

// Become treats a name in another way from now on.
func (s *NameServer) Become(name string, treat Treatment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.treats[name] = treat
}

// Asked are the questions for a name so far.
func (s *NameServer) Asked(name string) []Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.asked), func(q Question) bool { return q.Name != name })
}

// answer is nil for a question that gets none.
func (s *NameServer) answer(message []byte, overTCP bool) []byte {
	var query dnsmessage.Message
	if err := query.Unpack(message); err != nil || len(query.Questions) != 1 {
		return nil
	}
	asks := query.Questions[0]
	q := Question{
		Name: strings.ToLower(strings.TrimSuffix(asks.Name.String(), ".")), Type: asks.Type, TCP: overTCP,
		EDNS: slices.ContainsFunc(query.Additionals,
			func(r dnsmessage.Resource) bool { return r.Header.Type == dnsmessage.TypeOPT }),
	}
	s.mu.Lock()
	treat := s.treats[q.Name]
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if treat == nil {
		treat = Respond(dnsmessage.RCodeNameError)
	}
	reply := treat(q)
	if reply == nil {
		return nil
	}
	answer := dnsmessage.Message{
		Header: dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true,
			RecursionDesired: true, RecursionAvailable: true,
			RCode: reply.Code, Truncated: reply.Truncated},
		Questions: query.Questions,
	}
	for _, ip := range reply.Addresses {
		header := dnsmessage.ResourceHeader{Name: asks.Name, Type: asks.Type, Class: dnsmessage.ClassINET,
			TTL: 60}
		switch four := ip.To4(); {
		case four != nil && q.Type == dnsmessage.TypeA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header,
				Body: &dnsmessage.AResource{A: [4]byte(four)}})
		case four == nil && q.Type == dnsmessage.TypeAAAA:
			answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header,
				Body: &dnsmessage.AAAAResource{AAAA: [16]byte(ip)}})
		}
	}
	packed, err := answer.Pack()
	if err != nil {
		panic(err) // a name that the question could not have had
	}
	return packed
}

func (s *NameServer) serveUDP(socket net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		message := slices.Clone(buffer[:n])
		go func() {
			if answer := s.answer(message, false); answer != nil {
				socket.WriteTo(answer, from)
			}
		}()
	}
}

func (s *NameServer) serveTCP(listener net.Listener) {
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
