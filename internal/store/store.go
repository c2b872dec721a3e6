// Package store keeps Keyturn's state behind serializable transactions.
//
// There are two seams, because there are two needs. Rows ([Tx.Get], [Tx.Put],
// [Tx.Delete], [Tx.Scan]) are the state of the services: small, read on every
// request, changed under transactions. Records ([Tx.Append], [Tx.Records]) are
// the append-only streams, such as CloudTrail's event history: many, written
// once, read back by time.
//
// An engine exists when storetest.Run passes on it. [Open] gives the embedded
// file engine, [Memory] the one for tests and demos. The contract also fits
// several server processes on one shared database: nothing a process keeps may
// be the only truth, an update function may run more than once, and whoever
// caches asks [Store.Watch] to be told what changed.
package store

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"
)

var (
	// ErrNotFound is returned by Get and by Table.Get for a row that is not there.
	ErrNotFound = errors.New("store: row not found")
	// ErrReadOnly is returned by Put, Delete and Append inside View. A caller
	// that finds out half-way that it must write returns it unchanged and is
	// run again inside Update.
	ErrReadOnly = errors.New("store: write in a read-only transaction")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("store: closed")
)

// Store is one database. It is safe for concurrent use.
type Store interface {
	// View runs fn on one consistent snapshot. It returns fn's error as it is.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a serializable transaction and returns nil only when
	// the change would survive the sudden end of the process (kill -9). If fn
	// returns an error nothing is changed and the error is returned as it is.
	// fn may run again after a serialization failure: it must have no effect
	// but on the transaction, and must take what it reads from the transaction.
	Update(ctx context.Context, fn func(Tx) error) error
	// Watch has fn called after every commit, in commit order, with the keys
	// that were put or deleted, by this process or by another, sorted. An Update
	// of this process returns after its watchers were told. fn must return
	// quickly and must not use the store. stop ends the calls.
	//
	// Who caches what a View has read must not keep it if a change of its keys
	// was told between the View's beginning and the keeping.
	Watch(fn func(keys []string)) (stop func())
	// Close ends the store; what was acknowledged is on disk already.
	Close() error
}

// Tx is one transaction. It must not outlive the function it was given to and
// must be used by one goroutine at a time.
type Tx interface {
	// Get returns the row's value, or ErrNotFound. The slice must not be changed.
	Get(key string) ([]byte, error)
	// Put writes a row. The slice must not be changed afterwards.
	Put(key string, value []byte) error
	// Delete removes a row; one that is not there is not an error.
	Delete(key string) error
	// Scan yields the rows whose keys begin with prefix, in the order of their
	// keys' bytes, beginning with the first key that is >= from (all, if from
	// is empty). It sees the transaction's own writes. Rows put or deleted
	// while it runs may or may not be seen.
	Scan(prefix, from string) iter.Seq2[Row, error]
	// Savepoint remembers the rows as they are. The function it returns takes
	// back what was put and deleted since, so that a transaction can go on after
	// a part of it has failed. Records stay.
	Savepoint() (undo func() error)
	// Append adds a record to a stream. Records with the same stream, time and
	// id are one record: appending again replaces it.
	Append(stream string, r Record) error
	// Records yields a stream's records newest first (by At, then by ID,
	// descending), limited by q. What is trimmed or replaced while a View runs,
	// the View may miss.
	Records(stream string, q Query) iter.Seq2[Record, error]
	// TrimRecords removes the records older than before: a stream's, or every
	// stream's if stream is empty.
	TrimRecords(stream string, before time.Time) error
}

// Row is one key and its value.
type Row struct {
	Key   string
	Value []byte
}

// Record is one entry of an append-only stream.
type Record struct {
	At   time.Time // to the microsecond
	ID   string    // unique in its stream
	Data []byte
}

// Query limits Records. Zero times mean no limit; both ends are inclusive.
type Query struct {
	From, To time.Time
	// Before, if its ID is set, resumes a listing: only records that come after
	// it in the listing's order (older, or as old with a smaller ID) are given.
	Before Record
}

// keyEscaper keeps the separator out of a key's parts.
var keyEscaper = strings.NewReplacer("%", "%25", "/", "%2F")

// Key joins parts into a row key. Every key begins with account and region;
// what has no region (IAM, Organizations) has "global" there.
func Key(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('/')
		}
		if strings.ContainsAny(p, "/%") {
			p = keyEscaper.Replace(p)
		}
		b.WriteString(p)
	}
	return b.String()
}

var keyUnescaper = strings.NewReplacer("%2F", "/", "%25", "%")

func unescape(part string) string {
	if !strings.Contains(part, "%") {
		return part
	}
	return keyUnescaper.Replace(part)
}
