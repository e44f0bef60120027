package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/models"
)

// relationshipCommands give commands to the processes of clients.
type relationshipCommands struct {
	engine Engine
	store  Relationships
}

// once does what a command asks for, unless its first attempt has done so: then neither the body nor the state of now is held
// against it. What was ahead then may be past, and the command itself may have ended what it was about.
func (h *relationshipCommands) once(c *gin.Context, clientID string, do func() error) error {
	if repeated(c) {
		s, err := h.store.RelationshipState(c.Request.Context(), clientID)
		if err == nil && slices.Contains(s.Handled, commandID(c)) {
			return nil
		}
		if err != nil && errs.CodeOf(err) != errs.NotFound {
			return err
		}
	}
	return do()
}

// give gives a command of the caller to the process of a client, which alone decides whether it may be taken; a process that
// does not run yet is begun. data may be nil. Errors: not_found for what is no client, or one that the caller may know
// nothing of; forbidden; conflict where the state does not allow it, client_merged for a client that was merged.
func (h *relationshipCommands) give(c *gin.Context, clientID string, action models.RelationshipAction, data any) error {
	if !id.Valid(id.Client, clientID) {
		return notFound()
	}
	e := models.RelationshipEvent{Meta: metaOf(c), Action: action}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			panic(err) // a struct of texts, numbers and times that were read from JSON
		}
		e.Data = raw
	}
	ctx := c.Request.Context()
	client, err := h.store.Client(ctx, clientID)
	if err == nil {
		err = client.Open()
	}
	if err != nil { // no process is begun for nobody, nor for a duplicate
		return err
	}
	return h.start(ctx, clientID, string(action), string(action)+":"+commandID(c), e)
}

// begin sees to it that the process of a client runs and has taken its first step.
func (h *relationshipCommands) begin(ctx context.Context, clientID string) error {
	return h.start(ctx, clientID, models.RelationshipReady, models.RelationshipReady, models.RelationshipEvent{})
}

func (h *relationshipCommands) start(ctx context.Context, clientID, name, updateID string, e models.RelationshipEvent) error {
	_, err := h.engine.Start(ctx, models.RelationshipType, models.RelationshipWorkflowID(clientID), models.RelationshipInput{ClientID: clientID},
		name, updateID, e)
	return err
}
