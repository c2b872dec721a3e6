// Package audit tells, for an account or a whole organization, who can use which
// encrypted volume, snapshot, image, launch template and default key, who cannot
// and why, who was meant to and cannot, and who can and should not.
//
// An [Inventory] is what is known of the accounts: [Read] makes one by the API,
// [Files] from what the AWS CLI printed. [Run] judges it and gives a [Report],
// which is written as text, JSON, CSV, Markdown, HTML or SARIF.
//
// What a launch asks of KMS is package launch's to say, whether it is let is
// package access's, and what stands in the way has package diagnose's names. The
// audit only asks often: once for each class of principals that no policy tells
// apart and each class of keys that none does (class.go), not once for each pair.
package audit
