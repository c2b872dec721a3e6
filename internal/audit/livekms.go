package audit

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
)

// kmsReader reads the keys of a Region.
type kmsReader struct {
	*reader
	ctx    context.Context
	client *kms.Client
	region *Region

	arns    []string
	aliases map[string][]string // by key id
	// aliasesRead: aliases are all there are.
	aliasesRead bool
}

// list reads which keys and aliases there are.
func (k *kmsReader) list() {
	pages := kms.NewListKeysPaginator(k.client, &kms.ListKeysInput{Limit: aws.Int32(1000)})
	k.region.KeysRead = true
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.ctx)
		if err != nil {
			k.missed(err, "keys of "+k.region.Site.Region, "kms:ListKeys")
			k.region.KeysRead = false
			break
		}
		for _, e := range page.Keys {
			k.arns = append(k.arns, aws.ToString(e.KeyArn))
		}
	}
	k.aliases = make(map[string][]string)
	k.aliasesRead = true
	aliases := kms.NewListAliasesPaginator(k.client, &kms.ListAliasesInput{Limit: aws.Int32(100)})
	for aliases.HasMorePages() {
		page, err := aliases.NextPage(k.ctx)
		if err != nil {
			k.missed(err, "aliases of "+k.region.Site.Region, "kms:ListAliases")
			k.aliasesRead = false
			return
		}
		for _, a := range page.Aliases {
			if id := aws.ToString(a.TargetKeyId); id != "" {
				k.aliases[id] = append(k.aliases[id], aws.ToString(a.AliasName))
			}
		}
	}
}

// read reads every key: those of the account, and those of others that its volumes
// and snapshots have.
func (k *kmsReader) read() {
	seen := make(map[string]bool)
	for _, a := range k.arns {
		seen[a] = true
	}
	also := func(arn string) {
		if strings.HasPrefix(arn, "arn:") && strings.Contains(arn, ":key/") && !seen[arn] {
			seen[arn] = true
			if accountOf(arn) != k.region.Site.Account || !k.region.KeysRead {
				k.arns = append(k.arns, arn)
			}
		}
	}
	for i := range k.region.Volumes {
		also(k.region.Volumes[i].Key)
	}
	for i := range k.region.Snapshots {
		also(k.region.Snapshots[i].Key)
	}
	for _, t := range k.region.Templates {
		for _, d := range t.Devices {
			also(d.Key)
		}
	}
	also(k.region.DefaultKey)
	keys := make([]Key, len(k.arns))
	k.together(len(k.arns), func(i int) { keys[i] = k.one(k.arns[i]) })
	k.region.Keys = slices.DeleteFunc(keys, func(key Key) bool { return key.ARN == "" })
}

// one reads a key.
func (k *kmsReader) one(arn string) Key {
	key := Key{StateUnread: true, GrantsUnread: true}
	key.ARN, key.Foreign = arn, accountOf(arn) != k.region.Site.Account
	if out, err := k.client.DescribeKey(k.ctx, &kms.DescribeKeyInput{KeyId: &arn}); isCode(err, "NotFoundException") {
		key.Missing = true
		return key
	} else if err != nil {
		k.missed(err, "state of key "+arn, "kms:DescribeKey")
	} else if m := out.KeyMetadata; m != nil {
		key.StateUnread = false
		key.Manager, key.State, key.Origin, key.Deletion = string(m.KeyManager), string(m.KeyState), string(m.Origin), m.DeletionDate
		key.Spec, key.Usage = string(m.KeySpec), string(m.KeyUsage)
		key.MultiRegion = strconv.FormatBool(aws.ToBool(m.MultiRegion))
	}
	key.AliasesUnread = key.Foreign || !k.aliasesRead
	key.Aliases = k.aliases[lastPart(arn)]
	k.policy(&key)
	if k.grants(&key) {
		key.GrantsUnread = false
	}
	k.tags(&key)
	return key
}

func (k *kmsReader) policy(key *Key) {
	out, err := k.client.GetKeyPolicy(k.ctx, &kms.GetKeyPolicyInput{KeyId: &key.ARN, PolicyName: aws.String("default")})
	if err == nil {
		err = key.setPolicy(aws.ToString(out.Policy))
	}
	if err != nil {
		k.missed(err, "key policy of "+key.ARN, "kms:GetKeyPolicy")
	}
}

func (k *kmsReader) grants(key *Key) bool {
	pages := kms.NewListGrantsPaginator(k.client, &kms.ListGrantsInput{KeyId: &key.ARN, Limit: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(k.ctx)
		if err != nil {
			k.missed(err, "grants of key "+key.ARN, "kms:ListGrants")
			return false
		}
		for i := range page.Grants {
			g := &page.Grants[i]
			n := access.Grant{ID: aws.ToString(g.GrantId), Grantee: aws.ToString(g.GranteePrincipal), Retiring: aws.ToString(g.RetiringPrincipal), Account: accountOf(aws.ToString(g.IssuingAccount))}
			for _, o := range g.Operations {
				n.Operations = append(n.Operations, string(o))
			}
			if c := g.Constraints; c != nil {
				n.ContextEquals, n.ContextSubset = c.EncryptionContextEquals, c.EncryptionContextSubset
			}
			key.addGrant(n)
		}
	}
	return true
}

// addGrant keeps a grant unless it is one that EC2 made for itself, of which a key
// may have thousands: a start makes its own.
func (k *Key) addGrant(g access.Grant) {
	if !strings.Contains(g.Grantee, "aws:ec2-infrastructure") && !strings.HasSuffix(g.Grantee, ".amazonaws.com") {
		k.Grants = append(k.Grants, g)
	}
}

// tags reads a key's tags. AWS's own keys have none that can be read.
func (k *kmsReader) tags(key *Key) {
	all := make(map[string]string)
	if key.Manager != string(kmstypes.KeyManagerTypeAws) {
		pages := kms.NewListResourceTagsPaginator(k.client, &kms.ListResourceTagsInput{KeyId: &key.ARN})
		for pages.HasMorePages() {
			page, err := pages.NextPage(k.ctx)
			if err != nil {
				k.missed(err, "tags of key "+key.ARN, "kms:ListResourceTags")
				return
			}
			for _, t := range page.Tags {
				all[aws.ToString(t.TagKey)] = aws.ToString(t.TagValue)
			}
		}
	}
	key.Tags = all
}
