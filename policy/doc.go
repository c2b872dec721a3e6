// Package policy is the IAM policy language: it parses a document with the
// position of every element, validates it, compiles it, and matches requests.
// It needs nothing but the standard library and knows of no service.
//
// [Parse] reads a document and compiles it; the [Policy] keeps its text. [Load]
// does the same and validates it for a [Kind] of policy, with an error that
// holds the words in which the service refuses it. Documents that AWS has
// accepted need no validation.
//
// A [Statement] answers to an [Env]: a request as statements see it.
// [Statement.Match] is quick and says whether it applies; [Statement.Explain]
// also says which elements did not fit, what they wanted and what they saw. The
// answer is a [Truth], because a condition key can be unknown.
//
// This package says nothing about how statements and policies combine into a
// decision; package access does.
//
// What it implements is in the IAM guide's "IAM JSON policy elements reference"
// and "Grammar of the IAM JSON policy language". Where AWS's behaviour is not
// documented, a comment says what was assumed.
package policy
