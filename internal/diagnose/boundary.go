package diagnose

import (
	"fmt"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// boundary: the caller's permissions boundary does not let the request through,
// whatever the identity policies allow (IAM guide, "Permissions boundaries for
// IAM entities").
func (e *Evidence) boundary(same []trial) finding {
	t := &same[0]
	c := e.causeOf(Boundary, same)
	limit := e.Caller.Limit
	if limit == nil {
		c.Sentence = phrase.Say("The permissions boundary of %s does not allow %s.", e.who(), t.request.Action)
		return finding{cause: c}
	}
	if t.decision.Outcome == access.ExplicitDeny {
		c.Sentence = phrase.Say("%s, the permissions boundary of %s, denies %s.", sentenceStart(c.Statement), e.who(), t.request.Action)
		text, ok := exempt(limit.Policy.Text(), t.decision.By.Statement, t)
		if !ok {
			return finding{cause: c}
		}
		return finding{cause: c, fixes: []Fix{e.changeBoundary(text)}}
	}
	c.Sentence = phrase.Say("The permissions boundary of %s, %s, does not allow %s, so no policy can.", e.who(), limit.Name, t.request.Action)
	c.Statement = nearMiss(t, policy.ConditionElement)
	text, err := withStatements(limit.Policy.Text(), e.allowing(same, nil)...)
	if err != nil {
		return finding{cause: c}
	}
	return finding{cause: c, fixes: []Fix{e.changeBoundary(text)}}
}

// changeBoundary puts a new text in the boundary's place: a new version of the
// account's own policy, or a new policy where AWS manages the boundary.
func (e *Evidence) changeBoundary(text string) Fix {
	limit := e.Caller.Limit
	f := Fix{Kind: BoundaryFix, Document: text, Target: limit.ARN, Title: phrase.Say("Let the permissions boundary %s allow it", limit.Name)}
	e.puts(&f, boundarySlot(limit), text)
	if !awsManaged(limit.ARN) {
		e.do(&f, newVersion(limit.ARN, text))
		e.then(&f)
		f.Note = phrase.Say("Every user and role with this boundary gets the same; a managed policy keeps five versions.")
		return f
	}
	name := lastPart(limit.ARN) + "-with-grants"
	arn := fmt.Sprintf("arn:%s:iam::%s:policy/%s", e.Site.Partition, e.Site.Account, name)
	holder, owner := e.Caller.owner()
	f.Target = e.target()
	f.Title = phrase.Say("Replace the permissions boundary, which AWS manages, by one of your own that allows it")
	e.do(&f,
		createPolicy(name, text),
		bound(holder, owner, arn))
	e.then(&f)
	return f
}

// unreadLimit: the event names a boundary or another limit that could not be read.
func (e *Evidence) unreadLimit(same []trial, d Denial) finding {
	kind := ControlPolicy
	switch d.Layer {
	case access.BoundaryLayer:
		kind = Boundary
	case access.SessionLayer:
		kind = SessionPolicy
	}
	c := e.causeOf(kind, same)
	c.Sentence = phrase.Say("No %s of %s allows %s; the policy could not be read.", layerWords(d.Layer), e.who(), d.Action)
	c.Note = d.note()
	return finding{cause: c, fixes: []Fix{{
		Kind: PolicyEditFix, Title: phrase.Say("Add this statement to the %s", layerWords(d.Layer)), Target: e.target(),
		Document: render(e.allowing(same, nil)[0]), Commands: []string{e.again()},
	}}}
}
