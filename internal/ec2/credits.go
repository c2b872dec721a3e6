package ec2

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// The credit options of burstable instances (EC2 guide, "Unlimited mode for
// burstable performance instances").
const (
	standardCredits  = "standard"
	unlimitedCredits = "unlimited"
)

// creditDefaultTable holds an account's default option of an instance family, by
// the family's name.
var creditDefaultTable = store.NewTable[string]("ec2.credit-default")

// creditDefault is the option of a family's new instances: the account's, or
// AWS's, which is unlimited for all but T2.
func creditDefault(c *api.Call, family string) (string, error) {
	set, err := creditDefaultTable.Get(c.Tx, c.Scope(), family)
	switch {
	case !errors.Is(err, store.ErrNotFound):
		return set, err
	case family == string(types.UnlimitedSupportedInstanceFamilyT2):
		return standardCredits, nil
	}
	return unlimitedCredits, nil
}

// credits is an instance's option; empty for one that is not burstable.
func (i instance) credits(c *api.Call) (string, error) {
	t, _ := instanceTypeNamed(i.Type)
	switch {
	case t.Family == nil || !t.Family.Burstable:
		return "", nil
	case i.Credits != "":
		return i.Credits, nil
	}
	return creditDefault(c, t.Family.Name)
}

func (s *Service) creditOperations() []api.Operation {
	return []api.Operation{
		api.Op("ModifyInstanceCreditSpecification", s.modifyCreditNeeds, s.modifyCredits),
		api.Read("DescribeInstanceCreditSpecifications", anywhere[ec2.DescribeInstanceCreditSpecificationsInput]("DescribeInstanceCreditSpecifications"), s.describeCredits),
		api.Op("ModifyDefaultCreditSpecification", anywhere[ec2.ModifyDefaultCreditSpecificationInput]("ModifyDefaultCreditSpecification"), s.modifyDefaultCredits),
		api.Read("GetDefaultCreditSpecification", anywhere[ec2.GetDefaultCreditSpecificationInput]("GetDefaultCreditSpecification"), s.getDefaultCredits),
	}
}

func (s *Service) modifyCreditNeeds(c *api.Call, in *ec2.ModifyInstanceCreditSpecificationInput) ([]api.Need, error) {
	var needs []api.Need
	for _, asked := range in.InstanceCreditSpecifications {
		n, err := s.instanceNeed(c, "ModifyInstanceCreditSpecification", aws.ToString(asked.InstanceId))
		if err != nil {
			return nil, err
		}
		setAttributes(&n, true, setting{"CpuCredits", aws.ToString(asked.CpuCredits)})
		needs = append(needs, n)
	}
	if len(needs) == 0 {
		n, err := s.instanceNeed(c, "ModifyInstanceCreditSpecification", "*")
		return []api.Need{n}, err
	}
	return needs, nil
}

// modifyCredits changes what it can, and says of each of the others why not.
func (s *Service) modifyCredits(c *api.Call, in *ec2.ModifyInstanceCreditSpecificationInput) (*ec2.ModifyInstanceCreditSpecificationOutput, error) {
	if len(in.InstanceCreditSpecifications) == 0 {
		return nil, missingParameter("InstanceCreditSpecifications")
	}
	out := &ec2.ModifyInstanceCreditSpecificationOutput{
		SuccessfulInstanceCreditSpecifications:   []types.SuccessfulInstanceCreditSpecificationItem{},
		UnsuccessfulInstanceCreditSpecifications: []types.UnsuccessfulInstanceCreditSpecificationItem{},
	}
	for _, asked := range in.InstanceCreditSpecifications {
		id, credits := aws.ToString(asked.InstanceId), aws.ToString(asked.CpuCredits)
		if err := checkCredits(credits); err != nil {
			return nil, err
		}
		err := s.setCredits(c, id, credits)
		switch code := errorCode(err); {
		case err == nil:
			out.SuccessfulInstanceCreditSpecifications = append(out.SuccessfulInstanceCreditSpecifications, types.SuccessfulInstanceCreditSpecificationItem{InstanceId: aws.String(id)})
		case code == "":
			return nil, err
		default:
			out.UnsuccessfulInstanceCreditSpecifications = append(out.UnsuccessfulInstanceCreditSpecifications, types.UnsuccessfulInstanceCreditSpecificationItem{
				InstanceId: aws.String(id), Error: &types.UnsuccessfulInstanceCreditSpecificationItemError{
					Code: types.UnsuccessfulInstanceCreditSpecificationErrorCode(code), Message: aws.String(errorMessage(err)),
				},
			})
		}
	}
	return out, nil
}

func checkCredits(credits string) error {
	if credits != standardCredits && credits != unlimitedCredits {
		return invalidValue("Invalid value '%s' for CpuCredits. Valid values are standard and unlimited.", credits)
	}
	return nil
}

func (s *Service) setCredits(c *api.Call, id, credits string) error {
	i, err := s.getInstance(c, id)
	if err != nil {
		return err
	}
	if err := burstable(i); err != nil {
		return err
	}
	if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped {
		return incorrectInstanceState("The instance '%s' is not in the 'running' or 'stopped' state.", i.ID)
	}
	i.Credits = credits
	return s.putInstance(c, i)
}

// burstable refuses an instance that has no credits. The code is documented (EC2
// API reference, "UnsuccessfulInstanceCreditSpecificationItemError"), the text is
// not.
func burstable(i instance) error {
	if t, _ := instanceTypeNamed(i.Type); t.Family == nil || !t.Family.Burstable {
		return api.Error("InstanceCreditSpecification.NotSupported", fmt.Sprintf("The instance '%s' of type %s does not support credit specifications.", i.ID, i.Type))
	}
	return nil
}

// describeCredits shows the options of the instances that are named. Where none
// is, AWS lists the burstable ones that are unlimited.
func (s *Service) describeCredits(c *api.Call, in *ec2.DescribeInstanceCreditSpecificationsInput) (*ec2.DescribeInstanceCreditSpecificationsOutput, error) {
	pages := pageRule{least: 5, most: 1000, ids: "InstanceIds"}
	if err := pages.check(in.MaxResults, in.InstanceIds); err != nil {
		return nil, err
	}
	filters := filterTable[instance]{"instance-id": func(i instance) []string { return some(i.ID) }}
	if err := checkFilters(in.Filters, filters.known); err != nil {
		return nil, err
	}
	rows, err := instanceListing.rows(c, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	var found []instance
	for _, i := range rows {
		credits, err := i.credits(c)
		if err != nil {
			return nil, err
		}
		if len(in.InstanceIds) > 0 {
			if err := burstable(i); err != nil {
				return nil, err
			}
		} else if credits != unlimitedCredits || i.gone() {
			continue
		}
		ok, err := filters.matches(in.Filters, i, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			i.Credits = credits
			found = append(found, i)
		}
	}
	found, next, err := page(found, func(i instance) string { return i.ID }, pages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceCreditSpecificationsOutput{InstanceCreditSpecifications: []types.InstanceCreditSpecification{}, NextToken: next}
	for _, i := range found {
		out.InstanceCreditSpecifications = append(out.InstanceCreditSpecifications, types.InstanceCreditSpecification{
			InstanceId: aws.String(i.ID), CpuCredits: aws.String(i.Credits),
		})
	}
	return out, nil
}

func creditFamily(family types.UnlimitedSupportedInstanceFamily) error {
	if !slices.Contains(family.Values(), family) {
		return invalidValue("Invalid value '%s' for InstanceFamily.", family)
	}
	return nil
}

func (s *Service) modifyDefaultCredits(c *api.Call, in *ec2.ModifyDefaultCreditSpecificationInput) (*ec2.ModifyDefaultCreditSpecificationOutput, error) {
	if err := creditFamily(in.InstanceFamily); err != nil {
		return nil, err
	}
	if err := checkCredits(aws.ToString(in.CpuCredits)); err != nil {
		return nil, err
	}
	if err := creditDefaultTable.Put(c.Tx, c.Scope(), string(in.InstanceFamily), *in.CpuCredits); err != nil {
		return nil, err
	}
	return &ec2.ModifyDefaultCreditSpecificationOutput{InstanceFamilyCreditSpecification: &types.InstanceFamilyCreditSpecification{
		InstanceFamily: in.InstanceFamily, CpuCredits: in.CpuCredits,
	}}, nil
}

func (s *Service) getDefaultCredits(c *api.Call, in *ec2.GetDefaultCreditSpecificationInput) (*ec2.GetDefaultCreditSpecificationOutput, error) {
	if err := creditFamily(in.InstanceFamily); err != nil {
		return nil, err
	}
	credits, err := creditDefault(c, string(in.InstanceFamily))
	return &ec2.GetDefaultCreditSpecificationOutput{InstanceFamilyCreditSpecification: &types.InstanceFamilyCreditSpecification{
		InstanceFamily: in.InstanceFamily, CpuCredits: aws.String(credits),
	}}, err
}
