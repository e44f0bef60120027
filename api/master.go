package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// etag names the version of the row that is answered.
func etag(c *gin.Context, version int64) { c.Header("ETag", quoted(version)) }

func quoted(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// created answers the object that a POST made, with where it can be read from now on.
func created(c *gin.Context, id string, view any) {
	c.Header("Location", c.Request.URL.Path+"/"+id)
	answer(c, http.StatusCreated, view)
}

// maxTries bounds how often a change without If-Match is applied to a row that others change at the same time.
const maxTries = 5

// change reads a row, applies a PATCH and writes it back under optimistic locking. With If-Match the row must still be
// the version that the caller saw, else 412. Without it, the change is applied to whatever is there now: the caller has
// said which fields it means.
func change[T any](
	c *gin.Context, version func(T) int64, read func(ctx context.Context, id string) (T, error),
	apply func(*T) error, write func(context.Context, T) (T, error),
) (T, error) {
	ctx := c.Request.Context()
	wanted := c.GetHeader("If-Match")
	for try := 1; ; try++ {
		row, err := read(ctx, c.Param("id"))
		if err != nil {
			return row, err
		}
		if !matches(wanted, version(row)) {
			return row, errs.New(errs.PreconditionFailed, "precondition_failed", "version", strconv.FormatInt(version(row), 10))
		}
		if err := apply(&row); err != nil {
			return row, err
		}
		row, err = write(ctx, row)
		if errs.CodeOf(err) != errs.PreconditionFailed || wanted != "" || try == maxTries {
			return row, err
		}
	}
}

// matches applies If-Match by strong comparison: a weak tag never matches.
func matches(header string, version int64) bool {
	if header == "" || strings.TrimSpace(header) == "*" {
		return true
	}
	return slices.ContainsFunc(strings.Split(header, ","), func(tag string) bool {
		return strings.TrimSpace(tag) == quoted(version)
	})
}

// activeUser notes a fault unless id is empty or names an active user, whom it returns.
func activeUser(ctx context.Context, people People, f *faults, field string, id *string) (models.User, error) {
	if id == nil || *id == "" {
		return models.User{}, nil
	}
	u, err := people.User(ctx, *id)
	switch {
	case errs.CodeOf(err) == errs.NotFound:
		f.add(field, "unknown")
		return models.User{}, nil
	case err != nil:
		return models.User{}, err
	case !u.Active:
		f.add(field, "inactive")
	}
	return u, nil
}

// knownCalendar notes a fault unless id is nil or names a calendar.
func knownCalendar(ctx context.Context, policies Policies, f *faults, field string, id *string) error {
	if id == nil {
		return nil
	}
	_, err := policies.CalendarInForce(ctx, *id)
	if errs.CodeOf(err) == errs.NotFound {
		f.add(field, "unknown")
		return nil
	}
	return err
}

// textOf is the value of an optional text; nil is empty.
func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// notFound is the error for an object that does not exist, or that the caller may not know of.
func notFound() error { return errs.New(errs.NotFound, "not_found") }
