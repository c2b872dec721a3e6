// Package access decides one AWS request against everything that bears on it:
// identity policies, permissions boundary, session policy, resource policy,
// KMS grants, service and resource control policies, VPC endpoint policy. The
// answer is a [Decision] that carries its reasons as data.
//
// [Decide] is pure: no I/O, no clock, no AWS SDK. Whoever calls it gathers the
// policies; Keyturn's cloud reads them from its store, its doctor through the
// API of a live account.
//
// The order of evaluation is that of the IAM guide's page "Policy evaluation
// logic", and for keys that of the KMS guide's "Determining access to AWS KMS
// keys".
package access
