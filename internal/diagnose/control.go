package diagnose

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// controlled: a policy of the organization denies the request, or none at some
// level allows it (Organizations guide, "SCP evaluation", "RCP evaluation").
func (e *Evidence) controlled(same []trial) finding {
	t := &same[0]
	kind := ServiceControlPolicy
	account := t.request.Principal.Account
	if t.decision.Layer == access.ResourceControlLayer {
		kind, account = ResourceControlPolicy, accountOf(t.request.Resource)
	}
	c := e.causeOf(kind, same)
	by := t.decision.By
	if t.decision.Outcome != access.ExplicitDeny || by == nil {
		c.Sentence = phrase.Say("No %s that bears on account %s allows %s at every level of the organization.", layerWords(t.decision.Layer), account, t.request.Action)
		c.Note = phrase.Say("Every level, from the root down to the account, must allow it: FullAWSAccess is missing at one, or the list there is too short.")
		return finding{cause: c}
	}
	who := e.whoAsks(t)
	c.Sentence = phrase.Say("%s, a %s on account %s, denies %s to %s.", sentenceStart(c.Statement), layerWords(t.decision.Layer), account, t.request.Action, who)
	d := e.controlPolicyOf(by.ARN)
	if d == nil {
		return finding{cause: c}
	}
	text, ok := exempt(d.Policy.Text(), by.Statement, t)
	if !ok {
		c.Note = phrase.Say("The statement denies this very request: whoever wrote it has to decide whether it may go.")
		return finding{cause: c}
	}
	arn := by.ARN
	f := Fix{
		Kind: ControlPolicyFix, Document: text, Target: arn,
		Title: phrase.Say("Take what EC2 asks out of the Deny statement of %s", documentWords(d.Name)),
		Note:  phrase.Say("It bears on every account that the policy is attached to. The management account, or who administers policies for it, has to apply it."),
	}
	e.puts(&f, controlSlot(d.Name, arn), text)
	e.do(&f, Call{"organizations", "UpdatePolicy", &organizations.UpdatePolicyInput{PolicyId: aws.String(lastPart(arn)), Content: aws.String(compact(text))}})
	e.then(&f)
	return finding{cause: c, fixes: []Fix{f}}
}

// whoAsks names who makes a request of the start.
func (e *Evidence) whoAsks(t *trial) phrase.Text {
	if t.request.Principal.IdentityOnly {
		return phrase.Say("EC2's own role for the instance, %s", t.request.Principal.RoleARN)
	}
	return e.who()
}

// controlPolicyOf finds a control policy by its ARN.
func (e *Evidence) controlPolicyOf(arn string) *access.Document {
	var found *access.Document
	e.eachControl(func(d *access.Document) {
		if d.ARN == arn {
			found = d
		}
	})
	return found
}

func (e *Evidence) eachControl(do func(*access.Document)) {
	if e.Organization == nil {
		return
	}
	for i := range e.Organization.Places {
		p := &e.Organization.Places[i]
		for _, levels := range [...][][]access.Document{p.service, p.resource} {
			for _, level := range levels {
				for j := range level {
					do(&level[j])
				}
			}
		}
	}
}

// replaceControl puts another text in a control policy's place, wherever it is
// attached.
func (e *Evidence) replaceControl(arn, text string) {
	e.Organization = e.Organization.clone()
	e.eachControl(func(d *access.Document) {
		if d.ARN != arn {
			return
		}
		if changed, err := parsed(d.Name, arn, text); err == nil {
			*d = changed
		}
	})
}

// clone copies what a fix may change.
func (o *Organization) clone() *Organization {
	c := *o
	c.Places = append([]Place(nil), o.Places...)
	for i := range c.Places {
		p := &c.Places[i]
		p.service, p.resource = cloneLevels(p.service), cloneLevels(p.resource)
	}
	return &c
}

func cloneLevels(levels [][]access.Document) [][]access.Document {
	if levels == nil {
		return nil
	}
	out := make([][]access.Document, len(levels))
	for i, l := range levels {
		out[i] = append([]access.Document{}, l...)
	}
	return out
}
