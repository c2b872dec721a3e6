package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// What binds an instance profile to an instance is kept in the instance: it has
// at most one (EC2 guide, "IAM roles for Amazon EC2").

const associationPrefix = "iip-assoc-"

// bind gives the profile's association an id.
func (p *instanceProfile) bind(c *api.Call) {
	p.Association, p.Since = c.NewID(associationPrefix), wholeSecond(c)
}

func (s *Service) profileOperations() []api.Operation {
	return []api.Operation{
		api.Op("AssociateIamInstanceProfile", func(c *api.Call, in *ec2.AssociateIamInstanceProfileInput) ([]api.Need, error) {
			return s.profileNeeds(c, "AssociateIamInstanceProfile", aws.ToString(in.InstanceId), in.IamInstanceProfile)
		}, s.associateProfile),
		api.Op("ReplaceIamInstanceProfileAssociation", func(c *api.Call, in *ec2.ReplaceIamInstanceProfileAssociationInput) ([]api.Need, error) {
			i, err := s.instanceOfAssociation(c, aws.ToString(in.AssociationId))
			if err != nil && errorCode(err) == "" {
				return nil, err
			}
			return s.profileNeeds(c, "ReplaceIamInstanceProfileAssociation", either(i.ID, "*"), in.IamInstanceProfile)
		}, s.replaceProfile),
		api.Op("DisassociateIamInstanceProfile", func(c *api.Call, in *ec2.DisassociateIamInstanceProfileInput) ([]api.Need, error) {
			i, err := s.instanceOfAssociation(c, aws.ToString(in.AssociationId))
			if err != nil && errorCode(err) == "" {
				return nil, err
			}
			return s.profileNeeds(c, "DisassociateIamInstanceProfile", either(i.ID, "*"), nil)
		}, s.disassociateProfile),
		api.Read("DescribeIamInstanceProfileAssociations", anywhere[ec2.DescribeIamInstanceProfileAssociationsInput]("DescribeIamInstanceProfileAssociations"), s.describeProfiles),
	}
}

// profileNeeds are those on the instance, and to pass it the new profile's role
// (EC2 guide, "Permissions to attach an IAM role to an instance").
func (s *Service) profileNeeds(c *api.Call, action, instanceID string, asked *types.IamInstanceProfileSpecification) ([]api.Need, error) {
	n, err := s.instanceNeed(c, action, instanceID)
	if err != nil || asked == nil {
		return []api.Need{n}, err
	}
	p, role, err := s.profileOf(c, asked)
	if errorCode(err) != "" {
		return []api.Need{n}, nil // told to those who may
	}
	if err != nil {
		return nil, err
	}
	n.Context.Set("ec2:NewInstanceProfile", p.ARN)
	return []api.Need{n, passRole(c, role, instanceID)}, nil
}

// instanceOfAssociation is the instance that an association is of.
func (s *Service) instanceOfAssociation(c *api.Call, id string) (instance, error) {
	for i, err := range instanceTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return i, err
		}
		if i.Profile.Association == id && id != "" {
			return i, nil
		}
	}
	return instance{}, noProfileAssociation(id)
}

func noProfileAssociation(id string) error {
	return api.Error("InvalidAssociationID.NotFound", "An invalid association-id of '"+id+"' was given")
}

func (i instance) association(state types.IamInstanceProfileAssociationState) *types.IamInstanceProfileAssociation {
	return &types.IamInstanceProfileAssociation{
		AssociationId: aws.String(i.Profile.Association), InstanceId: aws.String(i.ID), State: state, Timestamp: aws.Time(i.Profile.Since),
		IamInstanceProfile: &types.IamInstanceProfile{Arn: aws.String(i.Profile.ARN), Id: aws.String(i.Profile.ID)},
	}
}

// associationState is what the association has come to.
func (i instance) associationState(c *api.Call) types.IamInstanceProfileAssociationState {
	if c.Now.Before(i.Profile.Since.Add(settlingTime)) {
		return types.IamInstanceProfileAssociationStateAssociating
	}
	return types.IamInstanceProfileAssociationStateAssociated
}

func (s *Service) associateProfile(c *api.Call, in *ec2.AssociateIamInstanceProfileInput) (*ec2.AssociateIamInstanceProfileOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if in.IamInstanceProfile == nil {
		return nil, missingParameter("IamInstanceProfile")
	}
	switch {
	case i.Profile.ARN != "":
		return nil, incorrectState("There is an existing association for instance %s", i.ID)
	case i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped:
		// A sentence without a source, like incorrectInstanceState's others.
		return nil, incorrectInstanceState("The instance '%s' is not in the 'running' or 'stopped' state.", i.ID)
	}
	if i.Profile, _, err = s.profileOf(c, in.IamInstanceProfile); err != nil {
		return nil, err
	}
	i.Profile.bind(c)
	return &ec2.AssociateIamInstanceProfileOutput{IamInstanceProfileAssociation: i.association(types.IamInstanceProfileAssociationStateAssociating)}, s.putInstance(c, i)
}

// replaceProfile gives a running instance another profile, and the association
// a new id.
func (s *Service) replaceProfile(c *api.Call, in *ec2.ReplaceIamInstanceProfileAssociationInput) (*ec2.ReplaceIamInstanceProfileAssociationOutput, error) {
	i, err := s.instanceOfAssociation(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	if in.IamInstanceProfile == nil {
		return nil, missingParameter("IamInstanceProfile")
	}
	if i.State != types.InstanceStateNameRunning {
		return nil, incorrectState("The association %s is not the active association", i.Profile.Association)
	}
	if i.Profile, _, err = s.profileOf(c, in.IamInstanceProfile); err != nil {
		return nil, err
	}
	i.Profile.bind(c)
	return &ec2.ReplaceIamInstanceProfileAssociationOutput{IamInstanceProfileAssociation: i.association(types.IamInstanceProfileAssociationStateAssociating)}, s.putInstance(c, i)
}

// disassociateProfile takes the profile away at once; only the answer still says
// that it is under way.
func (s *Service) disassociateProfile(c *api.Call, in *ec2.DisassociateIamInstanceProfileInput) (*ec2.DisassociateIamInstanceProfileOutput, error) {
	i, err := s.instanceOfAssociation(c, aws.ToString(in.AssociationId))
	if err != nil {
		return nil, err
	}
	out := i.association(types.IamInstanceProfileAssociationStateDisassociating)
	i.Profile = instanceProfile{}
	return &ec2.DisassociateIamInstanceProfileOutput{IamInstanceProfileAssociation: out}, s.putInstance(c, i)
}

func (s *Service) describeProfiles(c *api.Call, in *ec2.DescribeIamInstanceProfileAssociationsInput) (*ec2.DescribeIamInstanceProfileAssociationsOutput, error) {
	pages := pageRule{least: 5, most: 1000, ids: "AssociationIds"}
	if err := pages.check(in.MaxResults, in.AssociationIds); err != nil {
		return nil, err
	}
	filters := filterTable[instance]{
		"instance-id": func(i instance) []string { return some(i.ID) },
		"state":       func(i instance) []string { return some(string(i.associationState(c))) },
	}
	if err := checkFilters(in.Filters, filters.known); err != nil {
		return nil, err
	}
	missing := slices.Clone(in.AssociationIds)
	var found []instance
	for i, err := range instanceTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		id := i.Profile.Association
		if id == "" || i.State == types.InstanceStateNameTerminated {
			continue
		}
		missing = slices.DeleteFunc(missing, func(m string) bool { return m == id })
		if len(in.AssociationIds) > 0 && !slices.Contains(in.AssociationIds, id) {
			continue
		}
		ok, err := filters.matches(in.Filters, i, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, i)
		}
	}
	if len(missing) > 0 {
		return nil, noProfileAssociation(missing[0])
	}
	key := func(i instance) string { return i.Profile.Association }
	slices.SortFunc(found, func(a, b instance) int { return strings.Compare(key(a), key(b)) })
	rows, next, err := page(found, key, pages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeIamInstanceProfileAssociationsOutput{IamInstanceProfileAssociations: []types.IamInstanceProfileAssociation{}, NextToken: next}
	for _, i := range rows {
		out.IamInstanceProfileAssociations = append(out.IamInstanceProfileAssociations, *i.association(i.associationState(c)))
	}
	return out, nil
}
