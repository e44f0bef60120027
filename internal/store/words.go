package store

import (
	"context"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/mcrflow/mcrflow/models"
)

// tell queues what processes must be told of this transaction.
func (w *writer) tell(words []models.Word) {
	if len(words) == 0 {
		return
	}
	n := len(words)
	ids, signals, args := make([]string, n), make([]string, n), make([]*string, n)
	for i, word := range words {
		ids[i], signals[i] = word.WorkflowID, word.Signal
		if word.Arg != nil {
			arg := string(word.Arg)
			args[i] = &arg
		}
	}
	w.batch.Queue(`INSERT INTO words (workflow_id, signal, arg)
		SELECT n.id, n.signal, n.arg::jsonb FROM unnest($1::text[], $2::text[], $3::text[]) n(id, signal, arg)`, ids, signals, args)
}

// writeWords writes what processes must be told of the transaction.
func writeWords(tx *gorm.DB, words []models.Word) error {
	if len(words) == 0 {
		return nil
	}
	return tx.Create(words).Error
}

// Words lists what processes have not been told yet, the oldest first: those after the one with the id (0: all).
func (s *Store) Words(ctx context.Context, after int64, limit int) ([]models.Word, error) {
	var words []models.Word
	err := s.onConn(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT id, workflow_id, signal, arg FROM words WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
		if err != nil {
			return err
		}
		words, err = pgx.CollectRows(rows, pgx.RowToStructByPos[models.Word])
		return err
	})
	return words, err
}

// Told forgets words that their processes have been told.
func (s *Store) Told(ctx context.Context, ids []int64) error {
	return s.onConn(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `DELETE FROM words WHERE id = ANY($1)`, ids)
		return err
	})
}
