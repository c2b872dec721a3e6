package organizations

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// invitationTime is how long an invitation stands (Organizations guide,
// "Quotas and service limits": handshakes expire after fifteen days).
const invitationTime = 15 * 24 * time.Hour

// invitation is a handshake: of the kind INVITE, or one of those by which an
// organization comes to all features (see features.go).
type invitation struct {
	ID, Account, Notes string
	// Action is empty for INVITE.
	Action    types.ActionType `json:",omitempty"`
	Requested time.Time
	State     types.HandshakeState
	Tags      map[string]string `json:",omitempty"`
}

// invited is a row of an account's: an invitation of an organization to it.
type invited struct{ ID, Management string }

var invitations = store.NewTable[invited]("organizations.invited")

// state is what became of the invitation.
func (i invitation) state(now time.Time) types.HandshakeState {
	pending := i.State == types.HandshakeStateOpen || i.State == types.HandshakeStateRequested
	if pending && now.After(i.expires()) {
		return types.HandshakeStateExpired
	}
	return i.State
}

// expires is when the handshake ends if nobody answers.
func (i invitation) expires() time.Time {
	if i.Action != "" {
		return i.Requested.Add(featuresTime)
	}
	return i.Requested.Add(invitationTime)
}

// action is the handshake's kind.
func (i invitation) action() types.ActionType {
	if i.Action == "" {
		return types.ActionTypeInviteAccountToOrganization
	}
	return i.Action
}

func (o *organization) handshakeARN(i invitation) string {
	return o.arn("handshake", "/"+strings.ToLower(string(i.action()))+"/"+i.ID)
}

func (s *Service) invitationOperations() []api.Operation {
	return []api.Operation{
		change("InviteAccountToOrganization", func(_ *api.Call, o *organization, in *organizations.InviteAccountToOrganizationInput) target {
			account := "*"
			if in.Target != nil && in.Target.Type == types.HandshakePartyTypeAccount {
				account = aws.ToString(in.Target.Id)
			}
			return tagging(on(o.arn("account", "/"+account)), in.Tags)
		}, invite),
		change("EnableAllFeatures", nil, enableAllFeatures),
		api.Op("AcceptHandshake", onHandshake("AcceptHandshake", func(in *organizations.AcceptHandshakeInput) *string { return in.HandshakeId }), s.accept),
		api.Op("DeclineHandshake", onHandshake("DeclineHandshake", func(in *organizations.DeclineHandshakeInput) *string { return in.HandshakeId }), decline),
		api.Op("CancelHandshake", onHandshake("CancelHandshake", func(in *organizations.CancelHandshakeInput) *string { return in.HandshakeId }), cancel),
		api.Read("DescribeHandshake", onHandshake("DescribeHandshake", func(in *organizations.DescribeHandshakeInput) *string { return in.HandshakeId }), describeHandshake),
		read("ListHandshakesForAccount", nil, listHandshakesForAccount),
		read("ListHandshakesForOrganization", nil, listHandshakesForOrganization),
	}
}

// onHandshake is the descriptor of an operation on a handshake, which either
// party may be asking about.
func onHandshake[In any](name string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		resource := "*"
		o, i, err := handshake(c, id(in))
		if err == nil {
			resource = o.handshakeARN(i)
		}
		return []api.Need{{Action: "organizations:" + name, Resource: resource}}, nil
	}
}

func handshakeNotFound() error {
	return &types.HandshakeNotFoundException{Message: aws.String("The specified handshake doesn't exist.")}
}

// handshake finds an invitation that the call's account sent or received.
func handshake(c *api.Call, id *string) (*organization, invitation, error) {
	o, err := find(c.Tx, c.Account)
	if err != nil {
		return nil, invitation{}, err
	}
	if o != nil && o.Management == c.Account {
		if i, ok := o.Invitations[aws.ToString(id)]; ok {
			return o, i, nil
		}
	}
	r, err := invitations.Get(c.Tx, c.Global(), aws.ToString(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, invitation{}, handshakeNotFound()
	}
	if err != nil {
		return nil, invitation{}, err
	}
	sender, err := find(c.Tx, r.Management)
	if err != nil {
		return nil, invitation{}, err
	}
	if sender == nil {
		return nil, invitation{}, handshakeNotFound()
	}
	i, ok := sender.Invitations[aws.ToString(id)]
	if !ok {
		return nil, invitation{}, handshakeNotFound()
	}
	return sender, i, nil
}

func (o *organization) describeHandshake(i invitation, now time.Time) *types.Handshake {
	resource := func(kind types.HandshakeResourceType, value string) types.HandshakeResource {
		return types.HandshakeResource{Type: kind, Value: aws.String(value)}
	}
	whole := resource(types.HandshakeResourceTypeOrganization, o.ID)
	out := &types.Handshake{
		Id: aws.String(i.ID), Arn: aws.String(o.handshakeARN(i)), Action: i.action(),
		State: i.state(now), RequestedTimestamp: aws.Time(i.Requested), ExpirationTimestamp: aws.Time(i.expires()),
		Parties: []types.HandshakeParty{{Id: aws.String(o.ID[len("o-"):]), Type: types.HandshakePartyTypeOrganization}},
	}
	if i.Account != "" {
		out.Parties = append(out.Parties, types.HandshakeParty{Id: aws.String(i.Account), Type: types.HandshakePartyTypeAccount})
	}
	if i.Action != "" {
		out.Resources = []types.HandshakeResource{whole}
		return out
	}
	whole.Resources = []types.HandshakeResource{
		resource(types.HandshakeResourceTypeMasterEmail, o.Accounts[o.Management].Email),
		resource(types.HandshakeResourceTypeMasterName, o.Accounts[o.Management].Name),
		resource(types.HandshakeResourceTypeOrganizationFeatureSet, string(o.Features)),
	}
	out.Resources = []types.HandshakeResource{whole, resource(types.HandshakeResourceTypeAccount, i.Account)}
	if i.Notes != "" {
		out.Resources = append(out.Resources, resource(types.HandshakeResourceTypeNotes, i.Notes))
	}
	return out
}

func invite(c *api.Call, o *organization, in *organizations.InviteAccountToOrganizationInput) (*organizations.InviteAccountToOrganizationOutput, error) {
	if in.Target.Type != types.HandshakePartyTypeAccount {
		// No account here has an address that anybody could be reached at.
		return nil, invalid(types.InvalidInputExceptionReasonInvalidPartyTypeTarget, "You specified the wrong type of entity (account, organization, or email) as a party.")
	}
	id := *in.Target.Id
	if len(id) != 12 {
		return nil, invalid(types.InvalidInputExceptionReasonInvalidPatternTargetId, "You specified a policy target ID that doesn't match the required pattern.")
	}
	if _, member := o.Accounts[id]; member {
		return nil, &types.DuplicateHandshakeException{Message: aws.String("The invitation is for an account that is already in the organization.")}
	}
	if _, pending := o.migration(c.Now); pending {
		return nil, &types.HandshakeConstraintViolationException{
			Reason:  types.HandshakeConstraintViolationExceptionReasonInviteDisabledDuringEnableAllFeatures,
			Message: aws.String("You cannot invite new accounts while the organization is enabling all features."),
		}
	}
	for _, i := range o.Invitations {
		if i.Account == id && i.state(c.Now) == types.HandshakeStateOpen {
			return nil, &types.DuplicateHandshakeException{Message: aws.String("A handshake with the same action and target already exists.")}
		}
	}
	if len(o.Accounts) >= accountsMax {
		return nil, &types.HandshakeConstraintViolationException{
			Reason:  types.HandshakeConstraintViolationExceptionReasonAccountNumberLimitExceeded,
			Message: aws.String("You have exceeded the number of accounts in your organization."),
		}
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	i := invitation{ID: "h-" + newID(c, 32), Account: id, Notes: aws.ToString(in.Notes), Requested: c.Now, State: types.HandshakeStateOpen, Tags: tags}
	if o.Invitations == nil {
		o.Invitations = map[string]invitation{}
	}
	o.Invitations[i.ID] = i
	if err := invitations.Put(c.Tx, scopeOf(id), i.ID, invited{ID: i.ID, Management: o.Management}); err != nil {
		return nil, err
	}
	return &organizations.InviteAccountToOrganizationOutput{Handshake: o.describeHandshake(i, c.Now)}, nil
}

// settle ends an open invitation; the receiver does, or the sender.
func settle(c *api.Call, id *string, bySender bool, to types.HandshakeState) (*organization, invitation, error) {
	o, i, err := handshake(c, id)
	if err != nil {
		return nil, i, err
	}
	if i.Action == types.ActionTypeEnableAllFeatures {
		// The management account is the only party.
		bySender = true
	}
	if bySender != (o.Management == c.Account) {
		return nil, i, accessDenied()
	}
	if state := i.state(c.Now); state != types.HandshakeStateOpen {
		if state == to {
			return nil, i, &types.HandshakeAlreadyInStateException{Message: aws.String("The specified handshake is already in the requested state.")}
		}
		return nil, i, &types.InvalidHandshakeTransitionException{Message: aws.String("You can't perform the operation on the handshake in its current state.")}
	}
	i.State = to
	o.Invitations[i.ID] = i
	return o, i, nil
}

func (s *Service) accept(c *api.Call, in *organizations.AcceptHandshakeInput) (*organizations.AcceptHandshakeOutput, error) {
	o, i, err := settle(c, in.HandshakeId, false, types.HandshakeStateAccepted)
	if err != nil {
		return nil, err
	}
	if i.Action != "" {
		if err := s.accepted(c, o, i); err != nil {
			return nil, err
		}
		return &organizations.AcceptHandshakeOutput{Handshake: o.describeHandshake(i, c.Now)}, o.put(c.Tx)
	}
	mine, err := find(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	if mine != nil {
		return nil, &types.HandshakeConstraintViolationException{
			Reason:  types.HandshakeConstraintViolationExceptionReasonAlreadyInAnOrganization,
			Message: aws.String("The account is already a member of an organization."),
		}
	}
	a := account{ID: c.Account, Name: c.Account, Email: c.Account + "@example.com", Status: types.AccountStatusActive, Method: types.AccountJoinedMethodInvited}
	if err := o.join(c, a); err != nil {
		return nil, err
	}
	if o.Features == types.OrganizationFeatureSetAll {
		if err := s.link(c); err != nil {
			return nil, err
		}
	}
	if len(i.Tags) > 0 {
		o.setTags(c.Account, i.Tags)
	}
	return &organizations.AcceptHandshakeOutput{Handshake: o.describeHandshake(i, c.Now)}, o.put(c.Tx)
}

func decline(c *api.Call, in *organizations.DeclineHandshakeInput) (*organizations.DeclineHandshakeOutput, error) {
	o, i, err := settle(c, in.HandshakeId, false, types.HandshakeStateDeclined)
	if err != nil {
		return nil, err
	}
	return &organizations.DeclineHandshakeOutput{Handshake: o.describeHandshake(i, c.Now)}, o.put(c.Tx)
}

func cancel(c *api.Call, in *organizations.CancelHandshakeInput) (*organizations.CancelHandshakeOutput, error) {
	o, i, err := settle(c, in.HandshakeId, true, types.HandshakeStateCanceled)
	if err != nil {
		return nil, err
	}
	return &organizations.CancelHandshakeOutput{Handshake: o.describeHandshake(i, c.Now)}, o.put(c.Tx)
}

func describeHandshake(c *api.Call, in *organizations.DescribeHandshakeInput) (*organizations.DescribeHandshakeOutput, error) {
	o, i, err := handshake(c, in.HandshakeId)
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeHandshakeOutput{Handshake: o.describeHandshake(i, c.Now)}, nil
}

func listHandshakesForAccount(c *api.Call, in *organizations.ListHandshakesForAccountInput) (*organizations.ListHandshakesForAccountOutput, error) {
	var all []types.Handshake
	for r, err := range invitations.All(c.Tx, c.Global()) {
		if err != nil {
			return nil, err
		}
		o, err := find(c.Tx, r.Management)
		if err != nil {
			return nil, err
		}
		if o == nil {
			continue
		}
		if i, ok := o.Invitations[r.ID]; ok {
			all = append(all, *o.describeHandshake(i, c.Now))
		}
	}
	items, next, err := paginate(all, func(h types.Handshake) string { return *h.Id }, in.NextToken, in.MaxResults)
	return &organizations.ListHandshakesForAccountOutput{Handshakes: filtered(items, in.Filter), NextToken: next}, err
}

// filtered are the handshakes of the action that a filter names.
func filtered(items []types.Handshake, f *types.HandshakeFilter) []types.Handshake {
	if f == nil || f.ActionType == "" {
		return items
	}
	return slices.DeleteFunc(items, func(h types.Handshake) bool { return h.Action != f.ActionType })
}

func listHandshakesForOrganization(c *api.Call, in *organizations.ListHandshakesForOrganizationInput) (*organizations.ListHandshakesForOrganizationOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(sorted(o.Invitations), func(i invitation) string { return i.ID }, in.NextToken, in.MaxResults)
	items := convert(page, func(i invitation) types.Handshake { return *o.describeHandshake(i, c.Now) })
	return &organizations.ListHandshakesForOrganizationOutput{Handshakes: filtered(items, in.Filter), NextToken: next}, err
}
