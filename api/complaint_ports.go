package api

import (
	"context"
	"time"

	"github.com/mcrflow/mcrflow/models"
)

// Cases reads the projection of the complaint process. Every read is narrowed to what the actor may see: a case that
// they may not know of is not_found.
type Cases interface {
	Case(ctx context.Context, actor models.Actor, id string) (models.CaseRow, error)
	// CaseAfter returns a case as of the step or later, whoever asks. It is shared: nobody may change it.
	CaseAfter(ctx context.Context, id string, seq int64) (models.CaseRow, error)
	Cases(ctx context.Context, actor models.Actor, f models.CaseFilter, p models.Page) ([]models.CaseRow, string, error)
	// Timeline lists the events after a sequence number, in order.
	Timeline(ctx context.Context, caseID string, after int64, limit int) ([]models.TimelineEvent, error)
	Responsibility(ctx context.Context, caseID string) (accountable, handling []models.Holding, err error)
	// ClientForCase returns the client of a new case, and its cases since an instant that the actor may see, newest first, at
	// most limit.
	ClientForCase(ctx context.Context, actor models.Actor, clientID string, since time.Time, limit int) (models.Client, []models.CaseHead, error)
	Tasks(ctx context.Context, actor models.Actor, f models.TaskFilter, p models.Page) ([]models.TaskRow, string, error)
	// Task finds one task that the actor may see; not_found otherwise.
	Task(ctx context.Context, actor models.Actor, id string) (models.TaskRow, error)
	// KnowledgeArticles lists published articles, and drafts from cases that the actor may see, newest first; an empty state
	// lists both.
	KnowledgeArticles(ctx context.Context, actor models.Actor, state string, p models.Page) ([]models.KnowledgeArticle, string, error)
}
