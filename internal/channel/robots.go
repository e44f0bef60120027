package channel

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcrflow/mcrflow/models"
)

// What a robot takes at most, in bytes.
const (
	maxRequest = 20000 // of DingTalk and Feishu: the whole request
	maxWeCom   = 4096  // the text itself
	maxTitle   = 200
)

// SignDingTalk returns the signature that DingTalk's robots want in the address: HMAC-SHA256, by the secret, over Unix
// milliseconds, a line feed and the secret; in base64.
func SignDingTalk(secret []byte, millis int64) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%d\n%s", millis, secret)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// SignFeishu returns the signature that Feishu's robots want in the body: HMAC-SHA256 over nothing, by Unix seconds, a
// line feed and the secret as the key; in base64.
func SignFeishu(secret []byte, seconds int64) string {
	mac := hmac.New(sha256.New, fmt.Appendf(nil, "%d\n%s", seconds, secret))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// writeDingTalk makes a markdown message for a custom robot of DingTalk.
func writeDingTalk(e models.Channel, m Message, at time.Time) (post, error) {
	body, err := fitted(func(most int) any {
		return map[string]any{
			"msgtype":  "markdown",
			"markdown": map[string]string{"title": clip(m.Subject, maxTitle), "text": markdown(m, "\n\n", most)},
		}
	})
	if err != nil {
		return post{}, err
	}
	out := post{url: e.URL, body: body}
	if len(e.Secret) == 0 {
		return out, nil // the robot knows us by a key word or our address
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return post{}, &Error{Class: Down, Reason: "settings"}
	}
	q := u.Query()
	q.Set("timestamp", strconv.FormatInt(at.UnixMilli(), 10))
	q.Set("sign", SignDingTalk(e.Secret, at.UnixMilli()))
	u.RawQuery = q.Encode()
	out.url = u.String()
	return out, nil
}

// writeWeCom makes a markdown message for a group robot of WeCom, which is known by the key in its address.
func writeWeCom(e models.Channel, m Message, _ time.Time) (post, error) {
	body, err := encoded(map[string]any{
		"msgtype":  "markdown",
		"markdown": map[string]string{"content": markdown(m, "\n", maxWeCom)},
	})
	return post{url: e.URL, body: body}, err
}

// feishuPost is a rich text: lines of elements, so that nothing in a text is ever markup.
type feishuPost struct {
	Title   string            `json:"title"`
	Content [][]feishuElement `json:"content"`
}

type feishuElement struct {
	Tag  string `json:"tag"`
	Text string `json:"text"`
	Href string `json:"href,omitempty"`
}

type feishuMessage struct {
	Timestamp string `json:"timestamp,omitempty"` // Unix seconds
	Sign      string `json:"sign,omitempty"`
	MsgType   string `json:"msg_type"`
	Content   struct {
		Post map[string]feishuPost `json:"post"`
	} `json:"content"`
}

// writeFeishu makes a rich text for a custom robot of Feishu or Lark.
func writeFeishu(e models.Channel, m Message, at time.Time) (post, error) {
	out := feishuMessage{MsgType: "post"}
	if len(e.Secret) > 0 {
		out.Timestamp, out.Sign = strconv.FormatInt(at.Unix(), 10), SignFeishu(e.Secret, at.Unix())
	}
	language := "en_us"
	if strings.HasPrefix(m.To.Locale, "zh") {
		language = "zh_cn"
	}
	body, err := fitted(func(most int) any {
		var lines [][]feishuElement
		for text := range strings.SplitSeq(clip(m.Text, most), "\n") {
			lines = append(lines, []feishuElement{{Tag: "text", Text: text}})
		}
		if !names(m.Text, m.Link) {
			lines = append(lines, []feishuElement{{Tag: "a", Text: linkText(m), Href: m.Link}})
		}
		out.Content.Post = map[string]feishuPost{language: {Title: clip(m.Subject, maxTitle), Content: lines}}
		return out
	})
	return post{url: e.URL, body: body}, err
}

// fitted writes a request with as much text as goes into it: how long a text becomes in JSON shows when it is written.
func fitted(write func(most int) any) ([]byte, error) {
	for most := maxRequest; ; most = most * 3 / 4 {
		body, err := encoded(write(most))
		if err != nil || len(body) <= maxRequest || most == 0 {
			return body, err
		}
	}
}

// encoded is JSON without the escapes that only matter inside HTML and would make a text six times as long.
func encoded(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(out.Bytes()), err
}

// markdown is subject, text and link in at most that many bytes; a text that is too long loses its end and keeps its link.
func markdown(m Message, newline string, most int) string {
	head, tail := "", ""
	if m.Subject != "" {
		head = "### " + clip(literal.Replace(m.Subject), maxTitle) + newline
	}
	if !names(m.Text, m.Link) {
		tail = newline + "[" + literal.Replace(linkText(m)) + "](" + strings.NewReplacer("(", "%28", ")", "%29", " ", "%20").Replace(m.Link) + ")"
	}
	text := literal.Replace(strings.ReplaceAll(m.Text, "\n", newline))
	return head + clip(text, most-len(head)-len(tail)) + tail
}

// literal keeps a text from being read as markup, of which the robots know no escape: links, images, mentions, headings,
// emphasis and code.
var literal = strings.NewReplacer("[", "［", "]", "］", "<", "＜", ">", "＞", "*", "＊", "#", "＃", "`", "｀")

func linkText(m Message) string {
	if m.LinkText != "" {
		return m.LinkText
	}
	return m.Link
}

// clip shortens a text to at most that many bytes, between two characters.
func clip(text string, most int) string {
	const ellipsis = "…"
	if len(text) <= most {
		return text
	}
	cut := max(0, most-len(ellipsis))
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + ellipsis
}

// codes are what a robot's answer means: robots say no with status 200 and a code in the body. A code that is not named
// is Temporary: certainly a no, and none that the specification calls final.
type codes map[int]Error

// The codes of DingTalk's custom robots. Who sends more than 20 messages a minute is shut out for ten minutes.
var dingTalkCodes = codes{
	-1:     {Class: Temporary}, // busy
	130101: {Class: Temporary, RetryAfter: 10 * time.Minute},
	410100: {Class: Temporary, RetryAfter: 10 * time.Minute},
	300001: {Class: Down}, // no such token
	310000: {Class: Down}, // signature, key word or address
	400013: {Class: Down}, // the group is gone
	400101: {Class: Down}, // no such token
	400102: {Class: Down}, // the robot is stopped
	400106: {Class: Down}, // no such robot
	40035:  {Class: Rejected},
	400105: {Class: Rejected},
	430101: {Class: Rejected}, // unsafe link
	430102: {Class: Rejected}, // unfit text
	430103: {Class: Rejected}, // unfit picture
	430104: {Class: Rejected}, // unfit content
}

// The codes of Feishu's custom robots, which take 100 messages a minute.
var feishuCodes = codes{
	11232: {Class: Temporary, RetryAfter: time.Minute},
	19001: {Class: Down},     // no such token
	19021: {Class: Down},     // signature, or a clock that is an hour wrong
	19022: {Class: Down},     // address
	19024: {Class: Down},     // key word
	9499:  {Class: Rejected}, // body
	19002: {Class: Rejected}, // body
}

// The codes of WeCom's group robots, which take 20 messages a minute.
var weComCodes = codes{
	-1:    {Class: Temporary}, // busy
	45009: {Class: Temporary, RetryAfter: time.Minute},
	45033: {Class: Temporary, RetryAfter: time.Minute},
	93000: {Class: Down}, // no such key
	93004: {Class: Down}, // the robot is stopped
	93008: {Class: Down}, // the robot is not in the group
	40008: {Class: Rejected},
	40058: {Class: Rejected},
	44004: {Class: Rejected}, // no text
	45002: {Class: Rejected}, // too long
}

// read reads the code of an answer: errcode of DingTalk and WeCom, code or StatusCode of Feishu.
func (c codes) read(body []byte) (*Error, bool) {
	var answer struct {
		ErrCode    *int `json:"errcode"`
		Code       *int `json:"code"`
		StatusCode *int `json:"StatusCode"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return nil, false
	}
	for _, code := range []*int{answer.ErrCode, answer.Code, answer.StatusCode} {
		if code == nil {
			continue
		}
		if *code == 0 {
			return nil, true
		}
		out, ok := c[*code]
		if !ok {
			out.Class = Temporary
		}
		out.Reason = "errcode_" + strconv.Itoa(*code)
		return &out, true
	}
	return nil, false
}
