package api

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/policy"
)

// The media types of a YAML document: the registered one first, then what tools sent before it was.
var documentTypes = []string{"application/yaml", "application/json", "application/x-yaml", "text/yaml", "text/x-yaml"}

// documentBody is the body of a request that publishes a policy or a calendar; the parser judges what is in it.
func documentBody(c *gin.Context) ([]byte, error) {
	if err := needContentType(c, documentTypes...); err != nil {
		return nil, err
	}
	return bodyOf(c), nil
}

// wantsYAML reports whether the caller prefers the bare document.
func wantsYAML(c *gin.Context) bool {
	first, _, _ := strings.Cut(c.GetHeader("Accept"), ",")
	media, _, err := mime.ParseMediaType(first)
	return err == nil && strings.HasSuffix(media, "yaml")
}

// answerYAML writes a document as people write it.
func answerYAML(c *gin.Context, doc any) {
	text, err := policy.Render(doc)
	if err != nil {
		fail(c, err)
		return
	}
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", text)
}

// stored reads a document back from its canonical JSON.
func stored[T any](body []byte) (T, error) {
	var doc T
	if err := json.Unmarshal(body, &doc); err != nil {
		return doc, fmt.Errorf("read stored document: %w", err)
	}
	return doc, nil
}

// versionParam is the number of a version in the path; what is no number names nothing.
func versionParam(c *gin.Context) (int, error) {
	n, err := strconv.ParseInt(c.Param("version"), 10, 32)
	if err != nil || n < 1 {
		return 0, notFound()
	}
	return int(n), nil
}

// dryRun reads ?dry_run.
func dryRun(q *query) bool {
	v := q.bool("dry_run")
	return v != nil && *v
}

// checked is the answer of a dry run without faults.
type checked struct {
	Valid    bool `json:"valid"`
	Document any  `json:"document"`
}

func invalidDocument(fields []errs.Field) error {
	return &errs.Error{Code: errs.Invalid, Key: "invalid.document", Fields: fields, Args: errs.Args("faults", strconv.Itoa(len(fields)))}
}
