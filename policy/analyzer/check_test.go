package analyzer_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

const (
	identity = policy.IdentityPolicy
	trust    = policy.TrustPolicy
	key      = policy.KeyPolicy
	scp      = policy.ServiceControlPolicy
	rcp      = policy.ResourceControlPolicy
	endpoint = policy.EndpointPolicy
)

// of makes a document of statements. In a statement ACTION stands for an action
// on all resources that is allowed, and ROOT for the account's root principal.
func of(statements ...string) string {
	text := `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	return strings.NewReplacer(
		`ACTION`, `"Effect":"Allow","Action":"ec2:DescribeInstances","Resource":"*"`,
		`READ`, `"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`,
		`ASSUME`, `"Effect":"Allow","Action":"sts:AssumeRole"`,
		`USE`, `"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"`,
		`ROOT`, `"Principal":{"AWS":"arn:aws:iam::123456789012:root"}`,
		`DENY`, `"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"`,
	).Replace(text)
}

const (
	account = "arn:aws:iam::123456789012:"
	github  = `"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"` + account + `oidc-provider/token.actions.githubusercontent.com"}`
	admin   = `{ROOT,"Effect":"Allow","Action":"kms:*","Resource":"*"}`
)

// long is a statement with a condition of n characters.
func long(n int, statement string) string {
	return of(strings.TrimSuffix(statement, "}") + `,"Condition":{"StringEquals":{"aws:PrincipalTag/x":"` + strings.Repeat("x", n) + `"}}}`)
}

// rows are one for each check: a document that it finds, the path of the place,
// and a document that is as like as can be and that it does not find.
var rows = []struct {
	code analyzer.Code
	kind policy.Kind
	bad  string
	at   string
	good string
}{
	{"ARN_ACCOUNT_NOT_ALLOWED", identity, of(`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3::123456789012:example"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::example"}`)},
	{"ARN_REGION_NOT_ALLOWED", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["arn:aws:iam:eu-west-1:123456789012:role/x"]}`), "Statement[0].Resource[0]", of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["` + account + `role/x"]}`)},
	{"DATA_TYPE_MISMATCH", identity, of(`{"Effect":"Allow","Action":["ec2:RunInstances",7],"Resource":"*"}`), "Statement[0].Action[1]", of(`{"Effect":"Allow","Action":["ec2:RunInstances","ec2:StopInstances"],"Resource":"*"}`)},
	{"DUPLICATE_KEYS_WITH_DIFFERENT_CASE", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:username":"a","aws:UserName":"b"}}}`), "Statement[0].Condition.StringEquals.aws:UserName", of(`{ACTION,"Condition":{"StringEquals":{"aws:username":"a"},"StringLike":{"aws:UserName":"b*"}}}`)},
	{"EMPTY_VARIABLE", identity, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${}"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username}"}`)},
	{"FEDERATED_PRINCIPAL_NOT_SUPPORTED", key, of(admin, `{USE,"Principal":{"Federated":"accounts.google.com"}}`), "Statement[1].Principal.Federated", of(admin, `{USE,"Principal":{"AWS":"123456789012"}}`)},
	{"INVALID_ACTION", identity, of(`{"Effect":"Allow","Action":["kms:Encrypt","kms:ReEncrypt"],"Resource":"*"}`), "Statement[0].Action[1]", of(`{"Effect":"Allow","Action":["kms:Encrypt","kms:ReEncrypt*"],"Resource":"*"}`)},
	{"INVALID_ARN_ACCOUNT", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iam::12345678901:role/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"iam:GetPolicy","Resource":"arn:aws:iam::aws:policy/x"}`)},
	{"INVALID_ARN_PREFIX", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"aws:iam::123456789012:role/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"*"}`)},
	{"INVALID_ARN_REGION", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west1:123456789012:key/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-9:123456789012:key/x"}`)},
	{"INVALID_ARN_RESOURCE", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-1:123456789012:keys/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-1:123456789012:key/x"}`)},
	{"INVALID_ARN_SERVICE_CASE", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:IAM::123456789012:role/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"IAM:GetRole","Resource":"` + account + `role/x"}`)},
	{"INVALID_CONDITION_DATA_TYPE", identity, of(`{ACTION,"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":[300,"600"]}}}`), "Statement[0].Condition.NumericLessThan.aws:MultiFactorAuthAge", of(`{ACTION,"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":["300","600"]}}}`)},
	{"INVALID_CONDITION_KEY_FORMAT", identity, of(`{ACTION,"Condition":{"StringEquals":{"username":"x"}}}`), "Statement[0].Condition.StringEquals.username", of(`{ACTION,"Condition":{"StringEquals":{"aws:username":"x"}}}`)},
	{"INVALID_CONDITION_MULTIPLE_BOOLEAN", identity, of(`{ACTION,"Condition":{"Bool":{"aws:SecureTransport":["true","false"]}}}`), "Statement[0].Condition.Bool.aws:SecureTransport", of(`{ACTION,"Condition":{"Bool":{"aws:SecureTransport":["true"]}}}`)},
	{"INVALID_CONDITION_OPERATOR", identity, of(`{ACTION,"Condition":{"StringEqual":{"aws:username":"x"}}}`), "Statement[0].Condition.StringEqual", of(`{ACTION,"Condition":{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"x"}}}`)},
	{"INVALID_EFFECT", identity, of(`{"Effect":"allow","Action":"ec2:RunInstances","Resource":"*"}`), "Statement[0].Effect", of(`{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*"}`)},
	{"INVALID_FEDERATED_PRINCIPAL_SYNTAX_IN_ROLE_TRUST_POLICY", trust, of(`{"Effect":"Allow","Action":"sts:AssumeRoleWithSAML","Principal":{"Federated":"*"}}`), "Statement[0].Principal.Federated", of(`{"Effect":"Allow","Action":"sts:AssumeRoleWithSAML","Principal":{"Federated":"` + account + `saml-provider/x"}}`)},
	{"INVALID_GLOBAL_CONDITION_KEY", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:PrincipalOrgIDs":"o-example"}}}`), "Statement[0].Condition.StringEquals.aws:PrincipalOrgIDs", of(`{ACTION,"Condition":{"StringEquals":{"aws:principalorgid":"o-example"}}}`)},
	{"INVALID_KMS_KEY_VALUE", identity, of(`{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"alias/x"}}}`), "Statement[0].Condition.StringEquals.s3:x-amz-server-side-encryption-aws-kms-key-id", of(`{"Effect":"Allow","Action":"s3:PutObject","Resource":"*","Condition":{"StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:eu-west-1:123456789012:key/x"}}}`)},
	{"INVALID_PARTITION", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:amazon:iam::123456789012:role/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws-cn:iam::123456789012:role/x"}`)},
	{"INVALID_POLICY_ELEMENT", identity, of(`{ACTION,"Resources":"*"}`), "Statement[0].Resources", of(`{"Sid":"x",ACTION}`)},
	{"INVALID_PRINCIPAL_FORMAT", key, of(admin, `{USE,"Principal":"123456789012"}`), "Statement[1].Principal", of(admin, `{USE,"Principal":"*"}`)},
	{"INVALID_PRINCIPAL_KEY", key, of(admin, `{USE,"Principal":{"Aws":"123456789012"}}`), "Statement[1].Principal.Aws", of(admin, `{USE,"Principal":{"AWS":"123456789012"}}`)},
	{"INVALID_REGION", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:RequestedRegion":["eu-west-1","us-esat-1"]}}}`), "Statement[0].Condition.StringEquals.aws:RequestedRegion[1]", of(`{ACTION,"Condition":{"StringEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1","xx-future-1"]}}}`)},
	{"INVALID_SERVICE", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"arn:aws:iamm::123456789012:role/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":"` + account + `role/x"}`)},
	{"INVALID_SERVICE_CONDITION_KEY", key, of(admin, `{USE,"Principal":"*","Condition":{"Bool":{"kms:GrantIsForAWS":"true"}}}`), "Statement[1].Condition.Bool.kms:GrantIsForAWS", of(admin, `{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Principal":"*","Condition":{"Bool":{"kms:grantisforawsresource":"true"}}}`)},
	{"INVALID_SERVICE_IN_ACTION", identity, of(`{"Effect":"Allow","Action":"ec3:RunInstances","Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"EC2:RunInstances","Resource":"*"}`)},
	{"INVALID_SERVICE_PRINCIPAL_FORMAT", key, of(admin, `{USE,"Principal":"*","Condition":{"StringEquals":{"kms:ViaService":"ec2.amazonaws.com"}}}`), "Statement[1].Condition.StringEquals.kms:ViaService", of(admin, `{USE,"Principal":"*","Condition":{"StringEquals":{"kms:ViaService":"ec2.eu-west-1.amazonaws.com"}}}`)},
	{"INVALID_VARIABLE_FOR_OPERATOR", identity, of(`{ACTION,"Condition":{"NumericEquals":{"aws:MultiFactorAuthAge":"${aws:PrincipalTag/age}"}}}`), "Statement[0].Condition.NumericEquals.aws:MultiFactorAuthAge", of(`{ACTION,"Condition":{"StringEquals":{"aws:username":"${aws:PrincipalTag/name}"}}}`)},
	{"INVALID_VERSION", identity, `{"Version":"2012-10-18","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, "Version", `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`},
	{"INVALID_VPC_FORMAT", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-123"}}}`), "Statement[0].Condition.StringEquals.aws:SourceVpc", of(`{ACTION,"Condition":{"StringEquals":{"aws:SourceVpc":"vpc-12345678"}}}`)},
	{"INVALID_VPCE_FORMAT", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:SourceVpce":"vpc-12345678"}}}`), "Statement[0].Condition.StringEquals.aws:SourceVpce", of(`{ACTION,"Condition":{"StringEquals":{"aws:SourceVpce":"vpce-11223344556677889"}}}`)},
	{"JSON_SYNTAX_ERROR", identity, `{"Version":"2012-10-17",}`, "", `{"Version":"2012-10-17"}`},
	{"MISMATCHED_ACTION_FOR_PRINCIPAL", trust, of(`{ASSUME,"Principal":{"Federated":"cognito-identity.amazonaws.com"},"Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"x"}}}`), "Statement[0].Action", of(`{ASSUME,ROOT}`)},
	{"MISSING_ACTION", identity, of(`{"Effect":"Allow","Resource":"*"}`), "Statement[0]", of(`{"Effect":"Deny","NotAction":"ec2:*","Resource":"*"}`)},
	{"MISSING_ACTION_FOR_CONDITION_KEY", trust, of(`{ASSUME,ROOT,"Condition":{"StringLike":{"sts:SourceIdentity":"a*"}}}`), "Statement[0].Condition.StringLike.sts:SourceIdentity", of(`{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity"],ROOT,"Condition":{"StringLike":{"sts:SourceIdentity":"a*"}}}`)},
	{"MISSING_ACTION_FOR_ROLES_ANYWHERE_TRUST_POLICY", trust, of(`{ASSUME,"Principal":{"Service":"rolesanywhere.amazonaws.com"}}`), "Statement[0].Principal.Service", of(`{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Principal":{"Service":"rolesanywhere.amazonaws.com"}}`)},
	{"MISSING_ARN_ACCOUNT", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-1::key/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-1:*:key/x"}`)},
	{"MISSING_ARN_FIELD", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-1"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:eu-west-1:*"}`)},
	{"MISSING_ARN_REGION", identity, of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms::123456789012:key/x"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:*:123456789012:key/x"}`)},
	{"MISSING_BRACE_IN_VARIABLE", identity, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username}"}`)},
	{"MISSING_EFFECT", identity, of(`{"Action":"ec2:RunInstances","Resource":"*"}`), "Statement[0]", of(`{ACTION}`)},
	{"MISSING_PRINCIPAL", key, of(admin, `{USE}`), "Statement[1]", of(admin, `{USE,"Principal":"*"}`)},
	{"MISSING_QUALIFIER", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:TagKeys":"x"}}}`), "Statement[0].Condition.StringEquals.aws:TagKeys", of(`{ACTION,"Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"x"},"Null":{"aws:TagKeys":"false"}}}`)},
	{"MISSING_QUOTE_IN_VARIABLE", identity, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username, nobody}"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username, 'nobody'}"}`)},
	{"MISSING_RESOURCE", identity, of(`{"Effect":"Allow","Action":"ec2:RunInstances"}`), "Statement[0]", of(`{ACTION}`)},
	{"MISSING_STATEMENT", identity, `{"Version":"2012-10-17","Statement":[]}`, "Statement", of(`{ACTION}`)},
	{"MISSING_TAG_KEY_IN_CONDITION", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:ResourceTag":"x"}}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag", of(`{ACTION,"Condition":{"StringEquals":{"aws:PrincipalTag/x":"x"}}}`)},
	{"NULL_WITH_IF_EXISTS", identity, of(`{ACTION,"Condition":{"NullIfExists":{"aws:TokenIssueTime":"true"}}}`), "Statement[0].Condition.NullIfExists", of(`{ACTION,"Condition":{"Null":{"aws:TokenIssueTime":"true"}}}`)},
	{"POLICY_SIZE_EXCEEDS_RCP_QUOTA", rcp, long(5200, `{DENY}`), "", long(4000, `{DENY}`)},
	{"POLICY_SIZE_EXCEEDS_SCP_QUOTA", scp, long(10240, `{ACTION}`), "", long(9000, `{ACTION}`)},
	{"PRIVATE_IP_ADDRESS", identity, of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","192.168.1.1"]}}}`), "Statement[0].Condition.IpAddress.aws:SourceIp", of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24"]}}}`)},
	{"PRIVATE_NOT_IP_ADDRESS", identity, of(`{ACTION,"Condition":{"NotIpAddress":{"aws:SourceIp":"172.16.0.0/12"}}}`), "Statement[0].Condition.NotIpAddress.aws:SourceIp", of(`{ACTION,"Condition":{"NotIpAddress":{"aws:SourceIp":"172.15.0.0/16"}}}`)},
	{"RCP_SYNTAX_ERROR_ACTION", rcp, of(`{"Effect":"Deny","Principal":"*","Action":"ec2:RunInstances","Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`)},
	{"RCP_SYNTAX_ERROR_ALLOW", rcp, of(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"arn:aws:s3:::example"}`), "Statement[0]", of(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`)},
	{"RCP_SYNTAX_ERROR_NOTACTION", rcp, of(`{"Effect":"Deny","Principal":"*","NotAction":"s3:GetObject","Resource":"*"}`), "Statement[0].NotAction", of(`{DENY}`)},
	{"RCP_SYNTAX_ERROR_PRINCIPAL", rcp, of(`{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"}`), "Statement[0].Principal", of(`{DENY}`)},
	{"ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL", trust, of(`{"Effect":"Deny","Action":"sts:AssumeRole","NotPrincipal":{"AWS":"123456789012"}}`), "Statement[0].NotPrincipal", of(`{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}}`)},
	{"ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE", trust, of(`{ASSUME,ROOT,"Resource":"*"}`), "Statement[0].Resource", of(`{ASSUME,ROOT}`)},
	{"ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL", trust, of(`{ASSUME,"Principal":"*"}`), "Statement[0].Principal", of(`{ASSUME,"Principal":{"AWS":"*"}}`)},
	{"SCP_SYNTAX_ERROR_ACTION_WILDCARD", scp, of(`{"Effect":"Deny","Action":"iam:*Role","Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Deny","Action":"iam:Create*","Resource":"*"}`)},
	{"SCP_SYNTAX_ERROR_PRINCIPAL", scp, of(`{ACTION,"Principal":"*"}`), "Statement[0].Principal", of(`{ACTION}`)},
	{"TYPE_MISMATCH_IP_RANGE", identity, of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/33"}}}`), "Statement[0].Condition.IpAddress.aws:SourceIp", of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":"2001:DB8::/32"}}}`)},
	{"UNIQUE_SIDS_REQUIRED", identity, of(`{"Sid":"a",ACTION}`, `{"Sid":"a",READ}`), "Statement[1].Sid", of(`{"Sid":"a",ACTION}`, `{"Sid":"A",READ}`)},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", identity, of(`{"Effect":"Allow","Action":["kms:Decrypt","kms:DescribeKey"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"x"}}}`), "Statement[0].Action[1]", of(`{"Effect":"Allow","Action":["kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"x"}}}`)},
	{"UNSUPPORTED_ACTION_IN_POLICY", key, of(admin, `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`), "Statement[1].Action", of(admin, `{USE,"Principal":"*"}`)},
	{"UNSUPPORTED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL", key, of(admin, `{USE,"Principal":{"Service":"cloudfront.amazonaws.com"},"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-example"}}}`), "Statement[1].Condition.StringEquals.aws:PrincipalOrgID", of(admin, `{USE,"Principal":{"Service":"cloudfront.amazonaws.com"},"Condition":{"StringEquals":{"aws:SourceOrgID":"o-example"}}}`)},
	{"UNSUPPORTED_ELEMENT_COMBINATION", identity, of(`{ACTION,"NotAction":"ec2:RunInstances"}`), "Statement[0].Action", of(`{ACTION}`)},
	{"UNSUPPORTED_GLOBAL_CONDITION_KEY", key, of(admin, `{USE,"Principal":"*","Condition":{"ArnLike":{"aws:ARN":"`+account+`user/x"}}}`), "Statement[1].Condition.ArnLike.aws:ARN", of(admin, `{USE,"Principal":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"`+account+`user/x"}}}`)},
	{"UNSUPPORTED_PRINCIPAL", identity, of(`{ACTION,"Principal":"*"}`), "Statement[0].Principal", of(`{ACTION}`)},
	{"UNSUPPORTED_RESOURCE_ARN_IN_POLICY", key, of(admin, `{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:123456789012:alias/x"}`), "Statement[1].Resource", of(admin, `{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:123456789012:key/x"}`)},
	{"UNSUPPORTED_SID", identity, of(`{"Sid":"a b",ACTION}`), "Statement[0].Sid", of(`{"Sid":"aB1",ACTION}`)},
	{"UNSUPPORTED_SPACE_IN_VARIABLE", identity, of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws: username}"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:PrincipalTag/cost center, 'none'}"}`)},
	{"UNSUPPORTED_WILDCARD_IN_PRINCIPAL", key, of(admin, `{USE,"Principal":{"AWS":"`+account+`role/*"}}`), "Statement[1].Principal.AWS", of(admin, `{USE,"Principal":{"AWS":"*"}}`)},
	{"VARIABLE_UNSUPPORTED_IN_ELEMENT", identity, of(`{"Effect":"Allow","Action":"s3:${aws:username}","Resource":"*"}`), "Statement[0].Action", of(`{READ}`)},
	{"VARIABLE_UNSUPPORTED_IN_VERSION", identity, strings.Replace(of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username}"}`), "2012", "2008", 1), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::example/${aws:username}"}`)},
	{"VARIABLE_USAGE_TOO_PERMISSIVE", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:ResourceAccount":"${aws:PrincipalTag/account}"}}}`), "Statement[0].Condition.StringLike.aws:ResourceAccount", of(`{ACTION,"Condition":{"StringLike":{"aws:ResourceAccount":"${aws:PrincipalAccount}"}}}`)},
	{"WILDCARD_USAGE_TOO_PERMISSIVE", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:userid":["AROAEXAMPLE*"]}}}`), "Statement[0].Condition.StringLike.aws:userid[0]", of(`{ACTION,"Condition":{"StringLike":{"aws:userid":["AROAEXAMPLE:*","*:alice"]}}}`)},

	{"ALLOW_WITH_NOT_PRINCIPAL", key, of(admin, `{USE,"NotPrincipal":{"AWS":"123456789012"}}`), "Statement[1].NotPrincipal", of(admin, `{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*","NotPrincipal":{"AWS":"123456789012"}}`)},
	{"DENY_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", identity, of(`{"Effect":"Deny","NotAction":"ec2:StopInstances","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag/x", of(`{"Effect":"Deny","NotAction":"ec2:StopInstances","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/x":"y"}}}`)},
	{"DENY_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", identity, of(`{"Effect":"Deny","Action":"sts:GetCallerIdentity","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag/x", of(`{"Effect":"Deny","Action":"ec2:StopInstances","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`)},
	{"DYNAMODB_ATTRIBUTES_WITHOUT_SELECT", identity, of(`{"Effect":"Allow","Action":"dynamodb:Query","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["Id"]}}}`), "Statement[0].Condition.ForAllValues:StringEquals.dynamodb:Attributes", of(`{"Effect":"Allow","Action":"dynamodb:Query","Resource":"*","Condition":{"ForAllValues:StringEquals":{"dynamodb:Attributes":["Id"]},"StringEquals":{"dynamodb:Select":"SPECIFIC_ATTRIBUTES"}}}`)},
	{"FORALLVALUES_WITH_SINGLE_VALUED_KEY", identity, of(`{ACTION,"Condition":{"ForAllValues:StringEquals":{"aws:PrincipalTag/x":"y"}}}`), "Statement[0].Condition.ForAllValues:StringEquals.aws:PrincipalTag/x", of(`{ACTION,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"y"}}}`)},
	{"FORANYVALUE_WITH_AUDIENCE_CLAIM_TYPE", trust, of(`{` + github + `,"Condition":{"ForAnyValue:StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}}`), "Statement[0].Condition.ForAnyValue:StringEquals.token.actions.githubusercontent.com:aud", of(`{` + github + `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}}`)},
	{"MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL", trust, of(`{` + github + `}`), "Statement[0].Principal.Federated", of(`{` + github + `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}}`)},
	{"MISSING_GITHUB_REPO_CONDITION_KEY", trust, of(`{` + github + `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}}`), "Statement[0].Principal.Federated", of(`{` + github + `,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:example/x:ref:refs/heads/main"}}}`)},
	{"MISSING_PAIRED_CONDITION_KEYS", identity, of(`{ACTION,"Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}}`), "Statement[0].Condition.IpAddress.aws:VpcSourceIp", of(`{ACTION,"Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"},"StringEquals":{"aws:SourceVpc":"vpc-12345678"}}}`)},
	{"PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE", identity, of(`{"Effect":"Allow","NotAction":"ec2:*","NotResource":"` + account + `role/x"}`), "Statement[0].NotAction", of(`{"Effect":"Allow","NotAction":["ec2:*","iam:*"],"NotResource":"` + account + `role/x"}`)},
	{"PASS_ROLE_WITH_NOT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:PassRole","NotResource":"` + account + `role/x"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:PassRole","Resource":"` + account + `role/x"}`)},
	{"PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:*","NotResource":"` + account + `role/x"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:Get*","NotResource":"` + account + `role/x"}`)},
	{"PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:*","Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:*","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}`)},
	{"PASS_ROLE_WITH_STAR_IN_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/*"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::*:role/Service*"}`)},
	{"PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", identity, of(`{"Effect":"Allow","NotAction":"ec2:*","Resource":"*"}`), "Statement[0].NotAction", of(`{"Effect":"Deny","NotAction":"ec2:*","Resource":"*"}`)},
	{"RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL", key, of(admin, `{USE,"Principal":{"Service":["cloudtrail.amazonaws.com"]}}`), "Statement[1].Principal.Service[0]", of(admin, `{USE,"Principal":{"Service":["cloudtrail.amazonaws.com"]},"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}}`)},
	{"S3_PREFIX_IN_NEGATIVE_CONTEXT", identity, of(`{"Effect":"Deny","Action":"s3:ListBucket","Resource":"*","Condition":{"StringLike":{"s3:prefix":"private/*"}}}`), "Statement[0].Condition.StringLike.s3:prefix", of(`{"Effect":"Deny","Action":"s3:ListBucket","Resource":"*","Condition":{"StringNotLike":{"s3:prefix":"public/*"}}}`)},
	{"STRING_LIKE_OPERATOR_WITH_ARN_CONDITION_KEYS", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:PrincipalArn":"` + account + `role/*"}}}`), "Statement[0].Condition.StringLike", of(`{ACTION,"Condition":{"ArnLike":{"aws:PrincipalArn":"` + account + `role/*"}}}`)},
	{"UNTRUSTWORTHY_CONDITION_KEY", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:UserAgent":"x"}}}`), "Statement[0].Condition.StringEquals.aws:UserAgent", of(`{ACTION,"Condition":{"StringEquals":{"aws:username":"x"}}}`)},

	{"CREATE_SLR_WITH_NOT_ACTION_AND_NOT_RESOURCE", identity, of(`{"Effect":"Allow","NotAction":"ec2:*","NotResource":"` + account + `role/x"}`), "Statement[0].NotAction", of(`{"Effect":"Allow","NotAction":["ec2:*","iam:Create*"],"NotResource":"` + account + `role/x"}`)},
	{"CREATE_SLR_WITH_NOT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","NotResource":"` + account + `role/x"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:CreateRole","NotResource":"` + account + `role/x"}`)},
	{"CREATE_SLR_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:Create*","NotResource":"` + account + `role/x"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:CreateR*","NotResource":"` + account + `role/x"}`)},
	{"CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:Create*","Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:Create*","Resource":"` + account + `role/x"}`)},
	{"CREATE_SLR_WITH_STAR_IN_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"autoscaling.amazonaws.com"}}}`)},
	{"CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", identity, of(`{"Effect":"Allow","NotAction":"ec2:*","Resource":"*"}`), "Statement[0].NotAction", of(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`)},
	{"DEPRECATED_GLOBAL_CONDITION_KEY", identity, of(`{ACTION,"Condition":{"ArnLike":{"aws:Arn":"` + account + `user/x"}}}`), "Statement[0].Condition.ArnLike.aws:Arn", of(`{ACTION,"Condition":{"ArnLike":{"aws:PrincipalArn":"` + account + `user/x"}}}`)},
	{"INVALID_DATE_VALUE", identity, of(`{ACTION,"Condition":{"DateLessThan":{"aws:CurrentTime":"1767225600"}}}`), "Statement[0].Condition.DateLessThan.aws:CurrentTime", of(`{ACTION,"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}}`)},
	{"INVALID_ROLE_REFERENCE", key, of(admin, `{USE,"Principal":{"AWS":"AROAEXAMPLEEXAMPLE123"}}`), "Statement[1].Principal.AWS", of(admin, `{USE,"Principal":{"AWS":"`+account+`role/AROAEXAMPLEEXAMPLE123"}}`)},
	{"INVALID_USER_REFERENCE", key, of(admin, `{USE,"Principal":{"AWS":"AIDAEXAMPLEEXAMPLE123"}}`), "Statement[1].Principal.AWS", of(admin, `{USE,"Principal":{"AWS":"`+account+`user/x"}}`)},
	{"MISSING_VERSION", identity, `{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`, "", of(`{ACTION}`)},
	{"POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", identity, long(10240, `{ACTION}`), "", long(9000, `{ACTION}`)},
	{"POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA", key, long(32768, `{USE,"Principal":"*"}`), "", long(30000, `{USE,"Principal":"*"}`)},
	{"POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA", trust, long(2048, `{ASSUME,ROOT}`), "", long(1700, `{ASSUME,ROOT}`)},
	{"RCP_MISSING_RELATED_PRINCIPAL_CONDITION_KEY", rcp, of(`{DENY,"Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-example"}}}`), "Statement[0].Condition.StringNotEqualsIfExists.aws:PrincipalOrgID", of(`{DENY,"Condition":{"StringNotEqualsIfExists":{"aws:PrincipalOrgID":"o-example"},"BoolIfExists":{"aws:PrincipalIsAWSService":"false"}}}`)},
	{"RCP_MISSING_RELATED_SERVICE_PRINCIPAL_CONDITION_KEY", rcp, of(`{DENY,"Condition":{"StringNotEquals":{"aws:SourceAccount":"123456789012"}}}`), "Statement[0].Condition.StringNotEquals.aws:SourceAccount", of(`{DENY,"Condition":{"StringNotEquals":{"aws:SourceAccount":"123456789012"},"Bool":{"aws:PrincipalIsAWSService":"true"}}}`)},
	{"RCP_MISSING_SERVICE_CONDITION_KEY_NULL_CHECK", rcp, of(`{DENY,"Condition":{"StringNotEquals":{"aws:SourceOrgID":"o-example"},"Bool":{"aws:PrincipalIsAWSService":"true"}}}`), "Statement[0].Condition.StringNotEquals.aws:SourceOrgID", of(`{DENY,"Condition":{"StringNotEquals":{"aws:SourceOrgID":"o-example"},"Bool":{"aws:PrincipalIsAWSService":"true"},"Null":{"aws:SourceAccount":"false"}}}`)},
	{"SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED", trust, of(`{` + github + `,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:example/x:*"}}}`), "Statement[0].Condition.StringLike.token.actions.githubusercontent.com:sub", of(`{` + github + `,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:example/x:*"},"StringEquals":{"token.actions.githubusercontent.com:ref":"refs/heads/main"}}}`)},
	{"TYPE_MISMATCH", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:MultiFactorAuthPresent":"true"}}}`), "Statement[0].Condition.StringEquals.aws:MultiFactorAuthPresent", of(`{ACTION,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}`)},
	{"TYPE_MISMATCH_BOOLEAN", identity, of(`{ACTION,"Condition":{"Bool":{"aws:SecureTransport":"yes"}}}`), "Statement[0].Condition.Bool.aws:SecureTransport", of(`{ACTION,"Condition":{"Bool":{"aws:SecureTransport":true}}}`)},
	{"TYPE_MISMATCH_DATE", identity, of(`{ACTION,"Condition":{"DateLessThan":{"aws:CurrentTime":"1 May 2026"}}}`), "Statement[0].Condition.DateLessThan.aws:CurrentTime", of(`{ACTION,"Condition":{"DateLessThan":{"aws:CurrentTime":"2026-05-01"}}}`)},
	{"TYPE_MISMATCH_NUMBER", identity, of(`{ACTION,"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":"an hour"}}}`), "Statement[0].Condition.NumericLessThan.aws:MultiFactorAuthAge", of(`{ACTION,"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":3600}}}`)},
	{"TYPE_MISMATCH_STRING", identity, of(`{ACTION,"Condition":{"BinaryEquals":{"ec2:Attribute":"?"}}}`), "Statement[0].Condition.BinaryEquals.ec2:Attribute", of(`{ACTION,"Condition":{"BinaryEquals":{"ec2:Attribute":"QmluYXJ5"}}}`)},
	{"UNIQUE_SIDS_RECOMMENDED", key, of(`{"Sid":"a b",ROOT,"Effect":"Allow","Action":"kms:*","Resource":"*"}`, `{"Sid":"a b",USE,"Principal":"*"}`), "Statement[1].Sid", of(`{"Sid":"a b",ROOT,"Effect":"Allow","Action":"kms:*","Resource":"*"}`, `{"Sid":"a c",USE,"Principal":"*"}`)},
	{"USE_CONDITION_KEY_ONLY_WITH_SUPPORTED_SERVICES", identity, of(`{"Effect":"Deny","Action":["s3:GetObject","sqs:SendMessage"],"Resource":"*","Condition":{"StringNotEquals":{"aws:VpceAccount":"123456789012"}}}`), "Statement[0].Condition.StringNotEquals.aws:VpceAccount", of(`{"Effect":"Deny","Action":["s3:GetObject","sqs:SendMessage"],"Resource":"*","Condition":{"StringNotEquals":{"aws:VpceOrgID":"o-example"}}}`)},
	{"WILDCARD_WITHOUT_LIKE_OPERATOR", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:PrincipalTag/x":["a","b*"]}}}`), "Statement[0].Condition.StringEquals.aws:PrincipalTag/x[1]", of(`{ACTION,"Condition":{"StringLike":{"aws:PrincipalTag/x":["a","b*"]}}}`)},

	{"ALLOW_NOTACTION_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", identity, of(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag/x", of(`{"Effect":"Allow","Action":"ec2:StopInstances","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`)},
	{"ALLOW_WITH_UNSUPPORTED_TAG_CONDITION_KEY_FOR_SERVICE", identity, of(`{"Effect":"Allow","Action":["ec2:StopInstances","sts:GetCallerIdentity"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`), "Statement[0].Condition.StringEquals.aws:ResourceTag/x", of(`{"Effect":"Allow","Action":["ec2:StopInstances"],"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/x":"y"}}}`)},
	{"CONFIRM_AUDIENCE_CLAIM_TYPE", trust, of(`{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"` + account + `oidc-provider/oidc.example.com"},"Condition":{"ForAnyValue:StringEquals":{"oidc.example.com:aud":"x"}}}`), "Statement[0].Condition.ForAnyValue:StringEquals.oidc.example.com:aud", of(`{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity","Principal":{"Federated":"` + account + `oidc-provider/oidc.example.com"},"Condition":{"StringEquals":{"oidc.example.com:aud":"x"}}}`)},
	{"EMPTY_ARRAY_ACTION", identity, of(`{"Effect":"Allow","Action":[],"Resource":"*"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":["*"],"Resource":"*"}`)},
	{"EMPTY_ARRAY_CONDITION", identity, of(`{ACTION,"Condition":{"StringEquals":{"aws:username":[]}}}`), "Statement[0].Condition.StringEquals.aws:username", of(`{ACTION,"Condition":{"StringEquals":{"aws:username":["x"]}}}`)},
	{"EMPTY_ARRAY_CONDITION_FORALLVALUES", identity, of(`{ACTION,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":[]}}}`), "Statement[0].Condition.ForAllValues:StringEquals.aws:TagKeys", of(`{ACTION,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["x"]}}}`)},
	{"EMPTY_ARRAY_CONDITION_FORANYVALUE", identity, of(`{ACTION,"Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":[]}}}`), "Statement[0].Condition.ForAnyValue:StringEquals.aws:TagKeys", of(`{ACTION,"Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":["x"]}}}`)},
	{"EMPTY_ARRAY_CONDITION_IFEXISTS", identity, of(`{ACTION,"Condition":{"StringEqualsIfExists":{"aws:username":[]}}}`), "Statement[0].Condition.StringEqualsIfExists.aws:username", of(`{ACTION,"Condition":{"StringEqualsIfExists":{"aws:username":["x"]}}}`)},
	{"EMPTY_ARRAY_PRINCIPAL", key, of(admin, `{USE,"Principal":{"AWS":[]}}`), "Statement[1].Principal.AWS", of(admin, `{USE,"Principal":{"AWS":["123456789012"]}}`)},
	{"EMPTY_ARRAY_RESOURCE", identity, of(`{"Effect":"Allow","Action":"*","Resource":[]}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"*","Resource":["*"]}`)},
	{"EMPTY_OBJECT_CONDITION", identity, of(`{ACTION,"Condition":{"StringEquals":{}}}`), "Statement[0].Condition.StringEquals", of(`{ACTION,"Condition":{"StringEquals":{"aws:username":"x"}}}`)},
	{"EMPTY_OBJECT_PRINCIPAL", key, of(admin, `{USE,"Principal":{}}`), "Statement[1].Principal", of(admin, `{USE,"Principal":"*"}`)},
	{"EMPTY_SID_VALUE", identity, of(`{"Sid":"",ACTION}`), "Statement[0].Sid", of(`{"Sid":"x",ACTION}`)},
	{"IMPROVE_IP_RANGE", identity, of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.7/24"}}}`), "Statement[0].Condition.IpAddress.aws:SourceIp", of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}`)},
	{"NULL_WITH_QUALIFIER", identity, of(`{ACTION,"Condition":{"ForAnyValue:Null":{"aws:TagKeys":"true"}}}`), "Statement[0].Condition.ForAnyValue:Null", of(`{ACTION,"Condition":{"Null":{"aws:TagKeys":"true"}}}`)},
	{"PRIVATE_IP_ADDRESS_SUBSET", identity, of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.0/24"]}}}`), "Statement[0].Condition.IpAddress.aws:SourceIp", of(`{ACTION,"Condition":{"IpAddress":{"aws:SourceIp":["198.51.100.0/24","203.0.113.0/24"]}}}`)},
	{"PRIVATE_NOT_IP_ADDRESS_SUBSET", identity, of(`{ACTION,"Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","203.0.113.0/24"]}}}`), "Statement[0].Condition.NotIpAddress.aws:SourceIp", of(`{ACTION,"Condition":{"NotIpAddress":{"aws:VpcSourceIp":["10.0.0.0/8","203.0.113.0/24"]}}}`)},
	{"RECOMMENDED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL", key, of(admin, `{USE,"Principal":{"Service":"cloudtrail.amazonaws.com"},"Condition":{"StringEquals":{"aws:referer":"123456789012"}}}`), "Statement[1].Principal.Service", of(admin, `{USE,"Principal":{"Service":"cloudtrail.amazonaws.com"},"Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}}`)},
	{"REDUNDANT_ACTION", identity, of(`{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:GetCredentialReport"],"Resource":"*"}`), "Statement[0].Action[2]", of(`{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:*CredentialReport"],"Resource":"*"}`)},
	{"REDUNDANT_CONDITION_VALUE_NUM", identity, of(`{ACTION,"Condition":{"NumericLessThan":{"aws:MultiFactorAuthAge":["2700","3600"]}}}`), "Statement[0].Condition.NumericLessThan.aws:MultiFactorAuthAge", of(`{ACTION,"Condition":{"NumericEquals":{"aws:MultiFactorAuthAge":["2700","3600"]}}}`)},
	{"REDUNDANT_KEY_DUE_TO_WILDCARD_IN_CONDITION", identity, of(`{ACTION,"Condition":{"StringLike":{"aws:RequestedRegion":"*"}}}`), "Statement[0].Condition.StringLike.aws:RequestedRegion", of(`{ACTION,"Condition":{"StringLike":{"aws:PrincipalTag/x":"*"}}}`)},
	{"REDUNDANT_PRINCIPAL_IN_ROLE_TRUST_POLICY", trust, of(`{ASSUME,"Principal":{"AWS":["` + account + `role/path/x","arn:aws:sts::123456789012:assumed-role/x/session"]}}`), "Statement[0].Principal.AWS[1]", of(`{ASSUME,"Principal":{"AWS":["` + account + `role/path/x","arn:aws:sts::123456789012:assumed-role/y/session"]}}`)},
	{"REDUNDANT_RESOURCE", identity, of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["` + account + `role/jane-admin","` + account + `role/jane*"]}`), "Statement[0].Resource[0]", of(`{"Effect":"Allow","Action":"iam:GetRole","Resource":["` + account + `role/jane-admin","` + account + `role/Jane*"]}`)},
	{"REDUNDANT_STATEMENT", identity, of(`{"Sid":"a",ACTION}`, `{"Sid":"b","Resource":["*"],"Effect":"Allow","Action":"ec2:DescribeInstances"}`), "Statement[1]", of(`{ACTION}`, `{READ}`)},
	{"REDUNDANT_STATEMENT_DUE_TO_WILDCARD_IN_CONDITION", identity, of(`{ACTION,"Condition":{"StringNotLike":{"aws:RequestedRegion":"*"}}}`), "Statement[0].Condition.StringNotLike.aws:RequestedRegion", of(`{ACTION,"Condition":{"StringNotLike":{"aws:RequestedRegion":"eu-*"}}}`)},
	{"WILDCARD_IN_SERVICE_NAME", identity, of(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:*code*::123456789012:*"}`), "Statement[0].Resource", of(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:codebuild:*:123456789012:*"}`)},

	{"ACTION_WITHOUT_MATCHING_RESOURCE", identity, of(`{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::example/*"}`), "Statement[0].Action[1]", of(`{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::example","arn:aws:s3:::example/*"]}`)},
	{"KMS_ACTION_NOT_FOR_KEY", key, of(admin, `{"Effect":"Allow","Principal":"*","Action":"kms:ListKeys","Resource":"*"}`), "Statement[1].Action", of(admin, `{"Effect":"Allow","Principal":"*","Action":"kms:ListGrants","Resource":"*"}`)},
	{"KMS_ALIAS_FOR_KEY_USE", identity, of(`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:123456789012:alias/x"}`), "Statement[0].Action", of(`{"Effect":"Allow","Action":"kms:UpdateAlias","Resource":["arn:aws:kms:eu-west-1:123456789012:alias/x"]}`)},
	{"KMS_CREATE_GRANT_UNRESTRICTED", key, of(admin, `{"Effect":"Allow","Principal":{"AWS":"`+account+`role/x"},"Action":["kms:Decrypt","kms:CreateGrant"],"Resource":"*"}`), "Statement[1].Action[1]", of(admin, `{"Effect":"Allow","Principal":{"AWS":"`+account+`role/x"},"Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":"true"}}}`)},
	{"KMS_INVALID_CONDITION_VALUE", key, of(admin, `{"Effect":"Allow","Principal":"*","Action":"kms:CreateGrant","Resource":"*","Condition":{"StringEquals":{"kms:GrantConstraintType":"EncryptionContext"}}}`), "Statement[1].Condition.StringEquals.kms:GrantConstraintType", of(admin, `{"Effect":"Allow","Principal":"*","Action":"kms:CreateGrant","Resource":"*","Condition":{"StringEquals":{"kms:GrantConstraintType":"EncryptionContextSubset"}}}`)},
	{"KMS_KEY_POLICY_WITHOUT_ROOT", key, of(`{"Effect":"Allow","Principal":{"AWS":"` + account + `role/x"},"Action":"kms:*","Resource":"*"}`), "Statement", of(admin)},
	{"KMS_PRINCIPAL_IN_OTHER_ACCOUNT", key, of(admin, `{USE,"Principal":{"AWS":["123456789012","arn:aws:iam::210987654321:role/x"]}}`), "Statement[1].Principal.AWS[1]", of(admin, `{USE,"Principal":{"AWS":["123456789012","`+account+`role/x"]}}`)},
}

func TestChecks(t *testing.T) {
	t.Parallel()
	for _, row := range rows {
		t.Run(string(row.code), func(t *testing.T) {
			t.Parallel()
			bad := analyzer.Analyze([]byte(row.bad), analyzer.Options{Kind: row.kind})
			found := find(bad, row.code)
			if found == nil {
				t.Fatalf("not found in %.400s\nbut %s", row.bad, codes(bad))
			}
			if got := found.Locations[0].Path.String(); got != row.at {
				t.Errorf("at %s, want %s", got, row.at)
			}
			if found.Details == "" || strings.Contains(found.Details, "%!") {
				t.Errorf("details = %q", found.Details)
			}
			for _, l := range found.Locations {
				inPlace(t, row.bad, row.code, l)
			}
			good := analyzer.Analyze([]byte(row.good), analyzer.Options{Kind: row.kind})
			if f := find(good, row.code); f != nil {
				t.Errorf("found in %.400s at %s: %s", row.good, f.Locations[0].Path, f.Details)
			}
		})
	}
}

// inPlace walks the path through the document by itself and compares the places.
func inPlace(t *testing.T, document string, code analyzer.Code, l analyzer.Location) {
	t.Helper()
	if code == "JSON_SYNTAX_ERROR" {
		return
	}
	n, err := policy.ReadJSON(document)
	if err != nil {
		t.Fatal(err)
	}
	start, end := n.Start, n.End
	for _, step := range l.Path {
		if step.Kind == analyzer.IndexPath {
			n = n.Items[step.Index]
			start, end = n.Start, n.End
			continue
		}
		for _, m := range n.Members {
			if m.Key != step.Name {
				continue
			}
			start, end = m.Value.Start, m.Value.End
			if step.Kind == analyzer.KeyPath {
				start, end = m.KeyStart, m.KeyEnd
			}
			n = m.Value
			break
		}
	}
	// The lock-out is shown at the first statement.
	if code != "KMS_KEY_POLICY_WITHOUT_ROOT" && (l.Start != start || l.End != end) {
		t.Errorf("%s is at %s to %s, not %s to %s", l.Path, start, end, l.Start, l.End)
	}
}

func find(r *analyzer.Report, code analyzer.Code) *analyzer.Finding {
	for i := range r.Findings {
		if r.Findings[i].Code == code {
			return &r.Findings[i]
		}
	}
	return nil
}

func codes(r *analyzer.Report) string {
	var list []string
	for _, f := range r.Findings {
		list = append(list, string(f.Code)+" at "+f.Locations[0].Path.String())
	}
	return strings.Join(list, ", ")
}

// TestEveryCheckHasARow compares the table with the package's list.
func TestEveryCheckHasARow(t *testing.T) {
	t.Parallel()
	has := make(map[analyzer.Code]bool)
	for _, row := range rows {
		if has[row.code] {
			t.Errorf("%s has two rows", row.code)
		}
		has[row.code] = true
	}
	for _, c := range analyzer.Checks() {
		if !has[c.Code] {
			t.Errorf("%s has no row", c.Code)
		}
		delete(has, c.Code)
		if c.About == "" || !strings.HasPrefix(c.Link, "https://docs.aws.amazon.com/") || c.Own == strings.Contains(c.Link, "access-analyzer-reference") {
			t.Errorf("%s: %+v", c.Code, c)
		}
	}
	for code := range has {
		t.Errorf("there is no check %s", code)
	}
}
