package store

// campaignSweeps hold campaigns, their runs and their recipients against the rules. The case id of a finding is the id of the
// campaign. That the numbers of a run add up to its audience is a constraint of the database.
//
//   - campaign.projection.<column>: what lists filter by is what the state says.
//   - campaign.timeline: events are numbered from 1 without gaps, up to the number in the state.
//   - campaign.runs: there are as many runs as the state says.
//   - campaign.run.<count>: what is counted of a run is what its recipients say.
//   - campaign.run.reasons: so are the reasons of skipping, failing and waiting.
//   - campaign.run.ended: a run that has ended has nobody who is pending; due are only those who were asked, at the end of
//     their time to answer.
//   - campaign.recipient.outcome: who was sent something has a time of it and nobody else has; who was skipped or failed has
//     a reason.
//   - campaign.recipient.invitation: who was sent something has exactly one invitation, which was asked.
var campaignSweeps = []string{
	`SELECT c.id AS case_id, c.number, 'campaign.projection.' || f.name AS rule, coalesce(f.state, '') AS expected, f.stored AS found
	FROM campaigns c CROSS JOIN LATERAL (VALUES
		('number', c.state ->> 'number', c.number), ('name', c.state #>> '{definition,name}', c.name), ('status', c.state ->> 'status', c.status),
		('created_by', c.state ->> 'created_by', c.created_by), ('version', c.state ->> 'version', c.version::text)) f (name, state, stored)
	WHERE f.state IS DISTINCT FROM f.stored ORDER BY c.id, f.name`,
	`SELECT c.id AS case_id, c.number, 'campaign.timeline' AS rule, '1 to ' || (c.state ->> 'event_seq') AS expected,
		coalesce(t.first, 0) || ' to ' || coalesce(t.last, 0) || ', ' || coalesce(t.n, 0) AS found
	FROM campaigns c LEFT JOIN (SELECT subject_id, count(*) AS n, min(seq) AS first, max(seq) AS last FROM timeline
		WHERE subject_id IN (SELECT id FROM campaigns) GROUP BY 1) t ON t.subject_id = c.id
	WHERE (coalesce(t.n, 0), coalesce(t.first, 1), coalesce(t.last, 0)) <> ((c.state ->> 'event_seq')::bigint, 1, (c.state ->> 'event_seq')::bigint) ORDER BY c.id`,
	`SELECT c.id AS case_id, c.number, 'campaign.runs' AS rule, coalesce(c.state ->> 'runs', '0') AS expected, count(r.id)::text AS found
	FROM campaigns c LEFT JOIN campaign_runs r ON r.campaign_id = c.id GROUP BY c.id
	HAVING (count(r.id), coalesce(max(r.n), 0)) <> (coalesce((c.state ->> 'runs')::bigint, 0), coalesce((c.state ->> 'runs')::bigint, 0)) ORDER BY c.id`,
	`SELECT c.id AS case_id, c.number, 'campaign.run.' || f.name AS rule, f.rows::text AS expected, f.stored::text AS found
	FROM campaign_runs r JOIN campaigns c ON c.id = r.campaign_id LEFT JOIN (
		SELECT run_id, count(*) AS audience, count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'sent') AS sent,
			count(*) FILTER (WHERE state = 'skipped') AS skipped, count(*) FILTER (WHERE state = 'failed') AS failed,
			count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn, sum(reminders)::bigint AS reminded, count(responded_at) AS responded,
			count(*) FILTER (WHERE expired) AS expired, sum(repeated)::bigint AS repeated
		FROM campaign_recipients GROUP BY run_id) n ON n.run_id = r.id
	CROSS JOIN LATERAL (VALUES ('audience', coalesce(n.audience, 0), r.audience), ('pending', coalesce(n.pending, 0), r.pending),
		('sent', coalesce(n.sent, 0), r.sent), ('skipped', coalesce(n.skipped, 0), r.skipped), ('failed', coalesce(n.failed, 0), r.failed),
		('withdrawn', coalesce(n.withdrawn, 0), r.withdrawn), ('reminded', coalesce(n.reminded, 0), r.reminded),
		('responded', coalesce(n.responded, 0), r.responded), ('expired', coalesce(n.expired, 0), r.expired),
		('repeated', coalesce(n.repeated, 0), r.repeated)) f (name, rows, stored)
	WHERE f.rows <> f.stored ORDER BY c.id, r.n, f.name`,
	`SELECT c.id AS case_id, c.number, 'campaign.run.reasons' AS rule, concat_ws(' ', f.state, f.reason, coalesce(f.rows, 0)) AS expected,
		concat_ws(' ', f.state, f.reason, coalesce(f.stored, 0)) AS found
	FROM (SELECT run_id, state, reason, n.n AS rows, k.n AS stored
		FROM (SELECT run_id, state, reason, count(*) AS n FROM campaign_recipients WHERE reason <> '' GROUP BY 1, 2, 3) n
		FULL JOIN campaign_reasons k USING (run_id, state, reason)) f
	JOIN campaign_runs r ON r.id = f.run_id JOIN campaigns c ON c.id = r.campaign_id
	WHERE coalesce(f.rows, 0) <> coalesce(f.stored, 0) ORDER BY c.id, r.n, f.state, f.reason`,
	`SELECT c.id AS case_id, c.number, 'campaign.run.ended' AS rule, 'nobody' AS expected, x.id || ' ' || x.state AS found
	FROM campaign_runs r JOIN campaigns c ON c.id = r.campaign_id JOIN campaign_recipients x ON x.run_id = r.id
	WHERE r.ended_at IS NOT NULL AND (x.state = 'pending' OR x.due_at IS NOT NULL AND x.state <> 'sent') ORDER BY x.id`,
	`SELECT c.id AS case_id, c.number, 'campaign.recipient.outcome' AS rule, x.id || ' ' || x.state AS expected,
		concat_ws(' ', 'reason', nullif(x.reason, ''), 'sent', x.sent_at) AS found
	FROM campaign_recipients x JOIN campaign_runs r ON r.id = x.run_id JOIN campaigns c ON c.id = r.campaign_id
	WHERE (x.state = 'sent') <> (x.sent_at IS NOT NULL) OR x.state IN ('skipped', 'failed') AND x.reason = '' ORDER BY x.id`,
	`SELECT c.id AS case_id, c.number, 'campaign.recipient.invitation' AS rule, x.id || ' ' || coalesce(x.invitation_id, 'one') AS expected,
		coalesce(i.id || CASE WHEN i.asked_at IS NULL THEN ', not asked' ELSE '' END, '') AS found
	FROM campaign_recipients x JOIN campaign_runs r ON r.id = x.run_id JOIN campaigns c ON c.id = r.campaign_id
	LEFT JOIN invitations i ON i.recipient_id = x.id
	WHERE x.state = 'sent' AND (i.id IS NULL OR i.id IS DISTINCT FROM x.invitation_id OR i.asked_at IS NULL) ORDER BY x.id`,
}
