package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// apiDocument is the part of openapi.yaml that the router itself obeys.
type apiDocument struct {
	Paths      map[string]apiPath `yaml:"paths"`
	Components struct {
		Parameters map[string]apiParameter `yaml:"parameters"`
	} `yaml:"components"`
}

type apiPath struct {
	Parameters []apiParameter `yaml:"parameters"`
	Get        *apiOperation  `yaml:"get"`
	Post       *apiOperation  `yaml:"post"`
	Put        *apiOperation  `yaml:"put"`
	Patch      *apiOperation  `yaml:"patch"`
	Delete     *apiOperation  `yaml:"delete"`
}

type apiOperation struct {
	Parameters []apiParameter `yaml:"parameters"`
}

type apiParameter struct {
	Ref  string `yaml:"$ref"`
	Name string `yaml:"name"`
	In   string `yaml:"in"`
}

// queryParameters lists the query parameters of every operation, by method and route as gin writes it. The document is
// the law: what it does not name is refused. It is embedded, so it is read once.
var queryParameters = sync.OnceValues(func() (map[string]map[string]bool, error) {
	var doc apiDocument
	if err := yaml.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("read openapi.yaml: %w", err)
	}
	known := map[string]map[string]bool{}
	for path, item := range doc.Paths {
		for method, operation := range map[string]*apiOperation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
			http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
		} {
			if operation == nil {
				continue
			}
			names, err := doc.query(slices.Concat(item.Parameters, operation.Parameters))
			if err != nil {
				return nil, fmt.Errorf("read openapi.yaml: %s %s: %w", method, path, err)
			}
			known[method+" "+ginPath(path)] = names
		}
	}
	return known, nil
})

// query names the query parameters among the list, with references to shared ones resolved.
func (d apiDocument) query(list []apiParameter) (map[string]bool, error) {
	names := map[string]bool{}
	for _, p := range list {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			if p, ok = d.Components.Parameters[name]; !ok {
				return nil, fmt.Errorf("no parameter %s", name)
			}
		}
		if p.In == "query" {
			names[p.Name] = true
		}
	}
	return names, nil
}

// ginPath writes /users/{id} as gin does: /users/:id.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}
