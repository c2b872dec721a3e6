// Package lake runs the SQL of CloudTrail Lake over CloudTrail events: the SELECT
// statements of Trino's dialect (CloudTrail guide, "CloudTrail Lake SQL
// constraints"), on an embedded DuckDB.
//
// A statement is somebody's who is not trusted. It is taken apart twice before it
// runs: into tokens, which puts tables in the place of the event data stores'
// ids and the engine's functions in the place of Trino's (dialect.go), and by the
// engine's own parser into a tree, in which only what is allowed may be found
// (tree.go). It then runs on a database of its own, in memory, that holds nothing
// but the events in question, with no way to files, network, extensions and
// settings, on one thread and in bounded memory; afterwards the database is gone.
//
// The engine is C++ and needs cgo. Where that is not, the package builds without
// it and every call gives [api.ErrNoLake].
package lake
