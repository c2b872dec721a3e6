package store

import (
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/tidwall/btree"
)

// errEnded is returned by a transaction whose function has returned.
var errEnded = errors.New("store: transaction used after its function returned")

// tree is an ordered map that is copied in O(1) and then shares what neither
// side changes. Reading does not change it, so that a published tree is read
// by many; copying does, so that only its owner may copy it.
type tree = btree.Map[string, []byte]

// rowTx is the part of a transaction that is about rows. Both engines keep
// rows in a tree.
type rowTx struct {
	rows     *tree
	writable bool
	ended    bool
	// touched are the keys put or deleted, in that order and perhaps repeated.
	touched []string
}

// may tells whether the transaction can still be used, and to write.
func (tx *rowTx) may(write bool) error {
	if tx.ended {
		return errEnded
	}
	if write && !tx.writable {
		return ErrReadOnly
	}
	return nil
}

func (tx *rowTx) end() { tx.ended = true }

// changed returns the keys put or deleted, sorted and each once.
func (tx *rowTx) changed() []string {
	slices.Sort(tx.touched)
	return slices.Compact(tx.touched)
}

// Get implements Tx.
func (tx *rowTx) Get(key string) ([]byte, error) {
	if err := tx.may(false); err != nil {
		return nil, err
	}
	value, ok := tx.rows.Get(key)
	if !ok {
		return nil, ErrNotFound
	}
	return value, nil
}

// Put implements Tx.
func (tx *rowTx) Put(key string, value []byte) error {
	if err := tx.may(true); err != nil {
		return err
	}
	tx.rows.Set(key, value)
	tx.touched = append(tx.touched, key)
	return nil
}

// Delete implements Tx.
func (tx *rowTx) Delete(key string) error {
	if err := tx.may(true); err != nil {
		return err
	}
	if _, ok := tx.rows.Delete(key); ok {
		tx.touched = append(tx.touched, key)
	}
	return nil
}

// Savepoint implements Tx. What was touched since stays so: telling of a change
// that was taken back costs a watcher a look, no more.
func (tx *rowTx) Savepoint() (undo func() error) {
	if tx.may(true) != nil {
		return func() error { return nil } // nothing can change
	}
	saved := tx.rows.Copy()
	return func() error {
		if err := tx.may(true); err != nil {
			return err
		}
		*tx.rows = *saved.Copy()
		return nil
	}
}

// Scan implements Tx.
func (tx *rowTx) Scan(prefix, from string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := tx.may(false); err != nil {
			yield(Row{}, err)
			return
		}
		rows := tx.rows
		if tx.writable {
			// A tree must not change under its own iteration; a copy does not.
			rows = rows.Copy()
		}
		rows.Ascend(max(prefix, from), func(key string, value []byte) bool {
			return strings.HasPrefix(key, prefix) && yield(Row{key, value}, nil)
		})
	}
}
