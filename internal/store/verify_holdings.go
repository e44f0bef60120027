package store

// holdingSweeps hold resources and budgets against what was written of them. The case id of a finding is the id of the
// budget, resource or subject; so is its number.
//
//   - budget.amount, budget.held, budget.committed: the balance is the sum of the ledger.
//   - budget.entries: the entries are numbered from 1 without gaps.
//   - budget.strong: under strong control no more is held and spent than was granted.
//   - budget.item: an item's held money is never negative.
//   - booking.overlap: no single-use resource is booked twice at one time.
//   - booking.stock: since the resource was last changed, no more pieces are booked at one time than there are; of gifts,
//     at all times together.
var holdingSweeps = []string{
	`SELECT b.id AS case_id, b.id AS number, 'budget.' || x.name AS rule, x.ledger::text AS expected, x.stored::text AS found
	FROM budgets b CROSS JOIN LATERAL (
		SELECT coalesce(sum(amount) FILTER (WHERE kind = 'adjust'), 0) AS amount,
			coalesce(sum(CASE kind WHEN 'adjust' THEN 0 WHEN 'hold' THEN amount ELSE -amount END), 0) AS held,
			coalesce(sum(amount) FILTER (WHERE kind = 'commit'), 0) AS committed,
			count(*) AS entries, coalesce(max(seq), 0) AS last
		FROM budget_entries e WHERE e.budget_id = b.id) l
	CROSS JOIN LATERAL (VALUES ('amount', l.amount, b.amount), ('held', l.held, b.held), ('committed', l.committed, b.committed),
		('entries', l.entries, b.entries), ('entries', l.entries, l.last)) x(name, ledger, stored)
	WHERE x.ledger <> x.stored ORDER BY 1, 3`,
	`SELECT id AS case_id, id AS number, 'budget.strong' AS rule, 'at most ' || amount AS expected, (held + committed)::text AS found
	FROM budgets WHERE control = 'strong' AND held + committed > amount ORDER BY 1`,
	`SELECT subject_id AS case_id, budget_id AS number, 'budget.item' AS rule, 'no less than 0 of ' || item AS expected, held::text AS found
	FROM (SELECT subject_id, budget_id, item, sum(CASE kind WHEN 'hold' THEN amount ELSE -amount END) AS held
		FROM budget_entries WHERE subject_id IS NOT NULL GROUP BY 1, 2, 3) i WHERE held < 0 ORDER BY 1, 2`,
	`SELECT a.subject_id AS case_id, a.resource_id AS number, 'booking.overlap' AS rule, 'one of ' || a.id AS expected, b.id AS found
	FROM bookings a JOIN bookings b ON b.resource_id = a.resource_id AND b.during && a.during AND b.id > a.id
	JOIN resources r ON r.id = a.resource_id AND r.kind IN ('room', 'vehicle', 'interpreter')
	WHERE a.state <> 'released' AND b.state <> 'released' ORDER BY 1, 5`,
	`SELECT r.id AS case_id, r.id AS number, 'booking.stock' AS rule, 'at most ' || r.quantity AS expected, max(u.used)::text AS found
	FROM resources r CROSS JOIN LATERAL (
		SELECT (SELECT sum(o.quantity) FROM bookings o WHERE o.resource_id = r.id AND o.state <> 'released'
			AND (r.kind = 'gift_stock' OR o.during @> greatest(b.starts_at, r.updated_at))) AS used
		FROM bookings b WHERE b.resource_id = r.id AND b.state <> 'released' AND (r.kind = 'gift_stock' OR b.ends_at > r.updated_at)) u
	WHERE r.kind IN ('equipment', 'gift_stock') GROUP BY r.id, r.quantity HAVING max(u.used) > r.quantity ORDER BY 1`,
}
