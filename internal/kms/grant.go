package kms

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// grantRow is one grant: one key, one grantee, some operations (KMS guide,
// "Grants in AWS KMS").
type grantRow struct {
	ID      string // 64 hex digits
	KeyID   string
	KeyARN  string
	Name    string `json:",omitempty"`
	Created time.Time
	// Grantee is a user's or role's unique id, another principal's ARN, or the
	// service principal of a service that made the grant for itself.
	// GranteeService is one that a customer named.
	Grantee        string `json:",omitempty"`
	GranteeService string `json:",omitempty"`
	// Retiring and RetiringService are the same for who may retire it;
	// RetiringAccount is the account of Retiring.
	Retiring        string `json:",omitempty"`
	RetiringService string `json:",omitempty"`
	RetiringAccount string `json:",omitempty"`
	// Issuer is the account in which the grant was made.
	Issuer     string
	Operations []kmstypes.GrantOperation
	Equals     map[string]string `json:",omitempty"`
	Subset     map[string]string `json:",omitempty"`
	SourceARN  string            `json:",omitempty"`
}

// grants holds each grant under its key: a key's grants stand together, in the
// order of their ids.
var grants = store.NewTable("kms.grant",
	store.Index[grantRow]{Name: "grantee", Keys: func(_ string, g grantRow) []string {
		return []string{underKey(g.KeyID, g.grantee())}
	}},
	store.Index[grantRow]{Name: "name", Keys: func(_ string, g grantRow) []string {
		if g.Name == "" {
			return nil
		}
		return []string{underKey(g.KeyID, g.Name)}
	}},
)

// grantCounts holds the number of grants of each key: to count 50,000 rows for
// every new one would be slow.
var grantCounts = store.NewTable[int]("kms.grants")

// retirable finds grants by who may retire them, in the account of that
// principal, which need not be the key's.
var retirable = store.NewTable[retirableRow]("kms.retirable")

type retirableRow struct {
	ID       string
	Retiring string
	KeyScope store.Scope
	KeyID    string
	GrantID  string
}

// maxGrants is AWS's quota of grants per customer managed key.
const maxGrants = 50000

func grantRowID(keyID, grantID string) string { return keyID + ":" + grantID }

func underKey(keyID, name string) string { return keyID + "|" + name }

func (g grantRow) grantee() string {
	if g.GranteeService != "" {
		return g.GranteeService
	}
	return g.Grantee
}

func (g grantRow) retiring() string {
	if g.RetiringService != "" {
		return g.RetiringService
	}
	return g.Retiring
}

// shownGrant is a grant with the ARNs that its principals have now: as it is
// shown and as it counts.
func (s *Service) shownGrant(tx store.Tx, g grantRow) grantRow {
	g.Grantee, g.Retiring = s.shown(tx, g.Grantee), s.shown(tx, g.Retiring)
	return g
}

// bearing is the grant as authorization sees it.
func (g grantRow) bearing() access.Grant {
	operations := make([]string, len(g.Operations))
	for i, o := range g.Operations {
		operations[i] = string(o)
	}
	return access.Grant{
		ID: g.ID, Grantee: g.grantee(), Operations: operations, ContextEquals: g.Equals, ContextSubset: g.Subset,
		Retiring: g.retiring(), Account: g.Issuer,
	}
}

// entry is the grant as the API lists it.
func (g grantRow) entry() kmstypes.GrantListEntry {
	e := kmstypes.GrantListEntry{
		KeyId: aws.String(g.KeyARN), GrantId: aws.String(g.ID), CreationDate: aws.Time(g.Created),
		IssuingAccount: aws.String("arn:" + partitionOf(g.KeyARN) + ":iam::" + g.Issuer + ":root"), Operations: g.Operations,
		Name: aws.String(g.Name), GranteePrincipal: optional(g.Grantee), RetiringPrincipal: optional(g.Retiring),
		GranteeServicePrincipal: optional(g.GranteeService), RetiringServicePrincipal: optional(g.RetiringService),
	}
	if len(g.Equals) > 0 || len(g.Subset) > 0 || g.SourceARN != "" {
		e.Constraints = &kmstypes.GrantConstraints{
			EncryptionContextEquals: g.Equals, EncryptionContextSubset: g.Subset, SourceArn: optional(g.SourceARN),
		}
	}
	return e
}

// same reports whether two grants say the same: then a named CreateGrant that
// is repeated makes no second one.
func (g grantRow) same(h grantRow) bool {
	return g.Name == h.Name && g.Grantee == h.Grantee && g.GranteeService == h.GranteeService &&
		g.Retiring == h.Retiring && g.RetiringService == h.RetiringService && g.Issuer == h.Issuer &&
		g.SourceARN == h.SourceARN && slices.Equal(g.Operations, h.Operations) &&
		maps.Equal(g.Equals, h.Equals) && maps.Equal(g.Subset, h.Subset)
}

// grantsFor gives the grants of a key that are for the caller. Whether they
// allow the request is for access to decide. A grant with a source ARN counts
// only in a service's calls for that resource, which none here makes.
func (s *Service) grantsFor(c *api.Call, t target) ([]access.Grant, error) {
	var found []access.Grant
	for _, name := range identities(c.Caller.Principal) {
		for g, err := range grants.Find(c.Tx, t.scope, "grantee", underKey(t.id, name)) {
			if err != nil {
				return nil, err
			}
			if g.SourceARN == "" {
				found = append(found, s.shownGrant(c.Tx, g).bearing())
			}
		}
	}
	return found, nil
}

// grant finds one grant of a key.
func (t target) grant(tx store.Tx, id string) (grantRow, error) {
	g, err := grants.Get(tx, t.scope, grantRowID(t.id, id))
	if errors.Is(err, store.ErrNotFound) {
		return g, grantNotFound(id)
	}
	return g, err
}

// named finds the grant of a key that has a name.
func (t target) named(tx store.Tx, same func(grantRow) bool, name string) (grantRow, bool, error) {
	for g, err := range grants.Find(tx, t.scope, "name", underKey(t.id, name)) {
		if err != nil {
			return g, false, err
		}
		if same(g) {
			return g, true, nil
		}
	}
	return grantRow{}, false, nil
}

// putGrant stores a new grant with what finds it.
func putGrant(c *api.Call, t target, g grantRow) error {
	n, err := grantCounts.Get(c.Tx, t.scope, t.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if n >= maxGrants && t.key.Manager == kmstypes.KeyManagerTypeCustomer {
		return limitExceeded("You have exceeded the number of grants you can have on KMS key " + t.arn + ".")
	}
	if err := grantCounts.Put(c.Tx, t.scope, t.id, n+1); err != nil {
		return err
	}
	if g.retiring() != "" {
		row := g.retirableRow(t)
		if err := retirable.Put(c.Tx, g.retiringScope(t), row.ID, row); err != nil {
			return err
		}
	}
	return grants.Put(c.Tx, t.scope, grantRowID(t.id, g.ID), g)
}

// deleteGrant ends a grant.
func deleteGrant(c *api.Call, t target, g grantRow) error {
	n, err := grantCounts.Get(c.Tx, t.scope, t.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := grantCounts.Put(c.Tx, t.scope, t.id, max(n-1, 0)); err != nil {
		return err
	}
	if g.retiring() != "" {
		if err := retirable.Delete(c.Tx, g.retiringScope(t), g.retirableRow(t).ID); err != nil {
			return err
		}
	}
	return grants.Delete(c.Tx, t.scope, grantRowID(t.id, g.ID))
}

// deleteGrants ends all grants of a key that is deleted.
func deleteGrants(c *api.Call, t target) error {
	var all []grantRow
	for g, err := range grants.From(c.Tx, t.scope, grantRowID(t.id, "")) {
		if err != nil {
			return err
		}
		if g.KeyID != t.id {
			break
		}
		all = append(all, g)
	}
	for _, g := range all {
		if err := deleteGrant(c, t, g); err != nil {
			return err
		}
	}
	return grantCounts.Delete(c.Tx, t.scope, t.id)
}

// retiringScope is where a grant is found by its retiring principal: that
// principal's account, or the key's for a service.
func (g grantRow) retiringScope(t target) store.Scope {
	scope := t.scope
	if g.RetiringAccount != "" {
		scope.Account = g.RetiringAccount
	}
	return scope
}

func (g grantRow) retirableRow(t target) retirableRow {
	return retirableRow{
		ID:       retirableKey(g.retiring()) + t.scope.Account + ":" + grantRowID(t.id, g.ID),
		Retiring: g.retiring(), KeyScope: t.scope, KeyID: t.id, GrantID: g.ID,
	}
}

// retirableKey begins the ids of the grants that a principal may retire. No
// principal's name has a space in it.
func retirableKey(principal string) string { return principal + " " }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
