package cloud_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/pquerna/otp/totp"
)

// authenticator is the app on somebody's telephone.
type authenticator struct {
	*stage
	serial, seed string
}

func (a *authenticator) code() string {
	a.Helper()
	code, err := totp.GenerateCode(a.seed, a.cloud.Now())
	a.must(err)
	return code
}

// next waits for the next code: each is good once.
func (a *authenticator) next() string {
	a.cloud.Advance(30 * time.Second)
	return a.code()
}

// device gives a user a virtual MFA device.
func (s *stage) device(user string) *authenticator {
	s.Helper()
	ctx := s.Context()
	made, err := s.root.iam.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone-" + user)})
	s.must(err)
	d := made.VirtualMFADevice
	if _, err := png.Decode(bytes.NewReader(d.QRCodePNG)); err != nil {
		s.Errorf("the QR code is no picture: %v", err)
	}
	a := &authenticator{s, *d.SerialNumber, string(d.Base32StringSeed)}
	wrong := &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: &a.serial, AuthenticationCode1: aws.String("000000"), AuthenticationCode2: aws.String("000000")}
	_, err = s.root.iam.EnableMFADevice(ctx, wrong)
	wantCode(s, err, "InvalidAuthenticationCode")
	first := a.code()
	_, err = s.root.iam.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: &a.serial, AuthenticationCode1: &first, AuthenticationCode2: aws.String(a.next())})
	s.must(err)
	return a
}

// TestMFA: what a policy keeps for those who have proved their device is denied
// with a password's worth of proof, and allowed with a code that is good once
// (IAM guide, "Secure API access with MFA").
func TestMFA(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	user := s.user("person")
	s.allow("person", "mfa", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"},
		{"Effect":"Allow","Action":"ec2:StartInstances","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"600"}}}]}`)
	phone := s.device("person")
	stranger := s.user("stranger")
	id := s.stopped(volume{device: "/dev/xvda"})
	start := func(by clients) error {
		_, err := by.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}, DryRun: aws.Bool(true)})
		return err
	}
	wantCode(t, start(user), "UnauthorizedOperation")

	plain, err := user.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	s.must(err)
	wantCode(t, start(s.as(*plain.Credentials.AccessKeyId, *plain.Credentials.SecretAccessKey, *plain.Credentials.SessionToken)), "UnauthorizedOperation")

	for name, in := range map[string]*sts.GetSessionTokenInput{
		"a wrong code":    {SerialNumber: &phone.serial, TokenCode: aws.String("000000")},
		"no code":         {SerialNumber: &phone.serial},
		"another device":  {SerialNumber: aws.String("arn:aws:iam::123456789012:mfa/none"), TokenCode: aws.String(phone.next())},
		"a foreign phone": {SerialNumber: aws.String("arn:aws:iam::210987654321:mfa/phone-person"), TokenCode: aws.String(phone.code())},
	} {
		if _, err := user.sts.GetSessionToken(ctx, in); err == nil || !strings.Contains(err.Error(), "MultiFactorAuthentication failed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = stranger.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: &phone.serial, TokenCode: aws.String(phone.code())})
	wantCode(t, err, "AccessDenied")

	code := phone.next()
	strong, err := user.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: &phone.serial, TokenCode: &code})
	s.must(err)
	proved := s.as(*strong.Credentials.AccessKeyId, *strong.Credentials.SecretAccessKey, *strong.Credentials.SessionToken)
	wantCode(t, start(proved), "DryRunOperation")
	_, err = user.sts.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: &phone.serial, TokenCode: &code})
	wantCode(t, err, "AccessDenied")
	s.cloud.Advance(11 * time.Minute)
	wantCode(t, start(proved), "UnauthorizedOperation")

	var event struct {
		UserIdentity struct {
			SessionContext struct {
				Attributes struct{ MFAAuthenticated string }
			}
		}
		RequestParameters map[string]any
	}
	s.must(json.Unmarshal([]byte(*s.events("GetSessionToken")[0].CloudTrailEvent), &event))
	if _, leaked := event.RequestParameters["tokenCode"]; leaked {
		t.Error("the event shows the code")
	}
}

// TestDeviceIsKeptSecret: neither its seed nor its codes stand in an event.
func TestDeviceIsKeptSecret(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.user("person")
	phone := s.device("person")
	id, secret := s.cloud.RootCredentials()
	s.cloud.Advance(time.Second)
	out, err := s.in("us-east-1", id, secret, "").trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{})
	s.must(err)
	seen := map[string]bool{}
	for _, e := range out.Events {
		seen[*e.EventName] = true
		if strings.Contains(*e.CloudTrailEvent, phone.seed) || strings.Contains(*e.CloudTrailEvent, phone.code()) {
			t.Errorf("%s", *e.CloudTrailEvent)
		}
	}
	if !seen["CreateVirtualMFADevice"] || !seen["EnableMFADevice"] {
		t.Errorf("the events are of %v", seen)
	}
}

// TestRoleThatWantsMFA: its trust policy asks for a device of the caller's.
func TestRoleThatWantsMFA(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	user := s.user("person")
	s.allow("person", "assume", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	phone := s.device("person")
	role, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("strong"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`)})
	s.must(err)
	in := &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("shift")}
	_, err = user.sts.AssumeRole(ctx, in)
	wantCode(t, err, "AccessDenied")
	in.SerialNumber, in.TokenCode = &phone.serial, aws.String(phone.next())
	_, err = user.sts.AssumeRole(ctx, in)
	s.must(err)
	_, err = user.sts.AssumeRole(ctx, in)
	wantCode(t, err, "AccessDenied") // the same code again
	_, err = s.root.iam.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: aws.String("person"), SerialNumber: &phone.serial})
	s.must(err)
	in.TokenCode = aws.String(phone.next())
	_, err = user.sts.AssumeRole(ctx, in)
	wantCode(t, err, "AccessDenied")
}
