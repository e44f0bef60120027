package api

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
)

// sessionCookie holds the session of a browser, out of reach of its scripts.
const sessionCookie = "mcrflow_session"

// browsers keeps sessions in cookies, and pages of other origins from using them.
type browsers struct {
	secure  bool // the product is reached by HTTPS
	origins *http.CrossOriginProtection
}

// newBrowsers trusts the pages of the product's public address, also where a proxy shows the API another host.
func newBrowsers(publicURL string) (*browsers, error) {
	b := &browsers{origins: http.NewCrossOriginProtection()}
	u, err := url.Parse(publicURL)
	if err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	if u.Host == "" {
		return b, nil
	}
	b.secure = u.Scheme == "https"
	if err := b.origins.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
		return nil, fmt.Errorf("public URL: %w", err)
	}
	return b, nil
}

// check refuses a request of a page of another origin that could change something: a browser adds the cookie to it
// whoever made the page. 403.
func (b *browsers) check(c *gin.Context) error {
	if err := b.origins.Check(c.Request); err != nil {
		return errs.Wrap(err, errs.Forbidden, "forbidden.cross_origin")
	}
	return nil
}

// open gives the browser the session.
func (b *browsers) open(c *gin.Context, token string, expires time.Time) {
	b.set(c, http.Cookie{Value: token, Expires: expires})
}

// close takes it back.
func (b *browsers) close(c *gin.Context) { b.set(c, http.Cookie{MaxAge: -1}) }

func (b *browsers) set(c *gin.Context, cookie http.Cookie) {
	cookie.Name, cookie.Path, cookie.HttpOnly, cookie.SameSite = sessionCookie, "/api/", true, http.SameSiteStrictMode
	cookie.Secure = b.secure || c.Request.TLS != nil
	http.SetCookie(c.Writer, &cookie)
}

// token is the session that the browser keeps; empty without one.
func (b *browsers) token(c *gin.Context) string {
	token, err := c.Cookie(sessionCookie)
	if err != nil || len(token) > maxToken || !holdable(token) {
		return ""
	}
	return token
}
