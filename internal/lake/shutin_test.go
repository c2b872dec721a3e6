//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package lake

import (
	"context"
	"errors"
	"testing"
	"time"
)

// unguarded runs a statement on the engine without looking at it first.
func unguarded(ctx context.Context, statement string) (err error) {
	s, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.prepare(ctx, []string{storeA}, time.Unix(0, 0), func(string) error { return nil }); err != nil {
		panic(err)
	}
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
	}
	return rows.Err()
}

// escapes are statements with which one would leave the engine.
func escapes(dir string) []string {
	return []string{
		"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
		"COPY (SELECT 1) TO '" + dir + "/x.csv'", "ATTACH '" + dir + "/x.db' AS x", "EXPORT DATABASE '" + dir + "/x'",
		"INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "SET memory_limit = '10GB'", "SET threads = 8",
		"RESET memory_limit", "PRAGMA threads = 4", "SET temp_directory = '" + dir + "'", "SET lock_configuration = false",
		"SELECT * FROM read_csv('https://example.com/x')", "SELECT * FROM glob('/*')", "SELECT getenv('HOME')",
	}
}

// TestTheEngineIsShutIn asks the engine itself, past all that is refused before.
func TestTheEngineIsShutIn(t *testing.T) {
	t.Parallel()
	for _, statement := range escapes(t.TempDir()) {
		if err := unguarded(t.Context(), statement); err == nil {
			t.Errorf("%s was carried out", statement)
		}
	}
}

func TestSessionsShareNothing(t *testing.T) {
	t.Parallel()
	first, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := first.close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := first.conn.ExecContext(t.Context(), "CREATE TABLE mine (a int)"); err != nil {
		t.Fatal(err)
	}
	if err := unguarded(t.Context(), "SELECT * FROM mine"); err == nil {
		t.Error("one session sees another's table")
	}
}
