package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the SQL files of the schema, by name.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the folder is part of the program: only a defect in this package can get here
	}
	return sub
}

// Migrate brings the schema of the database to this program's version. Several processes may call it at once: one
// does the work, the others wait for it, at most five minutes.
func Migrate(ctx context.Context, url string) error {
	return migrate(ctx, url, func(p *goose.Provider) error {
		_, err := p.Up(ctx)
		return err
	})
}

// MigrateDown takes the schema back to a version; 0 is the empty database. It destroys data and is there for tests.
func MigrateDown(ctx context.Context, url string, version int64) error {
	return migrate(ctx, url, func(p *goose.Provider) error {
		_, err := p.DownTo(ctx, version)
		return err
	})
}

func migrate(ctx context.Context, url string, run func(*goose.Provider) error) error {
	conns, err := connect(url)
	if err != nil {
		return err
	}
	defer conns.Close()
	// A session lock lives as long as its connection: a process that dies while it migrates blocks nobody.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, conns, Migrations(),
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if err := conns.PingContext(ctx); err != nil {
		return unavailable(err)
	}
	if err := run(p); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
