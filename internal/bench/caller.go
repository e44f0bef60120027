package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/mcrflow/mcrflow/internal/id"
)

// apiCaller calls an API over HTTP, as other programs do.
type apiCaller struct {
	base   string
	http   *http.Client
	tokens map[string]string // by username
}

// logins are the people of the example organisation who act in a run.
var logins = []string{
	"agent1", "agent2", "agent3", "agent4", "supervisor1", "supervisor2", "manager1", "auditor1", "am1", "am2", "clerk1", "clerk2", "finance1", "director1",
}

// agents are those who record cases.
var agents = logins[:4]

func newAPICaller(ctx context.Context, base string) (*apiCaller, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 512
	a := &apiCaller{base: base + "/api/v1", http: &http.Client{Transport: transport}, tokens: map[string]string{}}
	for _, name := range logins {
		var session struct {
			Token string `json:"token"`
		}
		if err := a.do(ctx, http.MethodPost, "/auth/login", "", "", []byte(`{"username":"`+name+`","password":"demo"}`), &session); err != nil {
			return nil, err
		}
		a.tokens[name] = session.Token
	}
	return a, nil
}

// post sends a command as a user; out may be nil.
func (a *apiCaller) post(ctx context.Context, username, path, key string, body []byte, out any) error {
	return a.do(ctx, http.MethodPost, path, a.tokens[username], key, body, out)
}

// send posts a body of another type as a user.
func (a *apiCaller) send(ctx context.Context, username, path, contentType string, body []byte) error {
	return a.exchange(ctx, http.MethodPost, path, http.Header{
		"Authorization": {"Bearer " + a.tokens[username]}, "Content-Type": {contentType},
	}, body, nil)
}

// get reads as a user; out may be nil.
func (a *apiCaller) get(ctx context.Context, username, path string, out any) error {
	return a.do(ctx, http.MethodGet, path, a.tokens[username], "", nil, out)
}

func (a *apiCaller) do(ctx context.Context, method, path, token, key string, body []byte, out any) error {
	header := http.Header{"Content-Type": {"application/json"}}
	if token != "" {
		header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	return a.exchange(ctx, method, path, header, body, out)
}

// exchange makes one call and reads the whole answer; an answer that is not final and good is an error.
func (a *apiCaller) exchange(ctx context.Context, method, path string, header http.Header, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	res, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 || res.StatusCode == http.StatusAccepted {
		return refusal{method, path, res.StatusCode, answer}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// refusal is an answer that is not final and good.
type refusal struct {
	method, path string
	status       int
	answer       []byte
}

func (r refusal) Error() string {
	return fmt.Sprintf("%s %s: %d %s", r.method, r.path, r.status, r.answer)
}

// key is an idempotency key when the run uses them.
func (b *bench) key() string {
	if !b.keys {
		return ""
	}
	return id.New(id.Request)
}
