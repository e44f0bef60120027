package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/tools/common/schema"
	"go.temporal.io/server/tools/sql"
)

// setUpDatabases makes the two databases when they are missing and brings their
// schemas to the version that is embedded in this program. On databases that
// are current it only reads their versions.
func setUpDatabases(ctx context.Context, postgresURL string, logger log.Logger) error {
	for _, database := range []struct{ name, schema string }{
		{databaseName, "postgresql/v12/temporal"},
		{visibilityName, "postgresql/v12/visibility"},
	} {
		if err := createDatabase(ctx, postgresURL, database.name); err != nil {
			return fmt.Errorf("create database %s: %w", database.name, err)
		}
		if err := setUpSchema(postgresURL, database.name, database.schema, logger); err != nil {
			return fmt.Errorf("schema of database %s: %w", database.name, err)
		}
	}
	return nil
}

// createDatabase makes a database unless it is there.
func createDatabase(ctx context.Context, postgresURL, name string) error {
	conn, err := pgx.Connect(ctx, postgresURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	if taken := (*pgconn.PgError)(nil); errors.As(err, &taken) && taken.Code == duplicateDatabase {
		return nil // another engine was faster
	}
	return err
}

// duplicateDatabase is PostgreSQL's SQLSTATE of that name.
const duplicateDatabase = "42P04"

func setUpSchema(postgresURL, database, schemaName string, logger log.Logger) error {
	cfg, err := sqlConfig(postgresURL, database, 1)
	if err != nil {
		return err
	}
	conn, err := sql.NewConnection(cfg, logger)
	if err != nil {
		return err
	}
	defer conn.Close()

	if _, err := conn.ReadSchemaVersion(); err != nil {
		setup := &schema.SetupConfig{InitialVersion: "0.0"}
		if err := schema.NewSetupSchemaTask(conn, setup, logger).Run(); err != nil {
			return err
		}
	}
	update := &schema.UpdateConfig{SchemaName: schemaName}
	return schema.NewUpdateSchemaTask(conn, update, logger).Run()
}
