package diagnose

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"

	"github.com/keyturn/keyturn/internal/phrase"
)

// AccessOptions say of whom and of which keys to read what decides, where there
// is no instance to diagnose.
type AccessOptions struct {
	Principal access.Principal
	// Keys are KMS keys, by ARN, id or alias.
	Keys   []string
	Region string
	// Instance is the one whose grants matter besides the principal's; it may be
	// empty.
	Instance string
}

// GatherAccess reads what bears on a principal's requests: their policies,
// boundary and tags, and the keys with policies and grants. What cannot be read
// is in Evidence.Unread. arns are the keys' ARNs, in the order of the options. It
// fails where nobody can be asked, or for a principal or key that does not exist.
func GatherAccess(ctx context.Context, c Clients, o AccessOptions) (e *Evidence, arns []string, err error) {
	who, err := c.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, nil, phrase.NewError(phrase.Say("asking who the credentials are: %v", err), err)
	}
	p := o.Principal
	e = &Evidence{
		Site:     launch.Site{Partition: p.Partition, Account: p.Account, Region: o.Region},
		Instance: Instance{ID: o.Instance},
		Caller:   &Caller{Type: string(p.Type), ARN: p.ARN, Role: p.RoleARN, Principal: p},
	}
	g := newGatherer(ctx, c, Options{}, e)
	for i, k := range each(g, o.Keys, (*gatherer).readKey) {
		if k.Missing {
			return nil, nil, phrase.NewError(phrase.Say("KMS has no key %s in this account and region", o.Keys[i]), nil)
		}
		arns = append(arns, k.ARN)
		if e.key(k.ARN) == nil {
			e.Keys = append(e.Keys, k)
		}
	}
	g.principal(aws.ToString(who.Account))
	if err := ctx.Err(); err != nil {
		return nil, nil, phrase.NewError(phrase.Say("reading what bears on %s: %v", p.ARN, err), err)
	}
	for _, u := range e.Unread {
		if (u.Call == "iam:GetUser" || u.Call == "iam:GetRole") && strings.HasPrefix(u.Why, "NoSuchEntity: ") {
			return nil, nil, phrase.NewError(phrase.Say("%s does not exist: %s", p.ARN, strings.TrimPrefix(u.Why, "NoSuchEntity: ")), nil)
		}
	}
	return e, arns, nil
}

// principal reads the policies of the principal, if they are of the account that
// is asked: a name says nothing of another account's user of that name.
func (g *gatherer) principal(account string) {
	p := &g.evidence.Caller.Principal
	switch {
	case p.Type == access.Root || p.Type == access.Service || p.Type == access.Anonymous || p.IdentityOnly:
		return
	case p.Account != account:
		for _, layer := range [...]access.Layer{access.IdentityLayer, access.BoundaryLayer} {
			g.note(Unread{
				What: string(layer) + " of " + p.ARN, Call: "sts:GetCallerIdentity",
				Why: "the credentials are of account " + account + ", which is not the principal's", layer: layer,
			})
		}
		return
	}
	switch p.Type {
	case access.RoleSession:
		g.rolePolicies()
	default:
		g.userPolicies()
	}
}

// Policies are the documents that bear on a request for a key, by the caller or
// by another. Unlike in a diagnosis, which has an event to tell that no grant
// helped, a decision turns on grants that could not be read.
func (e *Evidence) Policies(r *access.Request, byCaller bool) access.Policies {
	p := e.policies(r, byCaller)
	for _, u := range e.Unread {
		if u.Call == "kms:ListGrants" && u.key == r.Resource {
			p.Unread = append(p.Unread, access.UnreadLayer{Layer: access.GrantLayer, What: u.What})
		}
	}
	return p
}

// DescribeKey adds the condition keys that tell of a KMS key, if it was read.
func (e *Evidence) DescribeKey(c *access.Context, arn string) { e.describeKey(c, arn) }

// Key is the key of an ARN, nil if it was not read.
func (e *Evidence) Key(arn string) *Key { return e.key(arn) }

// ReadTrustPolicy reads the trust policy of a role of the clients' account.
func ReadTrustPolicy(ctx context.Context, c Clients, role string) (access.Document, error) {
	name := lastPart(role)
	out, err := c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return access.Document{}, phrase.NewError(phrase.Say("reading the trust policy of role %s: %v", name, err), err)
	}
	if arn := aws.ToString(out.Role.Arn); arn != role {
		return access.Document{}, phrase.NewError(phrase.Say("the role %s is %s here", name, arn), nil)
	}
	return decoded("trust policy of role "+name, "", out.Role.AssumeRolePolicyDocument)
}
