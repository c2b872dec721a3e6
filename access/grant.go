package access

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// evaluateGrants asks the key's grants (KMS guide, "Grants in AWS KMS"): they
// only allow, and an explicit denial anywhere beats them.
func (e *evaluation) evaluateGrants(l *layer) {
	l.name, l.bears = GrantLayer, e.kind == KMSKey && len(e.policies.Grants) > 0
	if !l.bears {
		return
	}
	for i := range e.policies.Grants {
		g := &e.policies.Grants[i]
		m := e.matchGrant(g)
		l.allow = l.allow.Or(m.applies)
		if !e.brief && m.near {
			l.reasons = append(l.reasons, Reason{
				Layer: GrantLayer, Document: "grant " + g.ID, GrantID: g.ID, Effect: policy.Allow,
				Match: m.applies == policy.Yes, Failed: m.failed,
			})
		}
	}
}

// grantMatch is a grant's answer; near tells that the grant is worth a mention.
type grantMatch struct {
	applies policy.Truth
	near    bool
	failed  *policy.Mismatch
}

// matchGrant: grantee, operation and constraints must all fit.
func (e *evaluation) matchGrant(g *Grant) grantMatch {
	if e.retires() {
		return e.matchRetired(g)
	}
	operation, isKMS := cutPrefixFold(e.request.Action, kmsPrefix)
	grantee, names := e.isGrantee(g)
	listed := isKMS && slices.Contains(g.Operations, operation)
	switch {
	case grantee == policy.No && !listed:
		return grantMatch{}
	case grantee == policy.No:
		return grantMatch{near: true, failed: &policy.Mismatch{
			Element: policy.PrincipalElement, Key: "GranteePrincipal", Wanted: []string{g.Grantee}, Saw: names,
		}}
	case !listed:
		return grantMatch{near: true, failed: &policy.Mismatch{
			Element: policy.ActionElement, Key: "Operations", Wanted: g.Operations, Saw: []string{operation},
		}}
	}
	applies, failed := e.matchConstraints(g, operation)
	if applies == policy.Yes {
		applies = grantee
	}
	return grantMatch{applies: applies, near: true, failed: failed}
}

// isGrantee: a grant is for a user, a role and all its sessions, one session, a
// service, or an account's root user. A grant for the root user lets the other
// principals of the account in where their own policies do, as an account
// principal does.
func (e *evaluation) isGrantee(g *Grant) (t policy.Truth, names []string) {
	p := &e.request.Principal
	for _, name := range [...]string{p.ARN, p.RoleARN, p.ServicePrincipal, p.RoleID} {
		if name == "" {
			continue
		}
		names = append(names, name)
		if name == g.Grantee {
			return policy.Yes, nil
		}
	}
	if p.Type == User && p.UserID != "" && p.UserID == g.Grantee {
		return policy.Yes, nil
	}
	if p.Account != "" && isRootOf(g.Grantee, p.Account) {
		return e.ownPoliciesAhead(), names
	}
	return policy.No, names
}

// ownPoliciesAhead evaluates the caller's own policies ahead of their turn.
func (e *evaluation) ownPoliciesAhead() policy.Truth {
	brief := e.brief
	e.brief = true
	defer func() { e.brief = brief }()
	var identity, boundary, session layer
	e.evaluateIdentity(&identity)
	e.evaluateBoundary(&boundary)
	e.evaluateSession(&session)
	return identity.allow.And(boundary.allow).And(session.allow)
}

// isRootOf tells an account's root ARN: arn:aws:iam::123456789012:root.
func isRootOf(arn, account string) bool {
	rest, ok := strings.CutPrefix(arn, "arn:")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, ":")
	return rest == "iam::"+account+":root"
}

// encryptionContext is the prefix of the keys that hold the pairs.
const encryptionContext = "kms:encryptioncontext:"

// matchConstraints compares the request's encryption context, which for a
// CreateGrant under a grant is the new grant's constraint: a grant begets only
// grants as strict as itself. DescribeKey and RetireGrant have no encryption
// context, and constraints do not bear on them (KMS guide, "Using grant
// constraints").
func (e *evaluation) matchConstraints(g *Grant, operation string) (policy.Truth, *policy.Mismatch) {
	switch operation {
	case "DescribeKey", "RetireGrant":
		return policy.Yes, nil
	case "CreateGrant":
		if t, failed := e.matchChild(g); t != policy.Yes {
			return t, failed
		}
	}
	if t, failed := e.matchPairs("EncryptionContextEquals", g.ContextEquals); t != policy.Yes {
		return t, failed
	}
	if t, failed := e.matchPairs("EncryptionContextSubset", g.ContextSubset); t != policy.Yes {
		return t, failed
	}
	if g.ContextEquals == nil {
		return policy.Yes, nil
	}
	return e.matchNoOthers(g)
}

// matchNoOthers wants no pair beyond those of an EncryptionContextEquals.
func (e *evaluation) matchNoOthers(g *Grant) (policy.Truth, *policy.Mismatch) {
	extra, name := e.keys.extraPair(g.ContextEquals)
	if extra == policy.No {
		return policy.Yes, nil
	}
	m := &policy.Mismatch{
		Element: policy.ConditionElement, Operator: "EncryptionContextEquals", Key: "kms:EncryptionContext:" + name,
		Unknown: extra == policy.Maybe,
	}
	if values, _, _ := e.keys.Get(encryptionContext + name); !m.Unknown {
		m.Saw = slices.Clone(values)
	}
	return extra.Not(), m
}

// matchPairs wants each pair in the request's encryption context.
func (e *evaluation) matchPairs(constraint string, pairs map[string]string) (policy.Truth, *policy.Mismatch) {
	var unknown *policy.Mismatch
	for name, want := range pairs {
		values, present, notKnown := e.keys.Get(encryptionContext + strings.ToLower(name))
		if present && slices.Equal(values, []string{want}) {
			continue
		}
		m := &policy.Mismatch{
			Element: policy.ConditionElement, Operator: constraint, Key: "kms:EncryptionContext:" + name,
			Wanted: []string{want}, Saw: slices.Clone(values), Absent: !present && !notKnown, Unknown: notKnown,
		}
		if !notKnown {
			return policy.No, m
		}
		unknown = m
	}
	if unknown != nil {
		return policy.Maybe, unknown
	}
	return policy.Yes, nil
}

// matchChild: a grant made under a grant lists no operation that its parent
// does not, and keeps the kind of constraint.
func (e *evaluation) matchChild(g *Grant) (policy.Truth, *policy.Mismatch) {
	values, present, unknown := e.keys.Get("kms:grantoperations")
	m := &policy.Mismatch{
		Element: policy.ConditionElement, Operator: "Operations", Key: "kms:GrantOperations",
		Wanted: g.Operations, Saw: slices.Clone(values), Absent: !present && !unknown, Unknown: unknown,
	}
	if unknown {
		return policy.Maybe, m
	}
	if !present || len(values) == 0 {
		return policy.No, m
	}
	for _, v := range values {
		if !slices.Contains(g.Operations, v) {
			return policy.No, m
		}
	}
	if g.ContextEquals == nil {
		return policy.Yes, nil
	}
	values, present, unknown = e.keys.Get("kms:grantconstrainttype")
	if present && slices.Equal(values, []string{"EncryptionContextEquals"}) {
		return policy.Yes, nil
	}
	m = &policy.Mismatch{
		Element: policy.ConditionElement, Operator: "EncryptionContextEquals", Key: "kms:GrantConstraintType",
		Wanted: []string{"EncryptionContextEquals"}, Saw: slices.Clone(values), Absent: !present && !unknown, Unknown: unknown,
	}
	if unknown {
		return policy.Maybe, m
	}
	return policy.No, m
}

// retires reports whether the request is kms:RetireGrant on a key, which has
// rules of its own.
func (e *evaluation) retires() bool { return e.retiring }

const retireGrant = "kms:RetireGrant"

// matchRetired: a grant is retired by its retiring principal, by its grantee if
// RetireGrant is among its operations, and by the account in which it was made;
// the accounts of those may let their principals do it by IAM policies (KMS
// guide, "Retiring and revoking grants").
func (e *evaluation) matchRetired(g *Grant) grantMatch {
	p := &e.request.Principal
	if t, _ := e.isGrantee(&Grant{Grantee: g.Retiring}); t == policy.Yes {
		return grantMatch{applies: policy.Yes, near: true}
	}
	if slices.Contains(g.Operations, "RetireGrant") {
		if t, _ := e.isGrantee(g); t == policy.Yes {
			return grantMatch{applies: policy.Yes, near: true}
		}
	}
	owner := g.Account
	if owner == "" {
		owner = e.request.resourceAccount()
	}
	m := grantMatch{near: true}
	if p.Account != "" && (p.Account == owner || p.Account == accountOf(g.Retiring)) {
		m.applies = e.ownPoliciesAhead()
	}
	if m.applies != policy.Yes {
		m.failed = &policy.Mismatch{
			Element: policy.PrincipalElement, Key: "RetiringPrincipal", Wanted: []string{g.Retiring}, Saw: []string{p.display()},
			Unknown: m.applies == policy.Maybe,
		}
	}
	return m
}

// accountOf is the fifth part of an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if !hasPrefixFold(s, prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

func hasFold(m map[string]string, name string) bool {
	for k := range m {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}
