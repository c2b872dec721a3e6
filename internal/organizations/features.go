package organizations

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// featuresTime is how long the change to all features stands open (Organizations
// guide, "Enabling all features for an organization").
const featuresTime = 90 * 24 * time.Hour

// migration is the handshake by which the organization is coming to all features.
func (o *organization) migration(now time.Time) (invitation, bool) {
	for _, i := range o.Invitations {
		state := i.state(now)
		if i.Action == types.ActionTypeEnableAllFeatures && (state == types.HandshakeStateRequested || state == types.HandshakeStateOpen) {
			return i, true
		}
	}
	return invitation{}, false
}

// enableAllFeatures asks every invited account for its approval. The change is
// made when the management account accepts the handshake that it gets here,
// which is open once all have approved.
func enableAllFeatures(c *api.Call, o *organization, _ *organizations.EnableAllFeaturesInput) (*organizations.EnableAllFeaturesOutput, error) {
	refused := func(reason types.HandshakeConstraintViolationExceptionReason, message string) error {
		return &types.HandshakeConstraintViolationException{Reason: reason, Message: aws.String(message)}
	}
	if o.Features == types.OrganizationFeatureSetAll {
		return nil, refused(types.HandshakeConstraintViolationExceptionReasonOrganizationAlreadyHasAllFeatures, "The organization already has all features enabled.")
	}
	if _, pending := o.migration(c.Now); pending {
		return nil, refused(types.HandshakeConstraintViolationExceptionReasonOrganizationIsAlreadyPendingAllFeaturesMigration, "The organization is already in the process of enabling all features.")
	}
	if o.Invitations == nil {
		o.Invitations = map[string]invitation{}
	}
	for _, a := range sorted(o.Accounts) {
		if a.Method != types.AccountJoinedMethodInvited || a.ID == o.Management {
			continue
		}
		i := invitation{ID: "h-" + newID(c, 32), Account: a.ID, Action: types.ActionTypeApproveAllFeatures, Requested: c.Now, State: types.HandshakeStateOpen}
		o.Invitations[i.ID] = i
		if err := invitations.Put(c.Tx, scopeOf(a.ID), i.ID, invited{ID: i.ID, Management: o.Management}); err != nil {
			return nil, err
		}
	}
	i := invitation{ID: "h-" + newID(c, 32), Action: types.ActionTypeEnableAllFeatures, Requested: c.Now, State: types.HandshakeStateRequested}
	o.Invitations[i.ID] = i
	o.approve(c.Now)
	return &organizations.EnableAllFeaturesOutput{Handshake: o.describeHandshake(o.Invitations[i.ID], c.Now)}, nil
}

// approve opens the management account's handshake once every invited account
// that is still there has approved.
func (o *organization) approve(now time.Time) {
	last, pending := o.migration(now)
	if !pending {
		return
	}
	for _, i := range o.Invitations {
		_, member := o.Accounts[i.Account]
		if i.Action == types.ActionTypeApproveAllFeatures && member && !i.Requested.Before(last.Requested) && i.State != types.HandshakeStateAccepted {
			return
		}
	}
	last.State = types.HandshakeStateOpen
	o.Invitations[last.ID] = last
}

// accepted is what follows when a handshake towards all features is accepted.
func (s *Service) accepted(c *api.Call, o *organization, i invitation) error {
	if err := s.link(c); err != nil {
		return err
	}
	if i.Action == types.ActionTypeApproveAllFeatures {
		o.approve(c.Now)
		return nil
	}
	o.Features = types.OrganizationFeatureSetAll
	o.enable(types.PolicyTypeServiceControlPolicy)
	return nil
}
