package organizations

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keyturn/keyturn/internal/api"
)

// resourcePolicy is the organization's resource-based delegation policy.
type resourcePolicy struct{ ID, Content string }

func (s *Service) resourcePolicyOperations() []api.Operation {
	return []api.Operation{
		change("PutResourcePolicy", func(_ *api.Call, o *organization, in *organizations.PutResourcePolicyInput) target {
			id := "rp-*"
			if o.Resource != nil {
				id = o.Resource.ID
			}
			return tagging(on(o.arn("resourcepolicy", "/"+id)), in.Tags)
		}, putResourcePolicy),
		change("DeleteResourcePolicy", nil, deleteResourcePolicy),
		read("DescribeResourcePolicy", nil, describeResourcePolicy),
	}
}

func (o *organization) describeResourcePolicy() *types.ResourcePolicy {
	return &types.ResourcePolicy{
		Content: aws.String(o.Resource.Content),
		ResourcePolicySummary: &types.ResourcePolicySummary{
			Id: aws.String(o.Resource.ID), Arn: aws.String(o.arnOf(o.Resource.ID)),
		},
	}
}

func putResourcePolicy(c *api.Call, o *organization, in *organizations.PutResourcePolicyInput) (*organizations.PutResourcePolicyOutput, error) {
	if err := checkDelegation(*in.Content); err != nil {
		return nil, err
	}
	if o.Resource == nil {
		o.Resource = &resourcePolicy{ID: "rp-" + newID(c, 8)}
	} else if len(in.Tags) > 0 {
		return nil, invalid(types.InvalidInputExceptionReasonCallerRequiredFieldMissing, "Tags can be given only when a resource policy is created: use TagResource.")
	}
	o.Resource.Content = *in.Content
	if err := o.tag(o.Resource.ID, in.Tags); err != nil {
		return nil, err
	}
	return &organizations.PutResourcePolicyOutput{ResourcePolicy: o.describeResourcePolicy()}, nil
}

func resourcePolicyNotFound() error {
	return &types.ResourcePolicyNotFoundException{Message: aws.String("There is no resource policy in this organization.")}
}

func deleteResourcePolicy(_ *api.Call, o *organization, _ *organizations.DeleteResourcePolicyInput) (*organizations.DeleteResourcePolicyOutput, error) {
	if o.Resource == nil {
		return nil, resourcePolicyNotFound()
	}
	delete(o.Tags, o.Resource.ID)
	o.Resource = nil
	return &organizations.DeleteResourcePolicyOutput{}, nil
}

func describeResourcePolicy(c *api.Call, _ *organizations.DescribeResourcePolicyInput) (*organizations.DescribeResourcePolicyOutput, error) {
	o, err := watched(c)
	if err != nil {
		return nil, err
	}
	if o.Resource == nil {
		return nil, resourcePolicyNotFound()
	}
	return &organizations.DescribeResourcePolicyOutput{ResourcePolicy: o.describeResourcePolicy()}, nil
}
