package temporalx

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// detail is what crosses the engine with an error: the message key and its parameters, never an inner cause.
type detail struct {
	Key    string            `json:"key"`
	Args   map[string]string `json:"args,omitempty"`
	Fields []errs.Field      `json:"fields,omitempty"`
}

// ToTemporal turns a domain error into an ApplicationError whose Type is its code. An error that is one already, alone or
// inside an activity's failure, keeps its type. Any other becomes internal, so that no caller meets an untyped one.
func ToTemporal(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.Type() != "" {
		return app
	}
	var e *errs.Error
	if !errors.As(err, &e) {
		if temporal.IsCanceledError(err) {
			return err
		}
		return temporal.NewApplicationErrorWithOptions("internal", string(errs.Internal), temporal.ApplicationErrorOptions{Cause: err})
	}
	category := temporal.ApplicationErrorCategoryBenign
	if e.Code.Retryable() {
		category = temporal.ApplicationErrorCategoryUnspecified
	}
	return temporal.NewApplicationErrorWithOptions(e.Key, string(e.Code), temporal.ApplicationErrorOptions{
		NonRetryable: !e.Code.Retryable(), Category: category, NextRetryDelay: e.RetryAfter,
		Details: []any{detail{Key: e.Key, Args: e.Args, Fields: e.Fields}},
	})
}

// FromTemporal is ToTemporal's inverse, for the caller's side; an error that is not ours comes back as it is.
func FromTemporal(err error) error {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() == "" {
		return err
	}
	e := &errs.Error{Code: errs.Code(app.Type()), Key: app.Message(), RetryAfter: app.NextRetryDelay(), Err: err}
	var d detail
	if app.HasDetails() && app.Details(&d) == nil && d.Key != "" {
		e.Key, e.Args, e.Fields = d.Key, d.Args, d.Fields
	}
	return e
}
