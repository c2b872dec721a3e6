package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// mayAssume decides sts:AssumeRole for a caller as the cloud does.
func (w *world) mayAssume(caller api.Caller, roleARN string) bool {
	w.t.Helper()
	var out bool
	w.view(func(tx store.Tx) error {
		r, err := w.iam.Role(tx, roleARN)
		if err != nil {
			return err
		}
		held, err := w.iam.Identity(tx, &caller)
		if err != nil {
			return err
		}
		held.Resource = &access.ResourcePolicy{Kind: access.RoleTrust, Document: access.Document{Name: "trust policy", Policy: r.Trust}}
		out = access.Decide(access.Request{Principal: caller.Principal, Action: "sts:AssumeRole", Resource: roleARN, ResourceAccount: account}, held).Allowed()
		return nil
	})
	return out
}

func TestWhomARoleTrusts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	named := *w.newRole("named", trusting(`{"AWS":"arn:aws:iam::123456789012:user/test"}`)).Arn
	whole := *w.newRole("whole", trusting(`{"AWS":"123456789012"}`)).Arn
	other := *w.newRole("other", trustEC2).Arn
	if !w.mayAssume(caller, named) {
		t.Error("a trust policy that names the user is enough")
	}
	if w.mayAssume(caller, whole) {
		t.Error("one that names the account leaves it to the user's own policies")
	}
	w.do(step{"AttachUserPolicy", &awsiam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}})
	if !w.mayAssume(caller, whole) {
		t.Error("the account and the user's policies both allow")
	}
	if w.mayAssume(caller, other) {
		t.Error("the user's policies alone do not open a role")
	}
	w.do(step{"DetachUserPolicy", &awsiam.DetachUserPolicyInput{UserName: aws.String("test"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}})
	w.do(step{"DeleteUser", &awsiam.DeleteUserInput{UserName: aws.String("test")}})
	if w.mayAssume(w.newUser("test"), named) {
		t.Error("another user of the same name is somebody else")
	}
}

func TestSessionsOfUsersWithoutMFAMayNotUseIAM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	session := caller
	session.IssuedAt = start
	const code, message = "InvalidClientTokenId", "The security token included in the request is invalid."
	w.failsAs(session, "GetUser", &awsiam.GetUserInput{}, code, message)
	federated := session
	federated.Principal.Type = access.FederatedUser
	w.failsAs(federated, "ListUsers", &awsiam.ListUsersInput{}, code, message)
	session.MFA = true
	mustAs[awsiam.GetUserOutput](w, session, "GetUser", &awsiam.GetUserInput{})
}

func TestPrincipalsResolve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.newUser("test")
	r := w.newRole("r", trustEC2)
	w.view(func(tx store.Tx) error {
		for arn, want := range map[string]string{
			"arn:aws:iam::123456789012:user/test": caller.Principal.UserID,
			"arn:aws:iam::123456789012:role/r":    *r.RoleId,
			"arn:aws:iam::123456789012:root":      "",
			"123456789012":                        "",
			"*":                                   "",
			"arn:aws:sts::123456789012:assumed-role/r/session": "",
			"arn:aws:sts::123456789012:federated-user/bob":     "",
			"arn:aws:iam::123456789012:user/nobody":            "-",
			"arn:aws:iam::123456789012:role/path/r":            "-",
			"arn:aws:iam::123456789012:group/g":                "-",
			"arn:aws:iam::210987654321:user/test":              "-",
			"arn:aws:iam::123456789012:user/*":                 "-",
			"arn:aws:s3:::bucket":                              "-",
			"":                                                 "-",
			"arn:aws:iam::123456789012:":                       "-",
			"arn:aws:iam::123456789012:user/":                  "-",
			"arn:aws:sts::123456789012:assumed-role/r/*":       "-",
		} {
			id, ok := w.iam.ResolvePrincipal(tx, arn)
			if ok != (want != "-") || ok && id != want {
				t.Errorf("%q: %q, %v, want %q", arn, id, ok, want)
			}
		}
		if got, ok := w.iam.PrincipalARN(tx, caller.Principal.UserID); !ok || got != caller.Principal.ARN {
			t.Errorf("%s is %s", caller.Principal.UserID, got)
		}
		return nil
	})
}
