package store

import (
	"context"
	"errors"
	"math"
	"strconv"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/models"
)

// LatestPolicy returns the version in force; not_found when none was published.
func (s *Store) LatestPolicy(ctx context.Context, kind string) (models.PolicyVersion, error) {
	return latest(ctx, gorm.G[models.PolicyVersion](s.db).Where("kind = ?", kind))
}

// PolicyInForce returns the number of the version in force; not_found when none was published. Unlike LatestPolicy it reads
// no body: nearly every new object asks for it.
func (s *Store) PolicyInForce(ctx context.Context, kind string) (int, error) {
	return s.inForce(ctx, policyInForce, kind)
}

// CalendarInForce is PolicyInForce for a calendar.
func (s *Store) CalendarInForce(ctx context.Context, id string) (int, error) {
	return s.inForce(ctx, calendarInForce, id)
}

// BothInForce is PolicyInForce and CalendarInForce in one round trip; a version of 0 means that there is none.
func (s *Store) BothInForce(ctx context.Context, kind, calendarID string) (policyVersion, calendarVersion int, err error) {
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, bothInForce, kind, calendarID).Scan(&policyVersion, &calendarVersion)
	})
	return policyVersion, calendarVersion, err
}

var (
	policyInForce   = newest("policy_versions WHERE kind = $1")
	calendarInForce = newest("calendar_versions WHERE id = $1")
	bothInForce     = "SELECT coalesce((" + policyInForce + "), 0), coalesce((" + newest("calendar_versions WHERE id = $2") + "), 0)"
)

func newest(of string) string { return "SELECT version FROM " + of + " ORDER BY version DESC LIMIT 1" }

func (s *Store) inForce(ctx context.Context, statement, name string) (version int, err error) {
	err = s.onConn(ctx, func(conn *pgx.Conn) error {
		err := conn.QueryRow(ctx, statement, name).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			return notFound()
		}
		return err
	})
	return version, err
}

// Policy returns one version; not_found when there is none.
func (s *Store) Policy(ctx context.Context, kind string, version int) (models.PolicyVersion, error) {
	v, err := gorm.G[models.PolicyVersion](s.db).Where("kind = ? AND version = ?", kind, version).Take(ctx)
	return v, mapped(err)
}

// PolicyVersions lists the versions of a kind, the newest first.
func (s *Store) PolicyVersions(ctx context.Context, kind string, p models.Page) ([]models.PolicyVersion, string, error) {
	q := gorm.G[models.PolicyVersion](s.db).Where("kind = ?", kind)
	return versions(ctx, q, p, func(v models.PolicyVersion) int { return v.Version })
}

// PublishPolicy stores the body under the next version number of its kind, and returns it with the number. Who names a
// Version means that one: precondition_failed when it is not the next. A command that has published already gets what it
// published, however many of its repetitions arrive at the same time.
func (s *Store) PublishPolicy(ctx context.Context, v models.PolicyVersion) (models.PolicyVersion, error) {
	if v.PublishedAt.IsZero() {
		v.PublishedAt = s.now()
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		next, err := nextVersion(tx, "policy_versions", "kind", v.Kind, v.Version)
		if err != nil {
			return err
		}
		v.Version = next
		res := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "command_id"}}, DoNothing: true}).Create(&v)
		if res.Error == nil && res.RowsAffected == 0 {
			v, err = gorm.G[models.PolicyVersion](tx).Where("command_id = ?", v.CommandID).Take(ctx)
			return err
		}
		return res.Error
	})
	if err != nil {
		return models.PolicyVersion{}, err
	}
	return v, nil
}

// LatestCalendar returns the version in force; not_found when none was published.
func (s *Store) LatestCalendar(ctx context.Context, id string) (models.CalendarVersion, error) {
	return latest(ctx, gorm.G[models.CalendarVersion](s.db).Where("id = ?", id))
}

// Calendar returns one version; not_found when there is none.
func (s *Store) Calendar(ctx context.Context, id string, version int) (models.CalendarVersion, error) {
	v, err := gorm.G[models.CalendarVersion](s.db).Where("id = ? AND version = ?", id, version).Take(ctx)
	return v, mapped(err)
}

// CalendarIDs lists the calendars that have a published version, sorted.
func (s *Store) CalendarIDs(ctx context.Context) ([]string, error) {
	ids := []string{}
	err := s.db.WithContext(ctx).Model(&models.CalendarVersion{}).Where("version = 1").Order("id").Pluck("id", &ids).Error
	return ids, mapped(err)
}

// CalendarVersions lists the versions of a calendar, the newest first.
func (s *Store) CalendarVersions(ctx context.Context, id string, p models.Page) ([]models.CalendarVersion, string, error) {
	q := gorm.G[models.CalendarVersion](s.db).Where("id = ?", id)
	return versions(ctx, q, p, func(v models.CalendarVersion) int { return v.Version })
}

// PublishCalendar stores the body under the next version number of its id, and returns it with the number. Who names a
// Version means that one: precondition_failed when it is not the next.
func (s *Store) PublishCalendar(ctx context.Context, v models.CalendarVersion) (models.CalendarVersion, error) {
	if v.PublishedAt.IsZero() {
		v.PublishedAt = s.now()
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var err error
		if v.Version, err = nextVersion(tx, "calendar_versions", "id", v.ID, v.Version); err != nil {
			return err
		}
		return tx.Create(&v).Error
	})
	if err != nil {
		return models.CalendarVersion{}, err
	}
	return v, nil
}

// nextVersion gives the number of the next publication, which must be the wanted one unless that is 0. Until the
// transaction ends, nobody else gets a number.
func nextVersion(tx *gorm.DB, table, column, name string, wanted int) (int, error) {
	if err := hold(tx, table+"/"+name); err != nil {
		return 0, err
	}
	var last int
	err := tx.Table(table).Where(map[string]any{column: name}).Select("coalesce(max(version), 0)").Scan(&last).Error
	if err == nil && wanted != 0 && wanted != last+1 {
		return 0, stale()
	}
	return last + 1, err
}

func latest[T any](ctx context.Context, q gorm.ChainInterface[T]) (T, error) {
	v, err := q.Order("version DESC").Take(ctx)
	return v, mapped(err)
}

// versions returns a page, the newest first; its cursor is the number of the last one.
func versions[T any](ctx context.Context, q gorm.ChainInterface[T], p models.Page, number func(T) int) ([]T, string, error) {
	before, err := afterNumber(p, math.MaxInt32)
	if err != nil {
		return nil, "", err
	}
	if err := estimate(ctx, q, p); err != nil {
		return nil, "", err
	}
	if before != 0 {
		q = q.Where("version < ?", before)
	}
	limit := limitOf(p)
	rows, err := q.Order("version DESC").Limit(limit + 1).Find(ctx)
	if err != nil {
		return nil, "", mapped(err)
	}
	if len(rows) <= limit {
		return rows, "", nil
	}
	rows = rows[:limit]
	return rows, encodeCursor(strconv.Itoa(number(rows[limit-1]))), nil
}
