// Package reach tells all that a principal can do, as a set of requests: what
// package access decides for one request, for all of them at once. A fix is
// proved to open nothing else by the difference of what is in reach before and
// after.
//
// The rules are those of [access.Decide]; a test holds the two against each
// other.
package reach
