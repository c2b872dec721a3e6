//go:build awscli

package awscli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// papers are files of a person's: a certificate with its key, and an SSH key.
func papers(t *testing.T) (certificate, key, sshKey string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	login, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(&login.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"certificate.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"key.pem":         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}),
		"id_rsa.pub":      ssh.MarshalAuthorizedKey(public),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "id_rsa.pub")
}

// TestCredentials: all that a user can have to show who it is, and the report of it.
func TestCredentials(t *testing.T) {
	t.Parallel()
	root := serve(t, t.TempDir()).root()
	certificate, key, sshKey := papers(t)
	root.does("aws iam create-user --user-name person")

	root.fails("aws iam get-account-password-policy", "NoSuchEntity")
	root.does("aws iam update-account-password-policy --minimum-password-length 10 --require-numbers --max-password-age 90 --allow-users-to-change-password")
	if got := root.does("aws iam get-account-password-policy --query 'PasswordPolicy.[MinimumPasswordLength,ExpirePasswords,MaxPasswordAge]' --output text"); got != "10\tTrue\t90" {
		t.Errorf("the password policy is %q", got)
	}
	if said := root.fails("aws iam create-login-profile --user-name person --password secret", "PasswordPolicyViolation"); !strings.Contains(said, "Password should have a minimum length of 10") {
		t.Errorf("refused with %q", said)
	}
	if got := root.does("aws iam create-login-profile --user-name person --password 'a long secret 1' --password-reset-required --query LoginProfile.PasswordResetRequired"); got != "true" {
		t.Errorf("to be reset: %s", got)
	}
	keys := strings.Fields(root.does("aws iam create-access-key --user-name person --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text"))
	person := root.with(keys[0], keys[1], "")
	person.does("aws iam change-password --old-password 'a long secret 1' --new-password 'a long secret 2'")
	person.fails("aws iam change-password --old-password 'a long secret 1' --new-password 'a long secret 3'", "AccessDenied")

	certificateID := root.does("aws iam upload-signing-certificate --user-name person --certificate-body file://" + certificate + " --query Certificate.CertificateId --output text")
	root.does("aws iam update-signing-certificate --user-name person --certificate-id " + certificateID + " --status Inactive")
	sshID := root.does("aws iam upload-ssh-public-key --user-name person --ssh-public-key-body file://" + sshKey + " --query SSHPublicKey.SSHPublicKeyId --output text")
	if got := root.does("aws iam get-ssh-public-key --user-name person --ssh-public-key-id " + sshID + " --encoding PEM --query SSHPublicKey.SSHPublicKeyBody --output text"); !strings.HasPrefix(got, "-----BEGIN PUBLIC KEY-----") {
		t.Errorf("the SSH key in PEM is %q", got)
	}
	root.fails("aws iam upload-ssh-public-key --user-name person --ssh-public-key-body file://"+sshKey, "DuplicateSSHPublicKey")
	if got := root.does("aws iam create-service-specific-credential --user-name person --service-name codecommit.amazonaws.com --query ServiceSpecificCredential.ServiceUserName --output text"); got != "person-at-123456789012" {
		t.Errorf("the credential is for %q", got)
	}
	credential := root.does("aws iam list-service-specific-credentials --user-name person --query 'ServiceSpecificCredentials[0].ServiceSpecificCredentialId' --output text")

	if got := root.does("aws iam upload-server-certificate --server-certificate-name web --path /cloudfront/ --certificate-body file://" + certificate + " --private-key file://" + key + " --tags Key=team,Value=example --query ServerCertificateMetadata.Arn --output text"); got != "arn:aws:iam::123456789012:server-certificate/cloudfront/web" {
		t.Errorf("the server certificate is %q", got)
	}
	root.fails("aws iam upload-server-certificate --server-certificate-name other --certificate-body file://"+certificate+" --private-key file://"+certificate, "MalformedCertificate")
	if got := root.does("aws iam list-server-certificate-tags --server-certificate-name web --query 'Tags[].Value' --output text"); got != "example" {
		t.Errorf("its tag is %q", got)
	}
	root.does("aws iam delete-server-certificate --server-certificate-name web")

	root.fails("aws iam get-credential-report", "ReportNotPresent")
	if got := root.does("aws iam generate-credential-report --query State --output text"); got != "STARTED" {
		t.Errorf("the report is %q", got)
	}
	report := root.does(`for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(aws iam generate-credential-report --query State --output text)" = COMPLETE ] && break; sleep 0.5; done; aws iam get-credential-report --query Content --output text | base64 -d`)
	rows := strings.Split(report, "\n")
	if len(rows) != 3 || !strings.HasPrefix(rows[0], "user,arn,user_creation_time,password_enabled,") || !strings.HasPrefix(rows[1], "<root_account>,arn:aws:iam::123456789012:root,") || !strings.HasPrefix(rows[2], "person,arn:aws:iam::123456789012:user/person,") {
		t.Errorf("the report is\n%s", report)
	}

	for _, step := range []struct{ message, undo string }{
		{"must delete access keys first.", "aws iam delete-access-key --user-name person --access-key-id " + keys[0]},
		{"must delete login profile first.", "aws iam delete-login-profile --user-name person"},
		{"must delete certificates first.", "aws iam delete-signing-certificate --user-name person --certificate-id " + certificateID},
		{"must remove referenced objects first.", "aws iam delete-ssh-public-key --user-name person --ssh-public-key-id " + sshID},
		{"must remove referenced objects first.", "aws iam delete-service-specific-credential --user-name person --service-specific-credential-id " + credential},
	} {
		if said := root.fails("aws iam delete-user --user-name person", "DeleteConflict"); !strings.Contains(said, step.message) {
			t.Errorf("before %q: %s", step.undo, said)
		}
		root.does(step.undo)
	}
	root.does("aws iam delete-user --user-name person")
}

// TestLastAccessedReport: what a user was seen to do, with the CLI's own commands.
func TestLastAccessedReport(t *testing.T) {
	t.Parallel()
	root := serve(t, t.TempDir()).root()
	root.does("aws iam create-user --user-name person && aws iam attach-user-policy --user-name person --policy-arn arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	root.keyOf("person").does("aws iam list-users")
	const arn = "arn:aws:iam::123456789012:user/person"
	got := root.does(`job=$(aws iam generate-service-last-accessed-details --arn ` + arn + ` --granularity ACTION_LEVEL --query JobId --output text)
for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(aws iam get-service-last-accessed-details --job-id $job --query JobStatus --output text)" = COMPLETED ] && break; sleep 0.5; done
aws iam get-service-last-accessed-details --job-id $job --query "ServicesLastAccessed[?ServiceNamespace=='iam'].[ServiceName,LastAuthenticatedEntity,TotalAuthenticatedEntities]" --output text
aws iam get-service-last-accessed-details --job-id $job --query "ServicesLastAccessed[].TrackedActionsLastAccessed[?LastAccessedTime].ActionName[]" --output text
aws iam get-service-last-accessed-details-with-entities --job-id $job --service-namespace iam --query 'EntityDetailsList[].EntityInfo.Name' --output text
aws iam list-policies-granting-service-access --arn ` + arn + ` --service-namespaces iam --query 'PoliciesGrantingServiceAccess[].Policies[].PolicyName' --output text`)
	want := "AWS Identity and Access Management\t" + arn + "\t1\nListUsers\nperson\nIAMReadOnlyAccess"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	root.fails("aws iam get-service-last-accessed-details --job-id 00000000-0000-0000-0000-000000000000", "NoSuchEntity")
}
