package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// identityMissing: no identity policy of the caller allows the request. This is
// the article's cause, and its fix. Where a statement allows it but for one
// condition, that is the cause; the fix is the same.
func (e *Evidence) identityMissing(same []trial) finding {
	t := &same[0]
	c := e.causeOf(IdentityMissing, same)
	c.Sentence = phrase.Say("No identity-based policy of %s allows %s on the key of the %s.",
		e.who(), t.request.Action, e.keyWords(t, c.Volumes))
	if near := nearMiss(t, policy.ConditionElement); near != nil {
		c.Kind, c.Statement = ConditionMismatch, near
		c.Sentence = phrase.Say("The statement that would allow %s to call %s does not fit: %s.", e.who(), t.request.Action, near.Failed)
	} else {
		e.meant(&c, t)
	}
	if e.Caller.Principal.ServiceLinked {
		if e.needsGrant(t) {
			return e.grantMissing(c, same)
		}
		c.Note = phrase.Say("A service-linked role's policies cannot be changed: the key policy has to name it (Auto Scaling guide, \"Required AWS KMS key policy for use with encrypted volumes\").")
		ways := e.serviceLinkedWays(same)
		return finding{cause: c, fixes: ways[0], instead: ways[1:]}
	}
	ways := e.identityWays(same, c.Statement)
	return finding{cause: c, fixes: ways[0], instead: ways[1:]}
}

// meant looks for what somebody wrote to allow the request.
func (e *Evidence) meant(c *Cause, t *trial) {
	_ = e.meantOtherResource(c, t) || e.misspelt(c, t) || e.meantOtherAction(c, t) || e.stale(c, t) || e.meantOtherPrincipal(c, t)
}

// keyWords names what a key is of: the volumes, or the snapshot that they are made
// from.
func (e *Evidence) keyWords(t *trial, volumes []string) phrase.Text {
	if v := e.volume(t.step.Volume); v != nil && t.fromSource() && v.Snapshot != "" {
		return phrase.Say("snapshot %s", v.Snapshot)
	}
	return e.volumeWords(volumes)
}

// nearMiss is the Allow statement that fits but for one element of a kind, nil if
// there is none.
func nearMiss(t *trial, element policy.Element) *Statement {
	for _, l := range t.decision.Layers {
		if l.Layer != t.decision.Layer {
			continue
		}
		for i := range l.Reasons {
			r := &l.Reasons[i]
			if r.Effect == policy.Allow && !r.Match && r.Others == 0 && r.Failed != nil && r.Failed.Element == element {
				return statementOf(r)
			}
		}
	}
	return nil
}

// allowIdentity is the article's policy for all the keys concerned: the grant
// for an AWS resource, and nothing else of it. What a launch needs besides is
// limited to requests that come through EC2.
func (e *Evidence) allowIdentity(same []trial) Fix {
	text := newDocument(e.allowing(same, nil)...)
	name := e.policyName()
	f := Fix{Kind: IAMPolicyFix, Document: text, Title: phrase.Say("Attach this policy to %s", e.who()), Target: e.target()}
	f.Note = e.grantNote()
	f.TradeOff = phrase.Say("Nobody else gets anything; it goes with the user or role, and others need the same again.")
	holder, owner := e.Caller.owner()
	e.do(&f, putInline(holder, owner, name, text))
	e.then(&f)
	if strings.HasPrefix(owner, identityCenter) {
		f.TradeOff = phrase.Say("Everybody to whom the permission set is assigned gets it, and it lasts: Identity Center writes the role's policies anew.")
		f.Note = phrase.Say("The role is IAM Identity Center's and cannot be changed here: add the statement to its permission set.")
		f.Calls, f.Commands = []Call{}, []string{e.again()}
	}
	e.puts(&f, addedSlot(inlineOf(holder, owner, name)), text)
	return f
}

// grantNote explains the condition.
func (e *Evidence) grantNote() phrase.Text {
	return phrase.Say("The condition keeps the permission to grants that AWS services, such as EC2, ask for in the caller's name.")
}

// allowing are the statements that allow what failed, on each key no more than is
// asked of it. A key policy's have a principal, and the key itself as the resource.
func (e *Evidence) allowing(same []trial, principal any) []statement {
	var all []statement
	var grants []trial
	rest := make(map[string][]trial) // by what they ask of their key
	var order []string
	for _, arn := range keysOf(same) {
		var ofKey []trial
		for _, t := range same {
			switch {
			case t.request.Resource != arn:
			case t.request.Action == "kms:CreateGrant":
				grants = append(grants, t)
			default:
				ofKey = append(ofKey, t)
			}
		}
		if actions := strings.Join(actionsOf(ofKey), " "); actions != "" {
			if rest[actions] == nil {
				order = append(order, actions)
			}
			rest[actions] = append(rest[actions], ofKey...)
		}
	}
	resource := func(of []trial) any {
		if principal != nil {
			return "*"
		}
		return keysOf(of)
	}
	if len(grants) > 0 {
		all = append(all, statement{
			Effect: "Allow", Principal: principal, Action: []string{"kms:CreateGrant"}, Resource: resource(grants),
			Condition: operators{"Bool": {"kms:GrantIsForAWSResource": true}},
		})
	}
	if same[0].own {
		return append(all, statement{Effect: "Allow", Action: actionsOf(same), Resource: resourcesOf(same)})
	}
	for _, actions := range order {
		of := rest[actions]
		all = append(all, statement{
			Effect: "Allow", Principal: principal, Action: actionsOf(of), Resource: resource(of),
			Condition: operators{"StringEquals": {"kms:ViaService": e.Site.ServicePrincipal()}},
		})
	}
	return all
}

// policyName is a name that none of the caller's inline policies has: a policy
// put under a name in use would replace it.
func (e *Evidence) policyName() string {
	const base = "start-encrypted-instances"
	name := base
	for n := 2; slices.ContainsFunc(e.Caller.Identity, func(h Held) bool { return h.Inline && h.Policy == name }); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

// target is the ARN of the user or role to change.
func (e *Evidence) target() string {
	if p := &e.Caller.Principal; p.Type == access.FederatedUser && p.UserARN != "" {
		return p.UserARN
	}
	return e.Caller.Principal.PrincipalARN()
}

// owner is whose policies count for the caller: the user, the session's role, or
// the user who made a federated session.
func (c *Caller) owner() (holder, name string) {
	switch p := &c.Principal; p.Type {
	case access.RoleSession:
		return "role", lastPart(p.RoleARN)
	case access.FederatedUser:
		return "user", lastPart(p.UserARN)
	default:
		return "user", p.Name
	}
}

// who names the caller to people.
func (e *Evidence) who() phrase.Text {
	p := e.Caller.Principal
	switch p.Type {
	case access.User:
		return phrase.Say("user %s", p.Name)
	case access.RoleSession:
		return phrase.Say("role %s (session %s)", lastPart(p.RoleARN), p.Name)
	case access.Root:
		return phrase.Say("the root user")
	}
	return phrase.Plain(p.ARN)
}

func lastPart(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// causeOf starts a cause about failing trials.
func (e *Evidence) causeOf(kind CauseKind, same []trial) Cause {
	t := &same[0]
	return Cause{
		Kind: kind, Layer: string(t.decision.Layer), Action: t.request.Action, Principal: t.request.Principal.ARN,
		Keys: keysOf(same), Volumes: volumesOf(same), Statement: statementOf(t.decision.By),
	}
}

func statementOf(r *access.Reason) *Statement {
	if r == nil || r.GrantID != "" {
		return nil
	}
	s := &Statement{Document: r.Document, ARN: r.ARN, Index: r.Statement, Sid: r.Sid, Line: r.Position.Line, Effect: string(r.Effect)}
	if r.Failed != nil {
		s.Failed, s.mismatch = mismatchWords(r.Failed), r.Failed
	}
	return s
}

// volumeWords names volumes to people.
func (e *Evidence) volumeWords(ids []string) phrase.Text {
	var all []phrase.Text
	for _, id := range ids {
		if v := e.volume(id); v != nil {
			all = append(all, v.name())
		}
	}
	if len(all) == 0 {
		return phrase.Say("volume")
	}
	return phrase.List(all...)
}

// forget drops what was unread: a fix replaces it, or makes it not matter.
func (e *Evidence) forget(l access.Layer, key string) {
	e.Unread = slices.DeleteFunc(slices.Clone(e.Unread), func(u Unread) bool {
		return u.layer == l && (key == "" || u.key == key)
	})
}

// inlineOf is an inline policy of a user, group or role.
func inlineOf(holder, owner, name string) Held {
	return Held{
		Document: access.Document{Name: "inline policy " + name + " of " + holder + " " + owner},
		Inline:   true, Holder: holder, HolderName: owner, Policy: name,
	}
}
