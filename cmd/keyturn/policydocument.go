package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// policyDocument is a policy as a file holds it: bare, or in an answer of the AWS
// CLI, as an object or as a string.
type policyDocument struct {
	text string
	// wrapping is what the file wraps the policy in, or nil.
	wrapping *wrapping
	kind     policy.Kind // of the policy, if the wrapping tells
	// file is the whole file, and at the offset in it of each byte of text and of
	// its end.
	file string
	at   []int
	// quoted: the file has the policy as a string.
	quoted bool
}

// wrapping is where an answer of the AWS CLI has a policy.
type wrapping struct {
	path []string
	kind policy.Kind
	// tells is false where several services answer so, and the kind of the policy
	// is told by its content.
	tells   bool
	command string
}

var wrappings = []wrapping{
	{[]string{"PolicyVersion", "Document"}, policy.ManagedPolicy, true, "aws iam get-policy-version"},
	{[]string{"Role", "AssumeRolePolicyDocument"}, policy.TrustPolicy, true, "aws iam get-role"},
	{[]string{"PolicyDocument"}, policy.IdentityPolicy, true, "aws iam get-role-policy or its like"},
	{[]string{"Policy", "Content"}, policy.ServiceControlPolicy, true, "aws organizations describe-policy"},
	{[]string{"Policy"}, policy.KeyPolicy, false, "aws kms get-key-policy or its like"},
}

// unwrap finds the policy in a file. A file that is no JSON, or wraps nothing, is
// taken to be a policy itself.
func unwrap(file string) policyDocument {
	bare := policyDocument{text: file, file: file}
	root, err := policy.ReadJSON(file)
	if err != nil {
		return bare
	}
	for i := range wrappings {
		w := &wrappings[i]
		n := root
		for _, name := range w.path {
			n = member(n, name)
		}
		if n == nil || n.Kind == policy.ObjectNode && member(n, "Statement") == nil {
			continue
		}
		d := policyDocument{wrapping: w, kind: w.kind, file: file}
		switch n.Kind {
		case policy.ObjectNode:
			d.text = file[n.Start.Offset:n.End.Offset]
			for i := range len(d.text) + 1 {
				d.at = append(d.at, n.Start.Offset+i)
			}
		case policy.StringNode:
			d.quoted = true
			d.text, d.at = unescape(file, n.Start.Offset)
		default:
			continue
		}
		if t := member(member(member(root, "Policy"), "PolicySummary"), "Type"); t != nil && t.Text == "RESOURCE_CONTROL_POLICY" {
			d.kind = policy.ResourceControlPolicy
		}
		return d
	}
	return bare
}

// member is the value of a key, or nil.
func member(n *policy.Node, key string) *policy.Node {
	if n == nil {
		return nil
	}
	for _, m := range n.Members {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// unescape reads a JSON string that starts at an offset, and tells where each of
// its bytes comes from. The string is known to be well-formed.
func unescape(file string, start int) (text string, at []int) {
	var b strings.Builder
	put := func(s string, from int) {
		for range len(s) {
			at = append(at, from)
		}
		b.WriteString(s)
	}
	i := start + 1
	for i < len(file) && file[i] != '"' {
		if file[i] != '\\' {
			put(file[i:i+1], i)
			i++
			continue
		}
		from := i
		i += 2
		if file[from+1] == 'u' {
			i += 4
			if utf16.IsSurrogate(rune(hexAt(file, from+2))) {
				i += 6
			}
		}
		var s string
		if err := json.Unmarshal([]byte(`"`+file[from:i]+`"`), &s); err != nil {
			s = string(utf8.RuneError)
		}
		put(s, from)
	}
	return b.String(), append(at, i)
}

func hexAt(s string, i int) int {
	n := 0
	if _, err := fmt.Sscanf(s[i:i+4], "%x", &n); err != nil {
		return 0
	}
	return n
}

// inFile is a position of the policy in the file.
func (d *policyDocument) inFile(p policy.Position) policy.Position {
	if d.at == nil {
		return p
	}
	offset := d.at[min(p.Offset, len(d.at)-1)]
	before := d.file[:offset]
	return policy.Position{Offset: offset, Line: 1 + strings.Count(before, "\n"), Column: offset - strings.LastIndexByte(before, '\n')}
}

// column counts characters in place of bytes, as editors and code hosts do.
func (d *policyDocument) column(p policy.Position) int {
	line := d.file[p.Offset-(p.Column-1) : p.Offset]
	return 1 + utf8.RuneCountInString(line)
}

// guessKind tells what kind of policy a document most likely is, and why.
func guessKind(d *policyDocument) (policy.Kind, string) {
	if d.wrapping != nil && d.wrapping.tells {
		return d.kind, "it is an answer of " + d.wrapping.command
	}
	root, err := policy.ReadJSON(d.text)
	if err != nil {
		return policy.IdentityPolicy, "it cannot be read"
	}
	statements := []*policy.Node{member(root, "Statement")}
	if statements[0] != nil && statements[0].Kind == policy.ArrayNode {
		statements = statements[0].Items
	}
	principals, allows := false, false
	var services []string
	for _, s := range statements {
		principals = principals || member(s, "Principal") != nil || member(s, "NotPrincipal") != nil
		effect := member(s, "Effect")
		allows = allows || effect == nil || effect.Text != "Deny"
		services = append(services, servicesOf(member(s, "Action"))...)
	}
	switch {
	case !principals:
		return policy.IdentityPolicy, "it names no principal"
	case len(services) > 0 && !slices.ContainsFunc(services, func(s string) bool { return s != "sts" }):
		return policy.TrustPolicy, "its actions are of STS"
	case !allows:
		return policy.ResourceControlPolicy, "it names principals and only denies"
	case slices.Contains(services, "kms"):
		return policy.KeyPolicy, "its actions are of KMS"
	}
	return policy.EndpointPolicy, "it names principals, and actions of other services than STS and KMS"
}

// servicesOf are the prefixes of a statement's actions that exist.
func servicesOf(action *policy.Node) []string {
	if action == nil {
		return nil
	}
	var list []string
	for _, n := range append(action.Items, action) {
		prefix, _, _ := strings.Cut(n.Text, ":")
		if s, ok := serviceref.Lookup(prefix); ok {
			list = append(list, s.Prefix)
		}
	}
	return list
}

// kindNames are the kinds of policy as flags name them.
var kindNames = []string{"identity", "managed", "boundary", "session", "trust", "key", "scp", "rcp", "endpoint"}

var kinds = map[string]policy.Kind{
	"identity": policy.IdentityPolicy, "managed": policy.ManagedPolicy, "boundary": policy.BoundaryPolicy, "session": policy.SessionPolicy,
	"trust": policy.TrustPolicy, "key": policy.KeyPolicy, "scp": policy.ServiceControlPolicy, "rcp": policy.ResourceControlPolicy,
	"endpoint": policy.EndpointPolicy,
}

func kindName(k policy.Kind) string {
	for name, kind := range kinds {
		if kind == k {
			return name
		}
	}
	return ""
}

// isPolicy tells files of a folder that hold a policy, or try to, from others.
func isPolicy(d *policyDocument) bool {
	if d.wrapping != nil {
		return true
	}
	root, err := policy.ReadJSON(d.text)
	if err != nil {
		return strings.Contains(d.text, `"Statement"`)
	}
	return member(root, "Statement") != nil
}
