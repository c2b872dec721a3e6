package iam

import (
	"strings"

	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// Policies are rows of their own and of plain text, so that a decision reads
// them without decoding the rows of whoever holds them.

func documentKey(s store.Scope, part ...string) string {
	return store.Key(append([]string{s.Account, s.Region, "iam.document"}, part...)...)
}

// inlineKey is the row of an inline policy of a user, group or role.
func inlineKey(s store.Scope, holderID, name string) string {
	return documentKey(s, holderID, "inline", name)
}

// trustKey is the row of a role's trust policy.
func trustKey(s store.Scope, roleID string) string { return documentKey(s, roleID, "trust") }

// versionKey is the row of a version of a managed policy.
func versionKey(s store.Scope, policyID string, number int) string {
	return documentKey(s, policyID, "version", versionID(number))
}

// defaultKey is the row with a copy of a managed policy's default version.
func defaultKey(s store.Scope, arn string) string { return documentKey(s, "default", arn) }

// encode writes a document as IAM's answers carry it: with everything escaped
// that RFC 3986 does not leave unreserved.
func encode(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(text) * 3 / 2)
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// size counts a document's characters as the quotas do.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !strings.ContainsRune(" \t\r\n", r) {
			n++
		}
	}
	return n
}

// checkManaged checks the document of a managed policy.
func checkManaged(text string) error {
	if _, err := policy.Load([]byte(text), policy.ManagedPolicy); err != nil {
		return malformed(err.Error())
	}
	if size(text) > policy.MaxManaged {
		return quota("PolicySize", policy.MaxManaged)
	}
	return nil
}

// checkIdentity checks a document that says what its holder may do.
func checkIdentity(text string) (*policy.Policy, error) {
	p, err := policy.Load([]byte(text), policy.IdentityPolicy)
	if err != nil {
		return nil, malformed(err.Error())
	}
	return p, nil
}
