package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/models"
)

// User returns one user; not_found when there is none.
func (s *Store) User(ctx context.Context, id string) (models.User, error) {
	return find[models.User](ctx, s.db, id)
}

// Users lists users, the first made first.
func (s *Store) Users(ctx context.Context, f models.UserFilter, p models.Page) ([]models.User, string, error) {
	q := all[models.User](s.db)
	if f.TeamID != "" {
		q = q.Where("team_id = ?", f.TeamID)
	}
	if f.Role != "" {
		q = q.Where("roles @> to_jsonb(CAST(? AS text))", f.Role)
	}
	if f.Active != nil {
		q = q.Where("active = ?", *f.Active)
	}
	if f.Username != "" {
		q = q.Where("lower(username) = lower(?)", f.Username)
	}
	return list(ctx, q, p, ascending, func(u models.User) string { return u.ID })
}

// CreateUser stores a new user, with the hash of the password; an empty password makes one who cannot log in by
// password. When the id exists already the stored user is returned. Errors: conflict users.username_taken, in any case
// of letters; invalid when the team or the manager is unknown.
func (s *Store) CreateUser(ctx context.Context, u models.User, password string) (models.User, error) {
	if stored, err := s.User(ctx, u.ID); errs.CodeOf(err) != errs.NotFound { // before the hash, which is dear
		return stored, err
	}
	u.PasswordHash = ""
	if password != "" {
		hash, err := s.passwords.Hash(ctx, password)
		if err != nil {
			return models.User{}, mapped(err)
		}
		u.PasswordHash = hash
	}
	u.Version, u.FailedLogins, u.LockedUntil = 1, 0, nil
	if u.Roles == nil {
		u.Roles = []models.Role{}
	}
	u, err := create(ctx, s.db, u, u.ID)
	s.forget()
	return u, err
}

// UpdateUser writes a user whose Version is the stored one, and returns the new row. A password that is not empty
// replaces the old one, ends the user's sessions and any lock-out. It can make a user active again but not inactive:
// that is Deactivate's, which leaves nothing without an owner; and for a user who changes teams there is MoveUser, with whom
// their cases go. Errors: not_found; precondition_failed; conflict users.username_taken; invalid when the team or the manager
// is unknown, or the reporting line would be a circle.
func (s *Store) UpdateUser(ctx context.Context, u models.User, password string) (models.User, error) {
	write, err := s.userChange(ctx, &u, password)
	if err != nil {
		return models.User{}, err
	}
	err = s.tx(ctx, write)
	s.forget()
	if err != nil {
		return models.User{}, err
	}
	return u, nil
}

// userChange prepares what UpdateUser writes in a transaction, which fills u with what is stored then: passwords are hashed
// before it, because that is dear.
func (s *Store) userChange(ctx context.Context, u *models.User, password string) (func(tx *gorm.DB) error, error) {
	columns := []string{"username", "display_name", "email", "locale", "time_zone", "roles", "team_id", "manager_id"}
	if u.Active {
		columns = append(columns, "active")
	}
	if password != "" {
		hash, err := s.passwords.Hash(ctx, password)
		if err != nil {
			return nil, mapped(err)
		}
		u.PasswordHash, u.FailedLogins, u.LockedUntil = hash, 0, nil
		columns = append(columns, "password_hash", "failed_logins", "locked_until")
	}
	if u.Roles == nil {
		u.Roles = []models.Role{}
	}
	version := u.Version
	u.Version++
	return func(tx *gorm.DB) error {
		if err := checkLine(tx, u.ID, u.ManagerID); err != nil {
			return err
		}
		if password != "" {
			if err := endTokens(tx, u.ID, s.now(), kindSession); err != nil {
				return err
			}
		}
		return update(ctx, tx, u, u.ID, version, columns...)
	}, nil
}

// checkLine refuses a manager who reports to the user, over however many others: an escalation would run in a circle.
func checkLine(tx *gorm.DB, userID string, managerID *string) error {
	if managerID == nil {
		return nil
	}
	if err := hold(tx, "reporting_lines"); err != nil { // two changes that are right alone may make a circle together
		return err
	}
	var circle bool
	err := tx.Raw(`WITH RECURSIVE line AS (
			SELECT id, manager_id FROM users WHERE id = ?
			UNION SELECT u.id, u.manager_id FROM users u JOIN line ON u.id = line.manager_id
		) SELECT EXISTS (SELECT FROM line WHERE id = ?)`, *managerID, userID).Scan(&circle).Error
	if err != nil {
		return err
	}
	if circle {
		return errs.NewInvalid(errs.Field{Field: "manager_id", Code: "circle"})
	}
	return nil
}

// endTokens revokes the tokens of a user that are of the kinds.
func endTokens(tx *gorm.DB, userID string, at time.Time, kinds ...string) error {
	return tx.Model(&models.Token{}).Where("user_id = ? AND revoked_at IS NULL AND kind IN ?", userID, kinds).
		UpdateColumn("revoked_at", at).Error
}

// Team returns one team; not_found when there is none.
func (s *Store) Team(ctx context.Context, id string) (models.Team, error) {
	return find[models.Team](ctx, s.db, id)
}

// Teams lists teams, the first made first.
func (s *Store) Teams(ctx context.Context, p models.Page) ([]models.Team, string, error) {
	return list(ctx, all[models.Team](s.db), p, ascending, func(t models.Team) string { return t.ID })
}

// CreateTeam stores a new team, or returns the stored one when the id exists already. Errors: conflict
// teams.name_taken; invalid when the supervisor is unknown.
func (s *Store) CreateTeam(ctx context.Context, t models.Team) (models.Team, error) {
	t.Version = 1
	t, err := create(ctx, s.db, t, t.ID)
	s.forget()
	return t, err
}

// UpdateTeam writes a team whose Version is the stored one, and returns the new row. Errors: not_found;
// precondition_failed; conflict teams.name_taken; invalid when the supervisor is unknown. For a team that gets another supervisor
// there is LeadTeam, with whom what waits for them goes.
func (s *Store) UpdateTeam(ctx context.Context, t models.Team) (models.Team, error) {
	err := teamChange(ctx, &t)(s.db)
	s.forget()
	if err != nil {
		return models.Team{}, err
	}
	return t, nil
}

// teamChange is what UpdateTeam writes.
func teamChange(ctx context.Context, t *models.Team) func(*gorm.DB) error {
	version := t.Version
	t.Version++
	return func(tx *gorm.DB) error {
		return update(ctx, tx, t, t.ID, version, "name", "supervisor_id", "calendar_id")
	}
}

// Deputies lists the rules of a user, of all users when userID is empty, the first made first; past ones too.
func (s *Store) Deputies(ctx context.Context, userID string, p models.Page) ([]models.Deputy, string, error) {
	q := all[models.Deputy](s.db)
	if userID != "" {
		q = q.Where("user_id = ?", userID)
	}
	return list(ctx, q, p, ascending, func(d models.Deputy) string { return d.ID })
}

// deputiesAt are the rules of everybody that are not over at the instant, in the order of their ids.
func deputiesAt(db *gorm.DB, at time.Time) gorm.ChainInterface[models.Deputy] {
	return all[models.Deputy](db).Where("valid_until > ?", at).Order("id")
}

// Deputy returns one rule; not_found when there is none.
func (s *Store) Deputy(ctx context.Context, id string) (models.Deputy, error) {
	return find[models.Deputy](ctx, s.db, id)
}

// CreateDeputy stores a new rule, or returns the stored one when the id exists already. fits, unless nil, judges it beside the
// others that are not over, of whomever; no other rule is made meanwhile, because two that fit alone may not fit together. The
// approvals that it may concern are told of it by words, which are written with it.
// Errors: those of fits; invalid when a user is unknown or is their own deputy (field deputy_id), or the window ends before it
// begins (field until).
func (s *Store) CreateDeputy(ctx context.Context, d models.Deputy, fits func(others []models.Deputy) error) (models.Deputy, error) {
	if d.Processes == nil {
		d.Processes = []string{}
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		if fits != nil {
			if err := hold(tx, "deputies"); err != nil {
				return err
			}
			others, err := deputiesAt(tx, s.now()).Where("id <> ?", d.ID).Find(ctx)
			if err != nil {
				return err
			}
			if err := fits(others); err != nil {
				return err
			}
		}
		var err error
		if d, err = create(ctx, tx, d, d.ID); err != nil {
			return err
		}
		return s.tellOfDeputies(ctx, tx, d.UserID)
	})
	s.forget()
	return d, err
}

// DeleteDeputy ends a rule, of which approvals are told as of a new one, and returns what it was; not_found when there is none.
func (s *Store) DeleteDeputy(ctx context.Context, id string) (models.Deputy, error) {
	var gone []models.Deputy
	err := s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Clauses(clause.Returning{}).Where("id = ?", id).Delete(&gone).Error; err != nil {
			return err
		}
		if len(gone) == 0 {
			return notFound()
		}
		return s.tellOfDeputies(ctx, tx, gone[0].UserID, gone[0].DeputyID)
	})
	s.forget()
	if err != nil {
		return models.Deputy{}, err
	}
	return gone[0], nil
}

// tellOfDeputies writes words to the open approvals of the users that rules for deputies have changed, so that tasks are offered, or
// offered back; also to those of everybody in whose place the users may act: who is away is passed over for their own deputy.
func (s *Store) tellOfDeputies(ctx context.Context, tx *gorm.DB, users ...string) error {
	rules, err := deputiesAt(tx, s.now()).Find(ctx)
	if err != nil {
		return err
	}
	var approvals []string
	err = tx.Raw(openApprovals+"IN ? ORDER BY 1", models.ActedFor(rules, users...)).Scan(&approvals).Error
	if err != nil {
		return err
	}
	return writeWords(tx, models.RecheckWords(approvals))
}
