package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// GrantFix is a grant on the key.
const GrantFix FixKind = "grant"

// grantName is the name of the grants that fixes make. KMS answers the same grant
// to the same call, so nothing comes of making it twice (KMS API, "CreateGrant").
const grantName = "start-encrypted-instances"

// grants give the caller a grant on each key, for the operations that failed and
// for those that the grants that EC2 asks for are to have: a grant begets only
// grants for its own operations (KMS guide, "Granting CreateGrant permission").
func (e *Evidence) grants(same []trial) []Fix {
	var fixes []Fix
	for _, arn := range keysOf(same) {
		x := &grantEffect{key: arn, grantee: e.target(), operations: grantOperations(same, arn)}
		f := Fix{
			Kind: GrantFix, Target: arn, Title: phrase.Say("Give %s a grant on the key", e.who()), effects: []effect{x},
			TradeOff: phrase.Say("No policy changes, and none shows it; a grant cannot be held to requests that come through EC2, and does not go over to a user or role that is made anew."),
		}
		if accountOf(arn) != e.Site.Account {
			f.Note = phrase.Say("Whoever makes it needs kms:CreateGrant on the key, from the key's policy and from their own account.")
		}
		e.do(&f, x.call())
		fixes = append(fixes, f)
	}
	if n := len(fixes); n > 0 {
		e.then(&fixes[n-1])
	}
	return fixes
}

// serviceLinkedWays are the ways to let a service-linked role in. Its own policies
// cannot be changed, so a key policy is enough only in the account's own keys. For
// another account's there is the grant; who makes it must be let do so by the key's
// policy first.
func (e *Evidence) serviceLinkedWays(same []trial) [][]Fix {
	grants := e.grants(same)
	if !e.foreign(same) {
		return [][]Fix{e.nameInKeyPolicy(same), grants}
	}
	var both []Fix
	for _, arn := range keysOf(same) {
		f := e.addToKeyPolicy(arn, phrase.Say("Let account %s make the grant, in the key's policy", e.Site.Account), statement{
			Effect: "Allow", Principal: map[string]string{"AWS": fmt.Sprintf("arn:%s:iam::%s:root", e.Site.Partition, e.Site.Account)},
			Action: []string{"kms:CreateGrant"}, Resource: "*",
			Condition: operators{"StringEquals": {"kms:GranteePrincipal": e.target()}},
		})
		f.TradeOff = phrase.Say("It takes the key's account first, where nobody may make the grant yet: then its policy names who gets it, and the grant is this account's.")
		both = append(both, f)
	}
	return [][]Fix{grants, append(both, e.grants(same)...)}
}

// grantOperations are the operations that a grant on a key has to have.
func grantOperations(same []trial, key string) []string {
	var all []string
	for i := range same {
		t := &same[i]
		if t.request.Resource != key {
			continue
		}
		all = append(all, strings.TrimPrefix(t.request.Action, "kms:"))
		if t.step.Grant != nil {
			all = append(all, t.step.Grant.Operations...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// grantEffect is a grant to the caller.
type grantEffect struct {
	key, grantee string
	operations   []string
}

func (g *grantEffect) in(e *Evidence) { g.give(e, g.operations) }

func (g *grantEffect) give(e *Evidence, operations []string) {
	if k := e.key(g.key); k != nil {
		k.Grants = append(slices.Clone(k.Grants), access.Grant{ID: grantName, Grantee: g.grantee, Operations: operations, Account: e.Site.Account})
		// It is enough without a policy, as a policy is whatever an unread one allows.
		e.forget(access.ResourceLayer, g.key)
	}
}

// actions are what the grant allows.
func (g *grantEffect) actions() []string {
	all := make([]string, len(g.operations))
	for i, o := range g.operations {
		all[i] = "kms:" + o
	}
	return all
}

// less: each operation is an element.
func (g *grantEffect) less() []lesser {
	var all []lesser
	for _, o := range g.operations {
		rest := without(g.operations, o)
		l := lesser{without: phrase.Say("the operation %s of the grant", o)}
		if len(rest) > 0 {
			l.in = func(e *Evidence) { g.give(e, rest) }
		}
		all = append(all, l)
	}
	return all
}

func (g *grantEffect) call() Call {
	operations := make([]kmstypes.GrantOperation, len(g.operations))
	for i, o := range g.operations {
		operations[i] = kmstypes.GrantOperation(o)
	}
	return Call{"kms", "CreateGrant", &kms.CreateGrantInput{
		KeyId: &g.key, GranteePrincipal: &g.grantee, Operations: operations, Name: aws.String(grantName),
	}}
}

// revoke undoes a grant.
func revoke(in *kms.CreateGrantInput, out any) []Call {
	return []Call{{"kms", "RevokeGrant", &kms.RevokeGrantInput{KeyId: in.KeyId, GrantId: out.(*kms.CreateGrantOutput).GrantId}}}
}
