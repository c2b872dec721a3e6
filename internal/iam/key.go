package iam

import (
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// keysMax is how many access keys a user may have (IAM guide, "IAM and AWS STS quotas").
const keysMax = 2

// keyPurpose is what the root key seals secrets for; the key's id goes with it,
// so that a secret cannot be moved to another key.
const keyPurpose = "access-key"

// accessKey is a row of its table, which lies outside of the accounts: a
// request names its key before anybody knows whose it is.
type accessKey struct {
	ID                 string
	Account, Partition string
	// Owner is the user's unique id, or the account's for the root user.
	Owner string
	// UserName is the user's name, empty for the root user.
	UserName string `json:",omitempty"`
	Inactive bool   `json:",omitempty"`
	// Given marks the root user's key that the server was started with, not one
	// that CreateAccessKey made.
	Given   bool `json:",omitempty"`
	Created time.Time
	Sealed  []byte // the secret
}

var accessKeys = store.NewTable("iam.accesskey", store.Index[accessKey]{
	Name: "owner", Keys: func(_ string, k accessKey) []string { return []string{k.Owner} },
})

// keyUse is when and for what a key was used last. It has rows of its own
// because it changes often and means little.
type keyUse struct {
	At              time.Time
	Service, Region string
}

var keyUses = store.NewTable[keyUse]("iam.keyuse")

func (s *Service) keyOperations() []api.Operation {
	return []api.Operation{
		op("CreateAccessKey", onCaller(func(in *iam.CreateAccessKeyInput) *string { return in.UserName }), s.createAccessKey),
		read("ListAccessKeys", onCaller(func(in *iam.ListAccessKeysInput) *string { return in.UserName }), s.listAccessKeys),
		op("UpdateAccessKey", onCaller(func(in *iam.UpdateAccessKeyInput) *string { return in.UserName }), s.updateAccessKey),
		op("DeleteAccessKey", onCaller(func(in *iam.DeleteAccessKeyInput) *string { return in.UserName }), s.deleteAccessKey),
		read("GetAccessKeyLastUsed", lastUsedTarget, s.getAccessKeyLastUsed),
	}
}

// owner is who the keys of an operation belong to: a user, or the root user.
type owner struct{ id, name string }

func ownerOf(c *api.Call, given *string) (owner, error) {
	name, err := userOrSelf(c, given)
	if err != nil {
		return owner{}, err
	}
	if name == "" {
		return owner{id: c.Account}, nil
	}
	u, err := get(c.Tx, c.Global(), users, "user", name)
	return owner{id: u.ID, name: u.Name}, err
}

// keysOf are an owner's keys, the oldest first.
func keysOf(tx store.Tx, ownerID string) ([]accessKey, error) {
	all, err := collect(accessKeys.Find(tx, outside, "owner", ownerID), nil)
	slices.SortStableFunc(all, func(a, b accessKey) int { return a.Created.Compare(b.Created) })
	return all, err
}

func (k accessKey) status() types.StatusType {
	if k.Inactive {
		return types.StatusTypeInactive
	}
	return types.StatusTypeActive
}

func (s *Service) createAccessKey(c *api.Call, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	o, err := ownerOf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := keysOf(c.Tx, o.id)
	if err != nil {
		return nil, err
	}
	if len(held) >= keysMax {
		return nil, quota("AccessKeysPerUser", keysMax)
	}
	secret := newSecret(c)
	id, err := freeKeyID(c)
	if err != nil {
		return nil, err
	}
	k := accessKey{
		ID: id, Account: c.Account, Partition: c.Partition, Owner: o.id, UserName: o.name, Created: c.Now,
	}
	k.Sealed = s.root.Seal(keyPurpose, []byte(secret), []byte(k.ID))
	if err := accessKeys.Put(c.Tx, outside, k.ID, k); err != nil {
		return nil, err
	}
	out := &types.AccessKey{
		AccessKeyId: aws.String(k.ID), SecretAccessKey: aws.String(secret), Status: k.status(), CreateDate: aws.Time(k.Created),
	}
	shown := map[string]any{
		"accessKeyId": k.ID, "status": string(k.status()), "createDate": k.Created.UTC().Format("Jan 2, 2006, 3:04:05 PM"),
	}
	if k.UserName != "" {
		out.UserName = aws.String(k.UserName)
		shown["userName"] = k.UserName
	}
	// All but the secret, as AWS records it.
	c.Event.ResponseElements = map[string]any{"accessKey": shown}
	return &iam.CreateAccessKeyOutput{AccessKey: out}, nil
}

// freeKeyID returns an id that no key has: the random part of one is not long.
func freeKeyID(c *api.Call) (string, error) {
	for {
		id := newKeyID(c, keyPrefix)
		if _, err := accessKeys.Get(c.Tx, outside, id); err != nil {
			return id, ignoreNotFound(err)
		}
	}
}

func (s *Service) listAccessKeys(c *api.Call, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	o, err := ownerOf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := keysOf(c.Tx, o.id)
	if err != nil {
		return nil, err
	}
	p, err := paginate(held, func(k accessKey) string { return k.ID }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAccessKeysOutput{
		AccessKeyMetadata: convert(p.items, func(k accessKey) types.AccessKeyMetadata {
			m := types.AccessKeyMetadata{AccessKeyId: aws.String(k.ID), CreateDate: aws.Time(k.Created), Status: k.status()}
			if k.UserName != "" {
				m.UserName = aws.String(k.UserName)
			}
			return m
		}),
		IsTruncated: p.truncated, Marker: p.marker,
	}, nil
}

// ownKey reads a key of the owner's.
func ownKey(c *api.Call, given, id *string) (accessKey, error) {
	o, err := ownerOf(c, given)
	if err != nil {
		return accessKey{}, err
	}
	k, err := accessKeys.Get(c.Tx, outside, value(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && k.Owner != o.id {
		return accessKey{}, notFound("The Access Key with id %s cannot be found.", value(id))
	}
	return k, err
}

func (s *Service) updateAccessKey(c *api.Call, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	k, err := ownKey(c, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	switch in.Status {
	case types.StatusTypeActive, types.StatusTypeInactive:
		k.Inactive = in.Status == types.StatusTypeInactive
	default:
		return nil, invalid("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", in.Status)
	}
	return &iam.UpdateAccessKeyOutput{}, accessKeys.Put(c.Tx, outside, k.ID, k)
}

func (s *Service) deleteAccessKey(c *api.Call, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	k, err := ownKey(c, in.UserName, in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if err := keyUses.Delete(c.Tx, outside, k.ID); err != nil {
		return nil, err
	}
	return &iam.DeleteAccessKeyOutput{}, accessKeys.Delete(c.Tx, outside, k.ID)
}

// renameKeys has a user's keys follow it to its new name.
func renameKeys(c *api.Call, u user) error {
	held, err := keysOf(c.Tx, u.ID)
	if err != nil {
		return err
	}
	for _, k := range held {
		k.UserName = u.Name
		if err := accessKeys.Put(c.Tx, outside, k.ID, k); err != nil {
			return err
		}
	}
	return nil
}

func lastUsedTarget(c *api.Call, in *iam.GetAccessKeyLastUsedInput) (target, error) {
	k, err := accessKeys.Get(c.Tx, outside, value(in.AccessKeyId))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return target{}, err
	}
	if err != nil || k.Account != c.Account || k.UserName == "" {
		return target{resource: "*"}, nil
	}
	return onEntity(userKind, func(*iam.GetAccessKeyLastUsedInput) *string { return &k.UserName })(c, in)
}

func (s *Service) getAccessKeyLastUsed(c *api.Call, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	k, err := accessKeys.Get(c.Tx, outside, value(in.AccessKeyId))
	if errors.Is(err, store.ErrNotFound) || err == nil && k.Account != c.Account {
		return nil, notFound("The Access Key with id %s cannot be found.", value(in.AccessKeyId))
	}
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: &types.AccessKeyLastUsed{
		Region: aws.String("N/A"), ServiceName: aws.String("N/A"),
	}}
	if k.UserName != "" {
		out.UserName = aws.String(k.UserName)
	}
	use, err := keyUses.Get(c.Tx, outside, k.ID)
	if errors.Is(err, store.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	out.AccessKeyLastUsed = &types.AccessKeyLastUsed{
		LastUsedDate: aws.Time(use.At), Region: aws.String(use.Region), ServiceName: aws.String(use.Service),
	}
	return out, nil
}

// TouchAccessKey records that a key was used: for GetAccessKeyLastUsed, which
// AWS keeps to about a quarter of an hour.
func (s *Service) TouchAccessKey(tx store.Tx, id, service, region string, at time.Time) error {
	return keyUses.Put(tx, outside, id, keyUse{At: at, Service: service, Region: region})
}

// PutRootKey makes id and secret the access key that an account's root user is
// given, in place of the one it was given before. Keys that the root user made
// by itself stay.
func (s *Service) PutRootKey(tx store.Tx, account, id, secret string) error {
	held, err := keysOf(tx, account)
	if err != nil {
		return err
	}
	// Not the time of a call: the server does this by itself when it starts.
	k := accessKey{ID: id, Account: account, Partition: "aws", Owner: account, Given: true, Created: time.Now().UTC().Truncate(time.Second)}
	for _, old := range held {
		if old.ID == id {
			if was, err := s.root.Open(keyPurpose, old.Sealed, []byte(id)); err == nil && string(was) == secret && old.Given {
				return nil
			}
			k.Created = old.Created
			continue
		}
		if !old.Given {
			continue
		}
		if err := accessKeys.Delete(tx, outside, old.ID); err != nil {
			return err
		}
	}
	k.Sealed = s.root.Seal(keyPurpose, []byte(secret), []byte(id))
	return accessKeys.Put(tx, outside, id, k)
}

// Credential finds a long-term access key and whose it is, or store.ErrNotFound.
func (s *Service) Credential(tx store.Tx, id string) (api.Credential, error) {
	k, err := s.keys.get(tx, outside, "iam.accesskey", id)
	if err != nil {
		return api.Credential{}, err
	}
	secret, err := s.root.Open(keyPurpose, k.Sealed, []byte(k.ID))
	if err != nil {
		return api.Credential{}, err
	}
	out := api.Credential{Secret: string(secret), Active: !k.Inactive, CreatedAt: k.Created, Principal: rootPrincipal(k)}
	if k.UserName == "" {
		return out, nil
	}
	u, err := s.users.get(tx, store.Scope{Account: k.Account, Region: store.Global}, "iam.user", rowID(k.UserName))
	if err != nil {
		return api.Credential{}, err
	}
	if u.ID != k.Owner {
		return api.Credential{}, store.ErrNotFound
	}
	out.Principal = userPrincipal(k, u)
	return out, nil
}

// KeyAccount is the account that a long-term key belongs to, or store.ErrNotFound.
func (s *Service) KeyAccount(tx store.Tx, id string) (string, error) {
	k, err := s.keys.get(tx, outside, "iam.accesskey", id)
	if err != nil {
		return "", err
	}
	return k.Account, nil
}

func rootPrincipal(k *accessKey) access.Principal {
	return access.Principal{
		Type: access.Root, Partition: k.Partition, Account: k.Account,
		ARN: "arn:" + k.Partition + ":iam::" + k.Account + ":root", UserID: k.Account,
	}
}

func userPrincipal(k *accessKey, u *user) access.Principal {
	return access.Principal{
		Type: access.User, Partition: k.Partition, Account: k.Account,
		ARN: arnIn(k.Partition, k.Account, "user", u.Path, u.Name), UserID: u.ID, Name: u.Name, Tags: u.Tags.asMap(),
	}
}

// rootCreated is when the account's root user got its first key, for want of
// anything older.
func (s *Service) rootCreated(c *api.Call) *time.Time {
	held, err := keysOf(c.Tx, c.Account)
	if err != nil || len(held) == 0 {
		return nil
	}
	return aws.Time(held[0].Created)
}
