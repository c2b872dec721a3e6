package kms

import (
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// aliasRow is a friendly name of one key of the same account and region.
type aliasRow struct {
	Name    string // "alias/example"
	Key     string // the key's id
	Created time.Time
	Updated time.Time
}

var aliases = store.NewTable("kms.alias", store.Index[aliasRow]{
	Name: "key",
	Keys: func(_ string, a aliasRow) []string { return []string{a.Key} },
})

const (
	aliasPrefix = "alias/"
	// awsAliasPrefix begins the aliases of AWS managed keys.
	awsAliasPrefix = "alias/aws/"
	// maxAliases is AWS's quota of aliases per key.
	maxAliases = 50
)

// The page sizes of ListAliases.
const (
	defaultAliases = 50
	mostAliases    = 100
)

func (s *Service) aliasOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateAlias", s.authorizeCreateAlias, s.createAlias),
		api.Op("UpdateAlias", s.authorizeUpdateAlias, s.updateAlias),
		api.Op("DeleteAlias", s.authorizeDeleteAlias, s.deleteAlias),
		api.Read("ListAliases", anywhere[kms.ListAliasesInput]("ListAliases", nil), s.listAliases),
	}
}

// aliasName checks the name of an alias that is to be made, changed or deleted.
func aliasName(name string) error {
	switch {
	case !strings.HasPrefix(name, aliasPrefix):
		return validation(`Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`)
	case strings.HasPrefix(name, awsAliasPrefix):
		// The prefix is AWS's own, and AWS says no more than this.
		return api.Error("NotAuthorizedException", "")
	case name == aliasPrefix || strings.Contains(name, ":"):
		return &kmstypes.InvalidAliasNameException{Message: aws.String("Alias name " + name + " is not valid.")}
	}
	return nil
}

// aliasNeeds is the permission on an alias and on the keys it is about: on all
// of them (KMS guide, "Controlling access to aliases").
func (s *Service) aliasNeeds(c *api.Call, action, name string, about ...target) ([]api.Need, error) {
	on := api.Need{Action: "kms:" + action, Resource: aliasARN(c, c.Scope(), name)}
	setCaller(c, &on.Context)
	c.Event.Resources = append(c.Event.Resources, api.EventResource{ARN: on.Resource, Account: c.Account, Type: "AWS::KMS::Alias"})
	needs := []api.Need{on}
	for _, t := range about {
		n, err := s.need(c, action, t, byID)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// aliasTarget finds the key an alias is to point to. An alias of an alias does
// not exist.
func (s *Service) aliasTarget(c *api.Call, ref *string) (target, error) {
	if v := value(ref); strings.HasPrefix(v, aliasPrefix) || strings.Contains(v, ":alias/") {
		return target{}, validation("Aliases must refer to keys. Not aliases")
	}
	return s.find(c, value(ref), byID)
}

func (s *Service) authorizeCreateAlias(c *api.Call, in *kms.CreateAliasInput) ([]api.Need, error) {
	if err := aliasName(value(in.AliasName)); err != nil {
		return nil, err
	}
	t, err := s.aliasTarget(c, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	return s.aliasNeeds(c, "CreateAlias", value(in.AliasName), t)
}

func (s *Service) createAlias(c *api.Call, in *kms.CreateAliasInput) (*kms.CreateAliasOutput, error) {
	name := value(in.AliasName)
	t, err := s.changeable(c, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	switch _, err := aliases.Get(c.Tx, c.Scope(), name); {
	case err == nil:
		return nil, &kmstypes.AlreadyExistsException{
			Message: aws.String("An alias with the name " + aliasARN(c, c.Scope(), name) + " already exists"),
		}
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	if err := t.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	if err := s.roomForAlias(c, t); err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	row := aliasRow{Name: name, Key: t.id, Created: c.Now, Updated: c.Now}
	return &kms.CreateAliasOutput{}, aliases.Put(c.Tx, c.Scope(), name, row)
}

func (s *Service) roomForAlias(c *api.Call, t target) error {
	names, err := aliasesOf(c, t.scope, t.id)
	if err == nil && len(names) >= maxAliases {
		err = limitExceeded("The maximum number of aliases for " + t.arn + " has been reached.")
	}
	return err
}

// aliasAndKey finds an alias with the key it points to.
func (s *Service) aliasAndKey(c *api.Call, name string) (aliasRow, target, error) {
	row, err := aliases.Get(c.Tx, c.Scope(), name)
	if errors.Is(err, store.ErrNotFound) {
		return row, target{}, aliasNotFound(aliasARN(c, c.Scope(), name))
	}
	if err != nil {
		return row, target{}, err
	}
	t, err := findKey(c, c.Scope(), row.Key)
	return row, t, err
}

func (s *Service) authorizeUpdateAlias(c *api.Call, in *kms.UpdateAliasInput) ([]api.Need, error) {
	name := value(in.AliasName)
	if err := aliasName(name); err != nil {
		return nil, err
	}
	to, err := s.aliasTarget(c, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	_, from, err := s.aliasAndKey(c, name)
	if err != nil {
		return nil, err
	}
	if from.id == to.id {
		return s.aliasNeeds(c, "UpdateAlias", name, to)
	}
	return s.aliasNeeds(c, "UpdateAlias", name, from, to)
}

func (s *Service) updateAlias(c *api.Call, in *kms.UpdateAliasInput) (*kms.UpdateAliasOutput, error) {
	row, from, err := s.aliasAndKey(c, value(in.AliasName))
	if err != nil {
		return nil, err
	}
	to, err := s.changeable(c, in.TargetKeyId)
	if err != nil {
		return nil, err
	}
	if err := to.key.notPendingDeletion(); err != nil {
		return nil, err
	}
	if from.found && (from.key.class() != to.key.class() || from.key.Usage != to.key.Usage) {
		return nil, validation("Alias %s can be associated only with a KMS key of the same type and key usage.", row.Name)
	}
	if from.id != to.id {
		if err := s.roomForAlias(c, to); err != nil {
			return nil, err
		}
	}
	row.Key, row.Updated = to.id, c.Now
	respondWithKey(c, to.arn)
	return &kms.UpdateAliasOutput{}, aliases.Put(c.Tx, c.Scope(), row.Name, row)
}

func (s *Service) authorizeDeleteAlias(c *api.Call, in *kms.DeleteAliasInput) ([]api.Need, error) {
	name := value(in.AliasName)
	if err := aliasName(name); err != nil {
		return nil, err
	}
	_, t, err := s.aliasAndKey(c, name)
	if err != nil {
		return nil, err
	}
	return s.aliasNeeds(c, "DeleteAlias", name, t)
}

func (s *Service) deleteAlias(c *api.Call, in *kms.DeleteAliasInput) (*kms.DeleteAliasOutput, error) {
	row, t, err := s.aliasAndKey(c, value(in.AliasName))
	if err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	return &kms.DeleteAliasOutput{}, aliases.Delete(c.Tx, c.Scope(), row.Name)
}

func (s *Service) listAliases(c *api.Call, in *kms.ListAliasesInput) (*kms.ListAliasesOutput, error) {
	p, err := newPage(in.Limit, in.Marker, defaultAliases, mostAliases)
	if err != nil {
		return nil, err
	}
	var of string
	if in.KeyId != nil {
		t, err := s.existing(c, in.KeyId, byID)
		if err != nil {
			return nil, err
		}
		if t.scope != c.Scope() {
			return nil, keyNotFound(t.arn)
		}
		of = t.id
	}
	out := &kms.ListAliasesOutput{Aliases: []kmstypes.AliasListEntry{}}
	for a, err := range aliases.From(c.Tx, c.Scope(), p.from) {
		if err != nil {
			return nil, err
		}
		if of != "" && a.Key != of {
			continue
		}
		if p.full(a.Name) {
			break
		}
		out.Aliases = append(out.Aliases, kmstypes.AliasListEntry{
			AliasName: aws.String(a.Name), AliasArn: aws.String(aliasARN(c, c.Scope(), a.Name)),
			TargetKeyId: aws.String(a.Key), CreationDate: aws.Time(a.Created), LastUpdatedDate: aws.Time(a.Updated),
		})
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}

// aliasesOf lists the names of a key's aliases.
func aliasesOf(c *api.Call, scope store.Scope, id string) ([]string, error) {
	var names []string
	for a, err := range aliases.Find(c.Tx, scope, "key", id) {
		if err != nil {
			return nil, err
		}
		names = append(names, a.Name)
	}
	return names, nil
}

func deleteAliases(c *api.Call, t target) error {
	names, err := aliasesOf(c, t.scope, t.id)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := aliases.Delete(c.Tx, t.scope, name); err != nil {
			return err
		}
	}
	return nil
}
