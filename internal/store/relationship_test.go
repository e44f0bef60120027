package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func TestRelationship_is_read_back_as_its_steps_wrote_it(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	first := b.next(nil, b.everythingOpen)
	behind, _, err := b.AdvanceRelationship(t.Context(), b.client.ID, nil, decided(first))
	require.NoError(t, err)
	require.Nil(t, behind)
	s, err := b.RelationshipState(t.Context(), b.client.ID)
	require.NoError(t, err)
	require.Equal(t, first.State, s)
	open, err := b.OpenRows(t.Context(), b.client.ID)
	require.NoError(t, err)
	require.Equal(t, models.OpenRows{
		Classifications: []models.ClassificationRow{*first.Classifications[0]}, Plans: []models.PlanRow{*first.Plans[0]},
		Improvements: []models.ImprovementRow{*first.Improvements[0]}, Commitments: []models.CommitmentRow{*first.Commitments[0]},
		Opinions: []models.OpinionRow{*first.Opinions[0]}, Leads: []models.LeadRow{*first.Leads[0]},
	}, open)
	plan, err := b.Plan(t.Context(), first.Plans[0].ID)
	require.NoError(t, err)
	require.Equal(t, *first.Plans[0], plan)
	_, err = b.Plan(t.Context(), id.New(id.Plan))
	requireCode(t, errs.NotFound, err)
	require.Empty(t, b.verify(t))

	// What ends is replaced by its id, and is open no more.
	s = b.step(t, &s, func(step *models.RelationshipStep) {
		at := step.State.UpdatedAt
		step.State.Commitments, step.State.Leads = nil, nil
		kept, won := *first.Commitments[0], *first.Leads[0]
		kept.State, kept.EndedAt, kept.Note = "kept_late", &at, "sent"
		won.Outcome, won.ClosedAt = "won", &at
		step.Commitments, step.Leads = []*models.CommitmentRow{&kept}, []*models.LeadRow{&won}
	})
	open, err = b.OpenRows(t.Context(), b.client.ID)
	require.NoError(t, err)
	require.Empty(t, open.Commitments)
	require.Empty(t, open.Leads)
	rows, _, err := b.Commitments(t.Context(), models.RecordFilter{ClientID: b.client.ID}, models.Page{})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, []any{"kept_late", "sent", s.UpdatedAt}, []any{rows[0].State, rows[0].Note, *rows[0].EndedAt})
	require.Empty(t, b.verify(t))
}

func TestRelationship_is_seen_by_who_has_a_part_in_it_and_by_who_may_see_all(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, b.everythingOpen)
	for name, c := range map[string]struct {
		actor models.Actor
		sees  bool
	}{
		"account manager": {actor(b.one), true}, "owner of a lead": {actor(b.two), true}, "auditor": {everything, true},
		"stranger": {actor(b.away), false},
	} {
		_, err := b.Relationship(t.Context(), c.actor, b.client.ID)
		require.Equal(t, c.sees, err == nil, name)
		_, err = b.Task(t.Context(), c.actor, s.Tasks[0].ID)
		require.Equal(t, c.sees, err == nil, name)
	}
	_, err := b.Relationship(t.Context(), everything, id.New(id.Client))
	require.Equal(t, "relationship.unknown", requireCode(t, errs.NotFound, err).Key)

	// Whose part ends sees it no more.
	b.step(t, &s, func(step *models.RelationshipStep) {
		at := step.State.UpdatedAt
		open, err := b.OpenRows(t.Context(), b.client.ID)
		require.NoError(t, err)
		step.State.Leads, step.State.Commitments = nil, nil
		open.Leads[0].Outcome, open.Leads[0].ClosedAt = "lost", &at
		open.Commitments[0].State, open.Commitments[0].EndedAt = "revoked", &at
		step.Leads, step.Commitments = []*models.LeadRow{&open.Leads[0]}, []*models.CommitmentRow{&open.Commitments[0]}
	})
	_, err = b.Relationship(t.Context(), actor(b.two), b.client.ID)
	requireCode(t, errs.NotFound, err)
	require.Empty(t, b.verify(t))
}

func TestRelationship_step_is_written_as_a_whole_or_not_at_all(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{Email: true})
	s := b.step(t, nil, b.everythingOpen)
	_, err := b.CreateClient(t.Context(), models.Client{ID: "client_other", Name: "x", Class: "B", Status: "active"})
	require.NoError(t, err)
	before := b.contents(t)
	for name, spoil := range map[string]func(*models.RelationshipStep){
		"a message to nobody": func(p *models.RelationshipStep) {
			p.Notices = []models.Notice{{Kind: "k", UserID: id.New(id.User), Key: "x"}}
		},
		"a task of nobody": func(p *models.RelationshipStep) { p.Tasks = []models.Task{{ID: "x", State: models.TaskOpen}} },
		"a second proposal": func(p *models.RelationshipStep) {
			p.Classifications = []*models.ClassificationRow{{ID: "grading_2", ClientID: s.ID, Class: "S", Outcome: "pending", RequestedAt: p.State.UpdatedAt}}
		},
		"a row of another client": func(p *models.RelationshipStep) {
			p.Interactions = []*models.InteractionRow{{ID: "x", ClientID: "client_other"}}
		},
		"an unknown class": func(p *models.RelationshipStep) {
			p.Client = &models.ClientChange{Class: "Z", Status: "active", Version: 2}
		},
		"a gap in the steps": func(p *models.RelationshipStep) { p.State.Seq++ },
		"a lost event":       func(p *models.RelationshipStep) { p.State.EventSeq++ },
	} {
		_, _, err := b.AdvanceRelationship(t.Context(), s.ID, &s, decided(b.next(&s, spoil)))
		require.Error(t, err, name)
		require.Equal(t, before, b.contents(t), name)
	}
	refusal := errs.New(errs.Conflict, "relationship.test")
	_, _, err = b.AdvanceRelationship(t.Context(), s.ID, &s, func(*models.RelationshipState) (models.RelationshipStep, error) {
		return models.RelationshipStep{}, refusal
	})
	require.ErrorIs(t, err, refusal)

	behind, _, err := b.AdvanceRelationship(t.Context(), s.ID, nil, decided(b.next(nil, nil)))
	require.NoError(t, err)
	require.Equal(t, &s, behind)
	require.Equal(t, before, b.contents(t))
	b.step(t, &s, nil) // no lock was left behind
	require.Empty(t, b.verify(t))
}

func (b *bond) contents(t *testing.T) string {
	t.Helper()
	text := b.desk.contents(t)
	for _, table := range []string{
		"relationships", "relationship_access", "clients", "classifications", "client_plans", "assessments", "improvements", "interactions",
		"commitments", "opinions", "leads",
	} {
		var n string
		require.NoError(t, b.DB().Raw("SELECT count(*) || ' ' || coalesce(md5(string_agg(x::text, '|' ORDER BY x::text)), '') FROM "+table+" x").Scan(&n).Error)
		text += table + ": " + n + "\n"
	}
	return text
}

func TestRelationship_gives_nothing_to_somebody_who_has_left(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	b.deactivate(t, b.two)
	for name, change := range map[string]func(*models.RelationshipStep){
		"a task": func(p *models.RelationshipStep) {
			p.Tasks = []models.Task{{ID: id.New(id.Task), Kind: "k", UserID: b.two.ID, State: models.TaskOpen}}
		},
		"a promise": func(p *models.RelationshipStep) {
			p.State.Commitments = []models.CommitmentState{{ID: "commitment_1", OwnerID: b.two.ID, DueAt: b.now}}
		},
		"the client": func(p *models.RelationshipStep) {
			p.State.AccountManagerID = b.two.ID
			p.Client = &models.ClientChange{Class: "B", Status: "active", AccountManagerID: &b.two.ID, Version: b.client.Version}
		},
		"an offer": func(p *models.RelationshipStep) {
			p.State.HandOver = &models.HandOver{FromID: b.one.ID, ToID: b.two.ID}
		},
	} {
		_, _, err := b.AdvanceRelationship(t.Context(), s.ID, &s, decided(b.next(&s, change)))
		require.Equal(t, "relationship.user_inactive", requireCode(t, errs.Invalid, err).Key, name)
	}
	// A manager of the client's row stays a part of it, whether they are there or not, until somebody takes over.
	b.deactivate(t, b.one)
	b.step(t, &s, nil)
}

func (b *bond) deactivate(t testing.TB, u models.User) {
	t.Helper()
	require.NoError(t, b.DB().Exec(`UPDATE users SET active = false WHERE id = ?`, u.ID).Error)
}

func TestRelationship_writes_of_the_client_only_what_is_its_own_to_say(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	s = b.step(t, &s, func(p *models.RelationshipStep) {
		p.State.Class, p.State.Stage, p.State.AccountManagerID = "A", models.StageDormant, b.two.ID
		p.Client = &models.ClientChange{Class: "A", Status: "dormant", AccountManagerID: &b.two.ID, Version: b.client.Version}
	})
	c, err := b.Client(t.Context(), s.ID)
	require.NoError(t, err)
	want := b.client
	want.Class, want.Status, want.AccountManagerID, want.Version, want.UpdatedAt = "A", "dormant", &b.two.ID, b.client.Version+1, s.UpdatedAt
	require.Equal(t, want, c)
	require.Empty(t, b.verify(t))
}

// Somebody changes the client while a step is decided: the step is decided again by the new row, and neither is lost.
func TestRelationship_step_that_was_decided_by_an_old_row_is_decided_again(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	step, asked := b.next(&s, nil), 0
	behind, _, err := b.AdvanceRelationship(t.Context(), s.ID, &s, func(*models.RelationshipState) (models.RelationshipStep, error) {
		asked++
		c, err := b.Client(t.Context(), s.ID)
		if err != nil {
			return step, err
		}
		step.State.Class = "S"
		step.Client = &models.ClientChange{Class: "S", Status: c.Status, AccountManagerID: c.AccountManagerID, Version: c.Version}
		if asked == 1 {
			c.Region = "north"
			_, err = b.UpdateClient(t.Context(), c)
		}
		return step, err
	})
	require.NoError(t, err)
	require.Nil(t, behind)
	require.Equal(t, 2, asked)
	c, err := b.Client(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"S", "north"}, []any{c.Class, c.Region})
}

func TestRelationship_of_a_merged_client_leaves_the_merge_as_it_is(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	into, err := b.CreateClient(t.Context(), aClient("华东银行股份"))
	require.NoError(t, err)
	c, err := b.MergeClient(t.Context(), models.ClientMerge{ClientID: s.ID, IntoID: into.ID, Reason: "the same", By: b.boss.ID, At: b.tick(), CommandID: "req_1"})
	require.NoError(t, err)
	s = b.step(t, &s, func(p *models.RelationshipStep) {
		p.Client = &models.ClientChange{Class: "B", Status: "active", AccountManagerID: &b.one.ID, Version: c.Version}
	})
	c, err = b.Client(t.Context(), s.ID)
	require.NoError(t, err)
	require.Equal(t, models.ClientMerged, c.Status)
	unbegun, err := b.Unbegun(t.Context(), "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{into.ID}, unbegun)
}

func TestRelationship_survivor_takes_over_what_is_owed_once_the_duplicate_has_ended(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, b.everythingOpen)
	into, err := b.CreateClient(t.Context(), aClient("华东银行股份"))
	require.NoError(t, err)
	survivor, from := newBondOf(b, into), b.client
	ours := survivor.step(t, nil, nil)
	of := func(clientID, email string) models.Contact {
		c, err := b.CreateContact(t.Context(), models.Contact{ID: id.New(id.Contact), ClientID: clientID, Name: "Li Na", Email: email})
		require.NoError(t, err)
		return c
	}
	same, like := of(from.ID, "li@acme.test"), of(into.ID, "li@acme.test")
	s = b.step(t, &s, func(p *models.RelationshipStep) {
		open, err := b.OpenRows(t.Context(), from.ID)
		require.NoError(t, err)
		open.Opinions[0].ContactID = same.ID
		p.Opinions = []*models.OpinionRow{&open.Opinions[0]}
	})
	_, err = b.MergeClient(t.Context(), models.ClientMerge{ClientID: from.ID, IntoID: into.ID, Reason: "the same", By: b.boss.ID, At: b.tick(), CommandID: "req_1"})
	require.NoError(t, err)
	left, err := b.LeftRows(t.Context(), into.ID)
	require.NoError(t, err)
	require.Empty(t, left.Commitments, "its own process may still write them")
	require.Empty(t, left.Opinions)
	require.Empty(t, left.Leads)

	b.step(t, &s, func(p *models.RelationshipStep) {
		open, err := b.OpenRows(t.Context(), from.ID)
		require.NoError(t, err)
		at := p.State.UpdatedAt
		open.Classifications[0].Outcome, open.Classifications[0].DecidedAt = models.GradingWithdrawn, &at
		open.Plans[0].Status, open.Improvements[0].State, open.Improvements[0].EndedAt = models.PlanWithdrawn, models.ImprovementStopped, &at
		p.Classifications, p.Plans, p.Improvements = []*models.ClassificationRow{&open.Classifications[0]}, []*models.PlanRow{&open.Plans[0]}, []*models.ImprovementRow{&open.Improvements[0]}
		done := p.State.Tasks[0]
		done.State, done.DoneBy, done.DoneAt = models.TaskCancelled, models.System, &at
		p.Tasks = []models.Task{done}
		p.State = models.RelationshipState{
			ID: p.State.ID, Stage: models.StageMerged, Class: p.State.Class, AccountManagerID: p.State.AccountManagerID, CreatedAt: p.State.CreatedAt,
			UpdatedAt: at, Seq: p.State.Seq, EventSeq: p.State.EventSeq,
		}
	})
	require.Empty(t, b.verify(t))
	left, err = b.LeftRows(t.Context(), into.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{len(left.Commitments), len(left.Opinions), len(left.Leads)})
	require.Equal(t, like.ID, left.Opinions[0].ContactID, "who stands for the person at the survivor")

	survivor.step(t, &ours, func(p *models.RelationshipStep) {
		promise, opinion, lead := left.Commitments[0], left.Opinions[0], left.Leads[0]
		promise.ClientID, opinion.ClientID, lead.ClientID = into.ID, into.ID, into.ID
		p.State.Commitments = []models.CommitmentState{{ID: promise.ID, OwnerID: promise.OwnerID, DueAt: promise.DueAt}}
		p.State.Opinions = []models.OpinionState{{ID: opinion.ID, OwnerID: opinion.OwnerID, ByID: opinion.ByID, DueAt: opinion.DueAt}}
		p.State.Leads = []models.LeadState{{ID: lead.ID, Stage: lead.Stage, OwnerID: lead.OwnerID, ActedAt: lead.ActedAt}}
		p.Commitments, p.Opinions, p.Leads = []*models.CommitmentRow{&promise}, []*models.OpinionRow{&opinion}, []*models.LeadRow{&lead}
	})
	left, err = b.LeftRows(t.Context(), into.ID)
	require.NoError(t, err)
	require.Equal(t, []int{0, 0, 0}, []int{len(left.Commitments), len(left.Opinions), len(left.Leads)}, "nothing is taken twice")
	open, err := b.OpenRows(t.Context(), into.ID)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, []int{len(open.Commitments), len(open.Opinions), len(open.Leads)})
	require.Empty(t, b.verify(t))
}

func TestRelationship_plans_of_one_client_never_overlap(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	planned := func(year int, status models.PlanStatus) func(*models.RelationshipStep) {
		return func(p *models.RelationshipStep) {
			row := b.plan(&p.State, year)
			row.Status = status
			p.Plans = []*models.PlanRow{row}
			if status == models.PlanDraft {
				p.State.Plans = append(p.State.Plans, models.PlanState{ID: row.ID, Status: status, From: row.From, Until: row.Until, OwnerID: row.OwnerID})
			}
		}
	}
	s = b.step(t, &s, planned(2027, models.PlanDraft))
	s = b.step(t, &s, planned(2028, models.PlanDraft)) // begins when the other one ends
	_, _, err := b.AdvanceRelationship(t.Context(), s.ID, &s, decided(b.next(&s, planned(2027, models.PlanDraft))))
	require.Equal(t, "relationship.plan_overlaps", requireCode(t, errs.Conflict, err).Key)
	b.step(t, &s, planned(2027, models.PlanRejected))
	require.Empty(t, b.verify(t))
}

func TestRelationship_tells_the_people_at_the_client_who_are_still_there(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{Email: true})
	add := func(name, email string, change func(*models.Contact)) models.Contact {
		c := models.Contact{ID: id.New(id.Contact), ClientID: b.client.ID, Name: name, Email: email, Locale: "zh-CN"}
		change(&c)
		c, err := b.CreateContact(t.Context(), c)
		require.NoError(t, err)
		return c
	}
	plain := func(*models.Contact) {}
	wang := add("王芳", "wang@bank.example", plain)
	add("王芳", "Wang@bank.example", plain)
	add("Li", "li@bank.example", func(c *models.Contact) { c.Locale = "" })
	add("gone", "gone@bank.example", func(c *models.Contact) { c.Left = true })
	add("no address", "", plain)
	s := b.step(t, nil, nil)
	step := b.next(&s, func(p *models.RelationshipStep) {
		p.Messages = []models.ClientMessage{{Kind: "client_manager", Data: map[string]string{"name": "two"}}, {Kind: "client_commitment", ContactID: wang.ID}}
	})
	_, mail, err := b.AdvanceRelationship(t.Context(), s.ID, &s, decided(step))
	require.NoError(t, err)
	require.True(t, mail)
	var sent []string
	require.NoError(t, b.DB().Raw(`SELECT kind || ' ' || contact_email || ' ' || coalesce(data ->> 'locale', '-') || ' ' || coalesce(data ->> 'name', '-') FROM deliveries
		WHERE subject_id = ? AND step_seq = ? ORDER BY 1`, s.ID, step.State.Seq).Scan(&sent).Error)
	require.Equal(t, []string{
		"client_commitment wang@bank.example zh-CN -", "client_manager li@bank.example - two", "client_manager wang@bank.example zh-CN two",
	}, sent)
}

func TestRelationships_lists_go_through_all_pages(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, nil)
	var want []string
	for i := range 5 {
		s = b.step(t, &s, func(p *models.RelationshipStep) {
			at := p.State.UpdatedAt.AddDate(0, 0, -i%3) // two at the same instant, and not in the order in which they were recorded
			row := &models.InteractionRow{ID: id.New(id.Interaction), ClientID: s.ID, UserID: b.one.ID, Kind: "call", At: at.Truncate(24 * 60 * 60 * 1e9), CreatedAt: p.State.UpdatedAt}
			p.Interactions = []*models.InteractionRow{row}
		})
	}
	require.NoError(t, b.DB().Raw(`SELECT id FROM interactions ORDER BY at DESC, id DESC`).Scan(&want).Error)
	var got []string
	page := models.Page{Limit: 2}
	for {
		rows, next, err := b.Interactions(t.Context(), models.RecordFilter{ClientID: s.ID}, page)
		require.NoError(t, err)
		for _, r := range rows {
			got = append(got, r.ID)
		}
		if page.Cursor = next; next == "" {
			break
		}
	}
	require.Len(t, want, 5)
	require.Equal(t, want, got)
	_, _, err := b.Interactions(t.Context(), models.RecordFilter{ClientID: s.ID}, models.Page{Cursor: "bm93aGVyZQ"})
	requireCode(t, errs.Malformed, err)
}

func TestRelationships_of_a_leaver_and_what_can_be_handed_over_are_found(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, b.everythingOpen)
	for _, u := range []models.User{b.one, b.two, b.boss} {
		require.Equal(t, []string{s.ID}, store.IDsOf(t, b.Store, store.RelationshipsOfSQL, u.ID), u.Username)
	}
	require.Empty(t, store.IDsOf(t, b.Store, store.RelationshipsOfSQL, b.away.ID))

	mine, theirs := b.apply(t, b.record(b.one)), b.apply(t, b.record(b.two))
	over := b.apply(t, b.record(b.one))
	b.apply(t, shut(next(over, b.tick(), "closed")))
	cases, receptions, err := b.OpenOf(t.Context(), s.ID, b.one.ID)
	require.NoError(t, err)
	require.Equal(t, []string{mine.ID}, cases)
	require.NotContains(t, cases, theirs.ID)
	require.Empty(t, receptions)
}

func TestStandings_are_of_clients_who_are_there(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, func(p *models.RelationshipStep) { p.State.Criteria = map[string]int{"potential": 80} })
	require.NoError(t, b.DB().Exec(`UPDATE clients SET sales_12m = 500, currency = 'CNY' WHERE id = ?`, s.ID).Error)
	rows, err := b.Standings(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, []any{s.ID, b.one.ID, "B", 80, int64(500)}, []any{rows[0].ClientID, rows[0].AccountManagerID, string(rows[0].Class), rows[0].Criteria["potential"], *rows[0].Sales})
	rows, err = b.Standings(t.Context(), s.ID, 10)
	require.NoError(t, err)
	require.Empty(t, rows)
	b.step(t, &s, func(p *models.RelationshipStep) { p.State.Stage = models.StageLost })
	rows, err = b.Standings(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestInbox_and_approvals_show_which_client_they_are_about(t *testing.T) {
	t.Parallel()
	b := newBond(t, store.Options{})
	s := b.step(t, nil, b.everythingOpen)
	require.NoError(t, b.DB().Exec(`INSERT INTO approvals (id, process, chain, subject_id, requester_id, created_at, updated_at, seq, state)
		VALUES ('approval_1', 'relationship', 'plan', ?, ?, now(), now(), 1, '{"id": "approval_1", "seq": 1}')`, s.ID, b.one.ID).Error)
	row, err := b.Approval(t.Context(), everything, "approval_1")
	require.NoError(t, err)
	require.Equal(t, "华东银行", row.Subject)
	task, err := b.Task(t.Context(), actor(b.boss), s.Tasks[0].ID)
	require.NoError(t, err)
	require.Equal(t, "华东银行", task.Subject)
	require.Equal(t, s.AccountManagerID, task.Relationship.AccountManagerID, "who may do what is read with it")
	require.Empty(t, task.Relationship.Facts)
}

func TestVerify_finds_what_contradicts_a_relationship(t *testing.T) {
	t.Parallel()
	for rule, spoil := range map[string]string{
		"relationship.projection.stage":   `UPDATE relationships SET stage = 'dormant'`,
		"relationship.client.class":       `UPDATE clients SET class = 'C'`,
		"relationship.client.status":      `UPDATE clients SET status = 'dormant'`,
		"relationship.timeline":           `DELETE FROM timeline WHERE type = 'changed'`,
		"relationship.tasks":              `UPDATE tasks SET state = 'cancelled', done_at = now()`,
		"relationship.access":             `DELETE FROM relationship_access WHERE principal = (SELECT account_manager_id FROM clients LIMIT 1)`,
		"relationship.open":               `UPDATE leads SET owner_id = 'user_x'`,
		"relationship.proposal":           `UPDATE relationships SET state = jsonb_set(state, '{orders}', '[]')`,
		"relationship.class":              `INSERT INTO classifications SELECT 'grading_0', client_id, 'C', 'A', 'A', NULL, NULL, 1, '', '', requested_at, '', 'approved', NULL, requested_at FROM classifications`,
		"relationship.projection.next_at": `UPDATE relationships SET next_at = now()`,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			b := newBond(t, store.Options{})
			b.step(t, nil, b.everythingOpen)
			require.Empty(t, b.verify(t))
			require.NoError(t, b.DB().Exec(spoil).Error)
			require.Equal(t, []string{rule}, rulesOf(b.verify(t)))
		})
	}
}
