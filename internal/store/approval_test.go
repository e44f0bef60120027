package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestApproval_says_what_it_is_about_and_for_which_client(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	for name, read := range map[string]func() (models.ApprovalRow, error){
		"one":            func() (models.ApprovalRow, error) { return k.Approval(t.Context(), everything, s.ID) },
		"after its step": func() (models.ApprovalRow, error) { return k.ApprovalAfter(t.Context(), s.ID, s.Seq) },
		"in a list": func() (models.ApprovalRow, error) {
			rows, _, err := k.Approvals(t.Context(), everything, models.ApprovalFilter{}, models.Page{})
			return rows[0], err
		},
	} {
		row, err := read()
		require.NoError(t, err, name)
		require.Equal(t, "账户被锁", row.Subject, name)
		require.Equal(t, &k.client.ID, row.ClientID, name)
		require.Equal(t, s.Chain.Request.Requester, row.State.CreatedBy, name)
	}
}

func TestApproval_is_seen_by_those_who_have_a_part_in_it_and_by_nobody_else(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	sees := func(a models.Actor) bool {
		_, err := k.Approval(t.Context(), a, s.ID)
		listed, _, lerr := k.Approvals(t.Context(), a, models.ApprovalFilter{}, models.Page{})
		require.NoError(t, lerr)
		about, _, lerr := k.Approvals(t.Context(), a, models.ApprovalFilter{SubjectID: s.SubjectID}, models.Page{})
		require.NoError(t, lerr)
		asked, _, lerr := k.Approvals(t.Context(), a, models.ApprovalFilter{RequesterID: k.away.ID}, models.Page{})
		require.NoError(t, lerr)
		if err != nil {
			requireCode(t, errs.NotFound, err)
		}
		for _, list := range [][]models.ApprovalRow{listed, about, asked} {
			require.Equal(t, err == nil, slices.Contains(approvalIDs(list), s.ID), "every list follows the one rule")
		}
		return err == nil
	}
	deputy := actor(k.reader)
	deputy.ActsFor = []models.Person{actor(k.away).Person}
	for name, c := range map[string]struct {
		who  models.Actor
		want bool
	}{
		"who asked": {actor(k.away), true}, "who is asked": {actor(k.one), true}, "an auditor": {everything, true}, "a deputy of who asked": {deputy, true},
		"who will be asked": {actor(k.boss), false}, "a colleague": {actor(k.two), false}, "a supervisor": {actor(k.boss, k.team.ID, k.other.ID), false},
		"anybody": {actor(k.reader), false},
	} {
		require.Equal(t, c.want, sees(c.who), name)
	}
	task := taskOf(t, s, k.one)
	_, err := k.Task(t.Context(), everything, task)
	require.NoError(t, err)
	_, err = k.Task(t.Context(), actor(k.two), task)
	requireCode(t, errs.NotFound, err)

	k.deputise() // two may decide for one from now on, until one has
	s = k.do(t, s, models.User{ID: approval.System}, approval.Command{Verb: approval.OrgChanged})
	require.True(t, sees(actor(k.two)))
	s = k.approve(t, s, k.one)
	require.False(t, sees(actor(k.two)))
	require.True(t, sees(actor(k.boss)))
	s = k.do(t, s, k.away, approval.Command{Verb: approval.CC, UserIDs: []string{k.reader.ID}})
	require.True(t, sees(actor(k.reader)))
	s = k.approve(t, s, k.boss)
	for _, u := range []models.User{k.away, k.one, k.boss, k.reader} {
		require.True(t, sees(actor(u)), u.Username)
	}
	require.False(t, sees(actor(k.two)))
	_, err = k.Task(t.Context(), actor(k.reader), task)
	require.NoError(t, err, "who sees the approval sees its tasks")
	require.Empty(t, k.verify(t))
}

func TestApproval_that_is_handed_over_is_found_by_its_new_requester(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	s := k.ask(t)
	s = k.do(t, s, models.User{ID: approval.System}, approval.Command{Verb: approval.HandOver, ToID: k.reader.ID})
	of := func(u models.User) []string {
		rows, _, err := k.Approvals(t.Context(), actor(u), models.ApprovalFilter{RequesterID: u.ID}, models.Page{})
		require.NoError(t, err)
		return approvalIDs(rows)
	}
	require.Equal(t, []string{s.ID}, of(k.reader))
	require.Empty(t, of(k.away))
	require.Empty(t, k.verify(t))
}

// Who sees a case does not see what is asked about it, nor the other way round.
func TestApproval_and_its_case_are_seen_apart(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	handled := k.apply(t, k.record(k.two))
	s := k.askAbout(t, handled)
	_, err := k.Task(t.Context(), actor(k.two), taskOf(t, s, k.one))
	requireCode(t, errs.NotFound, err)
	_, err = k.Case(t.Context(), actor(k.away), handled.ID)
	requireCode(t, errs.NotFound, err)
	row, err := k.Task(t.Context(), actor(k.two), handled.Tasks[0].ID)
	require.NoError(t, err)
	require.Equal(t, &handled, row.Case)
	require.Nil(t, row.Approval)
}

func TestApprovals_are_listed_by_what_is_asked_for_the_latest_first(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	open, approved := k.ask(t), k.ask(t)
	rejected, returned := k.ask(t), k.ask(t)
	approved = k.approve(t, k.approve(t, approved, k.one), k.boss)
	rejected = k.do(t, rejected, k.one, approval.Command{Verb: approval.Reject, Comment: "no"})
	returned = k.do(t, returned, k.one, approval.Command{Verb: approval.Return, To: approval.StepRequester, Comment: "why?"})
	require.Equal(t, []string{taskOf(t, returned, k.away)}, k.inbox(t, actor(k.away), models.TaskFilter{Box: models.BoxTodo}))
	for name, c := range map[string]struct {
		filter models.ApprovalFilter
		want   []string
	}{
		"all":              {models.ApprovalFilter{}, []string{returned.ID, rejected.ID, approved.ID, open.ID}},
		"open":             {models.ApprovalFilter{Open: ptr(true)}, []string{returned.ID, open.ID}},
		"over":             {models.ApprovalFilter{Open: ptr(false)}, []string{rejected.ID, approved.ID}},
		"approved":         {models.ApprovalFilter{Outcome: approval.Approved}, []string{approved.ID}},
		"open, approved":   {models.ApprovalFilter{Outcome: approval.Approved, Open: ptr(true)}, []string{}},
		"subject":          {models.ApprovalFilter{SubjectID: rejected.SubjectID}, []string{rejected.ID}},
		"subject, open":    {models.ApprovalFilter{SubjectID: rejected.SubjectID, Open: ptr(true)}, []string{}},
		"requester":        {models.ApprovalFilter{RequesterID: k.away.ID, Open: ptr(true)}, []string{returned.ID, open.ID}},
		"no requester":     {models.ApprovalFilter{RequesterID: k.one.ID}, []string{}},
		"process":          {models.ApprovalFilter{Process: models.ComplaintProcess}, []string{returned.ID, rejected.ID, approved.ID, open.ID}},
		"another process":  {models.ApprovalFilter{Process: "reception"}, []string{}},
		"process and over": {models.ApprovalFilter{Process: models.ComplaintProcess, Open: ptr(false)}, []string{rejected.ID, approved.ID}},
	} {
		for who, a := range map[string]models.Actor{"all": everything, "who asked": actor(k.away), "who was asked": actor(k.one)} {
			got := []string{}
			p := models.Page{Limit: 1}
			for {
				rows, cursor, err := k.Approvals(t.Context(), a, c.filter, p)
				require.NoError(t, err)
				got = append(got, approvalIDs(rows)...)
				if p.Cursor = cursor; cursor == "" {
					break
				}
			}
			require.Equal(t, c.want, got, "%s, %s", name, who)
		}
	}
	for _, cursor := range []string{"?", "eA", "aW5maW5pdHl8eA"} { // x; infinity|x
		_, _, err := k.Approvals(t.Context(), everything, models.ApprovalFilter{}, models.Page{Cursor: cursor})
		requireCode(t, errs.Malformed, err)
	}
	var about int64
	_, _, err := k.Approvals(t.Context(), actor(k.one), models.ApprovalFilter{}, models.Page{Estimate: &about})
	require.NoError(t, err)
	require.Positive(t, about)
}

func TestInbox_of_copies_holds_my_own_the_latest_first_and_one_of_each_approval(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	var want []string
	cc := approval.Command{Verb: approval.CC, UserIDs: []string{k.reader.ID, k.two.ID, k.reader.ID}}
	for range 3 {
		s := k.ask(t)
		s = k.do(t, s, k.away, cc)
		k.do(t, s, k.one, cc) // a second time
		want = append([]string{id.Derive(id.Task, s.ID, "copy/"+k.reader.ID)}, want...)
	}
	require.Equal(t, want, k.inbox(t, actor(k.reader), models.TaskFilter{Box: models.BoxCC}))
	require.Len(t, k.inbox(t, actor(k.two), models.TaskFilter{Box: models.BoxCC}), 3)
	require.Equal(t, want, k.inbox(t, actor(k.reader), models.TaskFilter{Box: models.BoxCC, Process: models.ApprovalProcess}))
	require.Empty(t, k.inbox(t, actor(k.reader), models.TaskFilter{Box: models.BoxCC, Process: models.ComplaintProcess}))
	require.Empty(t, k.inbox(t, actor(k.reader), models.TaskFilter{Box: models.BoxTodo}), "there is nothing to do")
	deputy := actor(k.boss)
	deputy.ActsFor = []models.Person{actor(k.reader).Person}
	require.Empty(t, k.inbox(t, deputy, models.TaskFilter{Box: models.BoxCC}))

	row, err := k.Task(t.Context(), actor(k.reader), want[0])
	require.NoError(t, err)
	require.Equal(t, []string{models.TaskRead, k.reader.ID, "账户被锁"}, []string{row.Kind, row.UserID, row.Subject})
	require.Equal(t, models.TaskCopy, row.State)
	require.Nil(t, row.DueAt)
	require.Equal(t, row.SubjectID, row.Approval.SubjectID)
	require.Empty(t, k.verify(t))
}

// The deputy of an approval is whom its own rules name, with their window and ceiling; others do not see it as theirs.
func TestInbox_of_a_deputy_holds_their_own_tasks_of_an_approval(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	without := k.ask(t)
	k.deputise()
	with := k.ask(t)
	todo := models.TaskFilter{Box: models.BoxTodo}
	deputy := actor(k.two)
	deputy.ActsFor = []models.Person{actor(k.one).Person}
	require.Equal(t, []string{taskOf(t, with, k.two)}, k.inbox(t, deputy, todo))
	require.Equal(t, []string{taskOf(t, without, k.one), taskOf(t, with, k.one)}, k.inbox(t, actor(k.one), todo))
	require.Len(t, k.inbox(t, actor(k.away), models.TaskFilter{Box: models.BoxStarted}), 3)

	own := taskOf(t, with, k.two)
	k.approve(t, with, k.two)
	require.Equal(t, []string{own}, k.inbox(t, deputy, models.TaskFilter{Box: models.BoxDone}))
	require.Equal(t, []string{taskOf(t, without, k.one)}, k.inbox(t, actor(k.one), todo))
	require.Empty(t, k.verify(t))
}

func TestOpenApprovalsOf_lists_each_in_which_the_user_may_act_now(t *testing.T) {
	t.Parallel()
	k := newCourt(t, store.Options{})
	k.deputise()
	a, b, over := k.ask(t), k.ask(t), k.ask(t)
	k.do(t, over, k.one, approval.Command{Verb: approval.Reject, Comment: "no"})
	passed := k.approve(t, k.ask(t), k.one)
	both := []string{a.ID, b.ID}
	slices.Sort(both)
	for u, want := range map[string][]string{k.one.ID: both, k.two.ID: both, k.boss.ID: {passed.ID}, k.away.ID: nil, k.reader.ID: nil} {
		got, err := k.OpenApprovalsOf(t.Context(), u)
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
		require.True(t, slices.IsSorted(got))
	}
}

func TestDeputies_are_told_to_the_open_approvals_of_everybody_who_may_be_concerned(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := newCourt(t, store.Options{Now: c.now})
	a, over := k.ask(t), k.ask(t)
	k.do(t, over, k.one, approval.Command{Verb: approval.Reject, Comment: "no"})
	own := models.RecheckWords([]string{a.ID})
	stands := func(of, deputy models.User) models.Deputy {
		d, err := k.CreateDeputy(t.Context(), models.Deputy{
			ID: id.New(id.Deputy), UserID: of.ID, DeputyID: deputy.ID, From: c.at, Until: c.at.Add(time.Hour), CreatedBy: k.one.ID, CreatedAt: c.at,
		}, nil)
		require.NoError(t, err)
		return d
	}
	first := stands(k.one, k.reader)
	require.Equal(t, own, untold(t, k.Store), "those that ask whoever is away, not those that are over")
	second := stands(k.reader, k.boss)
	require.Equal(t, own, untold(t, k.Store), "the deputy is away, too")
	for _, d := range []models.Deputy{second, first} {
		_, err := k.DeleteDeputy(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, own, untold(t, k.Store), "it is offered back")
	}
	stands(k.reader, k.boss)
	require.Empty(t, untold(t, k.Store), "nobody in whose place the deputy acts is asked anything")
}

func TestDeputyRules_are_those_of_everybody_that_are_not_over(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := newCourt(t, store.Options{Now: c.now})
	rule := func(until time.Duration, most *int64) models.Deputy {
		d, err := k.CreateDeputy(t.Context(), models.Deputy{
			ID: id.New(id.Deputy), UserID: k.one.ID, DeputyID: k.two.ID, From: c.at, Until: c.at.Add(until), Processes: []string{models.ChainTransfer},
			MaxAmount: most, CreatedBy: k.one.ID, CreatedAt: c.at,
		}, nil)
		require.NoError(t, err)
		return d
	}
	rules := func(at time.Time) []models.Deputy {
		got, err := k.DeputyRules(t.Context(), at)
		require.NoError(t, err)
		return got
	}
	require.Empty(t, rules(c.at))
	short, long := rule(time.Hour, nil), rule(2*time.Hour, ptr(int64(500_000)))
	require.Equal(t, []models.Deputy{short, long}, rules(c.at), "what this process has changed counts at once")
	require.Equal(t, []models.Deputy{long}, rules(c.at.Add(time.Hour)), "the end is not within the window")
	require.Equal(t, []models.Deputy{short, long}, rules(c.at), "nothing of the rest is lost")

	require.NoError(t, k.DB().Exec("DELETE FROM deputies WHERE id = ?", long.ID).Error) // another process
	require.Len(t, rules(c.at), 2, "asked within a second, the database is not")
	c.at = c.at.Add(time.Second)
	require.Equal(t, []models.Deputy{short}, rules(c.at))
	_, err := k.DeleteDeputy(t.Context(), short.ID)
	require.NoError(t, err)
	require.Empty(t, rules(c.at))

	_, err = k.CreateDeputy(t.Context(), models.Deputy{
		ID: id.New(id.Deputy), UserID: k.one.ID, DeputyID: k.two.ID, From: c.at, Until: c.at.Add(time.Hour), MaxAmount: ptr(int64(0)),
	}, nil)
	requireField(t, "max_amount", "invalid", err)
}
