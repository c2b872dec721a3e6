package diagnose

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// keys reads the keys of the volumes, each once.
func (g *gatherer) keys() {
	e := g.evidence
	var names []string
	for _, v := range e.Volumes {
		for _, key := range [...]string{v.Key, v.SnapshotKey} {
			if key != "" && e.key(key) == nil && !slices.Contains(names, key) {
				names = append(names, key)
			}
		}
	}
	for i, k := range each(g, names, (*gatherer).readKey) {
		for j := range e.Volumes {
			if e.Volumes[j].Key == names[i] {
				e.Volumes[j].Key = k.ARN
			}
		}
		if e.key(k.ARN) == nil {
			e.Keys = append(e.Keys, k)
		}
	}
}

// readKey reads a key by whatever names it: an ARN, an id, an alias.
func (g *gatherer) readKey(name string) Key {
	k := Key{Source: "kms:DescribeKey", ARN: name}
	g.tell(phrase.Say("reading the key %s", name))
	out, err := g.clients.KMS.DescribeKey(g.ctx, &kms.DescribeKeyInput{KeyId: &name})
	switch {
	case isCode(err, "NotFoundException"):
		k.Missing = true
		return k
	case err != nil:
		g.unread(err, "state of key "+name, "kms:DescribeKey", "", name)
	case out.KeyMetadata != nil:
		m := out.KeyMetadata
		k.ARN = aws.ToString(m.Arn)
		k.Manager, k.State, k.Origin, k.Spec = string(m.KeyManager), string(m.KeyState), string(m.Origin), string(m.KeySpec)
		k.Description, k.Deletion = aws.ToString(m.Description), m.DeletionDate
		k.Usage = string(m.KeyUsage)
		if m.MultiRegionConfiguration != nil {
			k.MultiRegion = string(m.MultiRegionConfiguration.MultiRegionKeyType)
		}
	}
	k.Foreign = accountOf(k.ARN) != g.evidence.Site.Account
	g.together(
		func(g *gatherer) { g.readAliases(&k) },
		func(g *gatherer) { g.readTags(&k) },
		func(g *gatherer) { g.readKeyPolicy(&k) },
		func(g *gatherer) { g.readGrants(&k) },
	)
	return k
}

func (g *gatherer) readAliases(k *Key) {
	if k.Foreign {
		return // another account's aliases are not shown
	}
	pages := kms.NewListAliasesPaginator(g.clients.KMS, &kms.ListAliasesInput{KeyId: &k.ARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "aliases of key "+k.ARN, "kms:ListAliases", "", k.ARN)
			return
		}
		for _, a := range page.Aliases {
			k.Aliases = append(k.Aliases, aws.ToString(a.AliasName))
		}
	}
}

// readTags reads the key's tags, on which policies may turn. AWS's own keys have
// none that can be read.
func (g *gatherer) readTags(k *Key) {
	if k.Manager == string(kmstypes.KeyManagerTypeAws) {
		k.Tags = map[string]string{}
		return
	}
	all := make(map[string]string)
	pages := kms.NewListResourceTagsPaginator(g.clients.KMS, &kms.ListResourceTagsInput{KeyId: &k.ARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "tags of key "+k.ARN, "kms:ListResourceTags", "", k.ARN)
			return
		}
		for _, t := range page.Tags {
			all[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
		}
	}
	k.Tags = all
}

func (g *gatherer) readKeyPolicy(k *Key) {
	g.tell(phrase.Say("reading the key policy of %s", k.ARN))
	out, err := g.clients.KMS.GetKeyPolicy(g.ctx, &kms.GetKeyPolicyInput{KeyId: &k.ARN, PolicyName: aws.String("default")})
	if err != nil {
		g.unread(err, "key policy of "+k.ARN, "kms:GetKeyPolicy", access.ResourceLayer, k.ARN)
		return
	}
	d, err := parsed(keyPolicyName(k.ARN), "", aws.ToString(out.Policy))
	if err != nil {
		g.unread(err, "key policy of "+k.ARN, "kms:GetKeyPolicy", access.ResourceLayer, k.ARN)
		return
	}
	k.Policy, k.PolicySource = &d, "kms:GetKeyPolicy"
}

// readGrants reads the grants on the key. That they could not be read opens no
// decision: a denied event already tells that no grant allowed the request, and
// the grant of the start itself is what is asked for.
func (g *gatherer) readGrants(k *Key) {
	pages := kms.NewListGrantsPaginator(g.clients.KMS, &kms.ListGrantsInput{KeyId: &k.ARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(g.ctx)
		if err != nil {
			g.unread(err, "grants of key "+k.ARN, "kms:ListGrants", "", k.ARN)
			return
		}
		for i := range page.Grants {
			if n := newGrant(&page.Grants[i]); g.concerns(n) {
				k.Grants = append(k.Grants, n)
			}
		}
	}
}

// concerns leaves out the grants of other instances: a key may have thousands.
func (g *gatherer) concerns(n access.Grant) bool {
	_, session, found := strings.Cut(n.Grantee, ":assumed-role/aws:ec2-infrastructure/")
	return !found || session == g.evidence.Instance.ID
}

func newGrant(entry *kmstypes.GrantListEntry) access.Grant {
	n := access.Grant{
		ID: aws.ToString(entry.GrantId), Grantee: aws.ToString(entry.GranteePrincipal),
		Retiring: aws.ToString(entry.RetiringPrincipal), Account: accountOf(aws.ToString(entry.IssuingAccount)),
	}
	for _, o := range entry.Operations {
		n.Operations = append(n.Operations, string(o))
	}
	if entry.Constraints != nil {
		n.ContextEquals, n.ContextSubset = entry.Constraints.EncryptionContextEquals, entry.Constraints.EncryptionContextSubset
	}
	return n
}
