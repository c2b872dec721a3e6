package policy

import (
	"errors"
	"fmt"
	"unicode"
)

// Kind is what a policy is for: it decides which elements it must have and may
// have (IAM guide, "Grammar of the IAM JSON policy language").
type Kind int

// The kinds of policy.
const (
	// IdentityPolicy is an inline policy of a user, group or role. Like session
	// policies it may be of either version of the language.
	IdentityPolicy Kind = iota
	// ManagedPolicy is a managed policy, which must be of the current version.
	ManagedPolicy
	// BoundaryPolicy is a permissions boundary: in form a managed policy.
	BoundaryPolicy
	// SessionPolicy is passed to AssumeRole and its like.
	SessionPolicy
	// TrustPolicy is a role's trust policy.
	TrustPolicy
	// KeyPolicy is a KMS key's policy.
	KeyPolicy
	// ServiceControlPolicy and ResourceControlPolicy belong to an organization.
	ServiceControlPolicy
	ResourceControlPolicy
	// EndpointPolicy is a VPC endpoint's policy.
	EndpointPolicy
)

// Violation is one thing wrong with a policy of some kind.
type Violation struct {
	// Message is what the service's API answers, word for word where AWS's
	// words are known. It goes with MalformedPolicyDocument (IAM, STS) or
	// MalformedPolicyDocumentException (KMS, Organizations).
	Message string
	// Reason says the same to a person, with the value that is wrong.
	Reason string
	// Statement is the statement's index, or -1.
	Statement int
	Position  Position
}

// Error gives the service's message.
func (v *Violation) Error() string { return v.Message }

// Detail gives the place and the reason.
func (v *Violation) Detail() string { return v.Position.String() + ": " + v.Reason }

// Load parses a document and validates it as a policy of some kind. The error
// is a *Violation, whose Message is the service's answer: the first thing wrong
// in the order in which IAM looks.
func Load(data []byte, kind Kind) (*Policy, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, unparsed(err, kind)
	}
	if list := Validate(p, kind); len(list) > 0 {
		return nil, list[0]
	}
	return p, nil
}

// unparsed words an error of Parse as the service of that kind of policy does.
func unparsed(err error, kind Kind) *Violation {
	v := &Violation{Message: messageSyntax, Reason: err.Error(), Statement: -1}
	var e *ParseError
	ok := errors.As(err, &e)
	if ok {
		v.Reason, v.Position = e.Reason, e.Position
	}
	switch kind {
	case TrustPolicy, SessionPolicy:
		if ok && e.NotJSON {
			v.Message = messageNotJSON
		}
	case KeyPolicy:
		v.Message = messageKeyPolicy
	case ServiceControlPolicy, ResourceControlPolicy:
		v.Message = messageOrganization
	}
	return v
}

// The messages, as IAM, KMS and Organizations word them.
const (
	messageSyntax       = "Syntax errors in policy."
	messageNotJSON      = "This policy contains invalid Json"
	messageVersion      = "Policy document must be version 2012-10-17 or greater."
	messageLegacy       = "The policy failed legacy parsing"
	messageNoPrincipal  = "Policy document should not specify a principal."
	messageNoActions    = "Policy statement must contain actions."
	messageNoResources  = "Policy statement must contain resources."
	messageSidCharset   = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	messageSidUnique    = "Statement IDs (SID) in a single policy must be unique."
	messageVendor       = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	messageColons       = "Actions/Condition can contain only one colon."
	messageTrustActions = "AssumeRole policy may only specify STS AssumeRole actions."
	messageKeyPolicy    = "The request was rejected because the specified policy is not syntactically or semantically correct."
	messageKeyNobody    = "Policy contains a statement with no principal."
	messageKeyPrincipal = "Policy contains a statement with one or more invalid principals."
	messageOrganization = "The provided policy document does not meet the requirements of the specified policy type."
	messageOverlyBroad  = "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified %[1]s or with an unspecified %[1]s. To fix, remove ForAllValues."
)

// Validate lists what is wrong with a policy of some kind, the violation that
// the service reports first. An empty list means that the service accepts the
// document, save for what it alone can know: whether principals exist, and sizes.
func Validate(p *Policy, kind Kind) []*Violation {
	v := validator{policy: p, kind: kind}
	v.document()
	for _, rule := range rules[kind] {
		for i := range p.statements {
			rule(&v, &p.statements[i])
		}
	}
	return v.list
}

// rules are the checks of each kind, in the order in which its service makes
// them.
var rules = map[Kind][]func(*validator, *Statement){
	IdentityPolicy: identityRules,
	ManagedPolicy:  identityRules,
	BoundaryPolicy: identityRules,
	SessionPolicy:  identityRules,
	EndpointPolicy: {(*validator).allowNotPrincipal, (*validator).hasAction, (*validator).hasResource, (*validator).actionFormat, (*validator).conditionFormat},
	TrustPolicy: {
		(*validator).trustFields, (*validator).trustPrincipal, (*validator).hasAction, (*validator).actionFormat,
		(*validator).trustAction, (*validator).conditionFormat,
	},
	KeyPolicy: {(*validator).keyPrincipal, (*validator).allowNotPrincipal, (*validator).actionFormat, (*validator).conditionFormat, (*validator).keyCondition},
	ServiceControlPolicy: {
		(*validator).noPrincipal, (*validator).hasAction, (*validator).hasResource, (*validator).actionFormat, (*validator).conditionFormat,
	},
	ResourceControlPolicy: {
		(*validator).resourceControl, (*validator).hasAction, (*validator).hasResource, (*validator).actionFormat, (*validator).conditionFormat,
	},
}

var identityRules = []func(*validator, *Statement){
	(*validator).noPrincipal, (*validator).sid, (*validator).hasAction, (*validator).hasResource,
	(*validator).resourceFormat, (*validator).actionFormat, (*validator).conditionFormat,
}

type validator struct {
	policy *Policy
	kind   Kind
	sids   map[string]bool
	list   []*Violation
}

// add notes a violation at an element of a statement. Services that answer all
// violations alike get their one message.
func (v *validator) add(s *Statement, e Element, message, format string, args ...any) {
	switch v.kind {
	case ServiceControlPolicy, ResourceControlPolicy:
		message = messageOrganization
	case KeyPolicy:
		switch message {
		case messageVendor, messageColons, messageLegacy, messageSyntax:
			message = messageKeyPolicy
		}
	}
	violation := &Violation{Message: message, Reason: fmt.Sprintf(format, args...), Statement: -1}
	violation.Position = v.policy.lines.position(0)
	if s != nil {
		violation.Statement, violation.Position = s.index, s.position
		if p, ok := s.ElementPosition(e); ok {
			violation.Position = p
		}
	}
	v.list = append(v.list, violation)
}

func (v *validator) document() {
	if len(v.policy.statements) == 0 {
		v.add(nil, "", messageSyntax, "the policy has no statement")
	}
	switch v.kind {
	case ManagedPolicy, BoundaryPolicy, ServiceControlPolicy, ResourceControlPolicy:
		if v.policy.version != Version2012 {
			v.add(nil, "", messageVersion, "the policy must say \"Version\": %q", Version2012)
		}
	}
	v.sids = make(map[string]bool)
}

func (v *validator) noPrincipal(s *Statement) {
	for _, e := range [...]Element{PrincipalElement, NotPrincipalElement} {
		if _, ok := s.ElementPosition(e); ok {
			v.add(s, e, messageNoPrincipal, "a policy of this kind has no %s: it applies to whom it is attached to", e)
		}
	}
}

func (v *validator) sid(s *Statement) {
	for _, c := range s.sid {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			v.add(s, "Sid", messageSidCharset, "the Sid %q holds %q", s.sid, c)
			break
		}
	}
	if s.present.has(hasSid) && s.sid != "" && v.sids[s.sid] {
		v.add(s, "Sid", messageSidUnique, "the Sid %q stands twice", s.sid)
	}
	v.sids[s.sid] = true
}

func (v *validator) hasAction(s *Statement) {
	if len(s.actionList) == 0 {
		v.add(s, ActionElement, messageNoActions, "the statement has no Action")
	}
}

func (v *validator) hasResource(s *Statement) {
	if len(s.resourceList) == 0 {
		v.add(s, ResourceElement, messageNoResources, "the statement has no Resource")
	}
}

// Size is the number of characters that IAM counts against its quotas: all but
// white space (IAM guide, "IAM and AWS STS quotas").
func (p *Policy) Size() int {
	n := 0
	for _, c := range p.text {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}
