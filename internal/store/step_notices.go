package store

import (
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// warned is the kind of notice that waits for others of its kind.
const warned = models.NoticeWarned

// notices tells people in the product, and makes the messages that leave it. The keys and ids follow from the step, so
// the same fact is never told twice.
func (w *writer) notices(o *origin, notices []models.Notice) {
	if len(notices) == 0 {
		return
	}
	var plain, warnings rowsOfNotices
	var users, facts, client rowsOfNotices
	told := map[string]int{} // index in facts, by key
	for _, n := range notices {
		switch {
		case n.UserID == "":
			client.add(o, n, "")
			continue
		case n.Kind != warned:
			plain.add(o, n, n.UserID)
		case !warnings.fold(n):
			warnings.add(o, n, n.UserID)
		}
		users.add(o, n, n.UserID)
		if i, ok := told[n.Key]; ok {
			facts.data[i]["to"] += "," + n.UserID
		} else {
			told[n.Key] = len(facts.data)
			facts.add(o, n, "webhook")
			facts.data[len(facts.data)-1]["to"] = n.UserID
		}
	}
	w.notifications(o, &plain)
	w.warnings(o, &warnings)
	w.userMail(o, &users)
	w.webhooks(o, &facts)
	w.clientMail(o, &client)
}

// rowsOfNotices are notices by column.
type rowsOfNotices struct {
	ids, users, kinds, keys []string
	data                    []map[string]string
	notBefore               []time.Time
}

// add appends a notice. What it is told to, in words of the receiver's kind, makes its key and id its own.
func (r *rowsOfNotices) add(o *origin, n models.Notice, to string) {
	data := make(map[string]string, len(n.Data)+2)
	for k, v := range n.Data {
		data[k] = v
	}
	key := o.subjectID + "/" + n.Key + "/" + to
	r.ids = append(r.ids, id.Derive(id.Message, o.subjectID, n.Key+"/"+to))
	r.users, r.kinds, r.keys = append(r.users, n.UserID), append(r.kinds, n.Kind), append(r.keys, key)
	r.data, r.notBefore = append(r.data, data), append(r.notBefore, n.NotBefore)
}

// fold counts a further warning to the same person in this step, and reports whether there was one before.
func (r *rowsOfNotices) fold(n models.Notice) bool {
	i := slices.Index(r.users, n.UserID)
	if i >= 0 {
		n, _ := strconv.Atoi(r.data[i]["count"]) // absent: one so far
		r.data[i]["count"] = strconv.Itoa(max(n, 1) + 1)
	}
	return i >= 0
}

func (r *rowsOfNotices) json() []string {
	texts := make([]string, len(r.data))
	for i, d := range r.data {
		texts[i] = *jsonText(d)
	}
	return texts
}

// notifications writes the rows of the in-app list. Their own ids sort by time, as a list must.
func (w *writer) notifications(o *origin, r *rowsOfNotices) {
	if len(r.ids) == 0 {
		return
	}
	rows, data := valuesWith(o.process, o.subjectID, o.at), r.json()
	for i, newID := range freshIDs(len(r.ids)) {
		rows.add(`(?, ?, ?, $1, $2, ?, ?, $3)`, newID, r.users[i], r.kinds[i], data[i], r.keys[i])
	}
	w.batch.Queue(`INSERT INTO notifications (id, user_id, kind, process, subject_id, data, key, created_at) VALUES `+rows.text.String()+`
		ON CONFLICT (key) DO NOTHING`, rows.args...)
}

func freshIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = id.New(id.Notification)
	}
	return ids
}

// warnings does the same for warnings: one that finds an unread warning to the same person of the last five minutes is
// added to it. Its data then has count, and numbers: the numbers of all cases, in order. Only the latest twenty unread are
// looked at, and they are locked in the order of their ids, so that two steps never wait for each other.
func (w *writer) warnings(o *origin, r *rowsOfNotices) {
	if len(r.ids) == 0 {
		return
	}
	w.batch.Queue(`WITH n AS MATERIALIZED (
			SELECT id, user_id, data::jsonb AS data, key FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) u(id, user_id, data, key)
		), held AS MATERIALIZED (
			SELECT o.id, o.user_id FROM notifications o WHERE o.read_at IS NULL AND o.id IN (
				SELECT l.id FROM n CROSS JOIN LATERAL (
					SELECT m.id FROM (
						SELECT id, kind, process, created_at FROM notifications WHERE user_id = n.user_id AND read_at IS NULL ORDER BY id DESC LIMIT 20
					) m WHERE m.kind = '`+warned+`' AND m.process = $1 AND m.created_at > $3::timestamptz - interval '5 minutes'
					ORDER BY m.id DESC LIMIT 1) l)
			ORDER BY o.id FOR UPDATE OF o
		), merged AS (
			UPDATE notifications o SET data = o.data || jsonb_build_object(
				'count', (coalesce((o.data ->> 'count')::int, 1) + coalesce((n.data ->> 'count')::int, 1))::text,
				'numbers', (SELECT string_agg(DISTINCT number, ', ') FROM unnest(
					string_to_array(coalesce(o.data ->> 'numbers', o.data ->> 'number'), ', ') || (n.data ->> 'number')) number))
			FROM held JOIN n USING (user_id) WHERE o.id = held.id RETURNING o.user_id
		)
		INSERT INTO notifications (id, user_id, kind, process, subject_id, data, key, created_at)
		SELECT n.id, n.user_id, '`+warned+`', $1, $2, n.data, n.key, $3 FROM n
		WHERE NOT EXISTS (SELECT FROM merged WHERE merged.user_id = n.user_id)
		ON CONFLICT (key) DO NOTHING`,
		o.process, o.subjectID, o.at, freshIDs(len(r.ids)), r.users, r.json(), r.keys)
}

// userMail makes the e-mails to users who have an address.
func (w *writer) userMail(o *origin, r *rowsOfNotices) {
	if !w.email || len(r.ids) == 0 {
		return
	}
	w.batch.Queue(`INSERT INTO deliveries (id, subject_id, step_seq, channel, user_id, kind, data, not_before, created_at)
		SELECT n.id, $1, $2, 'email', u.id, n.kind, n.data::jsonb, n.not_before, $3
		FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[]) n(id, user_id, kind, data, not_before)
		JOIN users u ON u.id = n.user_id WHERE u.email <> '' AND u.active
		ON CONFLICT (id) DO NOTHING`,
		o.subjectID, o.seq, o.at, r.ids, r.users, r.kinds, r.json(), r.notBefore).Exec(w.counts(o))
}

// webhooks makes one message per fact and endpoint that wants it; to names the users whom the fact was told, by comma.
func (w *writer) webhooks(o *origin, r *rowsOfNotices) {
	if len(r.ids) == 0 {
		return
	}
	w.batch.Queue(`INSERT INTO deliveries (id, subject_id, step_seq, channel, webhook_id, kind, data, not_before, created_at)
		SELECT n.id || '_' || split_part(h.id, '_', 2), $1, $2, 'webhook', h.id, n.kind, n.data::jsonb, n.not_before, $3
		FROM webhooks h CROSS JOIN unnest($4::text[], $5::text[], $6::text[], $7::timestamptz[]) n(id, kind, data, not_before)
		WHERE h.kinds = '[]' OR h.kinds ? n.kind
		ON CONFLICT (id) DO NOTHING`,
		o.subjectID, o.seq, o.at, r.ids, r.kinds, r.json(), r.notBefore).Exec(w.counts(o))
}

// clientMail makes the e-mails to the complainants, each address once.
func (w *writer) clientMail(o *origin, r *rowsOfNotices) {
	if !w.email || len(r.ids) == 0 {
		return
	}
	w.batch.Queue(`INSERT INTO deliveries (id, subject_id, step_seq, channel, contact_email, kind, data, not_before, created_at)
		SELECT n.id || '_' || md5(c.email), $1, $2, 'email', c.email, n.kind, n.data::jsonb, n.not_before, $3
		FROM unnest($4::text[], $5::text[], $6::text[], $7::timestamptz[]) n(id, kind, data, not_before)
		CROSS JOIN (
			SELECT contact ->> 'email' AS email FROM cases WHERE id = $1
			UNION SELECT contact ->> 'email' FROM case_contacts WHERE case_id = $1) c
		WHERE c.email <> ''
		ON CONFLICT (id) DO NOTHING`,
		o.subjectID, o.seq, o.at, r.ids, r.kinds, r.json(), r.notBefore).Exec(w.counts(o))
}

func (w *writer) counts(o *origin) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() > 0 {
			w.mail[o.subjectID] = true
		}
		return nil
	}
}
