package sts_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func assume(more ...func(*awssts.AssumeRoleInput)) *awssts.AssumeRoleInput {
	in := &awssts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("session")}
	for _, f := range more {
		f(in)
	}
	return in
}

// opened is the caller that credentials stand for.
func (w *world) opened(c *types.Credentials) api.Caller {
	w.t.Helper()
	caller, secret, err := w.sts.Session(*c.AccessKeyId, *c.SessionToken)
	if err != nil {
		w.t.Fatal(err)
	}
	if secret != *c.SecretAccessKey {
		w.t.Error("the token holds another secret")
	}
	return caller
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must[awssts.AssumeRoleOutput](w, user(), "AssumeRole", assume())
	arn := "arn:aws:sts::123456789012:assumed-role/deploy/session"
	if *out.AssumedRoleUser.Arn != arn || *out.AssumedRoleUser.AssumedRoleId != "AROACKCEVSQ6C2EXAMPLE:session" || out.PackedPolicySize != nil {
		t.Errorf("%+v", out)
	}
	if k := out.Credentials; len(*k.AccessKeyId) != 20 || !strings.HasPrefix(*k.AccessKeyId, "ASIA") || len(*k.SecretAccessKey) != 40 || !k.Expiration.Equal(start.Add(time.Hour)) {
		t.Errorf("credentials = %+v", k)
	}
	want := api.Caller{
		Principal: access.Principal{
			Type: access.RoleSession, Partition: "aws", Account: account, ARN: arn, UserID: "AROACKCEVSQ6C2EXAMPLE:session",
			Name: "session", RoleARN: roleARN, RoleID: "AROACKCEVSQ6C2EXAMPLE",
		},
		AccessKeyID: *out.Credentials.AccessKeyId, IssuedAt: start, Expires: start.Add(time.Hour),
	}
	if d := cmp.Diff(want, w.opened(out.Credentials)); d != "" {
		t.Errorf("caller (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]api.EventResource{{ARN: roleARN, Account: account, Type: "AWS::IAM::Role"}}, w.event.Resources); d != "" {
		t.Errorf("event's resources (-want +got):\n%s", d)
	}
	if s := cmp.Diff(nil, w.event.ResponseElements); strings.Contains(s, *out.Credentials.SecretAccessKey) {
		t.Error("the event tells the secret")
	}
}

func TestAssumeRoleNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, needs, err := w.run(user(), "AssumeRole", assume(func(in *awssts.AssumeRoleInput) {
		in.ExternalId, in.SourceIdentity, in.DurationSeconds = aws.String("x1"), aws.String("me"), aws.Int32(1800)
		in.Tags, in.TransitiveTagKeys = []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}, []string{"k"}
	}))
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, n := range needs {
		actions = append(actions, n.Action)
		if n.Resource != roleARN || n.Policy == nil || n.Policy.Kind != access.RoleTrust || n.Account != account {
			t.Errorf("need = %+v", n)
		}
	}
	if d := cmp.Diff([]string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}, actions); d != "" {
		t.Errorf("actions (-want +got):\n%s", d)
	}
	want := map[string]string{
		"sts:rolesessionname": "session", "sts:externalid": "x1", "sts:sourceidentity": "me",
		"sts:transitivetagkeys": "k", "aws:requesttag/k": "v", "aws:tagkeys": "k", "iam:resourcetag/stage": "test", "aws:resourcetag/stage": "test",
	}
	got := map[string]string{}
	for k, v := range needs[0].Context.All() {
		got[k] = strings.Join(v, ",")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("context (-want +got):\n%s", d)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	session := w.opened(must[awssts.AssumeRoleOutput](w, user(), "AssumeRole", assume()).Credentials)
	federated := w.opened(must[awssts.GetFederationTokenOutput](w, user(), "GetFederationToken", &awssts.GetFederationTokenInput{Name: aws.String("bob")}).Credentials)
	type input = *awssts.AssumeRoleInput
	tags := func(keys ...string) []types.Tag {
		var out []types.Tag
		for _, k := range keys {
			out = append(out, types.Tag{Key: &k, Value: aws.String("v")})
		}
		return out
	}
	for rule, row := range map[string]struct {
		caller        api.Caller
		set           func(input)
		code, message string
	}{
		"the root user":                         {root(), func(input) {}, "AccessDenied", "Roles may not be assumed by root accounts."},
		"a role that is not there":              {user(), func(in input) { in.RoleArn = aws.String(roleARN + "x") }, "AccessDenied", "User: arn:aws:iam::123456789012:user/test is not authorized to perform: sts:AssumeRole on resource: " + roleARN + "x"},
		"a federated user":                      {federated, func(input) {}, "AccessDenied", "User: arn:aws:sts::123456789012:federated-user/bob is not authorized to perform: sts:AssumeRole on resource: " + roleARN},
		"another partition":                     {user(), func(in input) { in.RoleArn = aws.String("arn:aws-cn:iam::123456789012:role/dev/deploy") }, "ValidationError", "arn:aws-cn:iam::123456789012:role/dev/deploy is invalid"},
		"no role's ARN":                         {user(), func(in input) { in.RoleArn = aws.String("arn:aws:iam::123456789012:user/x") }, "ValidationError", "arn:aws:iam::123456789012:user/x is invalid"},
		"longer than the role allows":           {user(), func(in input) { in.DurationSeconds = aws.Int32(7201) }, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"longer than a chain allows":            {session, func(in input) { in.DurationSeconds = aws.Int32(3601) }, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"},
		"a policy that is no JSON":              {user(), func(in input) { in.Policy = aws.String("{") }, "MalformedPolicyDocument", "This policy contains invalid Json"},
		"a policy of no policy's form":          {user(), func(in input) { in.Policy = aws.String("{}") }, "MalformedPolicyDocument", "Syntax errors in policy."},
		"a policy with an action of no service": {user(), func(in input) { in.Policy = aws.String(strings.Replace(allowS3, "s3:", "s3", 1)) }, "MalformedPolicyDocument", "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"a policy for a resource that is no ARN": {user(), func(in input) {
			in.Policy = aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}]}`)
		}, "MalformedPolicyDocument", `Resource bucket must be in ARN format or "*".`},
		"a policy with a principal": {user(), func(in input) { in.Policy = aws.String(trust) }, "MalformedPolicyDocument", "Policy document should not specify a principal."},
		"a policy too long": {user(), func(in input) {
			in.Policy = aws.String(strings.Replace(allowS3, ",", ","+strings.Repeat(" ", 2048), 1))
		}, "ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		"a managed policy not there": {user(), func(in input) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/None")}}
		}, "ValidationError", "Policy arn:aws:iam::aws:policy/None does not exist or is not attachable."},
		"a tag twice":                {user(), func(in input) { in.Tags = tags("a", "A") }, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		"a transitive tag not given": {user(), func(in input) { in.Tags, in.TransitiveTagKeys = tags("a"), []string{"b"} }, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."},
		"an MFA device not there": {user(), func(in input) {
			in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::123456789012:mfa/x"), aws.String("123456")
		}, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."},
	} {
		w.fails(row.caller, "AssumeRole", assume(row.set), row.code, row.message)
		if t.Failed() {
			t.Fatal(rule)
		}
	}
	// An hour is what a chain allows, and two what the role does.
	must[awssts.AssumeRoleOutput](w, session, "AssumeRole", assume(func(in input) { in.DurationSeconds = aws.Int32(3600) }))
	must[awssts.AssumeRoleOutput](w, user(), "AssumeRole", assume(func(in input) { in.DurationSeconds = aws.Int32(7200) }))
}

func TestSessionPoliciesAndTagsAreInTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must[awssts.AssumeRoleOutput](w, user(), "AssumeRole", assume(func(in *awssts.AssumeRoleInput) {
		in.Policy, in.PolicyArns = aws.String(allowS3), []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/Example")}}
		in.Tags = []types.Tag{{Key: aws.String("Project"), Value: aws.String("x")}, {Key: aws.String("own"), Value: aws.String("y")}}
		in.TransitiveTagKeys = []string{"Project"}
		in.SourceIdentity = aws.String("me")
	}))
	first := w.opened(out.Credentials)
	want := []api.SessionPolicy{{Name: "inline session policy", Document: allowS3}, {Name: "Example", ARN: "arn:aws:iam::aws:policy/Example", Document: allowS3}}
	if d := cmp.Diff(want, first.SessionPolicies); d != "" || !first.HasSession {
		t.Errorf("session policies (-want +got):\n%s", d)
	}
	if out.PackedPolicySize == nil || *out.PackedPolicySize < 1 || *out.PackedPolicySize > 100 || *out.SourceIdentity != "me" {
		t.Errorf("%+v", out)
	}
	// A chained session inherits the transitive tag and the source identity, not the policies.
	second := w.opened(must[awssts.AssumeRoleOutput](w, first, "AssumeRole", assume()).Credentials)
	if d := cmp.Diff(map[string]string{"Project": "x"}, second.Principal.Tags); d != "" {
		t.Errorf("inherited tags (-want +got):\n%s", d)
	}
	if !second.Chained || second.HasSession || second.SourceIdentity != "me" || len(second.TransitiveTags) != 1 {
		t.Errorf("%+v", second)
	}
	_, needs, _ := w.run(first, "AssumeRole", assume())
	if len(needs) != 3 {
		t.Errorf("a chain with transitive tags and a source identity needs %d permissions", len(needs))
	}
	w.fails(first, "AssumeRole", assume(func(in *awssts.AssumeRoleInput) { in.SourceIdentity = aws.String("other") }),
		"AccessDenied", "User: "+first.Principal.ARN+" is not authorized to perform: sts:SetSourceIdentity on resource: "+roleARN)
	w.fails(first, "AssumeRole", assume(func(in *awssts.AssumeRoleInput) {
		in.Tags = []types.Tag{{Key: aws.String("project"), Value: aws.String("z")}}
	}),
		"InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
}

func TestTooManyTagsDoNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tags []types.Tag
	for i := range 50 {
		noise := make([]byte, 100)
		_, _ = w.rand.Read(noise)
		var text strings.Builder
		for _, b := range noise {
			text.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[b&63])
		}
		tags = append(tags, types.Tag{Key: aws.String(strings.Repeat("k", i+1)), Value: aws.String(text.String())})
	}
	_, _, err := w.run(user(), "AssumeRole", assume(func(in *awssts.AssumeRoleInput) { in.Tags = tags }))
	if err == nil || !strings.HasPrefix(err.Error(), "PackedPolicyTooLarge") {
		t.Errorf("error %v", err)
	}
}

// TestSizeOfTokens: what is asked for makes a token longer, up to AWS's limit of
// 4,096 bytes for all that is in it (STS API reference, MinimumSessionTokenSize).
func TestSizeOfTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := user()
	for _, row := range []struct {
		least   *int32
		atLeast int
	}{{nil, 100}, {aws.Int32(0), 100}, {aws.Int32(1), 100}, {aws.Int32(2001), 2001}, {aws.Int32(4095), 4095}, {aws.Int32(4096), 4096}} {
		role, _, err := w.run(ada, "AssumeRole", assume(func(in *awssts.AssumeRoleInput) { in.MinimumSessionTokenSize = row.least }))
		if err != nil {
			t.Fatal(err)
		}
		out := role.(*awssts.AssumeRoleOutput)
		n := len(*out.Credentials.SessionToken)
		if n < row.atLeast || n > row.atLeast+3 && row.atLeast > 1000 || n > 4096 || int(*out.SessionTokenSize) != n || int(*out.SessionTokenUtilization) != (n*100+4095)/4096 {
			t.Errorf("at least %d: %d bytes, said to be %d and %d%%", row.atLeast, n, *out.SessionTokenSize, *out.SessionTokenUtilization)
		}
		caller, _, err := w.sts.Session(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
		if err != nil || caller.Principal.ARN != *out.AssumedRoleUser.Arn {
			t.Errorf("a token of %d bytes: %v", n, err)
		}
	}
	for operation, in := range map[string]any{
		"GetSessionToken":    &awssts.GetSessionTokenInput{MinimumSessionTokenSize: aws.Int32(3000)},
		"GetFederationToken": &awssts.GetFederationTokenInput{Name: aws.String("bob"), MinimumSessionTokenSize: aws.Int32(3000)},
	} {
		out, _, err := w.run(ada, operation, in)
		if err != nil {
			t.Fatal(err)
		}
		raw := reflect.ValueOf(out).Elem()
		if size := raw.FieldByName("SessionTokenSize").Interface().(*int32); size == nil || *size != 3000 {
			t.Errorf("%s: a token of %v bytes", operation, size)
		}
		w.fails(ada, operation, withLeast(in, 4097), "ValidationError", "1 validation error detected: Value '4097' at 'minimumSessionTokenSize' failed to satisfy constraint: Member must have value less than or equal to 4096")
	}
}

func withLeast(in any, n int32) any {
	reflect.ValueOf(in).Elem().FieldByName("MinimumSessionTokenSize").Set(reflect.ValueOf(&n))
	return in
}
