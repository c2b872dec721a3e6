package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// session: the session policy, passed when the role was assumed, does not let
// the request through, whatever the role's own policies allow (IAM guide,
// "Session policies").
func (e *Evidence) session(same []trial) finding {
	t := &same[0]
	c := e.causeOf(SessionPolicy, same)
	if t.decision.Outcome == access.ExplicitDeny {
		c.Sentence = phrase.Say("%s of %s denies %s.", sentenceStart(c.Statement), e.who(), t.request.Action)
	} else {
		c.Sentence = phrase.Say("The role %s may call %s, but the session policy of its session %s does not allow it.",
			lastPart(e.Caller.Principal.RoleARN), t.request.Action, e.Caller.Principal.Name)
		c.Statement = nearMiss(t, policy.ConditionElement)
	}
	c.Note = phrase.Say("A session keeps the policy it was made with: assume the role again.")
	if len(e.Caller.Session) == 0 {
		return finding{cause: c, fixes: []Fix{e.newSession(newDocument(e.allowing(same, nil)...))}}
	}
	text, edited := e.sessionText(same)
	if !edited {
		return finding{cause: c}
	}
	return finding{cause: c, fixes: []Fix{e.newSession(text)}}
}

// sessionText is the session policy as it should have been.
func (e *Evidence) sessionText(same []trial) (string, bool) {
	t := &same[0]
	if by := t.decision.By; t.decision.Outcome == access.ExplicitDeny && by != nil {
		for _, d := range e.Caller.Session {
			if d.Name == by.Document {
				return exempt(d.Policy.Text(), by.Statement, t)
			}
		}
		return "", false
	}
	text, err := withStatements(e.Caller.Session[0].Policy.Text(), e.allowing(same, nil)...)
	return text, err == nil
}

// newSession makes another session, with the policy as it should be.
func (e *Evidence) newSession(text string) Fix {
	p := e.Caller.Principal
	f := Fix{
		Kind: SessionPolicyFix, Document: text, Target: p.RoleARN,
		Title: phrase.Say("Assume the role %s again with a session policy that allows it", lastPart(p.RoleARN)),
		Commands: []string{
			e.aws("sts", "assume-role", "--role-arn", p.RoleARN, "--role-session-name", p.Name, "--policy", compact(text)),
			e.again(),
		},
		Note: phrase.Say("Start the instance with the new session's credentials. Where a broker or a tool makes the sessions, change the policy there."),
	}
	e.puts(&f, sessionSlot(p.Name), text)
	return f
}

// controlPolicy: the event names a policy that the account does not show: a
// session policy that the trail no longer has, an organization's policy, an
// endpoint's.
func (e *Evidence) controlPolicy(d Denial) finding {
	same := e.grantTrials(d)
	c := Cause{Kind: ControlPolicy, Layer: string(d.Layer), Action: d.Action, Principal: d.Principal, Agreement: EventOnly, Note: d.note(), Keys: keysOf(same), Volumes: volumesOf(same)}
	if d.Layer == access.SessionLayer {
		c.Kind = SessionPolicy
		c.Sentence = phrase.Say("The role %s may call %s, but the session policy of its session %s does not let it.",
			lastPart(e.Caller.Principal.RoleARN), d.Action, e.Caller.Principal.Name)
		c.Note = phrase.Say("A session keeps the policy it was made with, and nothing shows it: it was passed when the role was assumed.")
		return finding{cause: c, fixes: []Fix{e.newSession(newDocument(e.sessionStatements(same)...))}}
	}
	c.Sentence = phrase.Say("The account's own policies allow %s, but a %s does not allow it.", d.Action, layerWords(d.Layer))
	if d.Explicit {
		c.Sentence = phrase.Say("The account's own policies allow %s, but a %s denies it.", d.Action, layerWords(d.Layer))
	}
	return finding{cause: c}
}

// sessionStatements are what a session policy unknown must allow at least: the
// start itself and what it asks of KMS.
func (e *Evidence) sessionStatements(same []trial) []statement {
	start := statement{Effect: "Allow", Action: []string{"ec2:StartInstances"}, Resource: "*"}
	if o := e.operation(); o != StartInstances {
		start.Action = []string{"ec2:" + string(o)}
	}
	return append([]statement{start}, e.allowing(same, nil)...)
}

// grantTrials are the caller's trials that the denial is about: those of its
// action, on every key of the caller's own account.
func (e *Evidence) grantTrials(d Denial) []trial {
	var same []trial
	for _, t := range e.try() {
		if strings.EqualFold(t.request.Action, d.Action) || e.operation() != StartInstances && !t.request.Principal.IdentityOnly {
			same = append(same, t)
		}
	}
	return same
}
