package analyzer_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

// forms are further forms of checks that have a row: found at the path, or not
// found if there is none.
var forms = []struct {
	rule string
	code analyzer.Code
	kind policy.Kind
	text string
	at   string
}{
	{"a document that is a list", "DATA_TYPE_MISMATCH", identity, `[]`, "-"},
	{"a version that is a number", "DATA_TYPE_MISMATCH", identity, `{"Version":2012,"Statement":[]}`, "Version"},
	{"a statement that is a string", "DATA_TYPE_MISMATCH", identity, of(`"x"`, `{ACTION}`), "Statement[0]"},
	{"an effect that is a list", "DATA_TYPE_MISMATCH", identity, of(`{"Effect":["Allow"],"Action":"*","Resource":"*"}`), "Statement[0].Effect"},
	{"a condition that is a string", "DATA_TYPE_MISMATCH", identity, of(`{ACTION,"Condition":"x"}`), "Statement[0].Condition"},
	{"an operator without keys", "DATA_TYPE_MISMATCH", identity, of(`{ACTION,"Condition":{"Bool":"true"}}`), "Statement[0].Condition.Bool"},
	{"a value that is null", "DATA_TYPE_MISMATCH", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:username":null}}}`), "Statement[0].Condition.StringEquals.aws:username"},
	{"a principal that is a number", "DATA_TYPE_MISMATCH", key, of(admin, `{USE,"Principal":123456789012}`), "Statement[1].Principal"},
	{"a document without a statement", "MISSING_STATEMENT", identity, `{"Version":"2012-10-17"}`, "-"},
	{"an element of the document", "INVALID_POLICY_ELEMENT", identity, `{"version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "version"},
	{"an action without a service", "INVALID_ACTION", identity, of(`{"Effect":"Allow","Action":"RunInstances","Resource":"*"}`), "Statement[0].Action"},
	{"a pattern that matches nothing", "INVALID_ACTION", identity, of(`{"Effect":"Deny","NotAction":"kms:ReEncryp","Resource":"*"}`), "Statement[0].NotAction"},
	{"a service with a wildcard", "WILDCARD_IN_SERVICE_NAME", identity, of(`{"Effect":"Allow","Action":"k*:Decrypt","Resource":"*"}`), "Statement[0].Action"},
	{"the same action twice", "REDUNDANT_ACTION", identity, of(`{"Effect":"Allow","Action":["kms:Decrypt","KMS:decrypt"],"Resource":"*"}`), "Statement[0].Action[1]"},
	{"a question mark is no asterisk", "REDUNDANT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["` + account + `role/a?","` + account + `role/a*"]}`), "Statement[0].Resource[0]"},
	{"an asterisk is no question mark", "REDUNDANT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["` + account + `role/a?c","` + account + `role/a*"]}`), "Statement[0].Resource[0]"},
	{"what neither covers", "REDUNDANT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["` + account + `role/*a","` + account + `role/a*"]}`), ""},
	{"an ARN with a wildcard in its head", "INVALID_ARN_PREFIX", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn*:role/x"}`), ""},
	{"a variable for an ARN", "INVALID_ARN_PREFIX", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"${aws:PrincipalTag/role}"}`), ""},
	{"a variable in an ARN", "INVALID_ARN_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:GetUser","Resource":"` + account + `user/${aws:username}"}`), ""},
	{"the service of an ARN does not exist", "INVALID_SERVICE", identity, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:nosuch:::x"}`), "Statement[0].Resource"},
	{"the service of a key does not exist", "INVALID_SERVICE", identity, of(`{ACTION,"Condition":{"StringEquals":{"nosuch:key":"x"}}}`), "Statement[0].Condition.StringEquals.nosuch:key"},
	{"the key of an identity provider", "INVALID_SERVICE", trust, of(`{` + github + `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":"x"}}}`), ""},
	{"a Region that is new", "INVALID_ARN_REGION", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:xx-future-1:123456789012:key/x"}`), ""},
	{"a Region with a slip", "INVALID_ARN_REGION", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-wset-1:123456789012:key/x"}`), "Statement[0].Resource"},
	{"a list of principals without a type", "INVALID_PRINCIPAL_FORMAT", key, of(admin, `{USE,"Principal":["123456789012"]}`), "Statement[1].Principal"},
	{"a service that is no name", "INVALID_SERVICE_PRINCIPAL_FORMAT", key, of(admin, `{USE,"Principal":{"Service":"EC2"}}`), "Statement[1].Principal.Service"},
	{"a service with its Region", "INVALID_SERVICE_PRINCIPAL_FORMAT", trust, of(`{ASSUME,"Principal":{"Service":"states.eu-west-1.amazonaws.com"}}`), ""},
	{"every service", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL", trust, of(`{ASSUME,"Principal":{"Service":"*"}}`), "Statement[0].Principal.Service"},
	{"a variable for a principal", "VARIABLE_UNSUPPORTED_IN_ELEMENT", key, of(admin, `{USE,"Principal":{"AWS":"`+account+`user/${aws:username}"}}`), "Statement[1].Principal.AWS"},
	{"kms:ViaService with a wildcard", "INVALID_SERVICE_PRINCIPAL_FORMAT", identity, of(`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringLike":{"kms:ViaService":"ec2.*.amazonaws.com"}}}`), ""},
	{"the service that a role is passed to", "INVALID_SERVICE_PRINCIPAL_FORMAT", identity, of(`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2"}}}`), "Statement[0].Condition.StringEquals.iam:PassedToService"},
	{"a wildcard in a sensitive key", "WILDCARD_USAGE_TOO_PERMISSIVE", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:PrincipalOrgID":"o-*"}}}`), "Statement[0].Condition.StringLike.aws:PrincipalOrgID"},
	{"a variable left of the colon", "VARIABLE_USAGE_TOO_PERMISSIVE", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:userid":"AROA${aws:PrincipalTag/id}:x"}}}`), "Statement[0].Condition.StringLike.aws:userid"},
	{"a variable right of the colon", "VARIABLE_USAGE_TOO_PERMISSIVE", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:userid":"AROAEXAMPLE:${aws:PrincipalTag/id}"}}}`), ""},
	{"a variable with Bool", "INVALID_VARIABLE_FOR_OPERATOR", identity, of(`{ACTION,"Condition":{"Bool":{"aws:SecureTransport":"${aws:PrincipalTag/secure}"}}}`), ""},
	{"an escape is no variable", "VARIABLE_UNSUPPORTED_IN_ELEMENT", identity, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${*}"}`), ""},
	{"no escapes in the old version", "VARIABLE_UNSUPPORTED_IN_VERSION", identity, strings.Replace(of(`{ACTION,"Condition":{"StringLike":{"aws:PrincipalTag/x":"${*}"}}}`), "2012", "2008", 1), "Statement[0].Condition.StringLike.aws:PrincipalTag/x"},
	{"a tag with the slash only", "MISSING_TAG_KEY_IN_CONDITION", identity, of(`{ACTION,"Condition":{"StringEquals":{"ec2:ResourceTag/":"x"}}}`), "Statement[0].Condition.StringEquals.ec2:ResourceTag/"},
	{"an empty condition", "EMPTY_OBJECT_CONDITION", identity, of(`{ACTION,"Condition":{}}`), "Statement[0].Condition"},
	{"a set operator that does not exist", "INVALID_CONDITION_OPERATOR", identity, of(`{ACTION,"Condition":{"ForSomeValues:StringEquals":{"aws:TagKeys":"x"}}}`), "Statement[0].Condition.ForSomeValues:StringEquals"},
	{"an address compared as text", "TYPE_MISMATCH", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:SourceIp":"203.0.113.1"}}}`), "Statement[0].Condition.StringEquals.aws:SourceIp"},
	{"ForAllValues in a Deny denies more", "FORALLVALUES_WITH_SINGLE_VALUED_KEY", identity, of(`{"Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:PrincipalTag/x":"y"}}}`), ""},
	{"ForAllValues of an audience", "FORALLVALUES_WITH_SINGLE_VALUED_KEY", trust, of(`{` + github + `,"Condition":{"ForAllValues:StringEquals":{"token.actions.githubusercontent.com:aud":"x"}}}`), "Statement[0].Condition.ForAllValues:StringEquals.token.actions.githubusercontent.com:aud"},
	{"every branch of every repository", "SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED", trust, of(`{` + github + `,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:example/*:ref:refs/heads/main"}}}`), "Statement[0].Condition.StringLike.token.actions.githubusercontent.com:sub"},
	{"a SAML provider by web identity", "MISMATCHED_ACTION_FOR_PRINCIPAL", trust, of(`{"Effect":"Allow","Action":["sts:AssumeRoleWithWebIdentity"],"Principal":{"Federated":"` + account + `saml-provider/x"}}`), "Statement[0].Action[0]"},
	{"a user by SAML", "MISMATCHED_ACTION_FOR_PRINCIPAL", trust, of(`{"Effect":"Allow","Action":"sts:AssumeRoleWithSAML",ROOT}`), "Statement[0].Action"},
	{"each action has its principal", "MISMATCHED_ACTION_FOR_PRINCIPAL", trust, of(`{"Effect":"Allow","Action":["sts:AssumeRole","sts:AssumeRoleWithSAML"],"Principal":{"AWS":"123456789012","Federated":"` + account + `saml-provider/x"}}`), ""},
	{"a trust policy of another service", "UNSUPPORTED_ACTION_IN_POLICY", trust, of(`{"Effect":"Allow","Action":"iam:PassRole",ROOT}`), "Statement[0].Action"},
	{"a key never present in a service's requests, negated", "UNSUPPORTED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL", key, of(admin, `{USE,"Principal":{"Service":"cloudfront.amazonaws.com"},"Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-example"}}}`), ""},
	{"a tag that may be absent", "MISSING_ACTION_FOR_CONDITION_KEY", trust, of(`{ASSUME,ROOT,"Condition":{"StringEqualsIfExists":{"aws:RequestTag/x":"y"}}}`), ""},
	{"a session tag", "MISSING_ACTION_FOR_CONDITION_KEY", trust, of(`{ASSUME,ROOT,"Condition":{"StringEquals":{"aws:RequestTag/x":"y"}}}`), "Statement[0].Condition.StringEquals.aws:RequestTag/x"},
	{"an RCP without a principal", "RCP_SYNTAX_ERROR_PRINCIPAL", rcp, of(`{"Effect":"Deny","Action":"s3:*","Resource":"*"}`), "Statement[0]"},
	{"an RCP for all but some", "RCP_SYNTAX_ERROR_PRINCIPAL", rcp, of(`{"Effect":"Deny","NotPrincipal":"*","Action":"s3:*","Resource":"*"}`), "Statement[0].NotPrincipal"},
	{"an RCP that denies everything", "RCP_SYNTAX_ERROR_ACTION", rcp, of(`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`), "Statement[0].Action"},
	{"an endpoint's policy names principals", "MISSING_PRINCIPAL", endpoint, of(`{READ}`), "Statement[0]"},
	{"a pattern of actions and a key", "UNSUPPORTED_ACTION_FOR_CONDITION_KEY", identity, of(`{"Effect":"Allow","Action":"kms:Describe*","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"x"}}}`), ""},
	{"a key that may be absent", "UNSUPPORTED_ACTION_FOR_CONDITION_KEY", identity, of(`{"Effect":"Allow","Action":["kms:Decrypt","kms:DescribeKey"],"Resource":"*","Condition":{"StringEqualsIfExists":{"kms:EncryptionContext:app":"x"}}}`), ""},
	{"a service without tags", "ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", identity, of(`{"Effect":"Allow","Action":"pricing:Get*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag/x"},
	{"a grant by whoever may put the policy", "KMS_CREATE_GRANT_UNRESTRICTED", key, of(admin, `{"Effect":"Allow","Principal":"*","Action":["kms:PutKeyPolicy","kms:CreateGrant"],"Resource":"*"}`), ""},
	{"a grant by a pattern", "KMS_CREATE_GRANT_UNRESTRICTED", identity, of(`{"Effect":"Allow","Action":"kms:Create*","Resource":"*"}`), "Statement[0].Action"},
	{"an operation that grants do not have", "KMS_INVALID_CONDITION_VALUE", identity, of(`{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt","ReEncrypt"]}}}`), "Statement[0].Condition.ForAllValues:StringEquals.kms:GrantOperations[1]"},
	{"an operation by a pattern", "KMS_INVALID_CONDITION_VALUE", identity, of(`{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"ForAllValues:StringLike":{"kms:GrantOperations":["ReEncrypt*"]}}}`), ""},
	{"a root statement with a condition", "KMS_KEY_POLICY_WITHOUT_ROOT", key, of(`{ROOT,"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`), "Statement"},
}

func TestForms(t *testing.T) {
	t.Parallel()
	for _, row := range forms {
		report := analyzer.Analyze([]byte(row.text), analyzer.Options{Kind: row.kind})
		f := find(report, row.code)
		got := ""
		if f != nil {
			if got = f.Locations[0].Path.String(); got == "" {
				got = "-"
			}
		}
		if got != row.at {
			t.Errorf("%s: %s is at %q, want %q; all: %s", row.rule, row.code, got, row.at, codes(report))
		}
	}
}

// TestLayoutDoesNotMatter: the same document with other white space has the same
// findings, save for its size.
func TestLayoutDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, row := range rows {
		if strings.HasPrefix(string(row.code), "POLICY_SIZE") || row.code == "JSON_SYNTAX_ERROR" {
			continue
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, []byte(row.bad), "\t", "   "); err != nil {
			t.Fatal(err)
		}
		plain := analyzer.Analyze([]byte(row.bad), analyzer.Options{Kind: row.kind})
		spaced := analyzer.Analyze(indented.Bytes(), analyzer.Options{Kind: row.kind})
		if diff := cmp.Diff(codes(plain), codes(spaced)); diff != "" {
			t.Errorf("%s: %s", row.code, diff)
		}
	}
}

func TestPolicyTypes(t *testing.T) {
	t.Parallel()
	for kind, want := range map[policy.Kind][2]string{
		policy.IdentityPolicy:        {"IDENTITY_POLICY", ""},
		policy.ManagedPolicy:         {"IDENTITY_POLICY", ""},
		policy.TrustPolicy:           {"RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument"},
		policy.KeyPolicy:             {"RESOURCE_POLICY", "AWS::KMS::Key"},
		policy.EndpointPolicy:        {"RESOURCE_POLICY", ""},
		policy.ServiceControlPolicy:  {"SERVICE_CONTROL_POLICY", ""},
		policy.ResourceControlPolicy: {"RESOURCE_CONTROL_POLICY", ""},
	} {
		if policyType, resource := analyzer.PolicyType(kind); policyType != want[0] || resource != want[1] {
			t.Errorf("%d: %s, %s", kind, policyType, resource)
		}
	}
}
