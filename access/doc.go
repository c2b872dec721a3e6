// Package access decides one AWS request against everything that bears on it:
// identity policies, permissions boundary, session policy, resource policy,
// KMS grants, service and resource control policies, VPC endpoint policy. The
// answer is a [Decision] that carries its reasons as data.
//
// [Decide] is pure: no I/O, no clock, no AWS SDK. Whoever calls it gathers the
// policies; Keyturn's cloud reads them from its store, its doctor through the
// API of a live account. [Check] gives the outcome alone, several times faster.
//
// A [Request] says who wants to do what to which resource, with the condition
// keys that the request has. Keys that follow from these, such as
// aws:PrincipalArn, aws:PrincipalTag/…, aws:ResourceAccount and
// kms:CallerAccount, are derived; a key of the Context is never overridden.
// What the caller of Decide does not know it says so, with [Context.SetUnknown]
// for a key and [Policies].Unread for a layer: the outcome is then [Depends]
// where it turns on them, and Missing names them.
//
// A [Decision] tells the same in four ways: as Go values; by [Decision.Message]
// in AWS's own words; by [Decision.Explain] as a text for a person; and as JSON
// of a stable form. Every layer that bears on the request is there with its own
// verdict and its reasons, best first: the statements that apply, then those
// that nearly do, with the one element that was in the way, what it wanted and
// what it saw. A layer without statements to show has a Note.
//
// The order of evaluation is that of the IAM guide's page "Policy evaluation
// logic", and for keys that of the KMS guide's "Determining access to AWS KMS
// keys". AWS does not document which of several denials its message names; here
// it is the first in the order of evaluation.
package access
