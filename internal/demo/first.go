package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/mcrflow/mcrflow/internal/approval"
	"github.com/mcrflow/mcrflow/internal/auth"
	"github.com/mcrflow/mcrflow/internal/cadence"
	"github.com/mcrflow/mcrflow/internal/campaign"
	"github.com/mcrflow/mcrflow/internal/classification"
	"github.com/mcrflow/mcrflow/internal/errs"
	"github.com/mcrflow/mcrflow/internal/health"
	"github.com/mcrflow/mcrflow/internal/id"
	"github.com/mcrflow/mcrflow/internal/policy"
	"github.com/mcrflow/mcrflow/internal/responsibility"
	"github.com/mcrflow/mcrflow/internal/survey"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/policies"
)

// Users is what EnsureAdmin asks.
type Users interface {
	Users(ctx context.Context, f models.UserFilter, p models.Page) ([]models.User, string, error)
	CreateUser(ctx context.Context, u models.User, password string) (models.User, error)
}

// EnsureAdmin makes the user "admin" with a random password when there is no user at all, and returns the password: it
// is kept nowhere. An empty password says that there was nothing to do. Of several processes that start at once one
// gets the password.
func EnsureAdmin(ctx context.Context, s Users) (string, error) {
	users, _, err := s.Users(ctx, models.UserFilter{}, models.Page{Limit: 1})
	if err != nil || len(users) > 0 {
		return "", err
	}
	password := auth.NewPassword()
	u, err := s.CreateUser(ctx, models.User{
		ID: id.Derive(id.User, "first", "admin"), Username: "admin", DisplayName: "Administrator 管理员", Locale: "en",
		TimeZone: "UTC", Roles: []models.Role{models.RoleAdmin}, Active: true,
	}, password)
	if err != nil {
		return "", fmt.Errorf("make first administrator: %w", err)
	}
	ours, err := auth.NewPasswords(1).Verify(ctx, u.PasswordHash, password)
	if err != nil || !ours {
		return "", err
	}
	return password, nil
}

// Policies is what SeedPolicies writes to. Publishing a version that is not the next one must be precondition_failed.
type Policies interface {
	LatestPolicy(ctx context.Context, kind string) (models.PolicyVersion, error)
	PublishPolicy(ctx context.Context, v models.PolicyVersion) (models.PolicyVersion, error)
	LatestCalendar(ctx context.Context, id string) (models.CalendarVersion, error)
	PublishCalendar(ctx context.Context, v models.CalendarVersion) (models.CalendarVersion, error)
}

// SeedPolicies publishes the calendars and the policies that ship with the product as version 1, each unless it has a version
// already.
func SeedPolicies(ctx context.Context, s Policies) error {
	files, err := fs.Glob(policies.FS, "calendars/*.yaml")
	if err != nil {
		return fmt.Errorf("list calendars: %w", err)
	}
	calendars := make(map[string]bool)
	for _, file := range files {
		body, err := policies.FS.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		doc, faults := policy.ParseCalendar(body)
		if len(faults) > 0 {
			return fmt.Errorf("read %s: %w", file, errs.NewInvalid(faults...))
		}
		calendars[doc.ID] = true
		if _, err := s.LatestCalendar(ctx, doc.ID); errs.CodeOf(err) != errs.NotFound {
			if err != nil {
				return fmt.Errorf("seed calendar %s: %w", doc.ID, err)
			}
			continue
		}
		text, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("write calendar %s: %w", doc.ID, err)
		}
		_, err = s.PublishCalendar(ctx, models.CalendarVersion{ID: doc.ID, Version: 1, Body: text, PublishedBy: models.System})
		if err := first(err); err != nil {
			return fmt.Errorf("seed calendar %s: %w", doc.ID, err)
		}
	}
	if err := seedPolicy(ctx, s, policy.KindSLA, func(body []byte) (any, []errs.Field) {
		doc, faults := policy.ParseSLA(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(policy.Refs{Calendars: calendars})
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, policy.KindReception, func(body []byte) (any, []errs.Field) {
		doc, faults := policy.ParseReception(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(policy.Refs{Calendars: calendars})
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, survey.Kind, func(body []byte) (any, []errs.Field) {
		doc, faults := survey.Parse(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check()
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, campaign.Kind, func(body []byte) (any, []errs.Field) {
		doc, faults := campaign.ParsePolicy(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(campaign.Refs{Calendars: calendars})
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, classification.Kind, func(body []byte) (any, []errs.Field) {
		doc, faults := classification.Parse(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(classification.Refs{})
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, cadence.Kind, func(body []byte) (any, []errs.Field) {
		doc, faults := cadence.ParsePolicy(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(cadence.Refs{Calendars: calendars, Roles: models.RoleNames()})
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, health.PolicyKind, func(body []byte) (any, []errs.Field) {
		doc, faults := health.Parse(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check()
	}); err != nil {
		return err
	}
	if err := seedPolicy(ctx, s, responsibility.Kind, func(body []byte) (any, []errs.Field) {
		doc, faults := responsibility.Parse(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(responsibility.Refs{Roles: models.RoleNames()})
	}); err != nil {
		return err
	}
	return seedPolicy(ctx, s, approval.Kind, func(body []byte) (any, []errs.Field) {
		doc, faults := approval.Parse(body)
		if len(faults) > 0 {
			return nil, faults
		}
		return doc, doc.Check(approval.Refs{Roles: models.RoleNames()}) // there need not be any people yet
	})
}

// seedPolicy publishes the shipped document of a kind, read and checked by read.
func seedPolicy(ctx context.Context, s Policies, kind string, read func([]byte) (any, []errs.Field)) error {
	file := kind + "/default.yaml"
	if _, err := s.LatestPolicy(ctx, kind); errs.CodeOf(err) != errs.NotFound {
		return err
	}
	body, err := policies.FS.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	doc, faults := read(body)
	if len(faults) > 0 {
		return fmt.Errorf("read %s: %w", file, errs.NewInvalid(faults...))
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	_, err = s.PublishPolicy(ctx, models.PolicyVersion{Kind: kind, Version: 1, Body: text, PublishedBy: models.System})
	if err := first(err); err != nil {
		return fmt.Errorf("seed policy %s: %w", kind, err)
	}
	return nil
}

// first forgives that another process, which started at the same time, has published the first version.
func first(err error) error {
	if err != nil && errs.CodeOf(err) == errs.PreconditionFailed {
		return nil
	}
	return err
}
