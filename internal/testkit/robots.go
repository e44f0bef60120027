package testkit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcrflow/mcrflow/models"
)

// RobotPlan says what an endpoint does to its senders, as SMTPPlan does for mail: of the fates, RejectContent,
// DeferContent, DropBeforeEnd and DropAfterEnd are used. An attempt's fate follows from the seed, the key of the message
// (its text, for robots of chat groups) and the number of the attempt.
type RobotPlan struct {
	Seed   uint64
	Shares map[Fate]float64
	// Script answers in place of the shares, if it is not nil; nil: the message is taken.
	Script func(PostedMessage) *RobotAnswer
	Now    func() time.Time // against which the age of signatures is checked; time.Now
}

// RobotAnswer is what an endpoint says in place of yes.
type RobotAnswer struct {
	Status     int
	Body       string
	RetryAfter string // a header
	Drop       bool   // the connection ends without an answer
	Taken      bool   // the message was taken all the same
}

// PostedMessage is a message that was posted with a right signature and in a right format.
type PostedMessage struct {
	Key  string // webhook-id; the text, for robots of chat groups
	Body []byte
	Lost bool // taken, and the sender was not told
}

// Robot is an endpoint on 127.0.0.1 that checks format and signature of what it gets as the public specification of its
// kind says: the robots of DingTalk, Feishu and WeCom, and gateways that know the Standard Webhooks. It is safe for
// concurrent use.
type Robot struct {
	kind   models.ChannelKind
	secret []byte
	plan   RobotPlan
	server *httptest.Server

	mu       sync.Mutex
	attempts map[string]int
	taken    []PostedMessage
	refused  []string
}

// NewRobot starts an endpoint of a kind, which ends with the test.
func NewRobot(t testing.TB, kind models.ChannelKind, secret []byte, plan RobotPlan) *Robot {
	t.Helper()
	if !slices.Contains(models.EndpointKinds(), kind) {
		t.Fatalf("testkit: %s is no endpoint", kind)
	}
	if plan.Now == nil {
		plan.Now = time.Now
	}
	r := &Robot{kind: kind, secret: secret, plan: plan, attempts: map[string]int{}}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	return r
}

// Channel returns the endpoint's settings, as an administrator has them from the group or the gateway.
func (r *Robot) Channel() models.Channel {
	path := map[models.ChannelKind]string{
		models.ChannelDingTalk: "/robot/send?access_token=dtoken", models.ChannelFeishu: "/open-apis/bot/v2/hook/ftoken",
		models.ChannelWeCom: "/cgi-bin/webhook/send?key=wkey", models.ChannelSMS: "/sms", models.ChannelWebhook: "/messages",
	}[r.kind]
	return models.Channel{Kind: r.kind, URL: r.server.URL + path, Secret: r.secret}
}

// Close ends the endpoint: whoever comes is refused.
func (r *Robot) Close() { r.server.Close() }

// Taken returns the messages taken so far, in order.
func (r *Robot) Taken() []PostedMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]PostedMessage(nil), r.taken...)
}

// ByKey counts the messages taken by their key.
func (r *Robot) ByKey() map[string]Receipt {
	out := map[string]Receipt{}
	for _, m := range r.Taken() {
		c := out[m.Key]
		c.Accepted++
		if m.Lost {
			c.Lost++
		}
		out[m.Key] = c
	}
	return out
}

// Refused lists why messages were refused that were not signed or not written as they must be.
func (r *Robot) Refused() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.refused...)
}

// dialect is how a kind of endpoint reads messages and says no.
type dialect struct {
	read     func(r *Robot, req *http.Request, body []byte) (key string, no *RobotAnswer)
	yes      RobotAnswer
	rejected RobotAnswer
	deferred RobotAnswer
}

func body(text string) RobotAnswer { return RobotAnswer{Status: http.StatusOK, Body: text} }

var gateway = dialect{
	read: (*Robot).readSigned, yes: RobotAnswer{Status: http.StatusAccepted},
	rejected: RobotAnswer{Status: http.StatusBadRequest}, deferred: RobotAnswer{Status: http.StatusTooManyRequests, RetryAfter: "1"},
}

var dialects = map[models.ChannelKind]dialect{
	models.ChannelSMS: gateway, models.ChannelWebhook: gateway,
	models.ChannelDingTalk: {
		read: (*Robot).readDingTalk, yes: body(`{"errcode":0,"errmsg":"ok"}`),
		rejected: body(`{"errcode":430102,"errmsg":"inappropriate text"}`), deferred: body(`{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`),
	},
	models.ChannelFeishu: {
		read: (*Robot).readFeishu, yes: body(`{"code":0,"msg":"success","data":{}}`),
		rejected: body(`{"code":9499,"msg":"Bad Request","data":{}}`), deferred: body(`{"code":11232,"msg":"frequency limited"}`),
	},
	models.ChannelWeCom: {
		read: (*Robot).readWeCom, yes: body(`{"errcode":0,"errmsg":"ok"}`),
		rejected: body(`{"errcode":40008,"errmsg":"invalid message type"}`), deferred: body(`{"errcode":45009,"errmsg":"api freq out of limit"}`),
	},
}

func (r *Robot) serve(w http.ResponseWriter, req *http.Request) {
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	d := dialects[r.kind]
	key, no := d.read(r, req, text)
	if no != nil || req.Method != http.MethodPost || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/json") {
		if no == nil {
			no = &RobotAnswer{Status: http.StatusBadRequest}
		}
		r.mu.Lock()
		r.refused = append(r.refused, fmt.Sprintf("%d %s", no.Status, no.Body))
		r.mu.Unlock()
		r.say(w, *no)
		return
	}
	m := PostedMessage{Key: key, Body: text}
	answer := r.decide(d, m)
	if answer.Taken {
		m.Lost = answer.Drop
		r.mu.Lock()
		r.taken = append(r.taken, m)
		r.mu.Unlock()
	}
	r.say(w, answer)
}

func (r *Robot) decide(d dialect, m PostedMessage) RobotAnswer {
	yes := d.yes
	yes.Taken = true
	if r.plan.Script != nil {
		if answer := r.plan.Script(m); answer != nil {
			return *answer
		}
		return yes
	}
	r.mu.Lock()
	r.attempts[m.Key]++
	attempt := r.attempts[m.Key]
	r.mu.Unlock()
	fate, _ := SMTPPlan{Seed: r.plan.Seed, Shares: r.plan.Shares}.fate(m.Key, attempt)
	switch fate {
	case RejectContent:
		return d.rejected
	case DeferContent:
		return d.deferred
	case DropBeforeEnd:
		return RobotAnswer{Drop: true}
	case DropAfterEnd:
		return RobotAnswer{Drop: true, Taken: true}
	}
	return yes
}

func (r *Robot) say(w http.ResponseWriter, a RobotAnswer) {
	if a.Drop {
		panic(http.ErrAbortHandler) // ends the connection
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

// fresh reports whether a Unix time is within a window of now.
func (r *Robot) fresh(text string, unit, window time.Duration) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && r.plan.Now().Sub(time.Unix(0, n*int64(unit))).Abs() <= window
}

func sum(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(mac, text)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (r *Robot) readSigned(req *http.Request, text []byte) (string, *RobotAnswer) {
	id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	if id == "" || !r.fresh(at, time.Second, 5*time.Minute) || req.Header.Get("webhook-signature") != "v1,"+sum(string(r.secret), id+"."+at+"."+string(text)) {
		return "", &RobotAnswer{Status: http.StatusUnauthorized}
	}
	if !json.Valid(text) {
		return "", &RobotAnswer{Status: http.StatusBadRequest}
	}
	return id, nil
}

func (r *Robot) readDingTalk(req *http.Request, text []byte) (string, *RobotAnswer) {
	q := req.URL.Query()
	at := q.Get("timestamp")
	signed := r.fresh(at, time.Millisecond, time.Hour) && q.Get("sign") == sum(string(r.secret), at+"\n"+string(r.secret))
	if q.Get("access_token") != "dtoken" || len(r.secret) > 0 && !signed {
		return "", answer(`{"errcode":310000,"errmsg":"sign not match"}`)
	}
	var m struct {
		MsgType  string `json:"msgtype"`
		Markdown struct{ Title, Text string }
	}
	if json.Unmarshal(text, &m) != nil || m.MsgType != "markdown" || m.Markdown.Title == "" || m.Markdown.Text == "" || len(text) > 20000 {
		return "", answer(`{"errcode":40035,"errmsg":"invalid json"}`)
	}
	return m.Markdown.Text, nil
}

func (r *Robot) readFeishu(req *http.Request, text []byte) (string, *RobotAnswer) {
	var m struct {
		Timestamp string
		Sign      string
		MsgType   string `json:"msg_type"`
		Content   struct {
			Post map[string]struct {
				Title   string
				Content [][]struct{ Tag, Text, Href string }
			}
		}
	}
	err := json.Unmarshal(text, &m)
	signed := r.fresh(m.Timestamp, time.Second, time.Hour) && m.Sign == sum(m.Timestamp+"\n"+string(r.secret), "")
	if len(r.secret) > 0 && !signed || !strings.HasSuffix(req.URL.Path, "/ftoken") {
		return "", answer(`{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`)
	}
	var said []string
	for _, p := range m.Content.Post {
		said = append(said, p.Title)
		for _, line := range p.Content {
			for _, e := range line {
				said = append(said, e.Text+e.Href)
			}
		}
	}
	if err != nil || m.MsgType != "post" || len(said) == 0 || len(text) > 20<<10 {
		return "", answer(`{"code":9499,"msg":"Bad Request","data":{}}`)
	}
	return strings.Join(said, "\n"), nil
}

func (r *Robot) readWeCom(req *http.Request, text []byte) (string, *RobotAnswer) {
	if req.URL.Query().Get("key") != "wkey" {
		return "", answer(`{"errcode":93000,"errmsg":"invalid webhook url"}`)
	}
	var m struct {
		MsgType  string `json:"msgtype"`
		Markdown struct{ Content string }
	}
	switch {
	case json.Unmarshal(text, &m) != nil || m.MsgType != "markdown":
		return "", answer(`{"errcode":40008,"errmsg":"invalid message type"}`)
	case m.Markdown.Content == "":
		return "", answer(`{"errcode":44004,"errmsg":"empty content"}`)
	case len(m.Markdown.Content) > 4096:
		return "", answer(`{"errcode":45002,"errmsg":"content size out of limit"}`)
	}
	return m.Markdown.Content, nil
}

func answer(text string) *RobotAnswer {
	a := body(text)
	return &a
}
