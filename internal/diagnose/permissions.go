package diagnose

import (
	"reflect"
	"slices"
)

// Permissions are the actions that a diagnosis can make use of, in order: every
// call that it makes, and nothing that changes anything. None of them is needed
// but ec2:DescribeInstances; each that is missing leaves something unread.
func Permissions() []string {
	var all []string
	for prefix, client := range map[string]reflect.Type{
		"ec2": reflect.TypeFor[EC2](), "kms": reflect.TypeFor[KMS](), "iam": reflect.TypeFor[IAM](),
		"cloudtrail": reflect.TypeFor[CloudTrail](), "organizations": reflect.TypeFor[Organizations](), "autoscaling": reflect.TypeFor[AutoScaling](),
		"sts": reflect.TypeFor[STS](),
	} {
		for m := range client.Methods() {
			if name := prefix + ":" + m.Name; name != "sts:GetCallerIdentity" { // it takes none
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// PermissionsPolicy is the policy that lets somebody diagnose everything.
func PermissionsPolicy() string {
	return newDocument(statement{Sid: "DiagnoseInstances", Effect: "Allow", Action: Permissions(), Resource: "*"})
}
