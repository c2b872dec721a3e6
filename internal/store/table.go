package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Scope is where a row lives: every key of the store begins with it.
type Scope struct {
	Account string // 12 digits
	Region  string // "us-east-1"; Global for what has none
}

// Global is the Region of what has none, such as IAM users.
const Global = "global"

// Table gives typed access to the rows of one kind. T is encoded as JSON; its
// zero value must be usable. Make one with NewTable and keep it in a package
// variable or a service's field: it holds no state.
type Table[T any] struct {
	kind    string
	indexes []Index[T]
}

// Index names further keys under which a row is found with [Table.Find]. Keys
// returns one or more values for a row (none: the row is not in the index).
type Index[T any] struct {
	Name string
	Keys func(id string, v T) []string
}

// NewTable returns the table of a kind, such as "kms.key". Kinds must differ.
func NewTable[T any](kind string, indexes ...Index[T]) *Table[T] {
	return &Table[T]{kind: kind, indexes: indexes}
}

// Get returns the row of an id, or ErrNotFound.
func (t *Table[T]) Get(tx Tx, s Scope, id string) (T, error) {
	var v T
	raw, err := tx.Get(Key(s.Account, s.Region, t.kind, id))
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("store: %s %s: %w", t.kind, id, err)
	}
	return v, nil
}

// Raw returns the row of an id as it is encoded, for caches that are addressed by
// content, or ErrNotFound. It must not be changed.
func (t *Table[T]) Raw(tx Tx, s Scope, id string) ([]byte, error) {
	return tx.Get(Key(s.Account, s.Region, t.kind, id))
}

// Put writes a row and its index entries.
func (t *Table[T]) Put(tx Tx, s Scope, id string, v T) error {
	if len(t.indexes) > 0 {
		if err := t.unindex(tx, s, id); err != nil {
			return err
		}
		for _, ix := range t.indexes {
			for _, k := range ix.Keys(id, v) {
				if err := tx.Put(Key(s.Account, s.Region, t.kind+"#"+ix.Name, k, id), nil); err != nil {
					return err
				}
			}
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("store: %s %s: %w", t.kind, id, err)
	}
	return tx.Put(Key(s.Account, s.Region, t.kind, id), raw)
}

// Delete removes a row and its index entries; one that is not there is not an error.
func (t *Table[T]) Delete(tx Tx, s Scope, id string) error {
	if err := t.unindex(tx, s, id); err != nil {
		return err
	}
	return tx.Delete(Key(s.Account, s.Region, t.kind, id))
}

func (t *Table[T]) unindex(tx Tx, s Scope, id string) error {
	if len(t.indexes) == 0 {
		return nil
	}
	old, err := t.Get(tx, s, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ix := range t.indexes {
		for _, k := range ix.Keys(id, old) {
			if err := tx.Delete(Key(s.Account, s.Region, t.kind+"#"+ix.Name, k, id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// All yields every row of the scope in the order of ids.
func (t *Table[T]) All(tx Tx, s Scope) iter.Seq2[T, error] {
	return t.From(tx, s, "")
}

// From is All beginning with the first id that is >= id.
func (t *Table[T]) From(tx Tx, s Scope, id string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		prefix := Key(s.Account, s.Region, t.kind) + "/"
		from := ""
		if id != "" {
			from = Key(s.Account, s.Region, t.kind, id)
		}
		for row, err := range tx.Scan(prefix, from) {
			var v T
			if err == nil {
				err = json.Unmarshal(row.Value, &v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Find yields the rows that have key in the index of that name, in the order
// of ids. The index must be one of the table's.
func (t *Table[T]) Find(tx Tx, s Scope, index, key string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		prefix := Key(s.Account, s.Region, t.kind+"#"+index, key) + "/"
		for row, err := range tx.Scan(prefix, "") {
			var v T
			if err == nil {
				v, err = t.Get(tx, s, unescape(row.Key[len(prefix):]))
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
