package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// FileName is the database's file in the data folder.
const FileName = "keyturn.db"

// lockName is the file whose lock says that the folder is in use.
const lockName = "keyturn.lock"

// schemaVersion is kept in the database as its user_version.
const schemaVersion = 1

// The records' table has a rowid, for a record is too long for a leaf of an
// index and would lie on pages of its own: appending would cost four times as much.
const schema = `
CREATE TABLE rows (key TEXT NOT NULL PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE records (stream TEXT NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, data BLOB,
	PRIMARY KEY (stream, at, id));
PRAGMA user_version = 1;`

// Pragmas. WAL with synchronous=FULL survives a killed process and a power
// cut. The caches are small, for rows are read once and records seldom.
const (
	writerPragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=cache_size(-1024)"
	readerPragmas = "_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=cache_size(-256)"
)

// maxReaders bounds the connections, and so the memory, of reading records.
const maxReaders = 4

// A listing reads its records in pages, so that a slow reader holds no cursor
// open. Many want only the newest few.
const (
	firstPage = 64
	nextPage  = 512
)

// disk is the database file and the lock on its folder.
type disk struct {
	lock    io.Closer
	db      *sql.DB
	readers *sql.DB
	// conn is the one writing connection, owned by whoever holds file.writing.
	conn  *sql.Conn
	stmts statements
}

// statements of the writing connection, prepared once.
type statements struct {
	begin, commit, rollback, put, del, trim, trimAll, insert, insertMany *sql.Stmt
}

// recordsAtOnce is how many records insertMany takes.
const recordsAtOnce = 32

func openDisk(dir string) (*disk, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("store: data folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: data folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("store: the data folder %s is in use by another keyturn process: stop that one, or choose another folder with --data", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("store: lock of the data folder: %w", err)
	}
	d := &disk{lock: lock}
	if err := d.open(filepath.Join(dir, FileName)); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *disk) open(path string) error {
	// SQLite would make the file readable for everybody.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// A commit waits for one fdatasync where that is enough; where it is not
	// to be had, for an fsync.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return fmt.Errorf("store: %w", err)
	}
	if d.db, err = sql.Open("sqlite", dataSource(path, writerPragmas)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if d.readers, err = sql.Open("sqlite", dataSource(path, readerPragmas)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	d.readers.SetMaxOpenConns(maxReaders)
	d.readers.SetMaxIdleConns(1)
	ctx := context.Background()
	if d.conn, err = d.db.Conn(ctx); err != nil {
		return fmt.Errorf("store: %s cannot be opened; put a whole one back, or choose another folder with --data: %w", path, err)
	}
	if err := d.migrate(ctx, path); err != nil {
		return err
	}
	return d.stmts.prepare(ctx, d.conn)
}

// dataSource is a path as the driver wants it, whatever characters are in it.
func dataSource(path, pragmas string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive's letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: pragmas}
	return u.String()
}

// migrate makes the tables of a new database and refuses one of a later keyturn.
func (d *disk) migrate(ctx context.Context, path string) error {
	var version int
	if err := d.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("store: %s cannot be read; put a whole one back, or choose another folder with --data: %w", path, err)
	}
	switch version {
	case schemaVersion:
		return nil
	case 0:
		if _, err := d.conn.ExecContext(ctx, "BEGIN IMMEDIATE;"+schema+"COMMIT"); err != nil {
			return fmt.Errorf("store: %s: %w", path, err)
		}
		return nil
	}
	return fmt.Errorf("store: %s is of a later keyturn (format %d, this one knows %d): use that one, or choose another folder with --data", path, version, schemaVersion)
}

func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	const insert = "INSERT OR REPLACE INTO records (stream, at, id, data) VALUES (?, ?, ?, ?)"
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.rollback, "ROLLBACK"},
		{&s.put, "INSERT OR REPLACE INTO rows (key, value) VALUES (?, ?)"},
		{&s.del, "DELETE FROM rows WHERE key = ?"},
		{&s.trim, "DELETE FROM records WHERE stream = ? AND at < ?"},
		// The streams are found one by one in the index, not by reading it all.
		{&s.trimAll, `WITH RECURSIVE streams(name) AS (
			SELECT min(stream) FROM records
			UNION ALL SELECT (SELECT min(stream) FROM records WHERE stream > name) FROM streams WHERE name IS NOT NULL)
			DELETE FROM records WHERE stream IN (SELECT name FROM streams) AND at < ?`},
		{&s.insert, insert},
		{&s.insertMany, insert + strings.Repeat(", (?, ?, ?, ?)", recordsAtOnce-1)},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		*p.stmt = stmt
	}
	return nil
}

// load reads all rows.
func (d *disk) load() (*tree, error) {
	all := new(tree)
	rows, err := d.conn.QueryContext(context.Background(), "SELECT key, value FROM rows ORDER BY key")
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		all.Load(key, value)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return all, nil
}

// write makes a group durable, all of it or nothing.
func (d *disk) write(g *group) error {
	ctx := context.Background()
	if _, err := d.stmts.begin.ExecContext(ctx); err != nil {
		return err
	}
	err := d.writeRows(ctx, g)
	if err == nil {
		err = d.writeRecords(ctx, g.pending)
	}
	if err == nil {
		_, err = d.stmts.commit.ExecContext(ctx)
	}
	if err != nil {
		// SQLite has rolled back by itself after some errors, and then says that
		// there is nothing to roll back: the first error is the one to tell.
		_, _ = d.stmts.rollback.ExecContext(ctx)
	}
	return err
}

func (d *disk) writeRows(ctx context.Context, g *group) error {
	keys := slices.Concat(g.keys...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		var err error
		if value, ok := g.after.rows.Get(key); ok {
			_, err = d.stmts.put.ExecContext(ctx, key, value)
		} else {
			_, err = d.stmts.del.ExecContext(ctx, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) writeRecords(ctx context.Context, p *pending) (err error) {
	for stream, before := range p.trims {
		if stream == "" {
			_, err = d.stmts.trimAll.ExecContext(ctx, before)
		} else {
			_, err = d.stmts.trim.ExecContext(ctx, stream, before)
		}
		if err != nil {
			return err
		}
	}
	args := make([]any, 0, 4*recordsAtOnce)
	p.records.Scan(func(key string, data []byte) bool {
		stream, at, id := splitRecordKey(key)
		args = append(args, stream, at, id, data)
		if len(args) == cap(args) {
			_, err = d.stmts.insertMany.ExecContext(ctx, args...)
			args = args[:0]
		}
		return err == nil
	})
	for ; err == nil && len(args) > 0; args = args[4:] {
		_, err = d.stmts.insert.ExecContext(ctx, args[:4]...)
	}
	return err
}

// page reads up to size records of a span, newest first.
func (d *disk) page(ctx context.Context, stream string, s span, size int) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rows, err := d.readers.QueryContext(context.WithoutCancel(ctx), `SELECT at, id, data FROM records
		WHERE stream = ? AND at >= ? AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?`,
		stream, s.from, s.at, s.id, size)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer rows.Close()
	page := make([]Record, 0, size)
	for rows.Next() {
		var at int64
		var id string
		var data []byte
		if err := rows.Scan(&at, &id, &data); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		page = append(page, record(at, id, data))
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return page, nil
}

// close is also for a disk that is half open.
func (d *disk) close() error {
	var errs []error
	if d.readers != nil {
		errs = append(errs, d.readers.Close())
	}
	if d.conn != nil {
		errs = append(errs, d.conn.Close())
	}
	if d.db != nil {
		errs = append(errs, d.db.Close())
	}
	return errors.Join(append(errs, d.lock.Close())...)
}
