package audit

import (
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
)

// judge decides single requests with what the inventory has. It is safe for
// concurrent use.
type judge struct {
	inventory *Inventory
	keys      *keyring
	places    map[string]*place
	now       string
}

// place is what an organization says to an account.
type place struct {
	id, path          string
	service, resource [][]access.Document
	// unread: nobody could read the control policies that bear on the account, if
	// there are any. nowhere: it is in no organization.
	unread, nowhere bool
}

func newJudge(in *Inventory) *judge {
	return &judge{inventory: in, keys: newKeyring(in), places: make(map[string]*place), now: in.Time.UTC().Format(time.RFC3339)}
}

// findPlace finds out where an account stands. It is called for all accounts before
// anything is decided, so that deciding only reads.
func (j *judge) findPlace(account string) {
	if j.places[account] != nil {
		return
	}
	p := &place{unread: true}
	j.places[account] = p
	if o := j.inventory.Organization; o != nil {
		if at, service, resource, ok := o.Controls(account); ok {
			*p = place{id: o.ID, path: at.Path, service: service, resource: resource}
		}
	} else if j.inventory.NoOrganization {
		*p = place{nowhere: true}
	}
}

func (j *judge) management() string {
	if o := j.inventory.Organization; o != nil {
		return o.Management
	}
	return ""
}

// unknownOfCaller are condition keys that a session or its client brings, which
// nobody knows beforehand.
var unknownOfCaller = []string{"aws:MultiFactorAuth*", "aws:TokenIssueTime"}

// unknownOfSession are those that only sessions of roles have.
var unknownOfSession = []string{
	"aws:SourceIdentity", "aws:FederatedProvider", "aws:AssumedRoot", "aws:ChatbotSourceArn", "aws:Ec2InstanceSource*",
	"ec2:SourceInstanceARN", "ec2:RoleDelivery", "lambda:SourceFunctionArn", "sts:*", "saml:*", "cognito-identity.amazonaws.com:*",
}

// setCaller adds what is known of a caller, and what is not.
func (j *judge) setCaller(c *access.Context, p *Principal) {
	c.Set("aws:CurrentTime", j.now)
	c.SetUnknown("aws:UserAgent") // it comes from the caller's client
	for _, k := range unknownOfCaller {
		c.SetUnknown(k)
	}
	if p.Principal.Type == access.RoleSession {
		for _, k := range unknownOfSession {
			c.SetUnknown(k)
		}
	}
	if p.TagsSessions {
		c.SetUnknown("aws:PrincipalTag/*")
	}
}

// setPlaces adds where caller and resource stand in an organization.
func (j *judge) setPlaces(c *access.Context, principal, resource string) {
	set := func(account, id, paths string) {
		switch p := j.places[account]; {
		case p == nil || p.unread:
			c.SetUnknown(id)
			c.SetUnknown(paths)
		case !p.nowhere:
			c.Set(id, p.id)
			c.Set(paths, p.path)
		}
	}
	set(principal, "aws:PrincipalOrgID", "aws:PrincipalOrgPaths")
	set(resource, "aws:ResourceOrgID", "aws:ResourceOrgPaths")
}

// setKey adds the condition keys that tell of a KMS key (KMS guide, "Condition
// keys for AWS KMS").
func (k *Key) setKey(c *access.Context) {
	for name, value := range map[string]string{
		"kms:KeyOrigin": k.Origin, "kms:KeySpec": k.Spec, "kms:KeyUsage": k.Usage, "kms:MultiRegion": k.MultiRegion,
	} {
		if value != "" {
			c.Set(name, value)
		} else {
			c.SetUnknown(name)
		}
	}
	if len(k.Aliases) > 0 {
		c.Set("kms:ResourceAliases", k.Aliases...)
	} else if k.AliasesUnread {
		c.SetUnknown("kms:ResourceAliases")
	}
	for name, value := range k.Tags {
		c.Set("aws:ResourceTag/"+name, value)
	}
	if k.Tags == nil {
		c.SetUnknown("aws:ResourceTag/*")
	}
}

// complete adds to a request that EC2 makes what is known besides. The requests
// that it makes in the names of different principals of one account and one sort
// (see sort) differ in the Principal alone.
func (j *judge) complete(r *access.Request, byCaller bool, p *Principal) {
	c := &r.Context
	if byCaller {
		j.setCaller(c, p)
	} else {
		c.SetUnknown("aws:UserAgent")
		c.Set("aws:CurrentTime", j.now)
	}
	j.keys.list[j.keys.byARN[r.Resource]].setKey(c)
	j.setPlaces(c, r.Principal.Account, accountOf(r.Resource))
}

// sort tells principals apart whose requests differ otherwise.
type sort struct {
	kind access.PrincipalType
	tags bool
}

func (p *Principal) sort() sort { return sort{p.Principal.Type, p.TagsSessions} }

// unknownVolume says that the id of a volume that is still to be made is not known.
func unknownVolume(r *access.Request) {
	r.Context.SetUnknown("kms:EncryptionContext:" + launch.ContextKey)
}

// policies are the documents that bear on a request for a key, save for control
// policies that could not be read: these can only take away, see controls.
// p is nil where the request is not a caller's.
func (j *judge) policies(p *caller, k *Key, account string) access.Policies {
	out := access.Policies{Grants: k.Grants, AWSManaged: k.awsManaged(), ManagementAccount: j.management()}
	if k.Policy != nil {
		out.Resource = &access.ResourcePolicy{Kind: access.KMSKey, Document: *k.Policy}
	} else {
		out.Unread = append(out.Unread, access.UnreadLayer{Layer: access.ResourceLayer, What: unreadKeyPolicy})
	}
	if k.GrantsUnread {
		out.Unread = append(out.Unread, access.UnreadLayer{Layer: access.GrantLayer, What: unreadGrants})
	}
	if p != nil {
		p.own(&out)
	}
	if at := j.places[account]; at != nil {
		out.ServiceControl = at.service
	}
	if at := j.places[accountOf(k.ARN)]; at != nil {
		out.ResourceControl = at.resource
	}
	return out
}

// own adds a principal's own policies.
func (p *caller) own(out *access.Policies) {
	out.Identity, out.Boundary = p.docs, p.Boundary
	if p.BoundaryUnread {
		out.Unread = append(out.Unread, access.UnreadLayer{Layer: access.BoundaryLayer, What: unreadBoundary})
	}
	if len(p.Unread) > 0 {
		out.Unread = append(out.Unread, access.UnreadLayer{Layer: access.IdentityLayer, What: unreadIdentity})
	}
}

// calling is the principal with its documents.
func (p *Principal) calling() caller {
	c := caller{Principal: p, docs: make([]access.Document, len(p.Identity))}
	for i := range p.Identity {
		c.docs[i] = p.Identity[i].Document
	}
	return c
}

// controls names the control policies that could not be read and bear on a
// request; they may deny what everything else allows, and nothing more.
func (j *judge) controls(r *access.Request, k *Key) []string {
	if r.Principal.ServiceLinked {
		return nil
	}
	var missing []string
	management := j.management()
	if at := j.places[r.Principal.Account]; (at == nil || at.unread) && r.Principal.Account != management {
		missing = append(missing, unreadServiceControl)
	}
	if account := accountOf(k.ARN); account != management && !k.awsManaged() {
		if at := j.places[account]; at == nil || at.unread {
			missing = append(missing, unreadResourceControl)
		}
	}
	return missing
}
