// Package apitest holds answers of the HTTP API against api/openapi.yaml, for the tests of this and other packages.
package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/goccy/go-yaml"

	"github.com/mcrflow/mcrflow/api"
)

// Document returns the parsed and checked document of the API; it is shared and must not be changed.
func Document() (*openapi3.T, error) { return document() }

var document = sync.OnceValues(func() (*openapi3.T, error) {
	registerYAML()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("load openapi.yaml: %w", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("check openapi.yaml: %w", err)
	}
	return doc, nil
})

// registerYAML lets the validator read documents that are answered as YAML, which have no schema of their own, and the
// other media types of answers.
func registerYAML() {
	openapi3filter.RegisterBodyDecoder("application/yaml",
		func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
			var v any
			text, err := io.ReadAll(body)
			if err != nil {
				return nil, err
			}
			return v, yaml.Unmarshal(text, &v)
		})
	openapi3filter.RegisterBodyDecoder("application/problem+json", openapi3filter.RegisteredBodyDecoder("application/json"))
	openapi3filter.RegisterBodyDecoder("text/calendar", openapi3filter.RegisteredBodyDecoder("text/plain"))
	openapi3filter.RegisterBodyDecoder("text/html", openapi3filter.RegisteredBodyDecoder("text/plain"))
}

// Validate fails the test unless the answer to res.Request is one that the document allows: its status, its headers and
// its body. The body can still be read afterwards. An answer to a path or method that no route serves must be the problem
// that says so.
func Validate(t testing.TB, res *http.Response) {
	t.Helper()
	if err := Check(res); err != nil {
		t.Errorf("%s %s: the answer breaks openapi.yaml: %v", res.Request.Method, res.Request.URL.Path, err)
	}
}

// Check is Validate for callers without a test.
func Check(res *http.Response) error {
	doc, err := Document()
	if err != nil {
		return err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	_ = res.Body.Close() // it was read to its end
	res.Body = io.NopCloser(bytes.NewReader(body))
	if res.Request == nil {
		return errors.New("the answer does not name its request")
	}
	if res.Request.Method == http.MethodHead {
		return nil
	}
	route := find(doc, res.Request.Method, res.Request.URL.EscapedPath())
	if route == nil {
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed {
			return fmt.Errorf("status %d from a route that is not documented", res.StatusCode)
		}
		return nil
	}
	in := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: res.Request, Route: route},
		Status:                 res.StatusCode,
		Header:                 res.Header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	in.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), in); err != nil {
		return fmt.Errorf("status %d: %w\n%s", res.StatusCode, err, body)
	}
	return nil
}

// find is the operation that serves the path: of several templates the one with the most fixed parts.
func find(doc *openapi3.T, method, path string) *routers.Route {
	var best *routers.Route
	most := -1
	for template, item := range doc.Paths.Map() {
		fixed := match(strings.Split(template, "/"), strings.Split(path, "/"))
		operation := item.GetOperation(method)
		if operation != nil && fixed > most {
			best, most = &routers.Route{Spec: doc, Path: template, PathItem: item, Method: method, Operation: operation}, fixed
		}
	}
	return best
}

// match counts the parts that are equal; -1 when the path is not one of the template's.
func match(template, path []string) int {
	if len(template) != len(path) {
		return -1
	}
	fixed := 0
	for i, part := range template {
		switch {
		case part == path[i]:
			fixed++
		case !strings.HasPrefix(part, "{") || path[i] == "":
			return -1
		}
	}
	return fixed
}
