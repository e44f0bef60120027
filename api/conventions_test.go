package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/sla"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := `{"username":"new","display_name":"New","roles":["staff"]`
	for name, tc := range map[string]struct {
		method, path, body, media string
		status                    int
		code, want                string
	}{
		"not_json":                     {"POST", "/api/v1/users", `{"username":`, "", 400, "malformed", "JSON"},
		"empty_body":                   {"POST", "/api/v1/users", "", "", 400, "malformed", "empty"},
		"null_body":                    {"POST", "/api/v1/users", "null", "", 422, "invalid", ""},
		"list_body":                    {"POST", "/api/v1/users", "[]", "", 400, "malformed", "object"},
		"unknown_field_is_named":       {"POST", "/api/v1/users", user + `,"rank":1}`, "", 400, "malformed", "rank"},
		"names_match_exactly":          {"POST", "/api/v1/users", user + `,"Email":"a@b.c"}`, "", 400, "malformed", "Email"},
		"duplicate_field_is_named":     {"POST", "/api/v1/users", user + `,"username":"x"}`, "", 400, "malformed", "username"},
		"wrong_type_is_named":          {"POST", "/api/v1/users", user + `,"email":5}`, "", 400, "malformed", "email"},
		"wrong_type_in_a_list":         {"POST", "/api/v1/users", `{"username":"a","display_name":"A","roles":[1]}`, "", 400, "malformed", "roles[0]"},
		"bad_time_is_named":            {"POST", "/api/v1/deputies", `{"deputy_id":"x","until":"tomorrow"}`, "", 400, "malformed", "until"},
		"null_where_nothing_can_clear": {"PATCH", "/api/v1/users/" + agentID, `{"display_name":null}`, "", 400, "malformed", "display_name"},
		"trailing_text":                {"POST", "/api/v1/users", user + `} {}`, "", 400, "malformed", "follows"},
		"not_utf8":                     {"POST", "/api/v1/users", "{\"username\":\"\xff\"}", "", 400, "malformed", "UTF-8"},
		"nul_in_text":                  {"POST", "/api/v1/users", `{"username":"a\u0000"}`, "", 400, "malformed", "username"},
		"nul_in_a_patch":               {"PATCH", "/api/v1/users/" + agentID, `{"display_name":"a\u0000"}`, "", 400, "malformed", "display_name"},
		"another_media_type":           {"POST", "/api/v1/users", user + "}", "text/plain", 400, "malformed", "application/json"},
		"another_charset":              {"POST", "/api/v1/users", user + "}", "application/json; charset=gbk", 400, "malformed", "application/json"},
		"one_mebibyte_and_more":        {"POST", "/api/v1/users", `{"username":"` + strings.Repeat("x", 1<<20) + `"}`, "", 413, "too_large", ""},
		"unknown_parameter_is_named":   {"GET", "/api/v1/users?page=2", "", "", 400, "malformed", "page"},
		"unknown_parameter_on_an_item": {"GET", "/api/v1/users/" + agentID + "?x=1", "", "", 400, "malformed", "x"},
		"parameter_twice":              {"GET", "/api/v1/users?limit=1&limit=2", "", "", 400, "malformed", "limit"},
		"parameter_of_a_wrong_type":    {"GET", "/api/v1/users?limit=many", "", "", 400, "malformed", "limit"},
		"parameter_with_nul":           {"GET", "/api/v1/users?username=%00", "", "", 400, "malformed", "username"},
		"limit_out_of_range":           {"GET", "/api/v1/users?limit=201", "", "", 422, "invalid", "limit"},
		"unknown_word":                 {"GET", "/api/v1/users?role=king", "", "", 422, "invalid", "role"},
		"no_such_path":                 {"GET", "/api/v1/nothing", "", "", 404, "not_found", ""},
		"id_with_nul":                  {"GET", "/api/v1/users/%00", "", "", 404, "not_found", ""},
		"wrong_method":                 {"DELETE", "/api/v1/users", "", "", 405, "method_not_allowed", "POST"},
		"no_trailing_slash":            {"GET", "/api/v1/users/", "", "", 404, "not_found", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if tc.media != "" {
				headers = []string{"Content-Type", tc.media}
			}
			p := problem(t, w.do("admin", tc.method, tc.path, tc.body, headers...), tc.status, tc.code)
			text, err := json.Marshal(p)
			require.NoError(t, err)
			require.Contains(t, string(text), tc.want)
			require.NotEmpty(t, p.RequestID)
			require.Equal(t, "urn:mcrflow:problem:"+tc.code, p.Type)
		})
	}
}

func TestInvalidNamesEveryFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := `{"username":"N O","display_name":" ","email":"x","locale":"fr","time_zone":"Local","roles":["staff","king"],"team_id":"t","password":"1"}`
	p := problem(t, w.do("admin", "POST", "/api/v1/users", body), 422, "invalid")
	require.Equal(t, []string{
		"username:username", "display_name:notblank", "email:email", "locale:locale", "time_zone:time_zone", "roles[1]:role",
		"team_id:typeid", "password:min",
	}, p.faults())
	require.Equal(t, "is not an identifier of the form team_…", p.Errors[6].Message)

	p = problem(t, w.do("admin", "POST", "/api/v1/users", body, "Accept-Language", "zh-CN"), 422, "invalid")
	require.Equal(t, "内容不符合要求", p.Title)
	require.Equal(t, "不是有效的电子邮箱", p.Errors[2].Message)
}

func TestLanguageOfProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct{ user, header, want string }{
		"the_user's_own":       {"agent", "", "未找到"},
		"the_header_wins":      {"agent", "en", "Not found"},
		"without_either":       {"admin", "", "Not found"},
		"chinese_if_asked_for": {"admin", "zh", "未找到"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := w.do(tc.user, "GET", "/api/v1/users/"+firmID, "", "Accept-Language", tc.header)
			require.Equal(t, tc.want, problem(t, res, 404, "not_found").Title)
			require.Contains(t, res.Header.Get("Vary"), "Accept-Language")
		})
	}
}

func TestErrorsOfTheInside(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		status  int
		code    string
		headers map[string]string
	}{
		"nothing_inner_leaks":        {errSecret, 500, "internal", nil},
		"wrapped_causes_stay_inside": {errs.Wrap(errSecret, errs.Conflict, "conflict"), 409, "conflict", nil},
		"database_away":              {errs.New(errs.Unavailable, "unavailable.database"), 503, "unavailable", map[string]string{"Retry-After": "1"}},
		"busy": {
			&errs.Error{Code: errs.RateLimited, Key: "rate_limited", RetryAfter: 1500 * time.Millisecond}, 429, "rate_limited",
			map[string]string{"Retry-After": "2"},
		},
		"pending_says_where_to_ask": {
			errs.New(errs.Pending, "pending"), 202, "pending", map[string]string{"Location": "/api/v1/users/" + agentID},
		},
		"a_code_of_a_process_is_a_conflict": {errs.New("budget_exceeded", "no.such.key"), 409, "budget_exceeded", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.broken = tc.err
			res := w.do("admin", "POST", "/api/v1/users/"+agentID+"/deactivate", "")
			for header, want := range tc.headers {
				require.Equal(t, want, res.Header.Get(header))
			}
			body := problem(t, res, tc.status, tc.code)
			require.NotContains(t, body.Detail, "hunter2")
			require.NotContains(t, body.Detail, "no.such", "never a bare key")
			require.NotEmpty(t, body.Title)
			if tc.status == 500 {
				require.Equal(t, 1, strings.Count(w.log.String(), `"level":"ERROR"`), "logged once")
				require.Contains(t, w.log.String(), "hunter2", "the log has the cause")
				require.Contains(t, w.log.String(), body.RequestID)
			}
		})
	}
}

func TestPanicIsInternal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) { d.Clients = nil2{} })
	for _, key := range []string{"", "k"} { // with a key the answer is held back: the problem must come through
		res := w.do("boss", "POST", "/api/v1/clients", `{"name":"A"}`, "Idempotency-Key", key)
		require.NotContains(t, problem(t, res, 500, "internal").Detail, "nil")
	}
	require.Contains(t, w.log.String(), "request panicked")
}

// nil2 panics on every call.
type nil2 struct{ clientStore }

type clientStore interface{ api.Clients }

func TestHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("request_id_is_taken", func(t *testing.T) {
		t.Parallel()
		res := w.do("admin", "GET", "/api/v1/me", "", "X-Request-ID", "abc-123")
		require.Equal(t, "abc-123", res.Header.Get("X-Request-ID"))
	})
	t.Run("request_id_is_made_when_unfit", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"", "a b", strings.Repeat("x", 129), "投诉"} {
			made := w.do("admin", "GET", "/api/v1/me", "", "X-Request-ID", bad).Header.Get("X-Request-ID")
			require.Regexp(t, `^req_[0-9a-z]{26}$`, made)
		}
	})
	t.Run("trace_is_carried_on", func(t *testing.T) {
		t.Parallel()
		res := w.do("admin", "GET", "/api/v1/me", "", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		require.Contains(t, res.Header.Get("traceparent"), "0af7651916cd43dd8448eb211c80319c")
	})
	t.Run("a_401_says_how", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, `Bearer realm="mcrflow"`, w.do("", "GET", "/api/v1/me", "").Header.Get("WWW-Authenticate"))
		require.Contains(t, w.do("bad", "GET", "/api/v1/me", "").Header.Get("WWW-Authenticate"), "invalid_token")
	})
	t.Run("a_403_names_the_permission", func(t *testing.T) {
		t.Parallel()
		p := problem(t, w.do("agent", "GET", "/api/v1/tokens", "", "Accept-Language", "en"), 403, "forbidden")
		require.Contains(t, p.Detail, "token.create")
	})
	t.Run("nothing_for_browsers_to_misuse", func(t *testing.T) {
		t.Parallel()
		h := w.do("admin", "GET", "/api/v1/me", "", "Origin", "https://evil.example").Header
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", h.Get("Cache-Control"))
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
		require.Empty(t, h.Get("Access-Control-Allow-Origin"))
	})
	t.Run("head_is_get_without_body", func(t *testing.T) {
		t.Parallel()
		res := w.do("admin", "HEAD", "/api/v1/me", "")
		require.Equal(t, 200, res.StatusCode)
		require.NotEmpty(t, res.Header.Get("ETag"))
		require.Empty(t, bodyText(t, res))
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := newRecorder(w, "OPTIONS", "/api/v1/users")
	require.Equal(t, http.StatusNoContent, rec.Code)
	require.Contains(t, rec.Header().Get("Allow"), "GET")
	require.Contains(t, rec.Header().Get("Allow"), "POST")
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *api.Deps) {
		d.Limits = api.Limits{PerSecond: 0.001, Burst: 5, LoginPerMinute: 0.001, LoginBurst: 2}
	})
	login := `{"username":"admin","password":"wrong"}`
	problem(t, w.do("", "POST", "/api/v1/auth/login", login), 401, "unauthenticated")
	problem(t, w.do("", "POST", "/api/v1/auth/login", login), 401, "unauthenticated")
	res := w.do("", "POST", "/api/v1/auth/login", login)
	problem(t, res, 429, "rate_limited")
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	object(t, w.do("admin", "GET", "/api/v1/me", ""), 200)
	object(t, w.do("admin", "GET", "/api/v1/me", ""), 200)
	problem(t, w.do("admin", "GET", "/api/v1/me", ""), 429, "rate_limited")
	object(t, w.do("", "GET", "/healthz", ""), 200)
}

func TestLimitsBehindAProxyAreThoseOfWhomItSpeaksFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		proxies []string
		first   []string // X-Forwarded-For of one request, and of another
		second  []string
		limited bool
	}{
		"two_people":                   {[]string{"192.0.2.0/24"}, []string{"203.0.113.1"}, []string{"203.0.113.2"}, false},
		"one_person":                   {[]string{"192.0.2.0/24"}, []string{"203.0.113.1"}, []string{"203.0.113.1"}, true},
		"what_the_person_wrote":        {[]string{"192.0.2.1"}, []string{"198.51.100.1, 203.0.113.1"}, []string{"198.51.100.2, 203.0.113.1"}, true},
		"in_a_line_of_its_own":         {[]string{"192.0.2.1"}, []string{"198.51.100.1", "203.0.113.1"}, []string{"198.51.100.2", "203.0.113.1"}, true},
		"through_two_of_ours":          {[]string{"192.0.2.0/24"}, []string{"203.0.113.1, 192.0.2.7"}, []string{"203.0.113.2, 192.0.2.7"}, false},
		"not_of_one_that_nobody_named": {[]string{"10.0.0.0/8"}, []string{"203.0.113.1"}, []string{"203.0.113.2"}, true},
		"nor_when_nobody_is_named":     {nil, []string{"203.0.113.1"}, []string{"203.0.113.2"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(d *api.Deps) {
				d.TrustedProxies, d.Limits = tc.proxies, api.Limits{PerSecond: 0.001, Burst: 1}
			})
			var last int
			for _, through := range [][]string{tc.first, tc.second} {
				req := httptest.NewRequest(http.MethodGet, "/api/v1/me", nil) // from 192.0.2.1
				req.Header["X-Forwarded-For"] = through
				req.Header.Set("X-Real-IP", strings.Join(through, ""))
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, req)
				last = rec.Code
			}
			require.Equal(t, tc.limited, last == http.StatusTooManyRequests, last)
		})
	}
}

func TestLogHasNoPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("admin", "POST", "/api/v1/users", `{"username":"secretive","display_name":"Jane Doe","roles":["staff"],"email":"jane@example.com"}`)
	w.do("admin", "GET", "/api/v1/clients?q=Jane", "")
	for _, private := range []string{"secretive", "Jane", "jane@", "192.0.2"} {
		require.NotContains(t, w.log.String(), private)
	}
	require.Contains(t, w.log.String(), adminID, "who acted is in the log")
}

func TestISODuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "PT0S", 10 * time.Minute: "PT10M", 3500 * time.Millisecond: "PT3.5S", 72 * time.Hour: "PT72H", time.Nanosecond: "PT0.000000001S",
		-90 * time.Minute: "-PT1H30M", 4*time.Hour + 30*time.Second: "PT4H30S", -1 << 63: "-PT2562047H47M16.854775808S",
	} {
		require.Equal(t, want, api.ISODuration(d))
	}
	require.Equal(t, "P3D", api.ISOSpan(sla.Span{Days: 3}))
	require.Equal(t, "PT4H", api.ISOSpan(sla.Span{Duration: 4 * time.Hour}))
}

func TestTime(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(api.Time(time.Date(2026, 3, 6, 16, 30, 0, 123_999_999, time.FixedZone("", 8*3600))))
	require.NoError(t, err)
	require.JSONEq(t, `"2026-03-06T08:30:00.123Z"`, string(out))
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{"": true, "*": true, `"3"`: true, `"2", "3"`: true, `"2"`: false, `W/"3"`: false, "3": false} {
		require.Equal(t, want, api.Matches(header, 3), header)
	}
}

func TestTimesOutsideOfWhatCanBeWrittenAreFaults(t *testing.T) {
	t.Parallel()
	type step struct {
		At *time.Time `json:"at"`
	}
	type request struct {
		step
		Name  string            `json:"name" binding:"required"`
		Until api.ClearableTime `json:"until"`
		Steps []step            `json:"steps"`
		By    map[string]step   `json:"by"`
		Due   time.Time         `json:"due"`
	}
	for at, ok := range map[string]bool{
		"0001-01-01T00:00:00Z": true, "0001-01-01T00:00:00+00:01": false, "0000-12-31T23:59:59-00:01": true, "0000-01-01T00:00:00Z": false,
		"9998-12-31T23:59:59.999999999Z": true, "9998-12-31T23:59:59-00:01": false, "9999-01-01T00:00:00+00:01": true,
		"9999-12-31T23:59:59-05:00": false,
	} {
		var req request
		text := strings.ReplaceAll(`{"at":"T","name":"x","until":"T","steps":[{},{"at":"T"}],"by":{"a":{"at":"T"}},"due":"T"}`, "T", at)
		require.NoError(t, api.Decode([]byte(text), &req), at)
		err := api.Check(&req)
		if ok {
			require.NoError(t, err, at)
			continue
		}
		var e *errs.Error
		require.ErrorAs(t, err, &e)
		fields := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			fields[i] = f.Field + ":" + f.Code
		}
		require.ElementsMatch(t, []string{"at:between", "until:between", "steps[1].at:between", "by.a.at:between", "due:between"}, fields, at)
	}
	var e *errs.Error
	require.ErrorAs(t, api.Check(&request{Due: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}), &e)
	require.Len(t, e.Fields, 2, "beside what else is wrong")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"a","tags":["x"],"at":"2026-03-06T09:00:00Z","inner":{"n":1}}`))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var v struct {
			Name  string            `json:"name"`
			Tags  []string          `json:"tags"`
			At    *time.Time        `json:"at"`
			Data  map[string]string `json:"data"`
			Inner *struct {
				N int `json:"n"`
			} `json:"inner"`
		}
		if err := api.Decode(body, &v); err != nil {
			require.Equal(t, errs.Malformed, errs.CodeOf(err), "every fault of a body is the caller's")
			return
		}
		require.True(t, json.Valid(body))
		require.NotContains(t, v.Name, "\x00")
	})
}
