package audit

import (
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// summary is the outcome as one sentence.
func (r *Report) summary() phrase.Text {
	t := &r.Totals
	return phrase.Say("%s × %s over %s: %s can, %s trapped, %s should not, %s unknown.",
		principalsWords(t.Callers), t.Targets.words(), keysWords(t.Keys),
		number(t.Can), number(t.Trapped), number(t.Shouldnt), number(t.Unknown))
}

func principalsWords(n int) phrase.Text {
	if n == 1 {
		return phrase.Say("1 principal")
	}
	return phrase.Say("%s principals", number(int64(n)))
}

func keysWords(n int) phrase.Text {
	if n == 1 {
		return phrase.Say("1 key")
	}
	return phrase.Say("%s keys", number(int64(n)))
}

// words list the targets that there are.
func (t Targets) words() phrase.Text {
	var all []phrase.Text
	add := func(n int, one, many phrase.Text) {
		switch {
		case n == 1:
			all = append(all, one)
		case n > 1:
			all = append(all, many)
		}
	}
	many := func(n int) string { return number(int64(n)) }
	add(t.Volumes, phrase.Say("1 volume"), phrase.Say("%s volumes", many(t.Volumes)))
	add(t.Snapshots, phrase.Say("1 snapshot"), phrase.Say("%s snapshots", many(t.Snapshots)))
	add(t.Images, phrase.Say("1 image"), phrase.Say("%s images", many(t.Images)))
	add(t.Templates, phrase.Say("1 launch template version"), phrase.Say("%s launch template versions", many(t.Templates)))
	add(t.DefaultKeys, phrase.Say("1 default key"), phrase.Say("%s default keys", many(t.DefaultKeys)))
	if len(all) == 0 {
		return phrase.Say("nothing encrypted")
	}
	return phrase.List(all...)
}

// number writes a count with commas.
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// sentence words a cause.
func (c *cause) sentence(actions []string) phrase.Text {
	what := strings.Join(actions, ", ")
	switch {
	case c.Open:
		return phrase.Say("It turns on what is not known: %s.", c.missingWords())
	case c.service:
		return phrase.Say("A policy denies %s to EC2's own role for the instance.", what)
	}
	switch c.kind {
	case diagnose.IdentityMissing:
		return phrase.Say("EC2 may be called, but no identity-based policy allows %s on the key.", what)
	case diagnose.IdentityDenied:
		return phrase.Say("An identity-based policy denies %s.", what)
	case diagnose.ConditionMismatch:
		return phrase.Say("A statement would allow %s, but one of its conditions does not fit.", what)
	case diagnose.ResourceMismatch:
		return phrase.Say("A statement allows %s, but on other keys.", what)
	case diagnose.ActionMisspelt:
		return phrase.Say("A statement allows an action that KMS does not have; it was to be %s.", what)
	case diagnose.StalePrincipal:
		return phrase.Say("The key policy allows %s to somebody who was deleted.", what)
	case diagnose.GrantMissing:
		return phrase.Say("The key is another account's, and no grant lets the service-linked role call %s.", what)
	case diagnose.KeyUnsuitable:
		return phrase.Say("EBS takes no key of this kind: it has to be a symmetric encryption key.")
	case diagnose.KeyPolicyMissing:
		return phrase.Say("The key policy neither lets the account's IAM policies decide about %s nor names the principal.", what)
	case diagnose.KeyPolicyDenied:
		return phrase.Say("The key policy denies %s.", what)
	case diagnose.Boundary:
		return phrase.Say("The permissions boundary does not let %s through.", what)
	case diagnose.ServiceControlPolicy:
		return phrase.Say("A service control policy does not let %s through.", what)
	case diagnose.ResourceControlPolicy:
		return phrase.Say("A resource control policy does not let %s through.", what)
	case diagnose.KeyDisabled:
		return phrase.Say("The key is disabled.")
	case diagnose.KeyPendingDeletion:
		return phrase.Say("The key is pending deletion.")
	case diagnose.KeyPendingImport:
		return phrase.Say("The key waits for its key material to be imported.")
	case diagnose.KeyUnavailable:
		return phrase.Say("The key is unavailable: its key store is not connected.")
	case diagnose.KeyDeleted:
		return phrase.Say("The key does not exist: it was deleted.")
	}
	return phrase.Say("%s is not let through.", what)
}

// missingWords says what an open question turns on.
func (c *cause) missingWords() phrase.Text {
	var all []phrase.Text
	for name := range strings.SplitSeq(c.missing, "; ") {
		all = append(all, unreadWords(name))
	}
	return phrase.List(all...)
}

// unreadWords names what was not read, or a condition key.
func unreadWords(name string) phrase.Text {
	switch name {
	case unreadServiceControl:
		return phrase.Say("service control policies, which were not read")
	case unreadResourceControl:
		return phrase.Say("resource control policies, which were not read")
	case unreadKeyPolicy:
		return phrase.Say("the key policy, which was not read")
	case unreadGrants:
		return phrase.Say("the grants of the key, which were not read")
	case unreadState:
		return phrase.Say("the state of the key, which was not read")
	case unreadBoundary:
		return phrase.Say("the permissions boundary, which was not read")
	case unreadIdentity:
		return phrase.Say("identity-based policies, which were not read")
	}
	return phrase.Plain(name)
}

// What decisions may lack.
const (
	unreadServiceControl  = "service control policies"
	unreadResourceControl = "resource control policies"
	unreadKeyPolicy       = "key policy"
	unreadGrants          = "grants of the key"
	unreadState           = "state of the key"
	unreadBoundary        = "permissions boundary"
	unreadIdentity        = "identity-based policies"
)

// describe words an exposure and what to do about it.
func (x *Exposure) describe() {
	what := strings.Join(x.Actions, ", ")
	if x.Kind == OpenKey {
		x.Sentence = phrase.Say("The key policy lets principals of any account call %s.", what)
		x.Advice = phrase.Say("Name accounts in the statement's Principal, or add the condition %s.", `"StringEquals": {"aws:PrincipalAccount": "…"}`)
		return
	}
	x.Sentence = phrase.Say("Grants of any kind can be made for anybody: kms:CreateGrant is allowed without kms:GrantIsForAWSResource.")
	x.Advice = phrase.Say("Put kms:CreateGrant into a statement with the condition %s.", `"Bool": {"kms:GrantIsForAWSResource": "true"}`)
}

// whereIs names a statement: by its Sid if it has one, else by its number from 1.
func whereIs(s *diagnose.Statement) phrase.Text {
	if s.Sid != "" {
		return phrase.Say("%q of %s", s.Sid, s.Document)
	}
	return phrase.Say("number %d of %s", s.Index+1, s.Document)
}
