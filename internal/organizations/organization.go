package organizations

import (
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// organization is a row: all of an organization. It is small (AWS's quota is
// ten accounts, if nobody asks for more), and read as a whole on every request.
type organization struct {
	ID, Management, Partition string
	Features                  types.OrganizationFeatureSet
	Root                      root
	Units                     map[string]unit    `json:",omitempty"`
	Accounts                  map[string]account `json:",omitempty"`
	Policies                  map[string]document
	// Attached lists the policies of a root, unit or account in the order in
	// which they were attached.
	Attached map[string][]string
	// Enabled are the types of policies that the root enables.
	Enabled map[types.PolicyType]bool `json:",omitempty"`
	// Services are those with trusted access, Delegates the accounts that
	// administer a service, each with the time it began.
	Services    map[string]time.Time            `json:",omitempty"`
	Delegates   map[string]map[string]time.Time `json:",omitempty"`
	Creations   map[string]creation             `json:",omitempty"`
	Invitations map[string]invitation           `json:",omitempty"`
	Resource    *resourcePolicy                 `json:",omitempty"`
	// Tags are those of roots, units, accounts and policies, by their ids.
	Tags map[string]map[string]string `json:",omitempty"`
}

// member is a row of an account's: the organization that it is in.
type member struct{ Management string }

var (
	trees   = store.NewTable[organization]("organizations.organization")
	members = store.NewTable[member]("organizations.member")
)

// row is the id of a table's only row in a scope.
const row = "1"

func scopeOf(account string) store.Scope { return store.Scope{Account: account, Region: store.Global} }

// find returns the organization that an account is in, nil if it is in none.
func find(tx store.Tx, account string) (*organization, error) {
	m, err := members.Get(tx, scopeOf(account), row)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o, err := trees.Get(tx, scopeOf(m.Management), row)
	return &o, err
}

// of is find for an operation of a member.
func of(c *api.Call) (*organization, error) {
	o, err := find(c.Tx, c.Account)
	if err == nil && o == nil {
		return nil, notInUse()
	}
	return o, err
}

// managed is of for what the management account alone may do.
func managed(c *api.Call) (*organization, error) {
	o, err := of(c)
	if err == nil && o.Management != c.Account {
		return nil, accessDenied()
	}
	return o, err
}

// watched is of for what the management account and delegated administrators
// may see.
func watched(c *api.Call) (*organization, error) {
	o, err := of(c)
	if err == nil && o.Management != c.Account && len(o.Delegates[c.Account]) == 0 {
		return nil, accessDenied()
	}
	return o, err
}

func (o *organization) put(tx store.Tx) error { return trees.Put(tx, scopeOf(o.Management), row, *o) }

// arn names a resource of the organization: arn("root", "/r-1").
func (o *organization) arn(noun, path string) string {
	return "arn:" + o.Partition + ":organizations::" + o.Management + ":" + noun + "/" + o.ID + path
}

func (s *Service) organizationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateOrganization", authorize[organizations.CreateOrganizationInput]("CreateOrganization", nil), s.createOrganization),
		read("DescribeOrganization", nil, describeOrganization),
		api.Op("DeleteOrganization", authorize[organizations.DeleteOrganizationInput]("DeleteOrganization", nil), deleteOrganization),
		api.Op("LeaveOrganization", authorize[organizations.LeaveOrganizationInput]("LeaveOrganization", nil), leaveOrganization),
	}
}

func (s *Service) createOrganization(c *api.Call, in *organizations.CreateOrganizationInput) (*organizations.CreateOrganizationOutput, error) {
	existing, err := find(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	if existing != nil {
		return nil, &types.AlreadyInOrganizationException{Message: aws.String("The provided account is already a member of an organization.")}
	}
	o := &organization{
		ID: "o-" + newID(c, 10), Management: c.Account, Partition: c.Partition, Features: in.FeatureSet,
		Units: map[string]unit{}, Accounts: map[string]account{}, Policies: map[string]document{}, Attached: map[string][]string{},
	}
	if o.Features == "" {
		o.Features = types.OrganizationFeatureSetAll
	}
	o.Root = root{ID: "r-" + newID(c, 4), Name: "Root"}
	o.Accounts[c.Account] = account{
		ID: c.Account, Name: managementName, Email: managementEmail, Parent: o.Root.ID,
		Status: types.AccountStatusActive, Joined: c.Now, Method: types.AccountJoinedMethodInvited,
	}
	if o.Features == types.OrganizationFeatureSetAll {
		o.enable(types.PolicyTypeServiceControlPolicy)
		if err := s.link(c); err != nil {
			return nil, err
		}
	}
	if err := members.Put(c.Tx, c.Global(), row, member{Management: c.Account}); err != nil {
		return nil, err
	}
	return &organizations.CreateOrganizationOutput{Organization: o.describe()}, o.put(c.Tx)
}

// The management account has a name and an address at AWS, given when somebody
// signed up. Here nobody does.
const (
	managementName  = "management"
	managementEmail = "management@example.com"
)

func (o *organization) describe() *types.Organization {
	out := &types.Organization{
		Id: aws.String(o.ID), Arn: aws.String(o.arn("organization", "")), FeatureSet: o.Features,
		MasterAccountId: aws.String(o.Management), MasterAccountArn: aws.String(o.arn("account", "/"+o.Management)),
		MasterAccountEmail:   aws.String(o.Accounts[o.Management].Email),
		AvailablePolicyTypes: []types.PolicyTypeSummary{},
	}
	// Only this one was ever listed here: the roots tell the truth (Organizations
	// API reference, "Organization").
	if o.Enabled[types.PolicyTypeServiceControlPolicy] {
		out.AvailablePolicyTypes = append(out.AvailablePolicyTypes, types.PolicyTypeSummary{
			Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled,
		})
	}
	return out
}

func describeOrganization(c *api.Call, _ *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	o, err := of(c)
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeOrganizationOutput{Organization: o.describe()}, nil
}

func deleteOrganization(c *api.Call, _ *organizations.DeleteOrganizationInput) (*organizations.DeleteOrganizationOutput, error) {
	o, err := managed(c)
	if err != nil {
		return nil, err
	}
	if len(o.Accounts) > 1 || len(o.Units) > 0 || len(o.own()) > 0 {
		return nil, &types.OrganizationNotEmptyException{Message: aws.String("To delete an organization you must first remove all member accounts (except the master), all organizational units, and all policies.")}
	}
	if err := trees.Delete(c.Tx, c.Global(), row); err != nil {
		return nil, err
	}
	return &organizations.DeleteOrganizationOutput{}, members.Delete(c.Tx, c.Global(), row)
}

func leaveOrganization(c *api.Call, _ *organizations.LeaveOrganizationInput) (*organizations.LeaveOrganizationOutput, error) {
	o, err := of(c)
	if err != nil {
		return nil, err
	}
	if o.Management == c.Account {
		return nil, &types.MasterCannotLeaveOrganizationException{Message: aws.String("The master account cannot leave the organization; it can only be deleted with the organization.")}
	}
	if err := o.removeAccount(c.Tx, c.Account, c.Now); err != nil {
		return nil, err
	}
	return &organizations.LeaveOrganizationOutput{}, o.put(c.Tx)
}
