package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcrflow/mcrflow/internal/robot"
)

func simulateCommand() *cobra.Command {
	var c robot.Config
	cmd := &cobra.Command{
		Use: "simulate-staff", Short: "Have a ROBOT play the demo staff: cases, receptions, clients and approvals", Args: cobra.NoArgs,
		Long: `A robot logs in as the demo staff and works open cases by a seeded random plan: it answers, hands over, accepts and
declines, waits, asks for more time, escalates, resolves, reopens and closes, and leaves some cases alone until their promises
are broken. It plans receptions and sees them through, revises what was returned, prepares, receives, claims expenses and pays
them, withdraws or cancels some, and leaves some where they are, so that there are receptions in every state. Approvers
approve, reject and return, and now and then transfer, delegate, add signers or take their word back. Account managers speak
with their clients, grade prospects, plan for key clients, keep promises, follow leads and pass opinions on. It takes only
actions that the API allows to the user it plays.

What it writes is invented. It is meant for the demonstration data of "mcrflow up --demo", never for a system in use.`,
		Example: `  mcrflow simulate-staff --record 30 --receptions 32 --pace 500ms
  mcrflow simulate-staff --cases 200 --for 5m`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Out, c.UserAgent = cmd.OutOrStdout(), "mcrflow-robot/"+version
			tally, err := robot.New(c).Run(cmd.Context())
			fmt.Fprint(cmd.OutOrStdout(), tally)
			if errors.Is(err, context.Canceled) { // stopped by hand, as a demonstration is
				return nil
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.URL, "url", "http://127.0.0.1:8080", "address of the server")
	f.StringSliceVar(&c.Users, "users", robot.DemoUsers(), "users whom the robot plays")
	f.StringVar(&c.Password, "password", "demo", "password of all of them")
	f.Uint64Var(&c.Seed, "seed", 1, "of the plan: the same seed plans the same for the same cases")
	f.IntVar(&c.Cases, "cases", 50, "open cases to work at most, the newest first")
	f.IntVar(&c.Record, "record", 0, "cases to record before")
	f.IntVar(&c.Receptions, "receptions", robot.Visits(), "receptions to plan and see through")
	f.IntVar(&c.Clients, "clients", robot.Cares(), "clients to look after")
	f.DurationVar(&c.For, "for", 0, "how long to go on looking for new cases; 0 ends when those found at first are worked")
	f.DurationVar(&c.Pace, "pace", 0, "mean time between two actions, such as 500ms; 0 is as fast as can be")
	return cmd
}
