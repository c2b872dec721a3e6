package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the embedded database
)

// FileName is the database's file in the data folder.
const FileName = "keyturn.db"

// disk is the database file. SQLite in exclusive mode lets one process have it
// open, so the rows in memory cannot be behind the file.
type disk struct {
	db *sql.DB
	// The statements of commit, prepared once: they belong to the one connection.
	put, del, trim, insertOne, insertMany *sql.Stmt
}

// Open opens or makes the store in a folder. The folder can be open once.
func Open(dir string) (Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: data folder: %w", err)
	}
	d, err := openDisk(filepath.Join(dir, FileName))
	if err != nil {
		return nil, err
	}
	s, err := d.load()
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return newEngine(d, s), nil
}

// pragmas: WAL with FULL survives a killed process and a power cut; EXCLUSIVE
// keeps other processes out; the cache is small since rows are read once.
const pragmas = "?_pragma=locking_mode(exclusive)&_pragma=journal_mode(wal)&_pragma=synchronous(full)" +
	"&_pragma=cache_size(-1024)&_pragma=busy_timeout(0)&_txlock=immediate"

const schema = `
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (stream TEXT, at INTEGER, id TEXT, data BLOB NOT NULL, PRIMARY KEY (stream, at, id)) WITHOUT ROWID;`

func openDisk(path string) (*disk, error) {
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+escapePath(path)+pragmas)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	// The lock belongs to a connection: one does all the work.
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	db.SetConnMaxLifetime(0)
	if _, err := db.ExecContext(context.Background(), schema); err != nil {
		err = errors.Join(err, db.Close())
		if strings.Contains(err.Error(), "locked") {
			return nil, fmt.Errorf("store: %s is in use by another keyturn; stop that one, or choose another folder with --data: %w", path, err)
		}
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	d := &disk{db: db}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return d, nil
}

func (d *disk) prepare() error {
	for _, s := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&d.put, "INSERT INTO rows (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"},
		{&d.del, "DELETE FROM rows WHERE key = ?"},
		{&d.trim, "DELETE FROM records WHERE (stream = ? OR ? = '') AND at < ?"},
		{&d.insertOne, insertRecord},
		{&d.insertMany, insertRecord + strings.Repeat(", (?, ?, ?, ?)", recordsAtOnce-1)},
	} {
		stmt, err := d.db.PrepareContext(context.Background(), s.query)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		*s.stmt = stmt
	}
	return nil
}

// createPrivate makes the file readable by its owner alone before SQLite would
// make it for everybody.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return f.Close()
}

// escapePath keeps a path's own ? # and % out of the URI's syntax.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func (d *disk) close() error { return d.db.Close() }

func (d *disk) load() (state, error) {
	s := newState()
	rows, err := d.db.QueryContext(context.Background(), "SELECT key, value FROM rows ORDER BY key")
	if err != nil {
		return s, fmt.Errorf("store: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return s, fmt.Errorf("store: %w", err)
		}
		if value == nil {
			value = []byte{}
		}
		s.rows.Load(key, value)
	}
	return s, rows.Err()
}

// commit makes changes durable, all or none.
func (d *disk) commit(changes []change) (err error) {
	ctx := context.Background()
	t, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	w := &diskWriter{ctx: ctx, disk: d, tx: t}
	for _, c := range changes {
		if err := w.write(c); err != nil {
			return errors.Join(fmt.Errorf("store: %w", err), t.Rollback())
		}
	}
	if err := w.flush(); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), t.Rollback())
	}
	if err := t.Commit(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// diskWriter writes changes in their order; records that follow each other go
// in with few statements.
type diskWriter struct {
	ctx     context.Context
	disk    *disk
	tx      *sql.Tx
	records []any // stream, at, id, data; several times
}

// recordsAtOnce is how many records one statement takes: four parameters each.
const recordsAtOnce = 64

const insertRecord = "INSERT OR REPLACE INTO records (stream, at, id, data) VALUES (?, ?, ?, ?)"

func (w *diskWriter) write(c change) error {
	if c.kind == appendRecord {
		w.records = append(w.records, c.key, c.rec.At.UnixMicro(), c.rec.ID, c.rec.Data)
		if len(w.records) == 4*recordsAtOnce {
			return w.flush()
		}
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	switch c.kind {
	case putRow:
		return w.exec(w.disk.put, c.key, c.value)
	case deleteRow:
		return w.exec(w.disk.del, c.key)
	default:
		return w.exec(w.disk.trim, c.key, c.key, c.rec.At.UnixMicro())
	}
}

func (w *diskWriter) exec(stmt *sql.Stmt, args ...any) error {
	_, err := w.tx.StmtContext(w.ctx, stmt).ExecContext(w.ctx, args...)
	return err
}

func (w *diskWriter) flush() error {
	defer func() { w.records = w.records[:0] }()
	if len(w.records) == 4*recordsAtOnce {
		return w.exec(w.disk.insertMany, w.records...)
	}
	for i := 0; i < len(w.records); i += 4 {
		if err := w.exec(w.disk.insertOne, w.records[i:i+4]...); err != nil {
			return err
		}
	}
	return nil
}

// recordsPage is how many records are read at a time: a listing that is slow to
// be consumed must not keep the disk from writing.
const recordsPage = 256

func (d *disk) records(stream string, q Query) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			page, err := d.recordsPage(stream, q)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < recordsPage {
				return
			}
			q.Before = page[len(page)-1]
		}
	}
}

func (d *disk) recordsPage(stream string, q Query) ([]Record, error) {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		from = q.From.UnixMicro()
	}
	if !q.To.IsZero() {
		to = q.To.UnixMicro()
	}
	query := "SELECT at, id, data FROM records WHERE stream = ? AND at BETWEEN ? AND ?"
	args := []any{stream, from, to}
	if q.Before.ID != "" {
		query += " AND (at, id) < (?, ?)"
		args = append(args, q.Before.At.UnixMicro(), q.Before.ID)
	}
	query += " ORDER BY at DESC, id DESC LIMIT ?"
	rows, err := d.db.QueryContext(context.Background(), query, append(args, recordsPage)...)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer rows.Close()
	var page []Record
	for rows.Next() {
		var at int64
		var r Record
		if err := rows.Scan(&at, &r.ID, &r.Data); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		r.At = time.UnixMicro(at).UTC()
		page = append(page, r)
	}
	return page, rows.Err()
}
