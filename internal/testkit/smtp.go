package testkit

import (
	"bufio"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcrflow/mcrflow/internal/config"
)

// Fate is what happens to one attempt to hand a message to a test server.
type Fate int

// The fates. After DropAfterEnd the message is taken like after Accept, but its sender is never told.
const (
	Accept          Fate = iota
	RejectRecipient      // 550 to RCPT
	DeferRecipient       // 451 to RCPT
	EndService           // 421 to RCPT, and the connection ends
	DropAtRecipient      // the connection ends in place of the answer to RCPT
	DropBeforeEnd        // the connection ends within DATA
	RejectContent        // 554 after the end of DATA
	DeferContent         // 452 after the end of DATA
	DropAfterEnd         // the connection ends in place of the answer to DATA
)

// SMTPPlan says what a mail server does to its senders. The shares are probabilities of 0 to 1, which together are at most
// 1; the rest is accepted. An attempt's fate follows from seed, recipient and the number of the attempt alone, so that it
// is the same however many connections there are.
type SMTPPlan struct {
	Seed   uint64
	Shares map[Fate]float64
	Slow   float64       // share of attempts that are answered late
	Delay  time.Duration // how late
	// Script decides in place of the shares, if it is not nil. Attempts of a recipient count from 1.
	Script   func(recipient string, attempt int) Fate
	Greeting string // in place of 220: the server refuses every connection, such as with "554 no service"
	Forget   bool   // keeps nothing of what it takes
}

func (p SMTPPlan) fate(recipient string, attempt int) (Fate, time.Duration) {
	h := fnv.New64a()
	_, _ = io.WriteString(h, recipient)
	r := rand.New(rand.NewPCG(p.Seed+uint64(attempt), h.Sum64()))
	var late time.Duration
	if r.Float64() < p.Slow {
		late = p.Delay
	}
	if p.Script != nil {
		return p.Script(recipient, attempt), late
	}
	drawn := r.Float64()
	for f := RejectRecipient; f <= DropAfterEnd; f++ {
		if drawn -= p.Shares[f]; drawn < 0 {
			return f, late
		}
	}
	return Accept, late
}

// Mail is a message that the server has taken. Lost: its sender was never seen to have read so, because the connection
// ended, by whomever, before another command came.
type Mail struct {
	MessageID string // without its brackets
	From, To  string // of the envelope
	Data      string
	Lost      bool
}

// Receipt counts how often the same was taken, and how often with the acknowledgement lost.
type Receipt struct{ Accepted, Lost int }

// SMTPServer is a mail server on 127.0.0.1 that takes everything its plan lets it. It is safe for concurrent use, and
// speaks to senders in other processes too.
type SMTPServer struct {
	plan    SMTPPlan
	address string

	mu          sync.Mutex
	listener    net.Listener // nil: down
	open        map[net.Conn]bool
	attempts    map[string]int
	fates       map[Fate]int
	taken       []*Mail
	connections int
	receiving   int
	handlers    sync.WaitGroup
}

// NewSMTP starts a mail server, which ends with the test.
func NewSMTP(t testing.TB, plan SMTPPlan) *SMTPServer {
	t.Helper()
	s, err := ServeSMTP(plan)
	if err != nil {
		t.Fatal("testkit:", err)
	}
	t.Cleanup(s.Close)
	return s
}

// ServeSMTP starts a mail server outside of a test.
func ServeSMTP(plan SMTPPlan) (*SMTPServer, error) {
	s := &SMTPServer{plan: plan, address: "127.0.0.1:0", open: map[net.Conn]bool{}, attempts: map[string]int{}, fates: map[Fate]int{}}
	return s, s.Up()
}

// Close takes the server down and waits until its connections have ended.
func (s *SMTPServer) Close() {
	s.Down()
	s.handlers.Wait()
}

// Config returns the settings by which a sender finds the server.
func (s *SMTPServer) Config() config.SMTP {
	host, port, _ := net.SplitHostPort(s.address)
	number := 0
	for _, digit := range port {
		number = number*10 + int(digit-'0')
	}
	return config.SMTP{Host: host, Port: number, From: "mcrflow@example.com", TLS: "none"}
}

// Up takes connections, on the same port as before.
func (s *SMTPServer) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	s.listener, s.address = l, l.Addr().String()
	s.handlers.Add(1)
	go func() {
		defer s.handlers.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			if s.listener != l { // went down meanwhile
				conn.Close()
			} else {
				s.open[conn] = true
				s.connections++
				s.handlers.Add(1)
				go s.serve(conn)
			}
			s.mu.Unlock()
		}
	}()
	return nil
}

// Down ends all connections and takes none: whoever comes is refused.
func (s *SMTPServer) Down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return
	}
	s.listener.Close()
	s.listener = nil
	for conn := range s.open {
		conn.Close()
	}
}

// Taken returns the messages taken so far, in order.
func (s *SMTPServer) Taken() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Mail, len(s.taken))
	for i, m := range s.taken {
		out[i] = *m
	}
	return out
}

// ByMessageID counts the messages taken by their Message-ID.
func (s *SMTPServer) ByMessageID() map[string]Receipt {
	return s.count(func(m *Mail) string { return m.MessageID })
}

// ByRecipient counts the messages taken by the receiver of the envelope.
func (s *SMTPServer) ByRecipient() map[string]Receipt {
	return s.count(func(m *Mail) string { return m.To })
}

func (s *SMTPServer) count(key func(*Mail) string) map[string]Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Receipt{}
	for _, m := range s.taken {
		r := out[key(m)]
		r.Accepted++
		if m.Lost {
			r.Lost++
		}
		out[key(m)] = r
	}
	return out
}

// Fates counts the attempts so far by what happened to them.
func (s *SMTPServer) Fates() map[Fate]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[Fate]int{}
	for f, n := range s.fates {
		out[f] = n
	}
	return out
}

// Connections counts the connections taken so far.
func (s *SMTPServer) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Receiving counts the messages of which the server has the end and has not said yet what becomes of them.
func (s *SMTPServer) Receiving() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.receiving
}

func (s *SMTPServer) thinking(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receiving += n
}

// conversation is one connection.
type conversation struct {
	server      *SMTPServer
	conn        net.Conn
	in          *bufio.Reader
	unconfirmed *Mail // taken, and the sender has said nothing since
	from, to    string
	fate        Fate
	late        time.Duration
}

func (s *SMTPServer) serve(conn net.Conn) {
	c := &conversation{server: s, conn: conn, in: bufio.NewReader(conn)}
	defer func() {
		conn.Close()
		s.mu.Lock()
		if c.unconfirmed != nil {
			c.unconfirmed.Lost = true
		}
		delete(s.open, conn)
		s.mu.Unlock()
		s.handlers.Done()
	}()
	if s.plan.Greeting != "" {
		c.say(s.plan.Greeting)
		return
	}
	c.say("220 testkit ESMTP")
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		if c.unconfirmed != nil { // who goes on has read the answer: nothing is sent ahead of it without PIPELINING
			s.mu.Lock()
			c.unconfirmed = nil
			s.mu.Unlock()
		}
		if !c.command(strings.TrimSpace(line)) {
			return
		}
	}
}

func (c *conversation) say(line string) { _, _ = io.WriteString(c.conn, line+"\r\n") }

// command answers one command; false ends the connection.
func (c *conversation) command(line string) bool {
	verb, _, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		c.say("250-testkit\r\n250-8BITMIME\r\n250 SMTPUTF8")
	case "MAIL":
		c.from, c.to = envelope(line), ""
		c.say("250 sender ok")
	case "RCPT":
		return c.recipient(envelope(line))
	case "DATA":
		if c.to == "" {
			c.say("503 no recipient")
			return true
		}
		return c.data()
	case "RSET":
		c.from, c.to = "", ""
		c.say("250 forgotten")
	case "QUIT":
		c.say("221 bye")
		return false
	case "NOOP", "HELO":
		c.say("250 ok")
	default:
		c.say("502 no such command")
	}
	return true
}

func envelope(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}

func (c *conversation) recipient(to string) bool {
	s := c.server
	s.mu.Lock()
	s.attempts[to]++
	c.fate, c.late = s.plan.fate(to, s.attempts[to])
	s.fates[c.fate]++
	s.mu.Unlock()
	switch c.fate {
	case RejectRecipient:
		c.say("550 5.1.1 no such mailbox")
	case DeferRecipient:
		c.say("451 4.3.0 try later")
	case EndService:
		c.say("421 4.3.2 going down")
		return false
	case DropAtRecipient:
		return false
	default:
		c.to = to
		c.say("250 recipient ok")
	}
	return true
}

func (c *conversation) data() bool {
	c.say("354 go on")
	var text strings.Builder
	id, header := "", true
	for {
		line, err := c.in.ReadString('\n')
		if err != nil || c.fate == DropBeforeEnd {
			return false
		}
		if line == ".\r\n" {
			break
		}
		line = strings.TrimPrefix(line, ".")
		text.WriteString(line)
		if name, value, ok := strings.Cut(line, ":"); header && ok && strings.EqualFold(name, "Message-ID") {
			id = strings.Trim(strings.TrimSpace(value), "<>")
		}
		header = header && line != "\r\n"
	}
	c.server.thinking(1)
	defer c.server.thinking(-1)
	if c.late > 0 {
		time.Sleep(c.late) // a slow server, not a wait of the test
	}
	switch c.fate {
	case RejectContent:
		c.say("554 5.6.0 not this")
		return true
	case DeferContent:
		c.say("452 4.3.1 no room")
		return true
	}
	m := &Mail{MessageID: id, From: c.from, To: c.to, Data: text.String()}
	c.server.mu.Lock()
	if !c.server.plan.Forget {
		c.server.taken = append(c.server.taken, m)
	}
	c.unconfirmed = m
	c.server.mu.Unlock()
	c.from, c.to = "", ""
	if c.fate == DropAfterEnd {
		return false
	}
	c.say("250 2.0.0 taken")
	return true
}
