package evaluation

import (
	"regexp"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy"
)

// Statement is one of MatchedStatements: where a statement stands.
type Statement struct {
	SourcePolicyId, SourcePolicyType string
	StartPosition, EndPosition       Position
}

// Position is a place in a policy's text, counted from 1.
type Position struct{ Line, Column int }

// matched are the statements that determine the decision: of an explicit denial
// the Deny statements alone. Those of SCPs are never among them.
func (a *Asked) matched() []Statement {
	out := []Statement{}
	for i := range a.Decision.Layers {
		l := &a.Decision.Layers[i]
		for j := range l.Reasons {
			r := &l.Reasons[j]
			if !r.Match || r.GrantID != "" || a.Decision.Outcome == access.ExplicitDeny && r.Effect != policy.Deny {
				continue
			}
			if kind, documents := a.source(l.Layer); kind != "" {
				out = append(out, statement(kind, r, documents))
			}
		}
	}
	return out
}

// source is a layer's type of policy and its documents; the type is empty for a
// layer that the simulator shows no statements of.
func (a *Asked) source(l access.Layer) (kind string, documents []access.Document) {
	p := a.Policies
	switch l {
	case access.IdentityLayer:
		return identityPolicy, p.Identity
	case access.BoundaryLayer:
		if p.Boundary != nil {
			return boundaryPolicy, []access.Document{*p.Boundary}
		}
	case access.ResourceLayer, access.TrustLayer:
		if p.Resource != nil {
			return resourcePolicy, []access.Document{p.Resource.Document}
		}
	}
	return "", nil
}

func statement(kind string, r *access.Reason, documents []access.Document) Statement {
	s := Statement{SourcePolicyId: sourceID(r.Document), SourcePolicyType: kind}
	if kind == resourcePolicy {
		s.SourcePolicyId = "ResourcePolicy"
	}
	for _, d := range documents {
		if d.Name == r.Document && d.ARN == r.ARN && r.Statement < d.Policy.Len() && d.Policy.Statement(r.Statement).Position() == r.Position {
			s.StartPosition = position(start(d.Policy, r.Statement))
			s.EndPosition = position(d.Policy.Statement(r.Statement).End())
			break
		}
	}
	return s
}

func position(p policy.Position) Position { return Position{Line: p.Line, Column: p.Column} }

// start is where AWS says that a statement starts: not at its brace but behind
// what stands before it, the previous statement or the list's bracket. So it is
// in the AWS CLI's examples and in every answer seen.
func start(p *policy.Policy, index int) policy.Position {
	if index > 0 {
		return p.Statement(index - 1).End()
	}
	before := strings.TrimRight(p.Text()[:p.Statement(0).Position().Offset], " \t\r\n")
	return p.Position(len(before))
}

var inlineName = regexp.MustCompile(`^inline policy (.+) of (user|group|role) (.+)$`)

// sourceID is how the simulator names a policy: an inline one by its holder too.
func sourceID(document string) string {
	if m := inlineName.FindStringSubmatch(document); m != nil {
		return m[2] + "_" + m[3] + "_" + m[1]
	}
	return document
}

// missing are the condition keys that statements about the action ask for, and
// that the request neither has nor implies. Those of SCPs are not among them.
func (a *Asked) missing() []string {
	r := &a.Decision.Request
	env := policy.NewEnv(r.Action, r.Resource, &policy.Caller{}, noKeys{})
	var out []string
	for _, l := range [...]access.Layer{access.IdentityLayer, access.BoundaryLayer, access.ResourceLayer} {
		_, documents := a.source(l)
		for _, d := range documents {
			for i := range d.Policy.Len() {
				if !d.Policy.Statement(i).Match(&env).Action {
					continue
				}
				for _, k := range d.Policy.StatementContextKeys(i) {
					if _, present, _ := r.Key(k); !present && !slices.Contains(out, k) {
						out = append(out, k)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// noKeys is a request without condition keys.
type noKeys struct{}

func (noKeys) Get(string) ([]string, bool, bool) { return nil, false, false }
