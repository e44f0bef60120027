package api

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// apiDocument is the part of openapi.yaml that the router itself obeys.
type apiDocument struct {
	Paths      map[string]map[string]yaml.RawMessage `yaml:"paths"`
	Components struct {
		Parameters map[string]apiParameter `yaml:"parameters"`
	} `yaml:"components"`
}

type apiParameter struct {
	Ref  string `yaml:"$ref"`
	Name string `yaml:"name"`
	In   string `yaml:"in"`
}

// queryParameters lists the query parameters of every operation, by method and route as gin writes it. The document is
// the law: what it does not name is refused.
func queryParameters() (map[string]map[string]bool, error) {
	var doc apiDocument
	if err := yaml.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	known := map[string]map[string]bool{}
	for path, item := range doc.Paths {
		shared, err := doc.parameters(item["parameters"])
		if err != nil {
			return nil, fmt.Errorf("read openapi.yaml: %s: %w", path, err)
		}
		for method, raw := range item {
			if !httpMethod(method) {
				continue
			}
			var operation struct {
				Parameters yaml.RawMessage `yaml:"parameters"`
			}
			if err := yaml.Unmarshal(raw, &operation); err != nil {
				return nil, fmt.Errorf("read openapi.yaml: %s %s: %w", method, path, err)
			}
			own, err := doc.parameters(operation.Parameters)
			if err != nil {
				return nil, fmt.Errorf("read openapi.yaml: %s %s: %w", method, path, err)
			}
			names := map[string]bool{}
			for _, p := range append(own, shared...) {
				if p.In == "query" {
					names[p.Name] = true
				}
			}
			known[strings.ToUpper(method)+" "+ginPath(path)] = names
		}
	}
	return known, nil
}

func httpMethod(s string) bool {
	switch s {
	case "get", "post", "put", "patch", "delete":
		return true
	}
	return false
}

// parameters reads a list of parameters, with references to the shared ones resolved.
func (d apiDocument) parameters(raw yaml.RawMessage) ([]apiParameter, error) {
	if raw == nil {
		return nil, nil
	}
	var list []apiParameter
	if err := yaml.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	for i, p := range list {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			shared, found := d.Components.Parameters[name]
			if !found {
				return nil, fmt.Errorf("no parameter %s", p.Ref)
			}
			list[i] = shared
		}
	}
	return list, nil
}

// ginPath writes /users/{id} as gin does: /users/:id.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}
