package api

import (
	"context"
	"errors"
	"iter"
	"time"
)

// Lake answers SQL over CloudTrail events, for the queries of event data stores.
// Package lake implements it.
type Lake interface {
	// Check reads a statement without running it and tells which event data
	// stores it is about. A statement that is wrong, or more than a SELECT, gives a
	// *StatementError, a build without an engine ErrNoLake.
	Check(ctx context.Context, statement string) (LakeStatement, error)
	// Run runs a statement that was checked. It ends with the context's error
	// when the context does. What fails as it runs (a cast, say) gives a
	// *StatementError.
	Run(ctx context.Context, run LakeRun) (LakeStatistics, error)
}

// LakeStatement is what Check finds out.
type LakeStatement struct {
	// Stores are the ids of the event data stores that it reads, each once, in
	// the order in which they are named.
	Stores []string
}

// LakeRun is one run of a statement.
type LakeRun struct {
	Statement string
	// Now is what the statement takes for the present.
	Now time.Time
	// Events yields the events of an event data store, each in CloudTrail's JSON.
	Events func(store string) iter.Seq2[[]byte, error]
	// Columns is told the names of the result's columns, before its rows.
	Columns func(names []string) error
	// Row is given one row; a value that is NULL is nil. An error ends the run,
	// and Run returns it.
	Row func(values []*string) error
}

// LakeStatistics are DescribeQuery's.
type LakeStatistics struct {
	// EventsScanned were read, BytesScanned of JSON; EventsMatched were let pass
	// by the conditions.
	EventsScanned, EventsMatched, BytesScanned int64
}

// ErrNoLake is returned by a Lake that has no engine.
var ErrNoLake = errors.New("api: this build has no engine for SQL")

// StatementError says what is wrong with a statement, in the engine's words.
type StatementError struct{ Message string }

// Error implements error.
func (e *StatementError) Error() string { return e.Message }
