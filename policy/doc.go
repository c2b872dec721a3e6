// Package policy is the IAM policy language: it parses a document with the
// position of every element, validates it, compiles it, and matches requests.
// It needs nothing but the standard library and knows of no service.
package policy
