package api

import (
	"time"

	"github.com/gin-gonic/gin"
)

// For the tests of this package, which see it from outside.
var (
	ISODuration = isoDuration
	ISOSpan     = isoSpan
	Decode      = decode
	Check       = check
	CheckTarget = checkTarget
	Matches     = matches
)

// ClearableTime is a time in the body of a PATCH.
type ClearableTime = clearable[time.Time]

// Routes lists what the router serves.
func Routes(d Deps) (gin.RoutesInfo, error) {
	e, err := newEdge(d)
	if err != nil {
		return nil, err
	}
	r, err := newRouter(d, e)
	if err != nil {
		return nil, err
	}
	return r.Routes(), nil
}
