package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcrflow/mcrflow/internal/rulebook"
	"github.com/mcrflow/mcrflow/internal/sla"
	"github.com/mcrflow/mcrflow/internal/store"
	"github.com/mcrflow/mcrflow/models"
)

func verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Derive every promise, interval and list of DATABASE_URL again and report each difference", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings()
			if err != nil {
				return err
			}
			s, err := store.Open(cmd.Context(), string(c.DatabaseURL), store.Options{})
			if err != nil {
				return err
			}
			defer s.Close()
			rules := rulebook.New(s)
			found := 0
			report := func(f store.Finding) error {
				found++
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s: expected %s, found %s\n", f.Number, f.Rule, f.Expected, f.Found)
				return err
			}
			err = s.Verify(cmd.Context(), func(ctx context.Context, cs *models.CaseState) (sla.Rules, error) {
				r, err := rules.OfCase(ctx, cs, nil)
				if err != nil {
					return sla.Rules{}, err
				}
				return sla.Rules{Calendar: r.Calendar, Ladder: r.Policy.Document().Ladder}, nil
			}, report)
			if err != nil {
				return err
			}
			if err := s.VerifySurveys(cmd.Context(), rules.Surveys, report); err != nil {
				return err
			}
			if found > 0 {
				return fmt.Errorf("%d differences", found)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "every promise, interval and list agrees with what happened")
			return nil
		},
	}
}
