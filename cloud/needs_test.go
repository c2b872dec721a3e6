package cloud

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// TestNeedsAreDocumented holds what every operation asks for to the Service
// Authorization Reference: its actions exist, are the operation's own or one of
// its dependent actions, are checked on resources of a type that they have, and
// with condition keys that they have.
func TestNeedsAreDocumented(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	user := nobody(t, c)
	given := walkInputs(t, c, user)
	checked := 0
	for service, ops := range c.operations {
		for name, op := range ops {
			var needs []api.Need
			in := reflect.New(op.in)
			given.fill(in.Elem())
			call := walkCall(c, op, user)
			err := c.store.Update(call.Context, func(tx store.Tx) error {
				call.Tx, call.Door = tx, &passage{cloud: c}
				needs, err = op.Needs(call, in.Interface())
				return err
			})
			if err != nil {
				continue // TestAuthorizationIsTotal says so
			}
			checked++
			for _, n := range needs {
				undocumented(t, service+":"+name, n)
			}
		}
	}
	t.Logf("%d operations checked", checked)
}

// besides are the actions of operations that the guides name and the reference
// does not.
var besides = map[string][]string{
	// KMS API reference, "ReEncrypt": required permissions.
	"kms:ReEncrypt": {"kms:ReEncryptFrom", "kms:ReEncryptTo"},
	// KMS API reference, "ReplicateKey": required permissions.
	"kms:ReplicateKey": {"kms:CreateKey"},
	// IAM guide, "Grant a user permissions to pass a role to an AWS service".
	"iam:AddRoleToInstanceProfile": {"iam:PassRole"},
	// EC2 guide, "EC2 Fleet prerequisites".
	"ec2:CreateFleet":      {"iam:PassRole"},
	"ec2:RequestSpotFleet": {"iam:PassRole"}, // "Spot Fleet permissions"
}

// listings are the actions without a resource type that IAM's denials name a
// resource for all the same: "iam:ListUsers on resource: arn:…:user/".
var listings = map[string]string{
	"iam:ListUsers":            "arn:aws:iam::123456789012:user/",
	"iam:ListGroups":           "arn:aws:iam::123456789012:group/",
	"iam:ListRoles":            "arn:aws:iam::123456789012:role/",
	"iam:ListInstanceProfiles": "arn:aws:iam::123456789012:instance-profile/",
	"iam:ListPolicies":         "policy path /",
}

func undocumented(t *testing.T, operation string, n api.Need) {
	t.Helper()
	a, ok := serviceref.LookupAction(n.Action)
	if !ok {
		t.Errorf("%s needs %s, which the reference does not have", operation, n.Action)
		return
	}
	if a.String() != n.Action {
		t.Errorf("%s needs %s, which is written %s", operation, n.Action, a)
	}
	if n.Action != operation && !slices.Contains(dependents(operation), n.Action) && !slices.Contains(besides[operation], n.Action) {
		t.Errorf("%s needs %s, which it does not depend on", operation, n.Action)
	}
	if len(a.Resources) == 0 && n.Resource != "*" && listings[n.Action] != n.Resource {
		t.Errorf("%s checks %s on %s, but the action has no resource types", operation, n.Action, n.Resource)
	}
	if len(a.Resources) > 0 && len(a.ResourcesFor(n.Resource)) == 0 {
		t.Errorf("%s checks %s on %s, which is none of its resource types", operation, n.Action, n.Resource)
	}
	for key := range n.Context.All() {
		if !a.HasKey(key) && !strings.HasPrefix(strings.ToLower(key), "aws:") {
			t.Errorf("%s: %s on %s has no condition key %s", operation, n.Action, n.Resource, key)
		}
	}
}

// TestDocumentedPermissionsAreEnough asks for every operation in the name of a
// user who has the permissions that AWS documents for it, and no other.
func TestDocumentedPermissionsAreEnough(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	user := nobody(t, c)
	given := walkInputs(t, c, user)
	for service, ops := range c.operations {
		for name, op := range ops {
			full := service + ":" + name
			if op.Unsigned() {
				continue // no permission is enough: see TestWebIdentity
			}
			document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
				"Effect": "Allow", "Resource": "*", "Action": slices.Concat([]string{full}, dependents(full), besides[full]),
			}})
			if err != nil {
				t.Fatal(err)
			}
			asRoot[iam.PutUserPolicyOutput](t, c, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{
				UserName: &user.Name, PolicyName: aws.String("documented"), PolicyDocument: aws.String(string(document)),
			})
			if err := askAsNobody(c, op, user, given); err != nil {
				t.Errorf("%s is refused to a caller with the documented permissions %s: %v", full, document, err)
			}
		}
	}
}

func dependents(operation string) []string {
	a, ok := serviceref.LookupAction(operation)
	if !ok {
		return nil
	}
	list := slices.Clone(a.Dependents)
	for _, r := range a.Resources {
		list = append(list, r.Dependents...)
	}
	return list
}
