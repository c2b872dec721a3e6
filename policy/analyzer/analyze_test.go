package analyzer_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

// the article's policy with two slips: the action that no KMS knows, and a
// condition key that does not exist.
const slips = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["kms:Decrypt", "kms:ReEncrypt"],
      "Resource": "*"
    },
    {
      "Effect": "Permit",
      "Action": "kms:CreateGrant",
      "Resource": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
      "Condition": {"Bool": {"kms:GrantIsForAWSResources": "true"}}
    }
  ]
}`

func TestGoesOnAfterTheFirstFault(t *testing.T) {
	t.Parallel()
	report := analyzer.Analyze([]byte(slips), analyzer.Options{Kind: policy.ManagedPolicy})
	type found struct {
		Code   analyzer.Code
		Path   string
		Line   int
		Column int
		Hint   string
	}
	var got []found
	for _, f := range report.Findings {
		p := f.Position()
		got = append(got, found{f.Code, f.Locations[0].Path.String(), p.Line, p.Column, f.Hint})
	}
	want := []found{
		{"INVALID_ACTION", "Statement[0].Action[1]", 6, 33, "did you mean kms:ReEncryptFrom or kms:ReEncryptTo or kms:ReEncrypt*?"},
		{"INVALID_EFFECT", "Statement[1].Effect", 10, 17, ""},
		{"INVALID_SERVICE_CONDITION_KEY", "Statement[1].Condition.Bool.kms:GrantIsForAWSResources", 13, 30, "did you mean kms:GrantIsForAWSResource?"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if report.Worst() != analyzer.Error {
		t.Errorf("worst = %s", report.Worst())
	}
	if len(report.Malformed) != 1 || report.Malformed[0].Message != "Syntax errors in policy." {
		t.Errorf("malformed = %v", report.Malformed)
	}
}

func TestMalformedIsTheServicesAnswer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule string
		kind policy.Kind
		text string
		want []string
	}{
		{"IAM: no JSON", policy.ManagedPolicy, `{`, []string{"Syntax errors in policy."}},
		{"a trust policy that is no JSON", policy.TrustPolicy, `{`, []string{"This policy contains invalid Json"}},
		{"KMS: no principal", policy.KeyPolicy, of(`{USE}`), []string{"Policy contains a statement with no principal."}},
		{"accepted, though an action does not exist", policy.ManagedPolicy, of(`{"Effect":"Allow","Action":"kms:ReEncrypt","Resource":"*"}`), nil},
		{"a managed policy of the old version", policy.ManagedPolicy, `{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`, []string{"Policy document must be version 2012-10-17 or greater."}},
	} {
		var got []string
		for _, v := range analyzer.Analyze([]byte(row.text), analyzer.Options{Kind: row.kind}).Malformed {
			got = append(got, v.Message)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s: %s", row.rule, diff)
		}
	}
}

// TestJSON compares with the form of ValidatePolicy's answer (Access Analyzer API
// reference, "ValidatePolicyFinding"): columns and offsets count from 0.
func TestJSON(t *testing.T) {
	t.Parallel()
	report := analyzer.Analyze([]byte("{\"Version\": \"2012-10-17\",\n \"Statement\": [{\"Effect\": \"Denys\", \"Action\": \"*\", \"Resource\": \"*\"}]}"), analyzer.Options{Kind: policy.ServiceControlPolicy})
	raw, err := json.Marshal(report.Findings)
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{
		"findingDetails": "The effect Denys is not valid. Use Allow or Deny.",
		"findingType":    "ERROR",
		"issueCode":      "INVALID_EFFECT",
		"learnMoreLink":  "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-invalid-effect",
		"hint":           "did you mean Deny?",
		"locations": []any{map[string]any{
			"path": []any{map[string]any{"value": "Statement"}, map[string]any{"index": 0.0}, map[string]any{"value": "Effect"}},
			"span": map[string]any{
				"start": map[string]any{"line": 2.0, "column": 26.0, "offset": 52.0},
				"end":   map[string]any{"line": 2.0, "column": 33.0, "offset": 59.0},
			},
		}},
	}}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestPathElements(t *testing.T) {
	t.Parallel()
	p := analyzer.Path{
		{Kind: analyzer.ValuePath, Name: "Statement"},
		{Kind: analyzer.IndexPath, Index: 1},
		{Kind: analyzer.KeyPath, Name: "Action"},
		{Kind: analyzer.SubstringPath, Offset: 2, Length: 3},
	}
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"value":"Statement"},{"index":1},{"key":"Action"},{"substring":{"length":3,"start":2}}]`; string(raw) != want {
		t.Errorf("path = %s, want %s", raw, want)
	}
	if want := "Statement[1].Action[2:5]"; p.String() != want {
		t.Errorf("path = %s, want %s", p, want)
	}
}

// TestSoundPolicies have no finding at all.
func TestSoundPolicies(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule string
		kind policy.Kind
		text string
	}{
		{"the default key policy", policy.KeyPolicy, of(admin)},
		{"a key's administrators, as the console writes them", policy.KeyPolicy, of(admin,
			`{"Sid":"Allow access for Key Administrators","Effect":"Allow","Principal":{"AWS":"`+account+`role/x"},"Action":["kms:Create*","kms:Put*","kms:ScheduleKeyDeletion"],"Resource":"*"}`)},
		{"a function's logs", policy.IdentityPolicy, of(`{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/x:*"}`)},
		{"a SAML provider", policy.TrustPolicy, of(`{"Effect":"Allow","Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Principal":{"Federated":"` + account + `saml-provider/x"},"Condition":{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}`)},
		{"a third party", policy.TrustPolicy, of(`{ASSUME,"Principal":{"AWS":"210987654321"},"Condition":{"StringEquals":{"sts:ExternalId":"12345"}}}`)},
		{"a role for EC2", policy.TrustPolicy, of(`{ASSUME,"Principal":{"Service":"ec2.amazonaws.com"}}`)},
		{"a role for GitHub", policy.TrustPolicy, of(`{` + github + `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com","token.actions.githubusercontent.com:sub":"repo:example/x:ref:refs/heads/main"}}}`)},
		{"a launch with a grant for EC2", policy.IdentityPolicy, of(
			`{"Effect":"Allow","Action":"ec2:StartInstances","Resource":"arn:aws:ec2:*:123456789012:instance/*"}`,
			`{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"arn:aws:kms:*:123456789012:key/*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}}`)},
		{"a guardrail by Region", policy.ServiceControlPolicy, of(`{"Effect":"Deny","NotAction":["iam:*","sts:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1"]}}}`)},
		{"a data perimeter", policy.ResourceControlPolicy, of(`{DENY,"Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-example"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}`)},
		{"an endpoint's policy", policy.EndpointPolicy, of(`{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/*"}`)},
		{"variables and their escapes", policy.IdentityPolicy, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:PrincipalTag/team, 'all'}/${*}"}`)},
	} {
		report := analyzer.Analyze([]byte(row.text), analyzer.Options{Kind: row.kind})
		if len(report.Findings)+len(report.Malformed) > 0 {
			t.Errorf("%s: %s, %v", row.rule, codes(report), report.Malformed)
		}
	}
}

// TestOwnerOfAKey: the account of the key can be told, or is that of its
// root principal.
func TestOwnerOfAKey(t *testing.T) {
	t.Parallel()
	text := of(`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":"kms:*","Resource":"*"}`)
	if r := analyzer.Analyze([]byte(text), analyzer.Options{Kind: policy.KeyPolicy}); len(r.Findings) > 0 {
		t.Errorf("its own account: %s", codes(r))
	}
	r := analyzer.Analyze([]byte(text), analyzer.Options{Kind: policy.KeyPolicy, Account: "123456789012"})
	if find(r, "KMS_PRINCIPAL_IN_OTHER_ACCOUNT") == nil || find(r, "KMS_KEY_POLICY_WITHOUT_ROOT") == nil {
		t.Errorf("another account: %s", codes(r))
	}
}

func TestFindingsAreInTheOrderOfTheDocument(t *testing.T) {
	t.Parallel()
	for _, row := range rows {
		r := analyzer.Analyze([]byte(row.bad), analyzer.Options{Kind: row.kind})
		if !slices.IsSortedFunc(r.Findings, func(a, b analyzer.Finding) int { return a.Position().Offset - b.Position().Offset }) {
			t.Errorf("%s: %s", row.code, codes(r))
		}
	}
}

// hostile are texts made to take long.
func hostile() map[string]string {
	list := func(n int, item func(i int) string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(item(i))
		}
		return b.String()
	}
	number := func(prefix string) func(int) string {
		return func(i int) string { return `"` + prefix + strconv.Itoa(i) + `"` }
	}
	return map[string]string{
		"actions that do not exist":  of(`{"Effect":"Allow","Action":[` + list(9000, number("ec2:DescribeInstance")) + `],"Resource":"*"}`),
		"resources with wildcards":   of(`{"Effect":"Allow","Action":"ec2:RunInstances","Resource":[` + list(120, func(i int) string { return `"arn:aws:ec2:` + strings.Repeat("*a?", 660) + strconv.Itoa(i) + `"` }) + `]}`),
		"patterns against patterns":  of(`{"Effect":"Allow","Action":[` + list(400, func(i int) string { return `"s3:` + strings.Repeat("*a", 300) + strconv.Itoa(i) + `"` }) + `],"Resource":"*"}`),
		"fewer patterns":             of(`{"Effect":"Allow","Action":[` + list(50, func(i int) string { return `"s3:` + strings.Repeat("*a", 300) + strconv.Itoa(i) + `"` }) + `],"Resource":"*"}`),
		"conditions against actions": of(`{"Effect":"Allow","Action":[` + list(5000, func(int) string { return `"kms:DescribeKey"` }) + `],"Resource":"*","Condition":{"StringEquals":{` + list(3000, func(i int) string { return `"kms:EncryptionContext:` + strconv.Itoa(i) + `":"x"` }) + `}}}`),
		"principals against actions": of(`{"Effect":"Allow","Action":[` + list(5000, func(int) string { return `"sts:AssumeRole"` }) + `],"Principal":{"Federated":[` + list(3000, func(int) string { return `"accounts.google.com"` }) + `]}}`),
		"statements":                 of(list(3500, func(int) string { return `{"Effect":"Allow","Action":"kms:*","Principal":"*","Resource":"*"}` })),
		"one long pattern":           of(`{"Effect":"Allow","Action":"ec2:` + strings.Repeat("*a", 120000) + `","Resource":"*"}`),
		"a megabyte of statements":   of(list(20000, func(int) string { return `{"Effect":"Allow","Action":"kms:*","Resource":"*"}` })),
		"nested lists":               strings.Repeat("[", 100000),
		"keys in different case":     of(`{ACTION,"Condition":{"StringEquals":{` + list(8000, func(i int) string { return `"aws:PrincipalTag/` + strconv.Itoa(i) + `":"x"` }) + `}}}`),
	}
}

func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		for _, kind := range []policy.Kind{identity, trust, key, rcp} {
			start := time.Now()
			analyzer.Analyze([]byte(text), analyzer.Options{Kind: kind})
			// Many times what the slowest takes on a busy machine.
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%s, kind %d: %s", name, kind, took)
			} else if testing.Verbose() {
				t.Logf("%s, kind %d: %s", name, kind, took)
			}
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, row := range rows {
		f.Add(row.bad, int(row.kind))
	}
	f.Fuzz(func(t *testing.T, text string, kind int) {
		report := analyzer.Analyze([]byte(text), analyzer.Options{Kind: policy.Kind(kind)})
		for _, finding := range report.Findings {
			if len(finding.Locations) == 0 || strings.Contains(finding.Details, "%!") {
				t.Errorf("%+v", finding)
			}
			for _, l := range finding.Locations {
				if l.Start.Offset < 0 || l.Start.Offset > l.End.Offset || l.End.Offset > len(text) || l.Start.Line < 1 || l.Start.Column < 1 {
					t.Errorf("%s from %s to %s", finding.Code, l.Start, l.End)
				}
			}
		}
		if _, err := policy.Load([]byte(text), policy.Kind(kind)); (err != nil) != (len(report.Malformed) > 0) {
			t.Errorf("the service says %v, the report %v", err, report.Malformed)
		}
	})
}

func BenchmarkAnalyze(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		analyzer.Analyze([]byte(slips), analyzer.Options{Kind: policy.ManagedPolicy})
	}
}
