package diagnose

import (
	"fmt"
	"slices"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// identityDenied: a Deny statement of one of the caller's own policies. The fix
// takes grants for AWS resources, and nothing else, out of what it denies.
func (e *Evidence) identityDenied(same []trial) finding {
	t := &same[0]
	c := e.causeOf(IdentityDenied, same)
	by := t.decision.By
	c.Sentence = phrase.Say("%s denies %s to %s.", sentenceStart(c.Statement), t.request.Action, e.who())
	for i := range e.Caller.Identity {
		if h := &e.Caller.Identity[i]; h.Name == by.Document && h.ARN == by.ARN {
			ways := e.narrowHeld(h, by.Statement, t)
			if len(ways) == 0 {
				c.Note = phrase.Say("The statement denies this very request: whoever wrote it has to decide whether it may go.")
				return finding{cause: c}
			}
			return finding{cause: c, fixes: ways[0], instead: ways[1:]}
		}
	}
	return finding{cause: c}
}

// narrowHeld edits the statement where the policy is the account's own. One that
// AWS manages cannot be edited: it is replaced by a copy, or detached where the
// start needs more than the statement's exemption.
func (e *Evidence) narrowHeld(h *Held, index int, t *trial) [][]Fix {
	name, arn := h.Name, h.ARN
	if awsManaged(arn) {
		f := Fix{
			Kind: CommandFix, Title: phrase.Say("Detach %s from %s: AWS manages it, so it cannot be edited", h.Policy, holderWords(h.Holder, h.HolderName)), Target: e.holderARN(h),
			TradeOff: phrase.Say("All that the policy denies besides is not denied any more: ask who attached it, and why."),
			effects:  []effect{whole{phrase.Say("detaching %s", h.Policy), func(e *Evidence) { e.dropIdentity(name, arn) }}},
		}
		e.do(&f, detach(h.Holder, h.HolderName, arn))
		e.then(&f)
		ways := [][]Fix{{f}}
		if c, ok := e.replaceManaged(h, index, t); ok {
			ways = slices.Insert(ways, 0, []Fix{c})
		}
		return ways
	}
	text, ok := exempt(h.text(), index, t)
	if !ok {
		return nil
	}
	f := Fix{
		Kind: PolicyEditFix, Document: text, Target: e.holderARN(h),
		Title: phrase.Say("Take what EC2 asks in the caller's name out of the Deny statement of %s", documentWords(name)),
	}
	e.puts(&f, heldSlot(h), text)
	e.putHeld(&f, h, text)
	e.then(&f)
	return [][]Fix{{f}}
}

// replaceManaged puts a copy of the account's own, with the exemption, in the place
// of a policy that AWS manages. It reports false where the start would still be
// denied.
func (e *Evidence) replaceManaged(h *Held, index int, t *trial) (Fix, bool) {
	text, ok := exempt(h.text(), index, t)
	if !ok {
		return Fix{}, false
	}
	name := h.Policy + "-with-grants"
	arn := fmt.Sprintf("arn:%s:iam::%s:policy/%s", e.Site.Partition, e.Site.Account, name)
	f := Fix{
		Kind: PolicyEditFix, Document: text, Target: e.holderARN(h),
		Title:    phrase.Say("Replace %s, which AWS manages, by a copy that leaves out what EC2 asks in the caller's name", h.Policy),
		TradeOff: phrase.Say("All else stays denied, but the copy does not follow AWS's changes of the policy."),
	}
	e.puts(&f, heldSlot(h), text)
	e.do(&f, createPolicy(name, text), attach(h.Holder, h.HolderName, arn), detach(h.Holder, h.HolderName, h.ARN))
	e.then(&f)
	after := e.clone()
	return f, after.takes([]Fix{f}) && after.startable() != policy.No
}

// text is the text of the document that is held.
func (h *Held) text() string { return h.Document.Policy.Text() }

// exempt narrows a Deny statement by a condition that leaves every other request
// denied: IfExists, so that requests without the key stay denied. It reports false
// where the statement tests the same already and still denies: then somebody means
// to deny this very request, and has to decide.
func exempt(text string, index int, t *trial) (string, bool) {
	if t.request.Principal.IdentityOnly {
		edited, err := withCondition(text, index, "ArnNotLikeIfExists", "aws:PrincipalArn", t.request.Principal.RoleARN)
		return edited, err == nil
	}
	if t.request.Action == "kms:CreateGrant" {
		if edited, err := withCondition(text, index, "BoolIfExists", "kms:GrantIsForAWSResource", "false"); err == nil {
			return edited, true
		}
	}
	edited, err := withCondition(text, index, "BoolIfExists", "aws:ViaAWSService", "false")
	return edited, err == nil
}

// awsManaged tells AWS's managed policies from an account's own.
func awsManaged(arn string) bool { return accountOf(arn) == "aws" }

// holderARN is the user, group or role that holds a policy.
func (e *Evidence) holderARN(h *Held) string {
	if h.Holder == "group" {
		return e.groupARN(h.HolderName)
	}
	return e.target()
}

func (e *Evidence) dropIdentity(name, arn string) {
	kept := e.Caller.Identity[:0:0]
	for _, h := range e.Caller.Identity {
		if h.Name != name || h.ARN != arn {
			kept = append(kept, h)
		}
	}
	e.Caller.Identity = kept
}

// sentenceStart names a statement at the start of a sentence.
func sentenceStart(s *Statement) phrase.Text {
	if s == nil {
		return phrase.Say("A statement")
	}
	if s.Sid == "" {
		return phrase.Say("Statement %d (line %d) of %s", s.Index+1, s.Line, documentWords(s.Document))
	}
	return phrase.Say("The statement %q (line %d) of %s", s.Sid, s.Line, documentWords(s.Document))
}

// place names a statement: by its Sid if it has one, else by its number from 1.
func (s *Statement) place() phrase.Text {
	if s.Sid == "" {
		return phrase.Say("statement %d (line %d) of %s", s.Index+1, s.Line, documentWords(s.Document))
	}
	return phrase.Say("statement %q (line %d) of %s", s.Sid, s.Line, documentWords(s.Document))
}

// unreadDeny: the event tells of a Deny in a policy that could not be read.
func (e *Evidence) unreadDeny(same []trial, d Denial) finding {
	kind := map[access.Layer]CauseKind{
		access.IdentityLayer: IdentityDenied, access.ResourceLayer: KeyPolicyDenied,
		access.BoundaryLayer: Boundary, access.SessionLayer: SessionPolicy,
	}[d.Layer]
	if kind == "" {
		kind = ControlPolicy
	}
	c := e.causeOf(kind, same)
	c.Sentence = phrase.Say("A Deny statement of the %s denies %s to %s; the policy could not be read.", layerWords(d.Layer), d.Action, e.who())
	c.Note = d.note()
	return finding{cause: c}
}

// note names the policy that the message names.
func (d Denial) note() phrase.Text {
	if d.Policy == "" {
		return phrase.Text{}
	}
	return phrase.Say("The event names the policy: %s", d.Policy)
}
