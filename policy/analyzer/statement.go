package analyzer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// statement is a statement's elements, of which the wrong ones are left out.
type statement struct {
	value
	effect   policy.Effect // empty if there is none that is valid
	elements map[string]field

	actions     []value // strings, of Action or NotAction
	notAction   bool
	resources   []value // strings, of Resource or NotResource
	notResource bool
	principals  []principal
	conditions  []condition

	badResources bool // a finding is about the form of one
}

// principal is a value of a Principal or NotPrincipal element.
type principal struct {
	value
	kind string // AWS, Service …; empty for the bare "*"
	not  bool
}

// condition is one key of a condition block.
type condition struct {
	operator
	block, key field // the operator with its block, the key with its values
	values     []value
}

func (s *statement) has(element string) bool {
	_, ok := s.elements[element]
	return ok
}

func (s *statement) allows() bool { return s.effect == policy.Allow }
func (s *statement) denies() bool { return s.effect == policy.Deny }

// hasKey reports whether a condition has one of the keys, in lower case; a key
// that ends in a slash or colon stands for all that start so.
func (s *statement) hasKey(keys ...string) bool {
	for i := range s.conditions {
		name := strings.ToLower(s.conditions[i].key.name)
		for _, k := range keys {
			if name == k || (strings.HasSuffix(k, "/") || strings.HasSuffix(k, ":")) && strings.HasPrefix(name, k) {
				return true
			}
		}
	}
	return false
}

func (a *analysis) readStatement(v value) *statement {
	s := &statement{value: v, elements: make(map[string]field)}
	for _, f := range v.fields() {
		if !slices.Contains(statementElements, f.name) {
			a.unknownElement(f, statementElements)
			continue
		}
		s.elements[f.name] = f
		switch f.name {
		case "Sid", "Effect":
			a.want(f.value, policy.StringNode)
		case "Action", "NotAction":
			s.actions, s.notAction = a.strings(f), f.name == "NotAction"
		case "Resource", "NotResource":
			s.resources, s.notResource = a.strings(f), f.name == "NotResource"
		case "Principal", "NotPrincipal":
			s.principals = append(s.principals, a.readPrincipals(f)...)
		case "Condition":
			s.conditions = a.readConditions(f)
		}
	}
	return s
}

// strings reads a string or a list of strings.
func (a *analysis) strings(f field) []value {
	var list []value
	for _, v := range f.items() {
		if a.want(v, policy.StringNode) {
			list = append(list, v)
		}
	}
	return list
}

func (a *analysis) effect(s *statement) {
	f, ok := s.elements["Effect"]
	if !ok {
		a.at("MISSING_EFFECT", s.location(), "Add an Effect element to the policy statement with a value of Allow or Deny.")
		return
	}
	if f.node.Kind != policy.StringNode {
		return
	}
	switch e := policy.Effect(f.node.Text); e {
	case policy.Allow, policy.Deny:
		s.effect = e
	default:
		a.add("INVALID_EFFECT", []Location{f.location()}, a.didYouMean(f.node.Text, []string{"Allow", "Deny"}, ""),
			fmt.Sprintf("The effect %s is not valid. Use Allow or Deny.", f.node.Text))
	}
}

func (a *analysis) combinations(s *statement) {
	for _, pair := range [...][2]string{{"Principal", "NotPrincipal"}, {"Action", "NotAction"}, {"Resource", "NotResource"}} {
		one, first := s.elements[pair[0]]
		other, second := s.elements[pair[1]]
		if first && second {
			a.add("UNSUPPORTED_ELEMENT_COMBINATION", []Location{one.key, other.key}, "",
				fmt.Sprintf("The policy elements %s and %s can not be used in the same statement. Remove one of these elements.", pair[0], pair[1]))
		}
	}
}

// required looks for the elements that a statement must have, and for empty ones.
func (a *analysis) required(s *statement) {
	if !s.has("Action") && !s.has("NotAction") {
		a.at("MISSING_ACTION", s.location(), "Add an Action or NotAction element to the policy statement.")
	}
	a.emptyList(s, "EMPTY_ARRAY_ACTION", "This statement includes no actions and does not affect the policy. Specify actions.", "Action", "NotAction")
	if a.Kind == policy.TrustPolicy {
		return
	}
	if !s.has("Resource") && !s.has("NotResource") {
		hint := ""
		if a.Kind == policy.KeyPolicy {
			hint = `write "Resource": "*": in a key policy it means this key`
		}
		a.add("MISSING_RESOURCE", []Location{s.location()}, hint, "Add a Resource or NotResource element to the policy statement.")
	}
	a.emptyList(s, "EMPTY_ARRAY_RESOURCE", "This statement includes no resources and does not affect the policy. Specify resources.", "Resource", "NotResource")
}

func (a *analysis) emptyList(s *statement, code Code, details string, elements ...string) {
	for _, e := range elements {
		if f, ok := s.elements[e]; ok && f.node.Kind == policy.ArrayNode && len(f.node.Items) == 0 {
			a.at(code, f.location(), "%s", details)
		}
	}
}

// sids checks the statements' identifiers. Those of IAM's own policies must be
// unique and alphanumeric; KMS and VPC endpoints take what they get (IAM guide,
// "IAM JSON policy elements: Sid"). AWS does not say for which types uniqueness is
// required; it is taken to be those of which IAM refuses duplicates.
func (a *analysis) sids() {
	seen := make(map[string]Location)
	for _, s := range a.statements {
		f, ok := s.elements["Sid"]
		if !ok || f.node.Kind != policy.StringNode {
			continue
		}
		sid := f.node.Text
		if sid == "" {
			a.at("EMPTY_SID_VALUE", f.location(), "Add a value to the empty string in the Sid element.")
			continue
		}
		if a.identityBased() && strings.ContainsFunc(sid, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
		}) {
			a.at("UNSUPPORTED_SID", f.location(), "Update the characters in the Sid element to use one of the following character types: [a-z, A-Z, 0-9]")
		}
		first, twice := seen[sid]
		if !twice {
			seen[sid] = f.location()
			continue
		}
		at := []Location{f.location(), first}
		if a.identityBased() {
			a.add("UNIQUE_SIDS_REQUIRED", at, "", "Duplicate statement IDs are not supported for this policy type. Update the Sid value.")
		} else {
			a.add("UNIQUE_SIDS_RECOMMENDED", at, "", "We recommend that you use statement IDs that are unique to your policy. Update the Sid value.")
		}
	}
}

// redundantStatements finds statements that are alike but for their Sid and the
// order of their elements and values.
func (a *analysis) redundantStatements() {
	seen := make(map[string]*statement)
	for _, s := range a.statements {
		var b strings.Builder
		canonical(&b, s.node, "Sid")
		first, twice := seen[b.String()]
		if !twice {
			seen[b.String()] = s
			continue
		}
		a.add("REDUNDANT_STATEMENT", []Location{s.location(), first.location()}, "",
			"The statements are redundant because they provide identical permissions. Update the policy to remove the redundant statement.")
	}
}

// canonical writes a value such that two of equal meaning give the same text: a
// list of one is its element, keys and lists are sorted.
func canonical(b *strings.Builder, n *policy.Node, leaveOut string) {
	var parts []string
	part := func(n *policy.Node) string {
		var b strings.Builder
		canonical(&b, n, "")
		return b.String()
	}
	switch n.Kind {
	case policy.ObjectNode:
		for _, m := range n.Members {
			if m.Key != leaveOut {
				parts = append(parts, fmt.Sprintf("%q:%s", m.Key, part(m.Value)))
			}
		}
		slices.Sort(parts)
		b.WriteString("{" + strings.Join(parts, ",") + "}")
	case policy.ArrayNode:
		for _, i := range n.Items {
			parts = append(parts, part(i))
		}
		slices.Sort(parts)
		b.WriteString(strings.Join(slices.Compact(parts), ","))
	default:
		// In a policy true and "true" are the same.
		fmt.Fprintf(b, "%q", n.Text)
	}
}
