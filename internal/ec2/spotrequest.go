package ec2

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// spotTask fulfils a request.
	spotTask = "ec2.spot"
	// spotTime is how long the evaluation of a request takes, spotRetry how long
	// a persistent one waits to be filled again.
	spotTime  = 2 * time.Second
	spotRetry = time.Minute
)

func (s *Service) spotOperations() []api.Operation {
	return []api.Operation{
		api.Op("RequestSpotInstances", s.requestSpotNeeds, s.requestSpotInstances),
		api.Op("CancelSpotInstanceRequests", func(c *api.Call, in *ec2.CancelSpotInstanceRequestsInput) ([]api.Need, error) {
			var needs []api.Need
			for _, id := range in.SpotInstanceRequestIds {
				n, err := existingNeed(c, "CancelSpotInstanceRequests", types.ResourceTypeSpotInstancesRequest, id)
				if err != nil {
					return nil, err
				}
				needs = append(needs, n)
			}
			if len(needs) == 0 {
				return nil, missingParameter("SpotInstanceRequestId")
			}
			return needs, nil
		}, s.cancelSpotInstanceRequests),
		api.Read("DescribeSpotInstanceRequests", anywhere[ec2.DescribeSpotInstanceRequestsInput]("DescribeSpotInstanceRequests"), s.describeSpotInstanceRequests),
	}
}

func (s *Service) spotTasks() map[string]func(*api.Call, json.RawMessage) error {
	return map[string]func(*api.Call, json.RawMessage) error{spotTask: s.fulfil}
}

// spotLaunch is a request's launch specification as RunInstances takes it.
func spotLaunch(in *ec2.RequestSpotInstancesInput) (*ec2.RunInstancesInput, error) {
	out := &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)}
	if in.LaunchSpecification == nil {
		return out, missingParameter("LaunchSpecification")
	}
	return out, sameMembers(in.LaunchSpecification, out)
}

func (s *Service) requestSpotNeeds(c *api.Call, in *ec2.RequestSpotInstancesInput) ([]api.Need, error) {
	n := need(c, "RequestSpotInstances", types.ResourceTypeSpotInstancesRequest, "*")
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeSpotInstancesRequest))
	needs := append([]api.Need{n}, tagNeeds(c, "RequestSpotInstances", in.TagSpecifications)...)
	l := in.LaunchSpecification
	if l == nil {
		return needs, nil
	}
	for kind, ids := range map[types.ResourceType][]string{
		types.ResourceTypeImage: some(aws.ToString(l.ImageId)), types.ResourceTypeKeyPair: some(aws.ToString(l.KeyName)),
		types.ResourceTypeSubnet: some(aws.ToString(l.SubnetId)), types.ResourceTypeSecurityGroup: l.SecurityGroupIds,
	} {
		for _, id := range ids {
			n, err := existingNeed(c, "RequestSpotInstances", kind, id)
			if err != nil {
				return nil, err
			}
			needs = append(needs, n)
		}
	}
	return s.spotProfileNeeds(c, l, needs)
}

// spotProfileNeeds adds iam:PassRole on the role that the instances will have.
func (s *Service) spotProfileNeeds(c *api.Call, l *types.RequestSpotLaunchSpecification, needs []api.Need) ([]api.Need, error) {
	if l.IamInstanceProfile == nil {
		return needs, nil
	}
	p, err := s.sketchLaunch(c, &ec2.RunInstancesInput{IamInstanceProfile: l.IamInstanceProfile})
	if err != nil || p.role == "" {
		return needs, err
	}
	return append(needs, passRole(c, p.role, "*")), nil
}

func (s *Service) requestSpotInstances(c *api.Call, in *ec2.RequestSpotInstancesInput) (*ec2.RequestSpotInstancesOutput, error) {
	for name, asked := range map[string]bool{
		"AvailabilityZoneGroup": in.AvailabilityZoneGroup != nil, "BlockDurationMinutes": in.BlockDurationMinutes != nil,
		"LaunchGroup": in.LaunchGroup != nil, "ValidFrom": in.ValidFrom != nil,
	} {
		if asked {
			return nil, notBuilt(name)
		}
	}
	input, err := spotLaunch(in)
	if err != nil {
		return nil, err
	}
	if _, err := s.planLaunch(c, input); err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeSpotInstancesRequest))
	if err != nil {
		return nil, err
	}
	if err := s.ensureRole(c, spotService); err != nil {
		return nil, err
	}
	count := 1
	if in.InstanceCount != nil {
		count = int(*in.InstanceCount)
	}
	if count < 1 {
		return nil, invalidValue("Value (%d) for parameter instanceCount is invalid.", count)
	}
	out := &ec2.RequestSpotInstancesOutput{}
	for range count {
		r := newSpotRequest(c, input)
		r.Launch, r.Price, r.Until = input, aws.ToString(in.SpotPrice), aws.ToTime(in.ValidUntil)
		if in.Type != "" {
			r.Type = in.Type
		}
		if in.InstanceInterruptionBehavior != "" {
			r.Interruption = in.InstanceInterruptionBehavior
		}
		r.turn(c, types.SpotInstanceStateOpen, "pending-evaluation", "Your Spot request has been submitted for review, and is pending evaluation.")
		if err := r.put(c); err != nil {
			return nil, err
		}
		if err := putTags(c, string(types.ResourceTypeSpotInstancesRequest), r.ID, tags); err != nil {
			return nil, err
		}
		if err := c.Schedule(spotTask, r.ID, spotTime, r.ID); err != nil {
			return nil, err
		}
		out.SpotInstanceRequests = append(out.SpotInstanceRequests, r.describe(tags))
	}
	return out, nil
}

// fulfil launches the request's instance as the Spot service's role: it is that
// role which needs the key (EC2 guide, "Grant access to customer managed keys for
// use with encrypted AMIs and EBS snapshots").
func (s *Service) fulfil(c *api.Call, raw json.RawMessage) error {
	id, err := api.DecodePayload[string](raw)
	if err != nil {
		return err
	}
	r, err := spotTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) || err == nil && r.State != types.SpotInstanceStateOpen {
		return nil
	}
	if err != nil {
		return err
	}
	return s.fulfilRequest(c, &r, r.Launch)
}

// FulfilSpot fulfils a request of a group of Auto Scaling's.
func (s *Service) FulfilSpot(c *api.Call, request string, launch any) (string, error) {
	in, ok := launch.(*ec2.RunInstancesInput)
	if !ok {
		return "", fmt.Errorf("ec2: %T is no launch", launch)
	}
	r, err := spotRequests.get(c, request)
	if err != nil {
		return "", err
	}
	if err := s.fulfilRequest(c, &r, in); err != nil {
		return "", err
	}
	if r.Instance == "" {
		return "", api.Error(cmp.Or(r.Fault.Code, r.Status.Code), cmp.Or(r.Fault.Message, r.Status.Message))
	}
	return r.Instance, nil
}

// fulfilRequest launches for an open request, and keeps what came of it.
func (s *Service) fulfilRequest(c *api.Call, r *spotRequest, launch *ec2.RunInstancesInput) error {
	if !r.Until.IsZero() && c.Now.After(r.Until) {
		r.turn(c, types.SpotInstanceStateClosed, "schedule-expired", "Your Spot request expired without being fulfilled.")
		return r.put(c)
	}
	as, err := s.as(c, spotService)
	if errors.Is(err, store.ErrNotFound) {
		r.turn(c, types.SpotInstanceStateFailed, "bad-parameters", "Your Spot request failed because the service-linked role "+spotService.name+" does not exist.")
		return r.put(c)
	}
	if err != nil {
		return err
	}
	in := *launch
	in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
	out, err := api.Invoke[ec2.RunInstancesOutput](as, "ec2", "RunInstances", &in)
	if code := errorCode(err); code != "" {
		r.Fault = stateReason{code, errorMessage(err)}
		r.turn(c, types.SpotInstanceStateFailed, "bad-parameters", "Your Spot request failed due to bad parameters: "+errorMessage(err))
		return r.put(c)
	}
	if err != nil {
		return err
	}
	return s.fulfilled(c, r, *out.Instances[0].InstanceId)
}

// fulfilled binds a request and its instance.
func (s *Service) fulfilled(c *api.Call, r *spotRequest, id string) error {
	i, err := s.getInstance(c, id)
	if err != nil {
		return err
	}
	i.Spot = r.ID
	if err := s.putInstance(c, i); err != nil {
		return err
	}
	r.Instance, r.Zone = i.ID, i.Zone
	r.turn(c, types.SpotInstanceStateActive, "fulfilled", "Your Spot request is fulfilled.")
	return r.put(c)
}

// cancelSpotInstanceRequests leaves the instances running (EC2 API reference,
// "CancelSpotInstanceRequests").
func (s *Service) cancelSpotInstanceRequests(c *api.Call, in *ec2.CancelSpotInstanceRequestsInput) (*ec2.CancelSpotInstanceRequestsOutput, error) {
	found, err := spotRequests.rows(c, in.SpotInstanceRequestIds)
	if err != nil {
		return nil, err
	}
	out := &ec2.CancelSpotInstanceRequestsOutput{}
	for _, r := range found {
		switch r.State {
		case types.SpotInstanceStateOpen:
			r.turn(c, types.SpotInstanceStateCancelled, "canceled-before-fulfillment", "Your Spot request is canceled before it was fulfilled.")
		case types.SpotInstanceStateActive, types.SpotInstanceStateDisabled:
			r.turn(c, types.SpotInstanceStateCancelled, "request-canceled-and-instance-running", "Your Spot request is canceled, but your instance is still running.")
		}
		if err := r.put(c); err != nil {
			return nil, err
		}
		out.CancelledSpotInstanceRequests = append(out.CancelledSpotInstanceRequests, types.CancelledSpotInstanceRequest{
			SpotInstanceRequestId: aws.String(r.ID), State: types.CancelSpotInstanceRequestState(r.State),
		})
	}
	return out, nil
}

func (s *Service) describeSpotInstanceRequests(c *api.Call, in *ec2.DescribeSpotInstanceRequestsInput) (*ec2.DescribeSpotInstanceRequestsOutput, error) {
	found, next, err := spotRequests.find(c, query{in.SpotInstanceRequestIds, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSpotInstanceRequestsOutput{SpotInstanceRequests: []types.SpotInstanceRequest{}, NextToken: next}
	for _, r := range found {
		out.SpotInstanceRequests = append(out.SpotInstanceRequests, r.row.describe(r.tags))
	}
	return out, nil
}

// planMarket sees what a launch says of Spot.
func planMarket(in *ec2.RunInstancesInput) (spot bool, err error) {
	o := in.InstanceMarketOptions
	if o == nil || o.MarketType == "" {
		return false, nil
	}
	if o.MarketType != types.MarketTypeSpot {
		return false, notBuilt("InstanceMarketOptions.MarketType")
	}
	p := o.SpotOptions
	if p == nil {
		return true, nil
	}
	if p.BlockDurationMinutes != nil {
		return true, notBuilt("InstanceMarketOptions.SpotOptions.BlockDurationMinutes")
	}
	if p.SpotInstanceType == types.SpotInstanceTypePersistent && !slices.Contains([]types.InstanceInterruptionBehavior{
		types.InstanceInterruptionBehaviorStop, types.InstanceInterruptionBehaviorHibernate,
	}, p.InstanceInterruptionBehavior) {
		return true, invalidCombination("The request type 'persistent' is supported only with the interruption behaviors 'stop' and 'hibernate'.")
	}
	return true, nil
}

// spotOf makes the request behind an instance that RunInstances launches on Spot.
func (s *Service) spotOf(c *api.Call, in *ec2.RunInstancesInput, i *instance, tags map[string]string) error {
	r := newSpotRequest(c, in)
	if o := in.InstanceMarketOptions.SpotOptions; o != nil {
		r.Price, r.Until = aws.ToString(o.MaxPrice), aws.ToTime(o.ValidUntil)
		if o.SpotInstanceType != "" {
			r.Type = o.SpotInstanceType
		}
		if o.InstanceInterruptionBehavior != "" {
			r.Interruption = o.InstanceInterruptionBehavior
		}
	}
	i.Spot, r.Instance, r.Zone = r.ID, i.ID, i.Zone
	r.turn(c, types.SpotInstanceStateActive, "fulfilled", "Your Spot request is fulfilled.")
	if err := r.put(c); err != nil {
		return err
	}
	return putTags(c, string(types.ResourceTypeSpotInstancesRequest), r.ID, tags)
}
