package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
)

// browser logs in as the console does, and answers the cookie as the browser keeps it.
func browser(t *testing.T, w *world, headers ...string) *http.Cookie {
	t.Helper()
	res := w.do("", "POST", "/api/v1/auth/login", `{"username":"boss","password":"demo","cookie":true}`, headers...)
	require.Equal(t, "boss", object(t, res, 200)["token"], "the cookie takes nothing from the answer")
	require.Len(t, res.Cookies(), 1)
	return res.Cookies()[0]
}

const itsOwn, another = "https://flow.example.com", "https://evil.example.com"

func TestLoginInACookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.PublicURL = itsOwn + "/console" })
	cookie := browser(t, w)
	require.Equal(t, "mcrflow_session", cookie.Name)
	require.True(t, cookie.HttpOnly, "out of reach of scripts")
	require.True(t, cookie.Secure, "the product is reached by HTTPS")
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.Equal(t, "/api/", cookie.Path)
	require.Equal(t, noon.Add(time.Hour), cookie.Expires, "as long as the session")
	sent := cookie.Name + "=" + cookie.Value

	require.Equal(t, "boss", object(t, w.do("", "GET", "/api/v1/me", "", "Cookie", sent), 200)["username"])
	body := `{"name":"Acme"}`
	for name, headers := range map[string][]string{
		"same_origin":   {"Sec-Fetch-Site", "same-origin", "Origin", itsOwn},
		"behind_proxy":  {"Origin", itsOwn}, // which shows the API another host
		"typed_address": {"Sec-Fetch-Site", "none"},
		"no_browser":    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object(t, w.do("", "POST", "/api/v1/clients", body, append(headers, "Cookie", sent)...), 201)
		})
	}
}

func TestACookieIsOfNoUseToAnotherWebsite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookie := browser(t, w)
	sent := cookie.Name + "=" + cookie.Value
	require.False(t, cookie.Secure, "plain HTTP on this machine")
	for name, headers := range map[string][]string{
		"cross_site": {"Sec-Fetch-Site", "cross-site", "Origin", another},
		"same_site":  {"Sec-Fetch-Site", "same-site"},
		"old":        {"Origin", another},
		"sandbox":    {"Origin", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, call := range [][2]string{{"POST", "/api/v1/clients"}, {"PATCH", "/api/v1/clients/" + firmID}, {"POST", "/api/v1/auth/logout"}} {
				p := problem(t, w.do("", call[0], call[1], `{"name":"Acme"}`, append(headers, "Cookie", sent)...), 403, "forbidden")
				require.Contains(t, p.Detail, "another website")
			}
			login := `{"username":"boss","password":"demo","cookie":true}`
			res := w.do("", "POST", "/api/v1/auth/login", login, headers...)
			problem(t, res, 403, "forbidden")
			require.Empty(t, res.Cookies(), "nobody is logged in without knowing")
			object(t, w.do("boss", "POST", "/api/v1/clients", `{"name":"Acme"}`, headers...), 201)
		})
	}
}

func TestTheTokenGoesBeforeTheCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sent := "mcrflow_session=boss"
	require.Equal(t, "admin", object(t, w.do("admin", "GET", "/api/v1/me", "", "Cookie", sent), 200)["username"])
	problem(t, w.do("no-such-token", "GET", "/api/v1/me", "", "Cookie", sent), 401, "unauthenticated")
	problem(t, w.do("", "GET", "/api/v1/me", "", "Cookie", "mcrflow_session=nobody"), 401, "unauthenticated")
	problem(t, w.do("", "GET", "/api/v1/me", "", "Cookie", "mcrflow_session="), 401, "unauthenticated")
}

func TestLogoutTakesTheCookieBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cookie := browser(t, w)
	res := w.do("", "POST", "/api/v1/auth/logout", "", "Cookie", cookie.Name+"="+cookie.Value)
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	require.Len(t, res.Cookies(), 1)
	gone := res.Cookies()[0]
	require.Equal(t, []any{cookie.Name, cookie.Path, "", -1}, []any{gone.Name, gone.Path, gone.Value, gone.MaxAge})
	require.Empty(t, w.do("", "POST", "/api/v1/auth/login", `{"username":"boss","password":"demo"}`).Cookies(), "only who asks gets one")
}
