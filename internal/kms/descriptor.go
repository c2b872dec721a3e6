package kms

import (
	"maps"
	"slices"
	"strconv"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// descriptor states the authorization of an operation on one key.
type descriptor[In any] struct {
	action string // "Encrypt"
	forms  forms
	key    func(*In) *string
	// check is what AWS validates before it looks at the key.
	check func(*api.Call, *In) error
	// fill sets the operation's own condition keys.
	fill func(*api.Call, *In, *access.Context)
	// parameters are the event's requestParameters; nil leaves them to the cloud.
	parameters func(*In) map[string]any
}

// on makes the authorization.
func (d descriptor[In]) on(s *Service) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		if d.parameters != nil {
			c.Event.RequestParameters = d.parameters(in)
		}
		if d.check != nil {
			if err := d.check(c, in); err != nil {
				return nil, err
			}
		}
		t, err := s.find(c, value(d.key(in)), d.forms)
		if err != nil {
			return nil, err
		}
		n, err := s.need(c, d.action, t, d.forms)
		if err != nil {
			return nil, err
		}
		if d.fill != nil {
			d.fill(c, in, &n.Context)
		}
		return []api.Need{n}, nil
	}
}

// need is the permission to do action to a key, with everything of the key that
// bears on it.
func (s *Service) need(c *api.Call, action string, t target, f forms) (api.Need, error) {
	n := api.Need{Action: "kms:" + action, Resource: t.arn, Account: t.scope.Account}
	setCaller(c, &n.Context)
	if t.alias != "" {
		n.Context.Set("kms:RequestAlias", t.alias)
	}
	if t.scope.Account != c.Account && c.Caller.Principal.Type != access.Service && (f&crossAccount == 0 || !t.found) {
		// Whether there is such a key in another account is not to be told.
		n.Policy = s.policies.nothing
		return n, nil
	}
	if !t.found && c.Caller.Principal.Type == access.Service {
		// A service may know: EC2 retires grants of keys that are deleted by now.
		return n, keyNotFound(t.arn)
	}
	if !t.found {
		// There is no key policy: the caller's own account decides, and whoever
		// it allows is told that there is no such key.
		return n, nil
	}
	n.AWSManaged = t.key.Manager == kmstypes.KeyManagerTypeAws
	setResources(c, t)
	names, err := aliasesOf(c, t.scope, t.id)
	if err != nil {
		return n, err
	}
	t.key.setContext(&n.Context, names)
	if n.Policy, err = s.keyPolicy(c, t); err != nil {
		return n, err
	}
	n.Grants, err = s.grantsFor(c, t)
	return n, err
}

// setCaller sets the keys that say who calls and through whom.
func setCaller(c *api.Call, k *access.Context) {
	if account := c.Caller.Principal.Account; account != "" {
		k.Set("kms:CallerAccount", account)
	}
	if c.Via != nil {
		k.Set("kms:ViaService", viaService(c))
	}
}

// viaService is the value of kms:ViaService: the endpoint's host of the service
// that forwards the call.
func viaService(c *api.Call) string {
	suffix := ".amazonaws.com"
	if c.Partition == "aws-cn" {
		suffix = ".amazonaws.com.cn"
	}
	return c.Via.Service + "." + c.Region + suffix
}

// setContext sets the condition keys that tell what a key is.
func (k keyRow) setContext(into *access.Context, aliases []string) {
	into.Set("kms:KeyOrigin", string(k.Origin))
	into.Set("kms:KeySpec", string(k.Spec))
	into.Set("kms:KeyUsage", string(k.Usage))
	into.Set("kms:MultiRegion", boolText(k.MultiRegion != ""))
	if k.MultiRegion != "" {
		into.Set("kms:MultiRegionKeyType", string(k.MultiRegion))
	}
	if len(aliases) > 0 {
		into.Set("kms:ResourceAliases", aliases...)
	}
	for name, v := range k.Tags {
		into.Set("aws:ResourceTag/"+name, v)
	}
}

// setEncryptionContext sets the keys that test an encryption context. Without
// one neither key is there, so a condition on them does not match.
func setEncryptionContext(k *access.Context, context map[string]string) {
	if len(context) == 0 {
		return
	}
	for name, v := range context {
		k.Set("kms:EncryptionContext:"+name, v)
	}
	k.Set("kms:EncryptionContextKeys", slices.Sorted(maps.Keys(context))...)
}

// setForAWSResource tells whether a service makes the grant call for the
// principal. Calls that the principal makes itself are never for a resource.
func setForAWSResource(c *api.Call, k *access.Context) {
	k.Set("kms:GrantIsForAWSResource", strconv.FormatBool(c.Via != nil))
}

// ownEvent is an event of KMS's own about the key: nobody called for it by that
// name (KMS guide, "AWS KMS log entries", the entry's page).
func (t target) ownEvent(name string) api.OwnEvent {
	return api.OwnEvent{
		Name: name, Account: t.scope.Account, Region: t.scope.Region,
		Resources: []api.EventResource{{ARN: t.arn, Account: t.scope.Account, Type: "AWS::KMS::Key"}},
		Details:   map[string]any{"keyId": t.id},
	}
}

// setResources names the key in the event, and has the key's owner get a copy
// of an event from another account.
func setResources(c *api.Call, t target) {
	c.Event.Resources = append(c.Event.Resources, api.EventResource{ARN: t.arn, Account: t.scope.Account, Type: "AWS::KMS::Key"})
	if t.scope.Account != c.Account && !slices.Contains(c.Event.SharedWith, t.scope.Account) {
		c.Event.SharedWith = append(c.Event.SharedWith, t.scope.Account)
	}
}

// respondWithKey puts the key's ARN into the event's responseElements, where
// KMS logs it even for operations that return nothing.
func respondWithKey(c *api.Call, arn string) {
	c.Event.ResponseElements = map[string]any{"keyId": arn}
}
