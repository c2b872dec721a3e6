package kms

import (
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) retireOperations() []api.Operation {
	return []api.Operation{
		api.Op("RetireGrant", s.authorizeRetireGrant, s.retireGrant),
		api.Op("RevokeGrant", descriptor[kms.RevokeGrantInput]{
			action: "RevokeGrant", forms: crossAccount,
			key: func(in *kms.RevokeGrantInput) *string { return in.KeyId },
			fill: func(c *api.Call, _ *kms.RevokeGrantInput, k *access.Context) {
				setForAWSResource(c, k)
			},
		}.on(s), s.revokeGrant),
	}
}

// retired finds the grant that a RetireGrant names: by token, or by key and id.
func (s *Service) retired(c *api.Call, in *kms.RetireGrantInput) (t target, grantID string, err error) {
	switch {
	case in.GrantToken != nil && (in.KeyId != nil || in.GrantId != nil):
		return t, "", validation("Specify either a grant token, or a grant ID and a key ID, not both.")
	case in.GrantToken != nil:
		return s.tokenTarget(c, *in.GrantToken)
	case in.KeyId == nil || in.GrantId == nil:
		return t, "", validation("Specify a grant token, or both a grant ID and a key ID.")
	}
	if err := checkGrantID(in.GrantId); err != nil {
		return t, "", err
	}
	t, err = s.find(c, *in.KeyId, crossAccount)
	return t, *in.GrantId, err
}

// authorizeRetireGrant: the grant itself says who may retire it. The key policy
// is there to tell that the resource is a KMS key; what it says of
// kms:RetireGrant has no effect (KMS guide, "Retiring and revoking grants").
func (s *Service) authorizeRetireGrant(c *api.Call, in *kms.RetireGrantInput) ([]api.Need, error) {
	c.Event.NoRequestParameters = true
	t, grantID, err := s.retired(c, in)
	if err != nil {
		return nil, err
	}
	n, err := s.need(c, "RetireGrant", t, crossAccount)
	if err != nil {
		return nil, err
	}
	n.Grants = nil
	if !t.found {
		return []api.Need{n}, nil
	}
	g, err := t.grant(c.Tx, grantID)
	if err != nil {
		if t.scope.Account != c.Account && c.Caller.Principal.Type != access.Service {
			n.Policy = s.policies.nothing
			return []api.Need{n}, nil
		}
		return nil, err
	}
	c.Event.Additional = map[string]any{"grantId": g.ID}
	n.Grants = []access.Grant{s.shownGrant(c.Tx, g).bearing()}
	return []api.Need{n}, nil
}

func (s *Service) retireGrant(c *api.Call, in *kms.RetireGrantInput) (*kms.RetireGrantOutput, error) {
	t, grantID, err := s.retired(c, in)
	if err != nil {
		return nil, err
	}
	if !t.found {
		return nil, keyNotFound(t.arn)
	}
	g, err := t.grant(c.Tx, grantID)
	if err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	return &kms.RetireGrantOutput{}, deleteGrant(c, t, g)
}

func (s *Service) revokeGrant(c *api.Call, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	if err := checkGrantID(in.GrantId); err != nil {
		return nil, err
	}
	t, err := s.existing(c, in.KeyId, crossAccount)
	if err != nil {
		return nil, err
	}
	g, err := t.grant(c.Tx, value(in.GrantId))
	if err != nil {
		return nil, err
	}
	respondWithKey(c, t.arn)
	return &kms.RevokeGrantOutput{}, deleteGrant(c, t, g)
}
