package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/models"
)

// audience adds a query for the contacts that a campaign which starts at the instant is meant for, with their place in the
// order of sending: by the class of the client, S first. Lost and merged clients, and people who have left, are nobody's audience.
func (q *query) audience(a campaign.Audience, at time.Time, zone string) {
	q.add(`SELECT k.id AS contact_id, k.client_id, c.class, c.region, coalesce(c.account_manager_id, '') AS account_manager_id,
			k.name, k.email, k.phone, k.locale, coalesce(nullif(k.time_zone, ''), $%d) AS time_zone,
			row_number() OVER (ORDER BY strpos('SABC', c.class), k.id) AS place`, zone)
	q.fromAudience(a, at)
}

func (q *query) fromAudience(a campaign.Audience, at time.Time) {
	q.add(` FROM contacts k JOIN clients c ON c.id = k.client_id WHERE c.status NOT IN ('lost', 'merged') AND NOT k.has_left`)
	for _, list := range []struct {
		column string
		values []string
	}{
		{"c.class", a.Class},
		{"c.region", a.Region},
		{"c.industry", a.Industry},
		{"c.account_manager_id", a.AccountManagerID},
		{"k.title", a.ContactTitle},
	} {
		if len(list.values) > 0 {
			q.add(` AND `+list.column+` = ANY($%d)`, list.values)
		}
	}
	if before, ok := a.ContactBefore(at); ok {
		for _, event := range []string{anyCase, campaign.EventReception, campaign.EventInteraction, campaign.EventSurvey} {
			q.add(` AND NOT `)
			q.happened(event, before, at)
		}
	}
	if since, ok := a.EventsFrom(at); ok {
		q.add(` AND (false`)
		for _, event := range a.Events {
			q.add(` OR `)
			q.happened(event, since, at)
		}
		q.add(`)`)
	}
}

// anyCase is a complaint or an inquiry: which one, is not in the index.
const anyCase = "case"

// happened adds the condition that an event has happened with the client c (see campaign.ClientEvents).
func (q *query) happened(event string, since, at time.Time) {
	switch event {
	case anyCase:
		q.add(`EXISTS (SELECT FROM cases x WHERE x.client_id = c.id AND x.created_at >= $%d)`, since)
	case campaign.EventComplaint, campaign.EventInquiry:
		q.add(`EXISTS (SELECT FROM cases x WHERE x.client_id = c.id AND x.type = $%d AND x.created_at >= $%d)`, event, since)
	case campaign.EventReception:
		q.add(`EXISTS (SELECT FROM receptions x WHERE x.client_id = c.id AND x.starts_at >= $%d AND x.starts_at <= $%d
			AND x.status NOT IN ('rejected', 'withdrawn', 'cancelled'))`, since, at)
	case campaign.EventInteraction:
		q.add(`EXISTS (SELECT FROM interactions x WHERE x.client_id = c.id AND x.at >= $%d AND x.kind <> $%d)`, since, models.InteractionAction)
	case campaign.EventSurvey:
		q.add(`EXISTS (SELECT FROM invitations x WHERE x.client_id = c.id AND x.asked_at >= $%d)`, since)
	default: // of another release
		q.add(`false`)
	}
}

// AudienceFacts returns what a forecast must know of the recipients of a campaign that would start at the instant, in the
// order of sending; RecipientID is the contact's. It takes the same number of queries however many they are. The zone is
// that of who has none, and openComplaint is campaign.Policy.OpenComplaint. Invalid when its audience cannot be read.
func (s *Store) AudienceFacts(ctx context.Context, a campaign.Audience, at time.Time, zone, openComplaint string) ([]campaign.Facts, error) {
	if err := a.Readable(); err != nil {
		return nil, err
	}
	var q query
	q.add(`SELECT contact_id AS id, 'pending' AS state, people.* FROM (`)
	q.audience(a, at, zone)
	q.add(`) people ORDER BY place`)
	var facts []campaign.Facts
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		found, err := conn.Query(ctx, q.text.String(), q.args...)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(found, pgx.RowToStructByNameLax[storedRecipient])
		if err != nil {
			return err
		}
		rows := make([]models.RecipientRow, len(list))
		for i := range list {
			rows[i] = list[i].row()
			rows[i].Person = rows[i].Recipient.Person()
		}
		known, err := loadPersons(ctx, conn, rows, false)
		if err != nil {
			return err
		}
		facts = make([]campaign.Facts, len(rows))
		for i := range rows {
			p := known.of(&rows[i])
			facts[i] = campaign.Facts{
				RecipientID: rows[i].ID, Class: rows[i].Class, Zone: rows[i].Recipient.TimeZone, OptedOut: p.OptedOut,
				OpenComplaint: p.OpenComplaint[openComplaint], Addresses: rows[i].Recipient.Addresses(), Touches: p.Touches,
			}
		}
		return nil
	})
	return facts, err
}

// persons are what is known of people, by their keys and clients.
type persons struct {
	asked      map[string]askedPerson // by person
	optedOut   map[string]bool        // by key
	complained map[string]bool        // by key, of those whose complaint is open
	waiting    map[string]bool        // by client with an open complaint
}

type askedPerson struct {
	Person  string
	Times   []time.Time
	N       int64
	changed bool
}

// loadPersons reads what is known of the recipients, in one round trip. With lock it also locks them, in order, against
// being asked by anybody else until the transaction ends.
func loadPersons(ctx context.Context, conn *pgx.Conn, rows []models.RecipientRow, lock bool) (*persons, error) {
	var people, keys, clients []string
	for i := range rows {
		people, clients = append(people, rows[i].Person), append(clients, rows[i].ClientID)
		keys = append(keys, rows[i].Recipient.Keys()...)
	}
	people, keys, clients = distinct(people), distinct(keys), distinct(clients)
	p := &persons{asked: make(map[string]askedPerson, len(people)), optedOut: map[string]bool{}, complained: map[string]bool{}, waiting: map[string]bool{}}
	var b pgx.Batch
	locking := ""
	if lock {
		b.Queue(`INSERT INTO asked (person, times, n) SELECT p, '{}', 0 FROM unnest($1::text[]) p ORDER BY p ON CONFLICT DO NOTHING`, people)
		locking = ` ORDER BY person FOR NO KEY UPDATE`
	}
	each(&b, `SELECT person, times, n FROM asked WHERE person = ANY($1)`+locking, people, func(a askedPerson) { p.asked[a.Person] = a })
	b.Queue(optedOutOf, keys).Query(set(p.optedOut))
	b.Queue(waitingClients, clients).Query(set(p.waiting))
	b.Queue(complainants, keys).Query(set(p.complained))
	return p, conn.SendBatch(ctx, &b).Close()
}

const (
	optedOutOf     = `SELECT person FROM opt_outs WHERE person = ANY($1)`
	waitingClients = `SELECT DISTINCT c.client_id FROM cases c WHERE c.client_id = ANY($1) AND ` + waiting
	// complainants are also those whose own cases were merged into another one: they wait for the answer to that.
	complainants = `SELECT unnest(person_keys(c.contact)) FROM cases c WHERE person_keys(c.contact) && $1::text[] AND ` + waiting + `
		UNION SELECT unnest(person_keys(k.contact)) FROM case_contacts k JOIN cases c ON c.id = k.case_id WHERE person_keys(k.contact) && $1 AND ` + waiting
)

// set puts the texts of one column into a set.
func set(into map[string]bool) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, v := range found {
			into[v] = true
		}
		return err
	}
}

// of is what is known of one recipient.
func (p *persons) of(r *models.RecipientRow) models.PersonFacts {
	var f models.PersonFacts
	atContact := false
	for _, key := range r.Recipient.Keys() {
		f.OptedOut = f.OptedOut || p.optedOut[key]
		atContact = atContact || p.complained[key]
	}
	f.OpenComplaint = map[string]bool{campaign.OpenAtClient: p.waiting[r.ClientID], campaign.OpenAtContact: atContact}
	f.Known = p.asked[r.Person].N
	if times := p.asked[r.Person].Times; len(times) > 0 {
		f.Touches = times
	}
	return f
}
