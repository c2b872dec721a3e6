package cloud_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"
)

// record is what the tests here read of a CloudTrail record.
type record struct {
	EventName, ErrorCode, ErrorMessage  string
	RequestID                           string
	RequestParameters, ResponseElements map[string]any
	UserIdentity                        map[string]any
	Resources                           []map[string]any
	ReadOnly                            bool
}

// records reads the newest events of the stage's region and of the one for
// global services, and their texts.
func (s *stage) records() (found []record, text string) {
	s.Helper()
	var texts strings.Builder
	root, secret := s.cloud.RootCredentials()
	for _, trail := range []*cloudtrail.Client{s.root.trail, s.in("us-east-1", root, secret, "").trail} {
		out, err := trail.LookupEvents(s.Context(), &cloudtrail.LookupEventsInput{})
		s.must(err)
		for _, e := range out.Events {
			var r record
			s.must(json.Unmarshal([]byte(*e.CloudTrailEvent), &r))
			found = append(found, r)
			texts.WriteString(*e.CloudTrailEvent)
		}
	}
	return found, texts.String()
}

// only gives the one record of an event.
func only(t *testing.T, all []record, name string) record {
	t.Helper()
	var found []record
	for _, r := range all {
		if r.EventName == name {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d events %s, want one", len(found), name)
	}
	return found[0]
}

// trusting makes a role that anybody of the account may assume.
func (s *stage) trusting(name string) string {
	s.Helper()
	out, err := s.root.iam.CreateRole(s.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": {
			"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:user/ada"}, "Action": "sts:AssumeRole"}}`),
	})
	s.must(err)
	return *out.Role.Arn
}

// TestNoSecretInEvents: whoever may read the trail learns no secret, no data
// key, no token and nothing that was encrypted.
func TestNoSecretInEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, key := t.Context(), s.key()
	_, err := s.root.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ada")})
	s.must(err)
	s.allow("ada", "all", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`)
	long, err := s.root.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("ada")})
	s.must(err)
	ada := s.as(*long.AccessKey.AccessKeyId, *long.AccessKey.SecretAccessKey, "")
	secrets := map[string]string{"access key": *long.AccessKey.SecretAccessKey}
	credentials := func(what string, c *ststypes.Credentials) {
		secrets[what+"'s secret"], secrets[what+"'s token"] = *c.SecretAccessKey, *c.SessionToken
	}
	role, err := ada.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(s.trusting("r")), RoleSessionName: aws.String("work")})
	s.must(err)
	credentials("AssumeRole", role.Credentials)
	session, err := ada.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	s.must(err)
	credentials("GetSessionToken", session.Credentials)
	federated, err := ada.sts.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
	s.must(err)
	credentials("GetFederationToken", federated.Credentials)
	_, err = ada.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: aws.String("arn:aws:iam::123456789012:mfa/ada"), TokenCode: aws.String("918273")})
	wantCode(t, err, "AccessDenied")
	secrets["MFA code"] = "918273"

	const plain = "the plaintext of this test"
	secrets["plaintext"], secrets["plaintext in base64"] = plain, base64.StdEncoding.EncodeToString([]byte(plain))
	sealed, err := ada.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte(plain)})
	s.must(err)
	secrets["ciphertext"] = base64.StdEncoding.EncodeToString(sealed.CiphertextBlob)
	data, err := ada.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: kmstypes.DataKeySpecAes256})
	s.must(err)
	secrets["data key"] = base64.StdEncoding.EncodeToString(data.Plaintext)
	grant, err := ada.kms.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/ada"), Operations: []kmstypes.GrantOperation{"Decrypt", "RetireGrant", "DescribeKey", "CreateGrant"},
	})
	s.must(err)
	secrets["grant token"] = *grant.GrantToken
	_, err = ada.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, GrantTokens: []string{*grant.GrantToken}})
	s.must(err)
	_, err = ada.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key, GrantTokens: []string{*grant.GrantToken}})
	s.must(err)
	_, err = ada.kms.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/ada"), Operations: []kmstypes.GrantOperation{"Decrypt"}, GrantTokens: []string{*grant.GrantToken},
	})
	s.must(err)
	_, err = ada.kms.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: grant.GrantToken})
	s.must(err)

	all, text := s.records()
	if len(all) < 15 {
		t.Fatalf("%d events, want all of the above", len(all))
	}
	for what, secret := range secrets {
		escaped, err := json.Marshal(secret)
		s.must(err)
		if strings.Contains(text, strings.Trim(string(escaped), `"`)) {
			t.Errorf("the %s stands in an event", what)
		}
	}
}

// TestCredentialsInEvents: an event of STS names the access key that was given
// out, by which its calls are found (IAM guide, "Logging IAM and AWS STS API
// calls with AWS CloudTrail").
func TestCredentialsInEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, ada := t.Context(), s.user("ada")
	s.allow("ada", "all", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["sts:*", "kms:ListKeys"], "Resource": "*"}}`)
	role, err := ada.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(s.trusting("r")), RoleSessionName: aws.String("work")})
	s.must(err)
	session, err := ada.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	s.must(err)
	federated, err := ada.sts.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("bob")})
	s.must(err)
	bob := s.as(*federated.Credentials.AccessKeyId, *federated.Credentials.SecretAccessKey, *federated.Credentials.SessionToken)
	_, err = bob.kms.ListKeys(ctx, &kms.ListKeysInput{})
	wantCode(t, err, "AccessDeniedException")

	all, _ := s.records()
	given := func(c *ststypes.Credentials) map[string]any {
		return map[string]any{"accessKeyId": *c.AccessKeyId, "expiration": c.Expiration.UTC().Format("Jan 2, 2006, 3:04:05 PM")}
	}
	for name, want := range map[string]map[string]any{
		"AssumeRole": {
			"sessionTokenSize": float64(*role.SessionTokenSize), "sessionTokenUtilization": float64(*role.SessionTokenUtilization),
			"credentials":     given(role.Credentials),
			"assumedRoleUser": map[string]any{"assumedRoleId": *role.AssumedRoleUser.AssumedRoleId, "arn": *role.AssumedRoleUser.Arn},
		},
		"GetSessionToken": {
			"sessionTokenSize": float64(*session.SessionTokenSize), "sessionTokenUtilization": float64(*session.SessionTokenUtilization),
			"credentials": given(session.Credentials),
		},
		"GetFederationToken": {
			"sessionTokenSize": float64(*federated.SessionTokenSize), "sessionTokenUtilization": float64(*federated.SessionTokenUtilization),
			"credentials":   given(federated.Credentials),
			"federatedUser": map[string]any{"federatedUserId": "123456789012:bob", "arn": "arn:aws:sts::123456789012:federated-user/bob"},
		},
	} {
		r := only(t, all, name)
		if d := cmp.Diff(want, r.ResponseElements); d != "" || !r.ReadOnly {
			t.Errorf("%s: read-only %v, responseElements (-want +got):\n%s", name, r.ReadOnly, d)
		}
	}
	user, err := s.root.iam.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("ada")})
	s.must(err)
	want := map[string]any{
		"sessionIssuer": map[string]any{
			"type": "IAMUser", "principalId": *user.User.UserId, "arn": "arn:aws:iam::123456789012:user/ada", "accountId": "123456789012", "userName": "ada",
		},
		"attributes": map[string]any{"creationDate": federated.Credentials.Expiration.UTC().Add(-12 * time.Hour).Format(time.RFC3339), "mfaAuthenticated": "false"},
	}
	denied := only(t, all, "ListKeys")
	if d := cmp.Diff(want, denied.UserIdentity["sessionContext"]); d != "" {
		t.Errorf("sessionContext of a federated user (-want +got):\n%s", d)
	}
}

// TestDeniedInEvents: the API says AccessDeniedException, the trail AccessDenied,
// whether the policies said so or there was nothing to ask them about.
func TestDeniedInEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, key := t.Context(), s.key()
	sealed, err := s.root.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
	s.must(err)
	id, secret := s.cloud.RootCredentials()
	elsewhere := s.in("us-east-1", id, secret, "")
	_, err = elsewhere.kms.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	wantCode(t, err, "AccessDeniedException")
	nobody := s.user("nobody")
	_, err = nobody.kms.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: aws.String("arn:aws:iam::123456789012:user/nobody"), Operations: []kmstypes.GrantOperation{"Decrypt"},
	})
	wantCode(t, err, "AccessDeniedException")
	all, _ := s.records()
	for _, name := range []string{"Decrypt", "CreateGrant"} {
		r := only(t, all, name)
		if r.ErrorCode != "AccessDenied" || !strings.Contains(r.ErrorMessage, "is not authorized to perform: kms:"+name) ||
			r.RequestParameters != nil || r.ResponseElements != nil || r.Resources != nil {
			t.Errorf("%+v", r)
		}
	}
}

// TestFederatedUserOfRoot: the root user stands in the event as who it is.
func TestFederatedUserOfRoot(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, err := s.root.sts.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("bob")})
	s.must(err)
	bob := s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	_, err = bob.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	s.must(err)
	all, _ := s.records()
	session, _ := only(t, all, "GetCallerIdentity").UserIdentity["sessionContext"].(map[string]any)
	want := map[string]any{"type": "Root", "principalId": "123456789012", "arn": "arn:aws:iam::123456789012:root", "accountId": "123456789012"}
	if d := cmp.Diff(want, session["sessionIssuer"]); d != "" {
		t.Errorf("sessionIssuer (-want +got):\n%s", d)
	}
}
