package store

import (
	"context"
	"math"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/mcrflow/mcrflow/models"
)

// Budget returns one budget with its balance; not_found when there is none.
func (s *Store) Budget(ctx context.Context, id string) (models.Budget, error) {
	return find[models.Budget](ctx, s.db, id)
}

// Budgets lists budgets, the first made first.
func (s *Store) Budgets(ctx context.Context, f models.BudgetFilter, p models.Page) ([]models.Budget, string, error) {
	q := all[models.Budget](s.db)
	if f.TeamID != "" {
		q = q.Where("team_id = ?", f.TeamID)
	}
	if f.CostType != "" {
		q = q.Where("cost_type = ?", f.CostType)
	}
	if f.On != nil {
		q = q.Where("? BETWEEN starts_on AND ends_on", *f.On)
	}
	return list(ctx, q, p, ascending, func(b models.Budget) string { return b.ID })
}

// CreateBudget stores a new budget with the first entry of its ledger, which grants the amount, or returns the stored one
// when the id exists already. Errors: conflict budgets.period_taken when the department has a budget of the type in the
// period; invalid when the team is unknown or a value is none.
func (s *Store) CreateBudget(ctx context.Context, b models.Budget) (models.Budget, error) {
	if b.CreatedAt.IsZero() {
		b.CreatedAt = s.now()
		b.UpdatedAt = b.CreatedAt
	}
	opening := models.BudgetEntry{
		BudgetID: b.ID, Seq: 1, Kind: models.EntryAdjust, Amount: b.Amount, RequestID: &b.ID, By: b.CreatedBy, At: b.CreatedAt,
	}
	b.Held, b.Committed, b.Entries = 0, 0, opening.Seq
	err := s.tx(ctx, func(tx *gorm.DB) error {
		res := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&b)
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 1 {
			return tx.Create(&opening).Error
		}
		var err error
		b, err = find[models.Budget](ctx, tx, b.ID)
		return err
	})
	return b, err
}

// BudgetEntries lists the ledger of a budget, the newest entry first.
func (s *Store) BudgetEntries(ctx context.Context, budgetID string, p models.Page) ([]models.BudgetEntry, string, error) {
	q := gorm.G[models.BudgetEntry](s.db).Where("budget_id = ?", budgetID)
	if err := estimate(ctx, q, p); err != nil {
		return nil, "", err
	}
	after, err := afterNumber(p, math.MaxInt64)
	if err != nil {
		return nil, "", err
	}
	if after != 0 {
		q = q.Where("seq < ?", after)
	}
	limit := limitOf(p)
	rows, err := q.Order("seq DESC").Limit(limit + 1).Find(ctx)
	if err != nil || len(rows) <= limit {
		return rows, "", mapped(err)
	}
	return rows[:limit], encodeCursor(strconv.FormatInt(rows[limit-1].Seq, 10)), nil
}

// AdjustBudget raises or lowers the granted amount by so many minor units, once per request id, and returns the budget
// as it is then. Errors: not_found; budget_exceeded when strong control would be overspent; invalid amount when it would
// be below zero or too large.
func (s *Store) AdjustBudget(ctx context.Context, id string, by int64, a models.Adjustment) (models.Budget, error) {
	var b models.Budget
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var err error
		b, err = gorm.G[models.Budget](tx, clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", id).Take(ctx)
		if err != nil {
			return err
		}
		done, err := gorm.G[models.BudgetEntry](tx).Where("budget_id = ? AND request_id = ?", id, a.RequestID).Count(ctx, "*")
		if err != nil || done > 0 {
			return err
		}
		e, err := b.Adjust(by, a)
		if err != nil {
			return err
		}
		if err := tx.Create(&e).Error; err != nil {
			return err
		}
		return tx.Model(&b).Select("amount", "entries", "updated_at").Updates(&b).Error
	})
	return b, err
}

// MoneyOf lists what each item of a subject has of its budget, by item.
func (s *Store) MoneyOf(ctx context.Context, subjectID string) ([]models.ItemMoney, error) {
	return read[models.ItemMoney](ctx, s, itemsOfSubject, subjectID)
}

// itemsOfSubject sums the ledgers for a subject; see models.EntryKind for what the kinds mean.
const itemsOfSubject = `SELECT e.item, e.budget_id, b.currency,
		sum(CASE e.kind WHEN 'hold' THEN e.amount ELSE -e.amount END)::bigint AS held,
		coalesce(sum(e.amount) FILTER (WHERE e.kind = 'commit'), 0)::bigint AS committed
	FROM budget_entries e JOIN budgets b ON b.id = e.budget_id
	WHERE e.subject_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2`
