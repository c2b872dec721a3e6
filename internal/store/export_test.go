package store

import "context"

// HoldWrites keeps groups from being written until release is called.
func HoldWrites(s Store) (release func()) {
	f := s.(*file)
	f.writing.Lock()
	return f.writing.Unlock
}

// Gathered tells how many updates wait to be written together.
func Gathered(s Store) int {
	f := s.(*file)
	f.turn.must()
	defer f.turn.give()
	if f.open == nil {
		return 0
	}
	return len(f.open.keys)
}

// Break makes every write to the disk fail, or no longer. Its caller holds writes.
func Break(s Store, broken bool) error {
	pragma := "PRAGMA query_only = 0"
	if broken {
		pragma = "PRAGMA query_only = 1"
	}
	_, err := s.(*file).disk.conn.ExecContext(context.Background(), pragma)
	return err
}

// Impatient makes a write fail soon if another program has the database locked.
// Its caller holds writes.
func Impatient(s Store) error {
	_, err := s.(*file).disk.conn.ExecContext(context.Background(), "PRAGMA busy_timeout = 1500")
	return err
}
