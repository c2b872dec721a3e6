package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// isAlias tells the ARN of a KMS alias, or a pattern of such.
func isAlias(arn string) bool {
	part := strings.SplitN(arn, ":", 6)
	return len(part) == 6 && part[2] == "kms" && strings.HasPrefix(part[5], "alias/")
}

// aliases: KMS checks the use of a key on the key's ARN, also if the request
// names an alias (KMS guide, "Using aliases to control access to KMS keys").
func (a *analysis) aliases(s *statement, n namedAction) {
	at := []Location{n.location()}
	for _, v := range s.resources {
		if isAlias(v.node.Text) {
			at = append(at, v.location())
		}
	}
	a.add("KMS_ALIAS_FOR_KEY_USE", at, "name the key's ARN, or all keys and the condition kms:ResourceAliases",
		fmt.Sprintf("The action %s is checked on the KMS key, never on an alias, so this statement does not affect it.", n.action))
}

// keyStatement makes our checks about KMS.
func (a *analysis) keyStatement(s *statement) {
	if a.Kind == policy.KeyPolicy {
		a.keyPolicyActions(s)
		a.keyPolicyResources(s)
		a.otherAccounts(s)
	}
	a.grants(s)
}

func (a *analysis) keyPolicyActions(s *statement) {
	for _, v := range s.actions {
		service, _, found := strings.Cut(v.node.Text, ":")
		known, ok := serviceref.Lookup(service)
		if !found || !ok {
			continue
		}
		if known.Prefix != "kms" {
			a.unsupportedAction(v)
			continue
		}
		action, ok := serviceref.LookupAction(v.node.Text)
		if ok && !slices.ContainsFunc(action.Resources, func(r serviceref.ActionResource) bool { return r.Type.Name == "key" }) {
			a.add("KMS_ACTION_NOT_FOR_KEY", []Location{v.location()}, "allow it in an IAM policy", fmt.Sprintf("The action %s is not checked on a key, so a key policy does not affect it.", action))
		}
	}
}

// keyPolicyResources: in a key policy a resource is "*", which means this key, or
// its ARN (KMS guide, "Key policy elements").
func (a *analysis) keyPolicyResources(s *statement) {
	for _, v := range s.resources {
		if text := v.node.Text; strings.HasPrefix(text, "arn:") && !isKeyARN(text) {
			_, kind := PolicyType(a.Kind)
			a.add("UNSUPPORTED_RESOURCE_ARN_IN_POLICY", []Location{v.location()}, `write "*": in a key policy it means this key`,
				fmt.Sprintf("The resource ARN is not supported for the resource-based policy attached to the resource type %s.", kind))
		}
	}
}

// grantKeys are the condition keys that say which grants can be made, or for whom
// (KMS guide, "Condition keys for AWS KMS").
var grantKeys = []string{
	"kms:grantisforawsresource", "kms:grantoperations", "kms:granteeprincipal", "kms:grantconstrainttype", "kms:viaservice", "kms:retiringprincipal",
	"aws:calledvia", "aws:calledviafirst", "aws:calledvialast", "aws:viaawsservice",
}

// grants finds statements that let somebody make any grant. Whoever may also put
// the key's policy, as its administrators, can have any grant anyway.
func (a *analysis) grants(s *statement) {
	if !s.allows() || s.notAction || a.Kind == policy.ServiceControlPolicy || a.Kind == policy.ResourceControlPolicy || a.Kind == policy.EndpointPolicy || s.hasKey(grantKeys...) {
		return
	}
	if how, _ := s.grants("kms:PutKeyPolicy"); how != byNothing {
		return
	}
	for _, v := range s.actions {
		text := strings.ToLower(v.node.Text)
		if !strings.HasPrefix(text, "kms:") || !policy.MatchAction(text, "kms:CreateGrant") {
			continue
		}
		a.add("KMS_CREATE_GRANT_UNRESTRICTED", []Location{v.location()}, `put kms:CreateGrant into a statement with the condition "Bool": {"kms:GrantIsForAWSResource": "true"}`,
			fmt.Sprintf("The action %s lets its holder make grants of any kind to anybody. Services such as EC2 need grants for AWS resources only.", v.node.Text))
	}
}

// grantOperations and the other values are those of the KMS API reference.
var keyValues = map[string][]string{
	"kms:grantconstrainttype": {"EncryptionContextEquals", "EncryptionContextSubset"},
	"kms:grantoperations": {
		"CreateGrant", "Decrypt", "DeriveSharedSecret", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		"GenerateDataKeyWithoutPlaintext", "GenerateMac", "GetPublicKey", "ReEncryptFrom", "ReEncryptTo", "RetireGrant", "Sign", "Verify", "VerifyMac",
	},
	"kms:keyorigin":          {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"},
	"kms:keyusage":           {"SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"},
	"kms:multiregionkeytype": {"PRIMARY", "REPLICA"},
	"kms:messagetype":        {"RAW", "DIGEST", "EXTERNAL_MU"},
}

// grantValues finds values that a KMS key never has.
func (a *analysis) grantValues(c *condition) {
	known := keyValues[strings.ToLower(c.key.name)]
	if known == nil || c.family() != "String" || strings.HasSuffix(c.base, "IgnoreCase") {
		return
	}
	for _, v := range c.values {
		text := v.node.Text
		if c.like() && hasWildcard(text) || strings.Contains(text, "${") || slices.Contains(known, text) {
			continue
		}
		hint := a.didYouMean(text, known, "")
		if hint == "" {
			hint = "it is one of " + strings.Join(known, ", ")
		}
		a.add("KMS_INVALID_CONDITION_VALUE", []Location{v.location()}, hint, fmt.Sprintf("The condition key %s never has the value %s.", c.key.name, text))
	}
}

// findOwner finds whose key it is: what the caller said, or the account of the
// first root principal.
func (a *analysis) findOwner() {
	a.owner = a.Account
	for _, s := range a.statements {
		for _, p := range s.principals {
			if id, root := principalAccount(p); root && a.owner == "" {
				a.owner = id
			}
		}
	}
}

// principalAccount is the account that an AWS principal is of; root reports
// whether it names the account as a whole.
func principalAccount(p principal) (id string, root bool) {
	if p.kind != policy.AWSPrincipal {
		return "", false
	}
	if isAccount(p.node.Text) {
		return p.node.Text, true
	}
	part := strings.SplitN(p.node.Text, ":", 6)
	if len(part) < 6 || !isAccount(part[4]) {
		return "", false
	}
	return part[4], part[2] == "iam" && part[5] == "root"
}

// otherAccounts finds principals of other accounts than the key's.
func (a *analysis) otherAccounts(s *statement) {
	own := a.owner
	if own == "" || !s.allows() {
		return
	}
	for _, p := range s.principals {
		if id, _ := principalAccount(p); id != "" && id != own && !p.not {
			a.add("KMS_PRINCIPAL_IN_OTHER_ACCOUNT", []Location{p.location()}, "that account must allow it too, in an IAM policy of its own",
				fmt.Sprintf("The principal %s is of another account than the key, %s.", p.node.Text, own))
		}
	}
}

// keyDocument wants a statement that lets the account administer the key
// whatever becomes of its users and roles (KMS guide, "Default key policy").
func (a *analysis) keyDocument() {
	if a.Kind != policy.KeyPolicy {
		return
	}
	own := a.owner
	for _, s := range a.statements {
		how, _ := s.grants("kms:PutKeyPolicy")
		if !s.allows() || how == byNothing || len(s.conditions) > 0 {
			continue
		}
		for _, p := range s.principals {
			if id, root := principalAccount(p); root && !p.not && (own == "" || id == own) {
				return
			}
		}
	}
	if len(a.statements) == 0 {
		return
	}
	at := a.statements[0].location()
	a.add("KMS_KEY_POLICY_WITHOUT_ROOT", []Location{{Path: Path{{Kind: ValuePath, Name: "Statement"}}, Start: at.Start, End: at.End}},
		`add {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::`+orExample(own)+`:root"}, "Action": "kms:*", "Resource": "*"}`,
		"No statement lets the account administer the key. If the principals that may are deleted, nobody can, and IAM policies of the account do not affect the key.")
}

func orExample(account string) string {
	if account == "" {
		return "123456789012"
	}
	return account
}
