package cloud_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// TestPasswordSelfService: a password policy can let users change their own
// passwords, and see the policy, without any policy of their own; a deny counts
// (IAM guide, "Permitting IAM users to change their own passwords").
func TestPasswordSelfService(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	user, denied := s.user("person"), s.user("denied")
	s.allow("denied", "no", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:ChangePassword","Resource":"*"}}`)
	for _, name := range []string{"person", "denied"} {
		_, err := s.root.iam.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: &name, Password: aws.String("Correct-Horse-1")})
		s.must(err)
	}
	change := func(by clients, from, to string) error {
		_, err := by.iam.ChangePassword(ctx, &iam.ChangePasswordInput{OldPassword: &from, NewPassword: &to})
		return err
	}
	wantCode(t, change(user, "Correct-Horse-1", "Correct-Horse-2"), "AccessDenied")
	_, err := s.root.iam.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{AllowUsersToChangePassword: true, MinimumPasswordLength: aws.Int32(8)})
	s.must(err)
	s.must(change(user, "Correct-Horse-1", "Correct-Horse-2"))
	got, err := user.iam.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyInput{})
	s.must(err)
	if !got.PasswordPolicy.AllowUsersToChangePassword {
		t.Errorf("the policy is %+v", got.PasswordPolicy)
	}
	err = change(denied, "Correct-Horse-1", "Correct-Horse-2")
	wantCode(t, err, "AccessDenied")
	if !strings.Contains(err.Error(), "with an explicit deny in an identity-based policy") {
		t.Errorf("denied: %v", err)
	}
	if _, err := user.iam.GetLoginProfile(ctx, &iam.GetLoginProfileInput{}); err == nil {
		t.Error("a user may see more than the password policy")
	}
	_, err = s.root.iam.UpdateAccountPasswordPolicy(ctx, &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(5)})
	wantCode(t, err, "ValidationError")
	_, err = s.root.iam.UpdateLoginProfile(ctx, &iam.UpdateLoginProfileInput{UserName: aws.String("person"), Password: aws.String("Horse\x01")})
	wantCode(t, err, "ValidationError")
	if strings.Contains(err.Error(), "Horse") {
		t.Errorf("an error shows the password: %v", err)
	}

	if n := s.global().hidden([]string{"ChangePassword", "CreateLoginProfile", "UpdateLoginProfile"}, "Horse"); n < 6 {
		t.Errorf("%d events only", n)
	}
}

// hidden counts the events of those names, and wants no secret in any.
func (s *stage) hidden(names []string, secrets ...string) int {
	s.Helper()
	n := 0
	for _, name := range names {
		for _, e := range s.events(name) {
			n++
			for _, secret := range secrets {
				if strings.Contains(*e.CloudTrailEvent, secret) {
					s.Errorf("an event shows a secret: %s", *e.CloudTrailEvent)
				}
			}
		}
	}
	return n
}

// TestSecretsOfCredentialsAreNotRecorded: what is given out or handed in once
// stands in no event.
func TestSecretsOfCredentialsAreNotRecorded(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	s.user("person")
	person := aws.String("person")
	git, err := s.root.iam.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: person, ServiceName: aws.String("codecommit.amazonaws.com")})
	s.must(err)
	again, err := s.root.iam.ResetServiceSpecificCredential(ctx, &iam.ResetServiceSpecificCredentialInput{UserName: person, ServiceSpecificCredentialId: git.ServiceSpecificCredential.ServiceSpecificCredentialId})
	s.must(err)
	key, err := s.root.iam.CreateServiceSpecificCredential(ctx, &iam.CreateServiceSpecificCredentialInput{UserName: person, ServiceName: aws.String("bedrock.amazonaws.com"), CredentialAgeDays: aws.Int32(1)})
	s.must(err)
	private := "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
	_, err = s.root.iam.UploadServerCertificate(ctx, &iam.UploadServerCertificateInput{ServerCertificateName: aws.String("web"), CertificateBody: aws.String("none"), PrivateKey: &private})
	wantCode(t, err, "MalformedCertificate")

	n := s.global().hidden([]string{"CreateServiceSpecificCredential", "ResetServiceSpecificCredential", "UploadServerCertificate"},
		*git.ServiceSpecificCredential.ServicePassword, *again.ServiceSpecificCredential.ServicePassword, *key.ServiceSpecificCredential.ServiceCredentialSecret, "c2VjcmV0")
	if n != 4 {
		t.Errorf("%d events", n)
	}
}
