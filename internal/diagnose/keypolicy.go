package diagnose

import (
	"fmt"
	"slices"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// rootSid is the Sid of the statement in KMS's default key policy (KMS guide,
// "Default key policy").
const rootSid = "Enable IAM User Permissions"

// keyPolicyMissing: the key policy neither delegates to the account's IAM
// policies nor names the caller (KMS guide, "Key policies in AWS KMS").
func (e *Evidence) keyPolicyMissing(same []trial) finding {
	t := &same[0]
	c := e.causeOf(KeyPolicyMissing, same)
	c.Sentence = phrase.Say("The key policy of %s neither lets the account's IAM policies decide nor names %s, so nothing allows %s.",
		t.request.Resource, e.who(), t.request.Action)
	if near := nearMiss(t, policy.ConditionElement); near != nil {
		c.Kind, c.Statement = ConditionMismatch, near
		c.Sentence = phrase.Say("The %s would allow %s to call %s, but: %s.", near.place(), e.who(), t.request.Action, near.Failed)
	} else {
		_ = e.meantOtherAction(&c, t) || e.stale(&c, t) || e.meantOtherPrincipal(&c, t)
	}
	if e.needsGrant(t) {
		return e.grantMissing(c, same)
	}
	ways := e.keyPolicyWays(same)
	ways[0] = e.bothSides(ways[0], same)
	return finding{cause: c, fixes: ways[0], instead: ways[1:]}
}

// keyPolicyWays are the ways to let the caller in where the key policy does not:
// to name the caller, which is the least; to let the account's IAM policies decide,
// as the default key policy does, which is more than the start needs; a grant.
func (e *Evidence) keyPolicyWays(same []trial) [][]Fix {
	ways := [][]Fix{e.nameInKeyPolicy(same)}
	if fixes := e.delegate(same); len(fixes) > 0 {
		ways = append(ways, fixes)
	}
	return append(ways, e.grants(same))
}

// keyPolicyUnread is the same, told by the event alone: the policy itself could
// not be read, so there is only the statement to add to it.
func (e *Evidence) keyPolicyUnread(same []trial) finding {
	c := e.causeOf(KeyPolicyMissing, same)
	if e.needsGrant(&same[0]) {
		return e.grantMissing(c, same)
	}
	c.Sentence = phrase.Say("The key policy of %s does not allow %s to %s.", c.Keys[0], c.Action, e.who())
	c.Note = phrase.Say("The key policy could not be read; add the statement to it, do not replace it.")
	return finding{cause: c, fixes: e.bothSides(e.nameInKeyPolicy(same), same)}
}

// bothSides adds to what another account does for its key what is to be done in
// the caller's own: a key of another account takes both (KMS guide, "Allowing users
// in other accounts to use a KMS key").
func (e *Evidence) bothSides(fixes []Fix, same []trial) []Fix {
	if !e.foreign(same) || slices.ContainsFunc(same[0].decision.Layers, func(l access.LayerVerdict) bool {
		return l.Layer == access.IdentityLayer && l.Verdict != access.Silent
	}) {
		return fixes
	}
	return append(fixes, e.allowIdentity(same))
}

// foreign tells whether what failed is about keys of another account.
func (e *Evidence) foreign(same []trial) bool {
	return accountOf(same[0].request.Resource) != e.Site.Account
}

// delegate adds the article's root statement to each key's policy of this account.
func (e *Evidence) delegate(same []trial) []Fix {
	root := statement{
		Sid: rootSid, Effect: "Allow",
		Principal: map[string]string{"AWS": fmt.Sprintf("arn:%s:iam::%s:root", e.Site.Partition, e.Site.Account)},
		Action:    "kms:*", Resource: "*",
	}
	var fixes []Fix
	for _, arn := range keysOf(same) {
		if accountOf(arn) != e.Site.Account {
			continue
		}
		root.Sid = e.freeSid(arn)
		fixes = append(fixes, e.addToKeyPolicy(arn, phrase.Say("Let the account's IAM policies decide about the key, as the default key policy does"), root))
	}
	if len(fixes) == 0 {
		return nil
	}
	for i := range fixes {
		fixes[i].TradeOff = phrase.Say("AWS's default, and whoever administers IAM can always reach the key; but every policy of the account that allows KMS actions bears on the key from then on.")
	}
	last := &fixes[len(fixes)-1]
	last.Commands = append(last.Commands, e.again())
	last.Note = phrase.Say("Somebody whom the key policy allows kms:PutKeyPolicy has to apply it.")
	return fixes
}

// freeSid is the default statement's Sid, with a number where the key policy has
// it already: Sids are unique within a policy.
func (e *Evidence) freeSid(arn string) string {
	taken := make(map[string]bool)
	if k := e.key(arn); k != nil && k.Policy != nil {
		for i := range k.Policy.Policy.Len() {
			taken[k.Policy.Policy.Statement(i).Sid()] = true
		}
	}
	sid := rootSid
	for n := 2; taken[sid]; n++ {
		sid = fmt.Sprintf("%s %d", rootSid, n)
	}
	return sid
}

// nameInKeyPolicy adds the caller to each key's policy, for what failed.
func (e *Evidence) nameInKeyPolicy(same []trial) []Fix {
	var fixes []Fix
	for _, arn := range keysOf(same) {
		var ofKey []trial
		for _, t := range same {
			if t.request.Resource == arn {
				ofKey = append(ofKey, t)
			}
		}
		principal := map[string]string{"AWS": e.target()}
		f := e.addToKeyPolicy(arn, phrase.Say("Name %s in the key policy", e.who()), e.allowing(ofKey, principal)...)
		f.TradeOff = phrase.Say("Who administers the key decides and sees who uses it; it does not show among the caller's own policies.")
		fixes = append(fixes, f)
	}
	if n := len(fixes); n > 0 {
		fixes[n-1].Commands = append(fixes[n-1].Commands, e.again())
	}
	return fixes
}

// addToKeyPolicy adds statements to a key's policy. Where the policy could not be
// read there is no command: put-key-policy would replace what is there.
func (e *Evidence) addToKeyPolicy(arn string, title phrase.Text, more ...statement) Fix {
	f := Fix{Kind: KeyPolicyFix, Title: title, Target: arn, Document: render(more[0])}
	if len(more) > 1 {
		f.Document = render(more)
	}
	k := e.key(arn)
	if k == nil || k.Policy == nil {
		f.Note = phrase.Say("Add it to the policy that the key has; aws kms get-key-policy shows it.")
		f.Commands = []string{e.aws("kms", "get-key-policy", "--key-id", arn, "--query", "Policy", "--output", "text")}
		return f
	}
	whole, err := withStatements(k.Policy.Policy.Text(), more...)
	if err != nil {
		return f
	}
	e.do(&f, putKeyPolicy(arn, whole))
	e.puts(&f, keyPolicySlot(arn), whole)
	return f
}

func (e *Evidence) setKeyPolicy(arn, text string) {
	k := e.key(arn)
	d, err := parsed(keyPolicyName(arn), "", text)
	if k == nil || err != nil {
		return
	}
	k.Policy = &d
	e.forget(access.ResourceLayer, arn)
}

// keyPolicyName is what reasons call a key's policy.
func keyPolicyName(arn string) string { return "key policy of " + lastPart(arn) }

// keyPolicyDenied: a Deny statement of the key policy. The fix takes what EC2
// asks out of it.
func (e *Evidence) keyPolicyDenied(same []trial) finding {
	t := &same[0]
	c := e.causeOf(KeyPolicyDenied, same)
	c.Sentence = phrase.Say("%s denies %s to %s.", sentenceStart(c.Statement), t.request.Action, e.whoAsks(t))
	var fixes []Fix
	for _, arn := range c.Keys {
		k := e.key(arn)
		if k == nil || k.Policy == nil {
			continue
		}
		d := firstOf(same, arn).decision.By
		text, ok := exempt(k.Policy.Policy.Text(), d.Statement, t)
		if !ok {
			continue
		}
		f := Fix{
			Kind: PolicyEditFix, Title: phrase.Say("Take what EC2 asks out of the key policy's Deny statement"), Target: arn, Document: text,
			Note: phrase.Say("Somebody whom the key policy allows kms:PutKeyPolicy has to apply it."),
		}
		e.puts(&f, keyPolicySlot(arn), text)
		e.do(&f, putKeyPolicy(arn, text))
		fixes = append(fixes, f)
	}
	if n := len(fixes); n > 0 {
		fixes[n-1].Commands = append(fixes[n-1].Commands, e.again())
	}
	return finding{cause: c, fixes: fixes}
}

func firstOf(same []trial, arn string) *trial {
	for i := range same {
		if same[i].request.Resource == arn {
			return &same[i]
		}
	}
	return &same[0]
}
