package workflows

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// refused reports whether an activity answered with a refusal, which is final, rather than failed.
func refused(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.NonRetryable() && errs.Code(app.Type()) != errs.Internal
}
