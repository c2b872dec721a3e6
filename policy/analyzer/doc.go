// Package analyzer validates policies as IAM Access Analyzer's ValidatePolicy
// does: errors, security warnings, warnings and suggestions, each with its issue
// code, its place and what to do.
//
// [Analyze] takes any text. A text that is no JSON gets one finding with the
// place; whatever else is wrong, the rest of the document is examined all the
// same. The [Report] also holds what the service would answer to the document,
// in the service's words.
//
// The checks are those of the IAM guide's "IAM policy validation check
// reference" that can be decided from the document and from package serviceref,
// and a few of our own about KMS keys and about statements that do nothing.
// [Checks] lists all; those with Own set are not AWS's.
//
// Where AWS does not document when a check applies, the function that makes it
// says what was assumed. Doubt is resolved against an error: a policy that AWS
// accepts and that works should have none.
//
// Left out are INVALID_SERVICE_PRINCIPAL_FORMAT for keys whose values AWS does
// not describe; IRRELEVANT_CONDITION_KEY_IN_POLICY, which AWS documents for S3
// buckets only; and the form of WILDCARD_USAGE_TOO_PERMISSIVE and
// VARIABLE_USAGE_TOO_PERMISSIVE that asks for six characters, because AWS does
// not say of which keys.
package analyzer
