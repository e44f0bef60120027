// Package webhook posts messages signed by the Standard Webhooks specification.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// within bounds one post, connection included.
const within = 15 * time.Second

// Poster posts to endpoints. It is safe for concurrent use.
type Poster struct {
	client *http.Client
	now    func() time.Time
}

// NewPoster returns a poster on a client of NewClient.
func NewPoster(now func() time.Time) *Poster { return &Poster{now: now, client: NewClient()} }

// NewClient returns a client for addresses that people have set: it follows no redirect and connects as Control allows.
func NewClient() *http.Client {
	dialer := &net.Dialer{Timeout: within, Control: Control}
	return &http.Client{
		Timeout:       within,
		Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ErrForbidden is the error of an address that must not be called.
var ErrForbidden = errors.New("the endpoint's address must not be called")

// metadata is where one cloud keeps the credentials of its machines outside the link-local range.
var metadata = net.ParseIP("fd00:ec2::254")

// Control is the net.Dialer.Control of all that calls addresses which people have set: it refuses link-local addresses,
// where clouds keep the credentials of their machines. The address is checked after its name was looked up.
func Control(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.Equal(metadata) {
		return ErrForbidden
	}
	return nil
}

// Post sends the body under the message id, which receivers use to drop a repetition. Anything but a 2xx is an error.
func (p *Poster) Post(ctx context.Context, url string, secret []byte, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := p.now().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(at, 10))
	req.Header.Set("webhook-signature", Sign(secret, id, at, body))
	res, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the endpoint answered %d", res.StatusCode)
	}
	return nil
}

// Sign returns the signature header of a message: HMAC-SHA256 over id, Unix time and body.
func Sign(secret []byte, id string, at int64, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s.%d.", id, at)
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
