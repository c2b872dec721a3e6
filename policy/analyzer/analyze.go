package analyzer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// Options say what a document is.
type Options struct {
	// Kind is the kind of policy. A key policy is ValidatePolicy's
	// RESOURCE_POLICY with the resource type AWS::KMS::Key, a trust policy one with
	// AWS::IAM::AssumeRolePolicyDocument.
	Kind policy.Kind
	// Account owns the key or role of a resource-based policy. If it is empty, a
	// key policy's is that of its first root principal.
	Account string
}

// maxDocument bounds the texts whose values are examined: no policy of AWS's is
// longer than 32,768 bytes. Of a longer text only grammar and size are reported.
const maxDocument = 256 << 10

// Analyze examines a document.
func Analyze(document []byte, o Options) *Report {
	a := &analysis{Options: o, text: string(document), report: &Report{}}
	a.malformed()
	root, err := policy.ReadJSON(a.text)
	if err != nil {
		a.syntaxError(err)
		return a.report
	}
	a.document(value{node: root})
	a.size(root)
	slices.SortStableFunc(a.report.Findings, func(x, y Finding) int {
		return cmp.Or(x.Position().Offset-y.Position().Offset, strings.Compare(string(x.Code), string(y.Code)))
	})
	return a.report
}

// analysis is one document under examination.
type analysis struct {
	Options
	text       string
	version    string
	statements []*statement
	report     *Report
	// suggestions counts those that were made.
	suggestions int
	owner       string // the account of a key
}

// value is a JSON value with its path.
type value struct {
	node *policy.Node
	path Path
}

func (v value) location() Location {
	return Location{Path: v.path, Start: v.node.Start, End: v.node.End}
}

// items are the elements of a list, or the value alone.
func (v value) items() []value {
	if v.node.Kind != policy.ArrayNode {
		return []value{v}
	}
	list := make([]value, len(v.node.Items))
	for i, n := range v.node.Items {
		list[i] = value{n, v.path.with(PathElement{Kind: IndexPath, Index: i})}
	}
	return list
}

// field is a key of an object with its value.
type field struct {
	name string
	key  Location
	value
}

func (v value) fields() []field {
	list := make([]field, len(v.node.Members))
	for i, m := range v.node.Members {
		list[i] = field{
			name:  m.Key,
			key:   Location{Path: v.path.with(PathElement{Kind: KeyPath, Name: m.Key}), Start: m.KeyStart, End: m.KeyEnd},
			value: value{m.Value, v.path.with(PathElement{Kind: ValuePath, Name: m.Key})},
		}
	}
	return list
}

// add notes a finding; hint may be empty.
func (a *analysis) add(code Code, at []Location, hint, details string) {
	c, ok := checks[code]
	if !ok {
		panic("analyzer: no check " + string(code))
	}
	a.report.Findings = append(a.report.Findings, Finding{Code: code, Type: c.kind, Details: details, Hint: hint, Locations: at})
}

func (a *analysis) at(code Code, at Location, format string, args ...any) {
	a.add(code, []Location{at}, "", fmt.Sprintf(format, args...))
}

// malformed asks what the service says.
func (a *analysis) malformed() {
	p, err := policy.Parse([]byte(a.text))
	if err == nil {
		a.report.Malformed = policy.Validate(p, a.Kind)
		return
	}
	if _, err := policy.Load([]byte(a.text), a.Kind); err != nil {
		if v, ok := errors.AsType[*policy.Violation](err); ok {
			a.report.Malformed = []*policy.Violation{v}
		}
	}
}

func (a *analysis) syntaxError(err error) {
	var e *policy.ParseError
	if !errors.As(err, &e) {
		e = &policy.ParseError{Position: policy.Position{Line: 1, Column: 1}, Reason: err.Error()}
	}
	p := e.Position
	end := p
	if end.Offset < len(a.text) {
		end.Offset++
		end.Column++
	}
	a.add("JSON_SYNTAX_ERROR", []Location{{Start: p, End: end}}, e.Reason, SyntaxErrorDetails(p))
}

// SyntaxErrorDetails words a JSON_SYNTAX_ERROR at a position, for who reads
// documents out of larger texts.
func SyntaxErrorDetails(p policy.Position) string {
	return fmt.Sprintf("Fix the JSON syntax error at index %d line %d column %d.", p.Offset, p.Line, p.Column-1)
}

// want reports whether the value is of the JSON type, and notes it if not.
func (a *analysis) want(v value, kind policy.NodeKind) bool {
	if v.node.Kind == kind {
		return true
	}
	name := string(kind)
	a.add("DATA_TYPE_MISMATCH", []Location{v.location()}, fmt.Sprintf("it is %s here", article(v.node.Kind)),
		fmt.Sprintf("The text does not match the expected JSON data type %s.", strings.ToUpper(name[:1])+name[1:]))
	return false
}

func article(k policy.NodeKind) string {
	switch k {
	case policy.ObjectNode, policy.ArrayNode:
		return "an " + string(k)
	case policy.NullNode:
		return "null"
	}
	return "a " + string(k)
}

// elements are those of a document and of a statement (IAM guide, "IAM JSON
// policy elements reference").
var (
	documentElements  = []string{"Version", "Id", "Statement"}
	statementElements = []string{
		"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
	}
)

func (a *analysis) unknownElement(f field, known []string) {
	a.add("INVALID_POLICY_ELEMENT", []Location{f.key}, a.didYouMean(f.name, known, ""), fmt.Sprintf("The policy element %s is not valid.", f.name))
}

func (a *analysis) document(root value) {
	if !a.want(root, policy.ObjectNode) {
		return
	}
	var statements *field
	hasVersion := false
	for _, f := range root.fields() {
		switch f.name {
		case "Version":
			hasVersion = true
			a.readVersion(f)
		case "Id":
			a.want(f.value, policy.StringNode)
		case "Statement":
			statements = &f
		default:
			a.unknownElement(f, documentElements)
		}
	}
	if !hasVersion {
		a.add("MISSING_VERSION", []Location{{Start: root.node.Start, End: root.node.End}}, `write "Version": "2012-10-17"`,
			"We recommend that you specify the Version element to help you with debugging permission issues.")
	}
	if statements == nil || statements.node.Kind == policy.ArrayNode && len(statements.node.Items) == 0 {
		at := root.location()
		if statements != nil {
			at = statements.location()
		}
		a.at("MISSING_STATEMENT", at, "Add a statement to the policy")
		return
	}
	for _, v := range statements.items() {
		if a.want(v, policy.ObjectNode) {
			a.statements = append(a.statements, a.readStatement(v))
		}
	}
	a.examine()
}

func (a *analysis) readVersion(f field) {
	if !a.want(f.value, policy.StringNode) {
		return
	}
	switch f.node.Text {
	case policy.Version2012, policy.Version2008:
		a.version = f.node.Text
	default:
		a.at("INVALID_VERSION", f.location(), "The version %s is not valid. Use one of the following versions: [%s, %s]", f.node.Text, policy.Version2012, policy.Version2008)
	}
}

// maxPairs bounds how many actions are held against conditions, resources or
// principals of their statement, where each pair costs a look into the tables.
const maxPairs = 1 << 14

// examine makes the checks, each over all statements.
func (a *analysis) examine() {
	for _, s := range a.statements {
		a.effect(s)
		a.combinations(s)
		a.required(s)
		a.principals(s)
	}
	a.sids()
	a.findOwner()
	if len(a.text) > maxDocument {
		return
	}
	for _, s := range a.statements {
		a.actions(s)
		a.resources(s)
		a.conditions(s)
		a.actionsAndResources(s)
		a.actionsAndConditions(s)
		a.tagConditions(s)
		a.broadRoles(s)
		a.servicePrincipals(s)
		a.organizations(s)
		a.keyStatement(s)
	}
	a.trust()
	a.keyDocument()
	a.redundantStatements()
}

// identityBased: the policy says what its holder may do.
func (a *analysis) identityBased() bool {
	switch a.Kind {
	case policy.IdentityPolicy, policy.ManagedPolicy, policy.BoundaryPolicy, policy.SessionPolicy:
		return true
	}
	return false
}

// resourceBased: the policy says who may use what it is attached to.
func (a *analysis) resourceBased() bool {
	switch a.Kind {
	case policy.TrustPolicy, policy.KeyPolicy, policy.EndpointPolicy:
		return true
	}
	return false
}

// PolicyType is the policy type that ValidatePolicy wants for a kind, and its
// validatePolicyResourceType, which is empty if it needs none.
func PolicyType(kind policy.Kind) (policyType, resourceType string) {
	switch kind {
	case policy.TrustPolicy:
		return "RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument"
	case policy.KeyPolicy:
		return "RESOURCE_POLICY", "AWS::KMS::Key"
	case policy.EndpointPolicy:
		return "RESOURCE_POLICY", ""
	case policy.ServiceControlPolicy:
		return "SERVICE_CONTROL_POLICY", ""
	case policy.ResourceControlPolicy:
		return "RESOURCE_CONTROL_POLICY", ""
	}
	return "IDENTITY_POLICY", ""
}

// size compares the document with its quota. An inline policy may have as much
// as a role's can, a managed policy less (IAM guide, "IAM and AWS STS quotas").
func (a *analysis) size(root *policy.Node) {
	limits := policy.Limits(a.Kind)
	if len(limits) == 0 {
		return
	}
	limit := limits[len(limits)-1]
	size := limit.Size(a.text)
	if size <= limit.Max {
		return
	}
	at := []Location{{Start: root.Start, End: root.End}}
	hint := fmt.Sprintf("%s: %d %s", limit.Name, limit.Max, limit.Unit)
	const many = " We recommend that you use multiple granular policies."
	switch a.Kind {
	case policy.ServiceControlPolicy:
		a.add("POLICY_SIZE_EXCEEDS_SCP_QUOTA", at, hint, fmt.Sprintf("The %d characters in the service control policy (SCP) exceed the %d character maximum for SCPs."+many, size, limit.Max))
	case policy.ResourceControlPolicy:
		a.add("POLICY_SIZE_EXCEEDS_RCP_QUOTA", at, hint, fmt.Sprintf("The %d characters in the resource control policy (RCP) exceed the %d character maximum for RCPs."+many, size, limit.Max))
	case policy.TrustPolicy:
		a.add("POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA", at, hint, fmt.Sprintf("The %d characters in the role trust policy, excluding whitespace, exceed the %d character maximum. The quota can be raised to %d.", size, limit.Max, limit.Raised))
	case policy.KeyPolicy, policy.EndpointPolicy:
		a.add("POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA", at, hint, fmt.Sprintf("The %d characters in the resource policy exceed the %d character maximum for resource policies."+many, size, limit.Max))
	default:
		a.add("POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", at, hint, fmt.Sprintf("The %d characters in the identity policy, excluding whitespace, exceed the %d character maximum for inline and managed policies."+many, size, limit.Max))
	}
}
