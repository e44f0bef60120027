package api

import "github.com/gin-gonic/gin"

// For the tests of this package, which see it from outside.
var (
	ISODuration = isoDuration
	ISOSpan     = isoSpan
	Decode      = decode
	CheckTarget = checkTarget
	Matches     = matches
)

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
