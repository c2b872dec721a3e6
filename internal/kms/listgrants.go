package kms

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// The page sizes of ListGrants and ListRetirableGrants.
const (
	defaultGrants  = 50
	maxGrantsAPage = 100
)

func checkGrantID(id *string) error {
	if id != nil && (len(*id) != 64 || !isHex(*id)) {
		return &kmstypes.InvalidGrantIdException{Message: aws.String("Invalid grant id " + *id)}
	}
	return nil
}

func (s *Service) listGrants(c *api.Call, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	p, err := newPage(in.Limit, in.Marker, defaultGrants, maxGrantsAPage)
	if err != nil {
		return nil, err
	}
	if err := checkGrantID(in.GrantId); err != nil {
		return nil, err
	}
	if in.GranteePrincipal != nil && in.GranteeServicePrincipal != nil {
		return nil, validation("Specify only one of GranteePrincipal and GranteeServicePrincipal.")
	}
	t, err := s.existing(c, in.KeyId, crossAccount)
	if err != nil {
		return nil, err
	}
	out := &kms.ListGrantsOutput{Grants: []kmstypes.GrantListEntry{}}
	grantee := s.kept(c.Tx, value(in.GranteePrincipal))
	from := p.from
	if in.GrantId != nil {
		from = max(from, *in.GrantId)
	}
	for g, err := range grants.From(c.Tx, t.scope, grantRowID(t.id, from)) {
		if err != nil {
			return nil, err
		}
		if g.KeyID != t.id || in.GrantId != nil && g.ID > *in.GrantId {
			break
		}
		if !listed(g, in, grantee) {
			continue
		}
		if p.full(g.ID) {
			break
		}
		out.Grants = append(out.Grants, s.shownGrant(c.Tx, g).entry())
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}

// listed applies ListGrants's filters; grantee is the principal asked for as
// grants keep it.
func listed(g grantRow, in *kms.ListGrantsInput, grantee string) bool {
	switch {
	case in.GrantId != nil && g.ID != *in.GrantId:
	case in.GranteePrincipal != nil && g.Grantee != grantee:
	case in.GranteeServicePrincipal != nil && g.GranteeService != *in.GranteeServicePrincipal:
	default:
		return true
	}
	return false
}

func (s *Service) listRetirableGrants(c *api.Call, in *kms.ListRetirableGrantsInput) (*kms.ListRetirableGrantsOutput, error) {
	p, err := newPage(in.Limit, in.Marker, defaultGrants, maxGrantsAPage)
	if err != nil {
		return nil, err
	}
	if (in.RetiringPrincipal == nil) == (in.RetiringServicePrincipal == nil) {
		return nil, validation("Specify exactly one of RetiringPrincipal and RetiringServicePrincipal.")
	}
	principal := value(in.RetiringPrincipal) + value(in.RetiringServicePrincipal)
	scope := c.Scope()
	if account := accountOf(principal); account != "" && account != c.Account {
		return nil, invalidARN("ARN does not refer to a principal of this account: " + principal)
	}
	out := &kms.ListRetirableGrantsOutput{Grants: []kmstypes.GrantListEntry{}}
	prefix := retirableKey(s.kept(c.Tx, principal))
	for row, err := range retirable.From(c.Tx, scope, max(prefix, p.from)) {
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(row.ID, prefix) {
			break
		}
		if p.full(row.ID) {
			break
		}
		g, err := grants.Get(c.Tx, row.KeyScope, grantRowID(row.KeyID, row.GrantID))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Grants = append(out.Grants, s.shownGrant(c.Tx, g).entry())
	}
	out.Truncated, out.NextMarker = p.next()
	return out, nil
}
