package diagnose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// What somebody wrote to allow the request, and why it does not. The fix is that
// of a permission that is missing; what was written can go.

// meantOtherResource: a statement that allows the action on another key, such as
// the one that the volume had before.
func (e *Evidence) meantOtherResource(c *Cause, t *trial) bool {
	near := nearMiss(t, policy.ResourceElement)
	if near == nil || e.forOwnKey(near, t) {
		return false
	}
	c.Kind, c.Statement = ResourceMismatch, near
	c.Sentence = phrase.Say("The statement that would allow %s to call %s is for another key than the volume's: %s.", e.who(), t.request.Action, near.Failed)
	return true
}

// forOwnKey tells whether a statement is for one of the volumes' keys: then another
// is missing.
func (e *Evidence) forOwnKey(s *Statement, t *trial) bool {
	for i := range e.Caller.Identity {
		h := &e.Caller.Identity[i]
		if h.Name != s.Document || h.ARN != s.ARN || s.Index >= h.Document.Policy.Len() {
			continue
		}
		for _, k := range e.Keys {
			r := t.request
			r.Resource = k.ARN
			env := policy.NewEnv(r.Action, r.Resource, nil, keysOfRequest{&r})
			if f := h.Document.Policy.Statement(s.Index).Fit(&env); f.Applies != policy.No || f.Element != policy.ResourceElement {
				return true
			}
		}
	}
	return false
}

// keysOfRequest gives a request's condition keys to a statement.
type keysOfRequest struct{ *access.Request }

// Get implements policy.Keys.
func (k keysOfRequest) Get(key string) ([]string, bool, bool) { return k.Key(key) }

// misspelt: a statement allows what KMS has no such action for, and nearly the
// action that is asked for. IAM keeps such a statement without a word.
func (e *Evidence) misspelt(c *Cause, t *trial) bool {
	for i := range e.Caller.Identity {
		h := &e.Caller.Identity[i]
		for j := range h.Document.Policy.Len() {
			s := h.Document.Policy.Statement(j)
			if s.Effect() != policy.Allow {
				continue
			}
			for _, written := range s.Actions() {
				if !nearlyNamed(written, t.request.Action) {
					continue
				}
				c.Kind = ActionMisspelt
				c.Statement = &Statement{Document: h.Name, ARN: h.ARN, Index: j, Sid: s.Sid(), Line: s.Position().Line, Effect: string(policy.Allow), Failed: phrase.Plain("Action " + written), misspelt: written}
				c.Sentence = phrase.Say("The %s allows %s, which KMS does not have: it was to be %s.", c.Statement.place(), written, t.request.Action)
				return true
			}
		}
	}
	return false
}

// nearlyNamed tells whether what was written matches no action at all, but begins
// as the action does, or the action begins so.
func nearlyNamed(written, action string) bool {
	w, a := strings.ToLower(strings.TrimRight(written, "*")), strings.ToLower(action)
	if !strings.HasPrefix(w, "kms:") || len(w) < len("kms:")+4 || !strings.HasPrefix(w, a) && !strings.HasPrefix(a, w) {
		return false
	}
	for range serviceref.Actions(written) {
		return false
	}
	return true
}

// deleted is the form of the unique id in whose place a policy shows a user or
// role that is no more (IAM guide, "AWS JSON policy elements: Principal").
var deleted = regexp.MustCompile(`^(AIDA|AROA)[A-Z0-9]{12,}$`)

// stale: the key's policy names a user or role that was deleted. One made anew
// under its name is somebody else.
func (e *Evidence) stale(c *Cause, t *trial) bool {
	k := e.key(t.request.Resource)
	if k == nil || k.Policy == nil {
		return false
	}
	for i := range k.Policy.Policy.Len() {
		s := k.Policy.Policy.Statement(i)
		if s.Effect() != policy.Allow || !matchesAny(s.Actions(), t.request.Action) {
			continue
		}
		for _, p := range s.Principals() {
			if p.Type != policy.AWSPrincipal || !deleted.MatchString(p.Name) {
				continue
			}
			c.Kind = StalePrincipal
			c.Statement = &Statement{Document: k.Policy.Name, Index: i, Sid: s.Sid(), Line: s.Position().Line, Effect: string(policy.Allow), Failed: phrase.Plain("Principal " + p.Name)}
			c.Sentence = phrase.Say("The %s allows %s to %s, the id of a user or role that was deleted: %s is somebody else, even if the name is the same.",
				c.Statement.place(), t.request.Action, p.Name, e.who())
			return true
		}
	}
	return false
}

// uses are the actions that a use of a key for volumes takes. Whoever allows one
// of them has volumes in mind.
var uses = []string{
	"kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
}

// meantOtherAction: a statement allows other actions of the key's use, and not the
// one that is asked for. kms:GenerateDataKey is none of the others' beginnings:
// it takes an asterisk.
func (e *Evidence) meantOtherAction(c *Cause, t *trial) bool {
	near := nearMiss(t, policy.ActionElement)
	if near == nil {
		return false
	}
	s := e.statement(near, t)
	if s == nil || !slices.ContainsFunc(uses, func(a string) bool { return matchesAny(s.Actions(), a) }) {
		return false
	}
	c.Kind, c.Statement = ActionMissing, near
	c.Sentence = phrase.Say("The %s has other actions for %s, and not %s.", near.place(), e.who(), t.request.Action)
	if t.request.Action == "kms:GenerateDataKeyWithoutPlaintext" && slices.ContainsFunc(s.Actions(), func(a string) bool { return strings.EqualFold(a, "kms:GenerateDataKey") }) {
		c.Sentence = phrase.Say("The %s allows %s to %s, which is not %s: it was to be %s.", near.place(), "kms:GenerateDataKey", e.who(), t.request.Action, "kms:GenerateDataKey*")
	}
	return true
}

// statement finds a statement of the caller's policies or of the key's.
func (e *Evidence) statement(s *Statement, t *trial) *policy.Statement {
	documents := e.Caller.documents()
	if k := e.key(t.request.Resource); k != nil && k.Policy != nil {
		documents = append(documents, *k.Policy)
	}
	for _, d := range documents {
		if d.Name == s.Document && d.ARN == s.ARN && s.Index < d.Policy.Len() {
			return d.Policy.Statement(s.Index)
		}
	}
	return nil
}

// meantOtherPrincipal: the key policy allows it to a service, which does not ask
// itself, or to another service-linked role than the one that does.
func (e *Evidence) meantOtherPrincipal(c *Cause, t *trial) bool {
	k := e.key(t.request.Resource)
	if k == nil || k.Policy == nil {
		return false
	}
	for i := range k.Policy.Policy.Len() {
		s := k.Policy.Policy.Statement(i)
		if s.Effect() != policy.Allow || !matchesAny(s.Actions(), t.request.Action) {
			continue
		}
		for _, p := range s.Principals() {
			linked := p.Type == policy.AWSPrincipal && strings.Contains(p.Name, ":role/aws-service-role/") && e.Caller.Principal.ServiceLinked
			if !linked && (p.Type != policy.ServicePrincipal || !launches(p.Name)) {
				continue
			}
			c.Kind = PrincipalMismatch
			c.Statement = &Statement{Document: k.Policy.Name, Index: i, Sid: s.Sid(), Line: s.Position().Line, Effect: string(policy.Allow), Failed: phrase.Plain("Principal " + p.Name)}
			c.Sentence = phrase.Say("The %s allows %s to %s, but %s asks.", c.Statement.place(), t.request.Action, p.Name, e.who())
			return true
		}
	}
	return false
}

// launches tells whether a service principal is of a service that launches
// instances: it never asks KMS as itself, but in its caller's name or as its role.
func launches(service string) bool {
	name, _, _ := strings.Cut(service, ".")
	switch name {
	case "autoscaling", "ec2", "ec2fleet", "spot", "spotfleet":
		return true
	}
	return false
}

func matchesAny(patterns []string, action string) bool {
	for _, p := range patterns {
		if policy.MatchAction(p, action) {
			return true
		}
	}
	return false
}
