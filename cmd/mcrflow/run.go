package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcrflow/mcrflow/internal/demo"
	"github.com/mcrflow/mcrflow/internal/standalone"
	"github.com/mcrflow/mcrflow/internal/store"
)

// stopWithin is the one deadline of a shut-down.
const stopWithin = 25 * time.Second

func apiCommand() *cobra.Command {
	return &cobra.Command{
		Use: "api", Short: "Run the HTTP API against DATABASE_URL and TEMPORAL_ADDRESS", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPart(cmd.Context(), "api", func(ctx context.Context, p *parts) (standalone.Part, error) {
				s, err := p.serve(ctx)
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "ready: http://%s\n", s.address)
				}
				return s, err
			})
		},
	}
}

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Short: "Run the processes against DATABASE_URL and TEMPORAL_ADDRESS", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runPart(cmd.Context(), "worker", func(_ context.Context, p *parts) (standalone.Part, error) {
				c, err := p.work()
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), "ready")
				}
				return c, err
			})
		},
	}
}

// runPart runs one part until the program is told to stop or the part fails.
func runPart(ctx context.Context, name string, start func(context.Context, *parts) (standalone.Part, error)) error {
	c, err := settings()
	if err != nil {
		return err
	}
	if c.TemporalAddress == "" {
		return errors.New("TEMPORAL_ADDRESS is not set")
	}
	p, err := connect(ctx, c, logger(c))
	if err != nil {
		return err
	}
	part, err := start(ctx, p)
	if err != nil {
		return errors.Join(err, p.close())
	}
	group := standalone.NewGroup()
	group.Add(name, part)
	err = group.Wait(ctx)
	return errors.Join(err, stop(group), p.close())
}

func stop(g *standalone.Group) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return g.Stop(ctx)
}

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the schema of DATABASE_URL up to date and publish the default rules", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings()
			if err != nil {
				return err
			}
			if err := store.Migrate(cmd.Context(), string(c.DatabaseURL)); err != nil {
				return err
			}
			s, err := store.Open(cmd.Context(), string(c.DatabaseURL), store.Options{})
			if err != nil {
				return err
			}
			defer s.Close()
			if err := demo.SeedPolicies(cmd.Context(), s); err != nil {
				return err
			}
			password, err := demo.EnsureAdmin(cmd.Context(), s)
			if password != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "administrator: admin / %s  (shown once)\n", password)
			}
			return err
		},
	}
}

func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Look at the settings"}
	cmd.AddCommand(&cobra.Command{
		Use: "print", Short: "Print the settings in force, secrets hidden", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings()
			if err != nil {
				return err
			}
			return c.Print(cmd.OutOrStdout())
		},
	})
	return cmd
}
