package audit

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// summary is the outcome as one sentence.
func (r *Report) summary() string {
	t := &r.Totals
	return fmt.Sprintf("%s × %s over %s: %s can, %s trapped, %s should not, %s unknown.",
		counted(int64(t.Callers), "principal", "principals"), t.Targets.words(), counted(int64(t.Keys), "key", "keys"),
		number(t.Can), number(t.Trapped), number(t.Shouldnt), number(t.Unknown))
}

// words list the targets that there are.
func (t Targets) words() string {
	var all []string
	for _, one := range [...]struct {
		n         int
		one, many string
	}{
		{t.Volumes, "volume", "volumes"}, {t.Snapshots, "snapshot", "snapshots"}, {t.Images, "image", "images"},
		{t.Templates, "launch template version", "launch template versions"}, {t.DefaultKeys, "default key", "default keys"},
	} {
		if one.n > 0 {
			all = append(all, counted(int64(one.n), one.one, one.many))
		}
	}
	switch len(all) {
	case 0:
		return "nothing encrypted"
	case 1:
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
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
func (c *cause) sentence(actions []string) string {
	what := strings.Join(actions, ", ")
	switch {
	case c.Open:
		return "It turns on what is not known: " + c.missing + "."
	case c.service:
		return fmt.Sprintf("A policy denies %s to EC2's own role for the instance.", what)
	}
	switch c.kind {
	case diagnose.IdentityMissing:
		return fmt.Sprintf("EC2 may be called, but no identity-based policy allows %s on the key.", what)
	case diagnose.IdentityDenied:
		return fmt.Sprintf("An identity-based policy denies %s.", what)
	case diagnose.ConditionMismatch:
		return fmt.Sprintf("A statement would allow %s, but one of its conditions does not fit.", what)
	case diagnose.ResourceMismatch:
		return fmt.Sprintf("A statement allows %s, but on other keys.", what)
	case diagnose.ActionMisspelt:
		return fmt.Sprintf("A statement allows an action that KMS does not have; it was to be %s.", what)
	case diagnose.StalePrincipal:
		return fmt.Sprintf("The key policy allows %s to somebody who was deleted.", what)
	case diagnose.KeyPolicyMissing:
		return fmt.Sprintf("The key policy neither lets the account's IAM policies decide about %s nor names the principal.", what)
	case diagnose.KeyPolicyDenied:
		return fmt.Sprintf("The key policy denies %s.", what)
	case diagnose.Boundary:
		return fmt.Sprintf("The permissions boundary does not let %s through.", what)
	case diagnose.ServiceControlPolicy:
		return fmt.Sprintf("A service control policy does not let %s through.", what)
	case diagnose.ResourceControlPolicy:
		return fmt.Sprintf("A resource control policy does not let %s through.", what)
	case diagnose.KeyDisabled:
		return "The key is disabled."
	case diagnose.KeyPendingDeletion:
		return "The key is pending deletion."
	case diagnose.KeyPendingImport:
		return "The key waits for its key material to be imported."
	case diagnose.KeyUnavailable:
		return "The key is unavailable: its key store is not connected."
	case diagnose.KeyDeleted:
		return "The key does not exist: it was deleted."
	}
	return fmt.Sprintf("%s is not let through.", what)
}

// describe words an exposure and what to do about it.
func (x *Exposure) describe() {
	what := strings.Join(x.Actions, ", ")
	switch x.Kind {
	case OpenKey:
		x.Sentence = fmt.Sprintf("The key policy lets principals of any account call %s.", what)
		x.Next = append(x.Next, `name the accounts in the Principal element, or add the condition "StringEquals": {"aws:PrincipalAccount": "…"} to the statement`)
	default:
		x.Sentence = "Grants of any kind can be made for anybody: kms:CreateGrant is allowed without kms:GrantIsForAWSResource."
		x.Next = append(x.Next, `put kms:CreateGrant into a statement with the condition "Bool": {"kms:GrantIsForAWSResource": "true"}`)
	}
	if s := x.Statement; s != nil && s.Document != "" {
		x.Next = append(x.Next, "the statement is "+whereIs(s))
	}
}

// whereIs names a statement: by its Sid if it has one, else by its number from 1.
func whereIs(s *diagnose.Statement) string {
	if s.Sid != "" {
		return fmt.Sprintf("%q of %s", s.Sid, s.Document)
	}
	return fmt.Sprintf("number %d of %s", s.Index+1, s.Document)
}
