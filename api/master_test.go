package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/api"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("", "POST", "/api/v1/auth/login", `{"username":"agent","password":"demo"}`), 200)
	require.Equal(t, "2026-03-06T10:00:00.000Z", v["expires_at"])
	require.Equal(t, "agent", v["user"].(map[string]any)["username"])
	problem(t, w.do("", "POST", "/api/v1/auth/login", `{"username":"agent","password":"no"}`), 401, "unauthenticated")

	me := object(t, w.do("agent", "GET", "/api/v1/me", ""), 200)
	require.Equal(t, agentID, me["id"])
	require.Contains(t, me["permissions"], "case.work")
	require.NotContains(t, me, "password_hash")
	require.Equal(t, http.StatusNoContent, w.do("agent", "POST", "/api/v1/auth/logout", "").StatusCode)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		body := `{"username":"li.lei","display_name":" 李雷 ","roles":["staff"],"team_id":"` + teamID + `","manager_id":"` + agentID + `"}`
		res := w.do("admin", "POST", "/api/v1/users", body)
		v := object(t, res, 201)
		require.Equal(t, "李雷", v["display_name"])
		require.Equal(t, "Asia/Shanghai", v["time_zone"])
		require.Equal(t, `"1"`, res.Header.Get("ETag"))
		require.Equal(t, "/api/v1/users/"+v["id"].(string), res.Header.Get("Location"))
		object(t, w.do("agent", "GET", res.Header.Get("Location"), ""), 200)
		problem(t, w.do("admin", "POST", "/api/v1/users", body), 409, "conflict")
	})
	t.Run("references_are_checked_together", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		body := `{"username":"x1","display_name":"X","roles":["staff"],"team_id":"` + id.New(id.Team) + `","manager_id":"` + goneID + `","password":"x1x1x1x1"}`
		p := problem(t, w.do("admin", "POST", "/api/v1/users", body), 422, "invalid")
		require.Equal(t, []string{"team_id:unknown", "manager_id:inactive"}, p.faults())
	})
	t.Run("nobody_reports_to_themselves", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		object(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"manager_id":"`+adminID+`"}`), 200)
		p := problem(t, w.do("admin", "PATCH", "/api/v1/users/"+adminID, `{"manager_id":"`+agentID+`"}`), 422, "invalid")
		require.Equal(t, []string{"manager_id:circle"}, p.faults())
		object(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"manager_id":null}`), 200)
		require.Nil(t, w.users.byID[agentID].ManagerID, "null clears")
	})
	t.Run("patch_changes_what_is_named", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		res := w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"display_name":"New","email":"a@b.example"}`, "If-Match", `"1"`)
		v := object(t, res, 200)
		require.Equal(t, "New", v["display_name"])
		require.Equal(t, "zh-CN", v["locale"])
		require.Equal(t, `"2"`, res.Header.Get("ETag"))
		problem(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"display_name":"Late"}`, "If-Match", `"1"`), 412, "precondition_failed")
		require.Equal(t, "New", w.users.byID[agentID].DisplayName)
		p := problem(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"locale":"","display_name":""}`), 422, "invalid")
		require.ElementsMatch(t, []string{"locale:locale", "display_name:notblank"}, p.faults())
	})
	t.Run("patch_does_not_deactivate", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		p := problem(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"active":false}`), 422, "invalid")
		require.Equal(t, []string{"active:use_deactivate"}, p.faults())
		require.Equal(t, true, object(t, w.do("admin", "PATCH", "/api/v1/users/"+goneID, `{"active":true}`), 200)["active"])
	})
	t.Run("patch_of_the_team_takes_the_cases_along", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"display_name":"New"}`)
		require.Empty(t, w.moves)
		v := object(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"team_id":"`+teamID+`"}`), 200)
		require.Equal(t, teamID, v["team_id"])
		require.Nil(t, object(t, w.do("admin", "PATCH", "/api/v1/users/"+agentID, `{"team_id":null}`), 200)["team_id"])
		require.Len(t, w.moves, 2)
		require.Equal(t, adminID, w.moves[0].Actor.ID)
	})
	t.Run("deactivate", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		require.Equal(t, false, object(t, w.do("admin", "POST", "/api/v1/users/"+agentID+"/deactivate", ""), 200)["active"])
		problem(t, w.do("admin", "POST", "/api/v1/users/"+adminID+"/deactivate", ""), 409, "conflict")
		problem(t, w.do("admin", "POST", "/api/v1/users/"+id.New(id.User)+"/deactivate", ""), 404, "not_found")
		require.Len(t, w.deactivations, 1)
	})
	t.Run("only_admin_writes", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		problem(t, w.do("boss", "POST", "/api/v1/users", `{}`), 403, "forbidden")
		problem(t, w.do("auditor", "PATCH", "/api/v1/users/"+agentID, `{}`), 403, "forbidden")
	})
	t.Run("list_is_paged_and_filtered", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		v := object(t, w.do("agent", "GET", "/api/v1/users?limit=2&role=service_agent&active=true", ""), 200)
		require.Len(t, v["items"], 1)
		require.Nil(t, v["next_cursor"])
		v = object(t, w.do("agent", "GET", "/api/v1/users?limit=2&cursor=abc", ""), 200)
		require.Equal(t, "more", v["next_cursor"])
		require.Equal(t, models.Page{Limit: 2, Cursor: "abc"}, w.pages[1])
		object(t, w.do("agent", "GET", "/api/v1/users", ""), 200)
		require.Equal(t, 50, w.pages[2].Limit)
	})
}

func TestTeams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publish(t, w)
	v := object(t, w.do("admin", "POST", "/api/v1/teams", `{"name":"后台","supervisor_id":"`+agentID+`","calendar_id":"cn"}`), 201)
	require.Equal(t, "后台", v["name"])
	path := "/api/v1/teams/" + v["id"].(string)
	v = object(t, w.do("admin", "PATCH", path, `{"supervisor_id":null}`, "If-Match", `"1"`), 200)
	require.Nil(t, v["supervisor_id"])
	require.Equal(t, "cn", v["calendar_id"])
	require.Len(t, w.moves, 1)
	require.Equal(t, adminID, w.moves[0].Actor.ID, "what waits for the supervisor goes along, and who said so is known")
	p := problem(t, w.do("admin", "PATCH", path, `{"calendar_id":"mars","supervisor_id":"`+goneID+`"}`), 422, "invalid")
	require.ElementsMatch(t, []string{"calendar_id:unknown", "supervisor_id:inactive"}, p.faults())
	require.Len(t, object(t, w.do("agent", "GET", "/api/v1/teams", ""), 200)["items"], 2)
}

func TestDeputies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	until := `"until":"2026-03-20T00:00:00Z"`
	own := object(t, w.do("agent", "POST", "/api/v1/deputies", `{"deputy_id":"`+adminID+`",`+until+`}`), 201)
	require.Equal(t, agentID, own["user_id"])
	require.Equal(t, "2026-03-06T09:00:00.000Z", own["from"], "now if absent")
	problem(t, w.do("agent", "POST", "/api/v1/deputies", `{"user_id":"`+adminID+`","deputy_id":"`+agentID+`",`+until+`}`), 403, "forbidden")
	require.Nil(t, own["max_amount"])
	boss := id.Derive(id.User, "world", "boss")
	v := object(t, w.do("boss", "POST", "/api/v1/deputies", `{"user_id":"`+adminID+`","deputy_id":"`+boss+`","max_amount":500000,"processes":["extension"],`+until+`}`), 201)
	require.InDelta(t, 500000, v["max_amount"], 0)
	for name, tc := range map[string]struct{ body, fault string }{
		"not_somebody":    {`{"deputy_id":"` + id.New(id.User) + `",` + until + `}`, "deputy_id:unknown"},
		"not_who_left":    {`{"deputy_id":"` + goneID + `",` + until + `}`, "deputy_id:inactive"},
		"until_after":     {`{"deputy_id":"` + adminID + `","from":"2026-03-20T00:00:00Z",` + until + `}`, "until:after"},
		"not_in_the_past": {`{"deputy_id":"` + adminID + `","from":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00Z"}`, "until:future"},
		"until_required":  {`{"deputy_id":"` + adminID + `"}`, "until:required"},
		"no_such_time":    {`{"deputy_id":"` + adminID + `","until":"9999-12-31T23:59:59-05:00"}`, "until:between"},
		"nor_such_a_from": {`{"deputy_id":"` + adminID + `","from":"0001-01-01T00:00:00+08:00",` + until + `}`, "from:between"},
		"amount_positive": {`{"deputy_id":"` + adminID + `","max_amount":0,` + until + `}`, "max_amount:min"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []string{tc.fault}, problem(t, w.do("agent", "POST", "/api/v1/deputies", tc.body), 422, "invalid").faults())
		})
	}
	problem(t, w.do("agent", "POST", "/api/v1/deputies", `{"deputy_id":"`+agentID+`",`+until+`}`), 409, "to_self")
	problem(t, w.do("boss", "POST", "/api/v1/deputies", `{"deputy_id":"`+agentID+`",`+until+`}`), 409, "cycle")
	object(t, w.do("boss", "POST", "/api/v1/deputies", `{"deputy_id":"`+agentID+`","from":"2026-03-20T00:00:00Z","until":"2026-03-21T00:00:00Z"}`), 201) // when nobody else is away
	require.Len(t, object(t, w.do("agent", "GET", "/api/v1/deputies", ""), 200)["items"], 1, "one's own")
	require.Len(t, object(t, w.do("boss", "GET", "/api/v1/deputies", ""), 200)["items"], 3, "everybody's")
	problem(t, w.do("agent", "GET", "/api/v1/deputies?user_id="+adminID, ""), 403, "forbidden")
	others := w.deputies.order[1]
	require.Len(t, object(t, w.do("auditor", "GET", "/api/v1/deputies", ""), 200)["items"], 3, "auditors read all")
	problem(t, w.do("auditor", "POST", "/api/v1/deputies", `{"deputy_id":"`+agentID+`",`+until+`}`), 403, "forbidden")
	problem(t, w.do("auditor", "DELETE", "/api/v1/deputies/"+others, ""), 403, "forbidden")
	problem(t, w.do("agent", "DELETE", "/api/v1/deputies/"+others, ""), 404, "not_found")
	require.Equal(t, 204, w.do("agent", "DELETE", "/api/v1/deputies/"+own["id"].(string), "").StatusCode)
	require.Len(t, w.deputies.byID, 2)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("admin", "POST", "/api/v1/tokens", `{"user_id":"`+agentID+`","name":"robot","expires_at":"2027-01-01T00:00:00Z"}`), 201)
	require.Equal(t, "the-secret", v["token"])
	items := object(t, w.do("admin", "GET", "/api/v1/tokens", ""), 200)["items"].([]any)
	require.NotContains(t, items[0], "token")
	require.Equal(t, 204, w.do("admin", "DELETE", "/api/v1/tokens/"+v["id"].(string), "").StatusCode)
	p := problem(t, w.do("admin", "POST", "/api/v1/tokens", `{"user_id":"`+goneID+`","name":"x","expires_at":"2020-01-01T00:00:00Z"}`), 422, "invalid")
	require.Equal(t, []string{"expires_at:future", "user_id:inactive"}, p.faults())
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("agent", "GET", "/api/v1/notifications?unread=true", ""), 200)["items"].([]any)[0].(map[string]any)
	require.Equal(t, "CMP-1：“解决”已超时", v["title"])
	require.Contains(t, v["body"], "2026-03-06 16:30", "the reader's own clock")
	v = object(t, w.do("agent", "POST", "/api/v1/notifications/note_1/read", "", "Accept-Language", "en"), 200)
	require.Equal(t, "CMP-1: resolution is overdue", v["title"])
	require.Equal(t, "2026-03-06T09:00:00.000Z", v["read_at"])
	require.Empty(t, object(t, w.do("agent", "GET", "/api/v1/notifications?unread=true", ""), 200)["items"])
	problem(t, w.do("admin", "POST", "/api/v1/notifications/note_1/read", ""), 404, "not_found")
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("admin", "POST", "/api/v1/webhooks", `{"url":"https://hooks.example/mcr","kinds":["milestone_breached"]}`), 201)
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(v["secret"].(string), "whsec_"))
	require.NoError(t, err)
	require.Len(t, secret, 32)
	require.Equal(t, secret, w.webhooks.byID[v["id"].(string)].Secret)
	require.NotContains(t, object(t, w.do("admin", "GET", "/api/v1/webhooks", ""), 200)["items"].([]any)[0], "secret")
	problem(t, w.do("boss", "GET", "/api/v1/webhooks", ""), 403, "forbidden")
	require.Equal(t, 204, w.do("admin", "DELETE", "/api/v1/webhooks/"+v["id"].(string), "").StatusCode)
}

func TestWebhookTargets(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"https://hooks.example/x": "", "http://127.0.0.1:9000/": "", "http://10.1.2.3/": "", "https://[2001:db8::1]/": "",
		"ftp://hooks.example": "url_scheme", "javascript:alert(1)": "url", "/relative": "url", "https://": "url", "https://a.example/#f": "url",
		"https://user:pw@hooks.example": "url_userinfo", "http://169.254.169.254/latest": "url_target", "http://[fe80::1]/": "url_target",
		"http://[::ffff:169.254.169.254]/": "url_target", "http://2852039166/": "url_target", "http://0xA9FEA9FE/": "url_target",
		"http://169.254.43518/": "url_target", "http://0/": "url_target", "http://metadata.google.internal./": "url_target",
		"http://[fd00:ec2::254]/": "url_target", "http://0.0.0.0/": "url_target", "http://224.0.0.1/": "url_target",
	} {
		err := api.CheckTarget(target)
		if want == "" {
			require.NoError(t, err, target)
			continue
		}
		var e *errs.Error
		require.ErrorAs(t, err, &e, target)
		require.Equal(t, want, e.Fields[0].Code, target)
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := object(t, w.do("boss", "POST", "/api/v1/clients", `{"name":"北方公司","class":"S","account_manager_id":"`+agentID+`"}`), 201)
	require.Equal(t, "S", v["class"])
	require.Equal(t, "prospect", v["status"])
	path := "/api/v1/clients/" + v["id"].(string)
	p := problem(t, w.do("boss", "PATCH", path, `{"class":"A"}`), 422, "invalid")
	require.Equal(t, []string{"class:class_by_classification"}, p.faults())
	v = object(t, w.do("boss", "PATCH", path, `{"status":"active","region":"","account_manager_id":null}`, "If-Match", `"1"`), 200)
	require.Equal(t, "active", v["status"])
	require.Nil(t, v["account_manager_id"])
	problem(t, w.do("boss", "PATCH", path, `{"status":"lost"}`, "If-Match", `"1"`), 412, "precondition_failed")
	problem(t, w.do("agent", "POST", "/api/v1/clients", `{"name":"x"}`), 403, "forbidden")
	require.Len(t, object(t, w.do("agent", "GET", "/api/v1/clients?q="+"%E5%8C%97", ""), 200)["items"], 1)

	c := object(t, w.do("boss", "POST", path+"/contacts", `{"name":"王芳","phone":"+86 10 1234-5678","email":"w@example.com"}`), 201)
	require.Equal(t, v["id"], c["client_id"])
	require.Len(t, object(t, w.do("agent", "GET", path+"/contacts", ""), 200)["items"], 1)
	problem(t, w.do("boss", "POST", "/api/v1/clients/"+id.New(id.Client)+"/contacts", `{"name":"x"}`), 404, "not_found")
	p = problem(t, w.do("boss", "POST", path+"/contacts", `{"name":"x","phone":"call me","email":"at"}`), 422, "invalid")
	require.Equal(t, []string{"phone:phone", "email:email"}, p.faults())
}

// publish puts the shipped calendar and policy into force.
func publish(t testing.TB, w *world) {
	t.Helper()
	for _, name := range []string{"cn", "always"} {
		body, err := policies.FS.ReadFile("calendars/" + name + ".yaml")
		require.NoError(t, err)
		object(t, w.do("boss", "PUT", "/api/v1/calendars/"+name, string(body), "Content-Type", "application/yaml"), 201)
	}
	object(t, w.do("boss", "POST", "/api/v1/policies/sla/versions?note=first", shippedPolicy(t), "Content-Type", "application/yaml"), 201)
}

func shippedPolicy(t testing.TB) string {
	t.Helper()
	body, err := policies.FS.ReadFile("sla/default.yaml")
	require.NoError(t, err)
	return string(body)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publish(t, w)
	v := object(t, w.do("agent", "GET", "/api/v1/policies/sla", ""), 200)
	require.InDelta(t, 1, v["version"], 0)
	require.Equal(t, "first", v["note"])
	require.Equal(t, "cn", v["document"].(map[string]any)["calendar"])

	t.Run("as_yaml_it_can_be_published_again", func(t *testing.T) {
		res := w.do("boss", "GET", "/api/v1/policies/sla", "", "Accept", "application/yaml")
		text := bodyText(t, res)
		require.Contains(t, res.Header.Get("Content-Type"), "application/yaml")
		v := object(t, w.do("boss", "POST", "/api/v1/policies/sla/versions?dry_run=true", text, "Content-Type", "application/yaml"), 200)
		require.Equal(t, true, v["valid"])
		require.Len(t, w.policies, 1, "a dry run publishes nothing")
	})
	t.Run("every_fault_has_its_path", func(t *testing.T) {
		text := strings.Replace(shippedPolicy(t), "calendar: cn", "calendar: mars\nspeed: 9", 1)
		p := problem(t, w.do("boss", "POST", "/api/v1/policies/sla/versions", text, "Content-Type", "text/yaml"), 422, "invalid")
		require.Equal(t, []string{"speed:unknown_field"}, p.faults())
		require.Contains(t, p.Errors[0].Message, "line ")
		text = strings.Replace(shippedPolicy(t), "calendar: cn", "calendar: mars", 1)
		p = problem(t, w.do("boss", "POST", "/api/v1/policies/sla/versions", text, "Content-Type", "text/yaml"), 422, "invalid")
		require.Equal(t, []string{"calendar:unknown_calendar"}, p.faults())
	})
	t.Run("versions", func(t *testing.T) {
		res := w.do("boss", "POST", "/api/v1/policies/sla/versions", shippedPolicy(t), "Content-Type", "application/x-yaml")
		require.InDelta(t, 2, object(t, res, 201)["version"], 0)
		require.Equal(t, "/api/v1/policies/sla/versions/2", res.Header.Get("Location"))
		require.Len(t, object(t, w.do("agent", "GET", "/api/v1/policies/sla/versions", ""), 200)["items"], 2)
		require.InDelta(t, 1, object(t, w.do("agent", "GET", "/api/v1/policies/sla/versions/1", ""), 200)["version"], 0)
		for _, no := range []string{"9", "0", "x", "-1", "99999999999"} {
			problem(t, w.do("agent", "GET", "/api/v1/policies/sla/versions/"+no, ""), 404, "not_found")
		}
	})
	t.Run("unknown_kinds_name_the_known", func(t *testing.T) {
		require.Contains(t, problem(t, w.do("boss", "GET", "/api/v1/policies/magic", ""), 404, "not_found").Detail, "sla")
		problem(t, w.do("boss", "POST", "/api/v1/policies/magic/versions", "{}"), 404, "not_found")
	})
	t.Run("agents_publish_nothing", func(t *testing.T) {
		problem(t, w.do("agent", "POST", "/api/v1/policies/sla/versions", "{}"), 403, "forbidden")
		problem(t, w.do("agent", "PUT", "/api/v1/calendars/cn", "{}"), 403, "forbidden")
	})
	t.Run("a_form_is_no_document", func(t *testing.T) {
		problem(t, w.do("boss", "POST", "/api/v1/policies/sla/versions", "a=b", "Content-Type", "application/x-www-form-urlencoded"), 400, "malformed")
	})
}

// sameReaders lets both of two readers of a calendar see it before either goes on.
type sameReaders struct {
	*world
	sync sync.WaitGroup
}

func (s *sameReaders) LatestCalendar(ctx context.Context, key string) (models.CalendarVersion, error) {
	v, err := s.world.LatestCalendar(ctx, key)
	s.sync.Done()
	s.sync.Wait()
	return v, err
}

func TestCalendars(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publish(t, w)
	items := object(t, w.do("agent", "GET", "/api/v1/calendars", ""), 200)["items"].([]any)
	require.Len(t, items, 2)
	v := object(t, w.do("agent", "GET", "/api/v1/calendars/cn", ""), 200)
	require.Equal(t, "Asia/Shanghai", v["time_zone"])
	text := bodyText(t, w.do("boss", "GET", "/api/v1/calendars/cn", "", "Accept", "application/yaml"))

	t.Run("the_same_again_changes_nothing", func(t *testing.T) {
		object(t, w.do("boss", "PUT", "/api/v1/calendars/cn", text, "Content-Type", "application/yaml"), 200)
		require.Len(t, w.calendars, 2)
	})
	t.Run("a_change_is_a_new_version", func(t *testing.T) {
		changed := text + "\n"
		changed = strings.Replace(changed, "covered_until: 2026-12-31", "covered_until: 2026-12-30", 1)
		changed = strings.Replace(changed, `covered_until: "2026-12-31"`, `covered_until: "2026-12-30"`, 1)
		require.Equal(t, true, object(t, w.do("boss", "PUT", "/api/v1/calendars/cn?dry_run=true", changed, "Content-Type", "application/yaml"), 200)["valid"])
		problem(t, w.do("boss", "PUT", "/api/v1/calendars/cn", changed, "Content-Type", "application/yaml", "If-Match", `"7"`), 412, "precondition_failed")
		v := object(t, w.do("boss", "PUT", "/api/v1/calendars/cn", changed, "Content-Type", "application/yaml", "If-Match", `"1"`), 201)
		require.InDelta(t, 2, v["version"], 0)
		require.Len(t, object(t, w.do("agent", "GET", "/api/v1/calendars/cn/versions", ""), 200)["items"], 2)
		require.Equal(t, "2026-12-31", object(t, w.do("agent", "GET", "/api/v1/calendars/cn/versions/1", ""), 200)["covered_until"])
	})
	t.Run("of_two_who_read_the_same_one_comes_too_late", func(t *testing.T) {
		for header, want := range map[string][]int{`"2"`: {201, 412}, "*": {201, 201}, "": {201, 201}} {
			readers := &sameReaders{world: w}
			readers.sync.Add(2)
			deps := w.deps
			deps.Metrics, deps.Policies = prometheus.NewRegistry(), readers
			handler, err := api.New(deps)
			require.NoError(t, err)
			w.calendars = w.calendars[:3] // two of cn
			codes := make([]int, 2)
			var g sync.WaitGroup
			for i := range codes {
				g.Go(func() {
					body := strings.Replace(text, "2026-12-31", fmt.Sprintf("2026-12-0%d", i+1), 1)
					req := httptest.NewRequest(http.MethodPut, "/api/v1/calendars/cn", strings.NewReader(body))
					req.Header.Set("Authorization", "Bearer boss")
					req.Header.Set("Content-Type", "application/yaml")
					req.Header.Set("If-Match", header)
					rec := httptest.NewRecorder()
					handler.ServeHTTP(rec, req)
					codes[i] = rec.Code
				})
			}
			g.Wait()
			slices.Sort(codes)
			require.Equal(t, want, codes, header)
		}
	})
	t.Run("faults", func(t *testing.T) {
		p := problem(t, w.do("boss", "PUT", "/api/v1/calendars/mine", text, "Content-Type", "application/yaml"), 422, "invalid")
		require.Equal(t, []string{"id:path_differs"}, p.faults())
		p = problem(t, w.do("boss", "PUT", "/api/v1/calendars/x", `{"id":"x","time_zone":"Mars/Base","week":{"monday":["9-5"]}}`), 422, "invalid")
		require.Equal(t, []string{"time_zone:unknown_zone", "week.monday[0]:bad_interval"}, p.faults())
		problem(t, w.do("boss", "GET", "/api/v1/calendars/mars", ""), 404, "not_found")
		problem(t, w.do("boss", "GET", "/api/v1/calendars/mars/versions", ""), 404, "not_found")
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	publish(t, w)
	for name, tc := range map[string]struct {
		calendar, start, duration, clock, due, counted string
		segments                                       int
		covered                                        bool
	}{
		"lunch_is_not_work":          {"cn", "2026-03-06T11:30:00+08:00", "4h", "working", "2026-03-06T08:30:00.000Z", "PT4H", 2, true},
		"working_is_the_default":     {"cn", "2026-03-06T11:30:00+08:00", "4h", "", "2026-03-06T08:30:00.000Z", "PT4H", 2, true},
		"the_weekend_is_not_work":    {"cn", "2026-03-06T16:30:00+08:00", "4h", "working", "2026-03-09T03:30:00.000Z", "PT4H", 2, true},
		"spring_festival":            {"cn", "2026-02-14T16:00:00+08:00", "4h", "working", "2026-02-24T03:00:00.000Z", "PT4H", 2, true},
		"elapsed_counts_every_hour":  {"cn", "2026-03-06T16:30:00+08:00", "4h", "elapsed", "2026-03-06T12:30:00.000Z", "PT4H", 1, true},
		"a_day_is_a_working_day":     {"cn", "2026-03-06T10:00:00+08:00", "1d", "working", "2026-03-09T02:00:00.000Z", "PT8H", 3, true},
		"seconds_on_always":          {"always", "2026-03-06T00:00:00Z", "3s", "working", "2026-03-06T00:00:03.000Z", "PT3S", 1, true},
		"beyond_the_known_dates":     {"cn", "2027-05-03T09:00:00+08:00", "1h", "working", "2027-05-03T02:00:00.000Z", "PT1H", 1, false},
		"nothing_is_due_immediately": {"cn", "2026-03-06T16:30:00+08:00", "0s", "working", "2026-03-06T08:30:00.000Z", "PT0S", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"start":"` + tc.start + `","duration":"` + tc.duration + `"`
			if tc.clock != "" {
				body += `,"clock":"` + tc.clock + `"`
			}
			v := object(t, w.do("agent", "POST", "/api/v1/calendars/"+tc.calendar+"/deadline", body+"}"), 200)
			require.Equal(t, tc.due, v["due_at"])
			require.Equal(t, tc.counted, v["counted"])
			require.Len(t, v["segments"], tc.segments)
			require.Equal(t, tc.covered, v["covered"])
		})
	}
	p := problem(t, w.do("agent", "POST", "/api/v1/calendars/cn/deadline", `{"start":"2026-03-06T11:30:00Z","duration":"4x","clock":"wall"}`), 422, "invalid")
	require.Equal(t, []string{"clock:oneof"}, p.faults())
	p = problem(t, w.do("agent", "POST", "/api/v1/calendars/cn/deadline", `{"start":"2026-03-06T11:30:00Z","duration":"4x"}`), 422, "invalid")
	require.Equal(t, []string{"duration:bad_span"}, p.faults())
	problem(t, w.do("agent", "POST", "/api/v1/calendars/mars/deadline", `{"start":"2026-03-06T11:30:00Z","duration":"4h"}`), 404, "not_found")
}

func TestSystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, "ok", object(t, w.do("", "GET", "/healthz", ""), 200)["status"])
	require.Equal(t, map[string]any{"database": "ok", "engine": "ok"}, object(t, w.do("", "GET", "/readyz", ""), 200)["checks"])
	w.engineErr = errSecret
	res := w.do("", "GET", "/readyz", "")
	require.Equal(t, map[string]any{"database": "ok", "engine": "down"}, object(t, res, 503)["checks"])
	w.engineErr, w.stopping = nil, true
	require.Equal(t, "stopping", object(t, w.do("", "GET", "/readyz", ""), 503)["checks"].(map[string]any)["process"])

	w.do("agent", "GET", "/api/v1/users/"+agentID, "")
	require.Contains(t, bodyText(t, w.do("", "GET", "/metrics", "")),
		`mcrflow_http_request_duration_seconds_count{method="GET",route="/api/v1/users/:id",status="200"} 1`)

	page := w.do("", "GET", "/docs", "")
	text := bodyText(t, page)
	require.NotContains(t, text, "https://", "the page loads nothing from elsewhere")
	require.NotContains(t, page.Header.Get("Content-Security-Policy"), "script-src 'self' 'unsafe")
	for _, line := range strings.Split(text, `"`) {
		if strings.HasPrefix(line, "/docs/") {
			require.Equal(t, 200, w.do("", "GET", line, "").StatusCode, line)
		}
	}
	require.Contains(t, bodyText(t, w.do("", "GET", "/openapi.yaml", "")), "openapi: 3.1")
}
