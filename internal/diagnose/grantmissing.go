package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// needsGrant tells whether a service-linked role asks for another account's key:
// neither its own policies, which nobody can change, nor that account's key policy
// alone can let it.
func (e *Evidence) needsGrant(t *trial) bool {
	p := &t.request.Principal
	return p.ServiceLinked && accountOf(t.request.Resource) != p.Account
}

// grantMissing: a service-linked role is to use another account's key. Somebody of
// the role's account has to make it a grant, and the key policy has to let them.
func (e *Evidence) grantMissing(c Cause, same []trial) finding {
	c.Kind, c.Statement = GrantMissing, nil
	key := c.Keys[0]
	c.Sentence = phrase.Say("%s is to use the key %s of account %s, for which it has no grant.", e.who(), key, accountOf(key))
	c.Note = phrase.Say("A service-linked role's policies cannot be changed, and another account's key policy alone does not let it: somebody of account %s whom that key policy lets make grants has to make one.", e.Caller.Principal.Account)
	if a := e.Attempt; a != nil {
		c.Note = phrase.Say("%s tried to make a grant at %s and was refused: %s The key policy must let people of account %s call kms:CreateGrant without the condition kms:GrantIsForAWSResource, which only AWS services meet.",
			a.Principal, stamp(a.Time), sentence(a.ErrorMessage), e.Caller.Principal.Account)
	}
	ways := e.serviceLinkedWays(same)
	for i := range ways[0] {
		ways[0][i].Note = phrase.Say("Somebody of account %s whom the key policy allows kms:CreateGrant has to apply it. The role must not be deleted afterwards: a new one of its name is another.", e.Caller.Principal.Account)
	}
	return finding{cause: c, fixes: ways[0], instead: ways[1:]}
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	return strings.TrimSuffix(s, ".") + "."
}
