package ec2

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// A Spot Fleet is a standing fleet that is asked for in other words (EC2 guide,
// "EC2 Fleet and Spot Fleet"). Its own service-linked role launches and
// terminates, as that role's policy and the guide's page on keys have it; Spot's
// launches its Spot Instances. Beside these it has the role that it is given:
// the fleet assumes it before it launches, and tags as it.

// spotFleetTag is the tag that EC2 gives to the instances of a Spot Fleet.
const spotFleetTag = "aws:ec2spot:fleet-request-id"

func (s *Service) spotFleetOperations() []api.Operation {
	return []api.Operation{
		api.Op("RequestSpotFleet", s.requestSpotFleetNeeds, s.requestSpotFleet),
		api.Op("ModifySpotFleetRequest", modifySpotFleetNeeds, s.modifySpotFleetRequest),
		api.Op("CancelSpotFleetRequests", cancelSpotFleetNeeds, s.cancelSpotFleetRequests),
		api.Read("DescribeSpotFleetRequests", anywhere[ec2.DescribeSpotFleetRequestsInput]("DescribeSpotFleetRequests"), s.describeSpotFleetRequests),
		api.Read("DescribeSpotFleetInstances", onSpotFleet("DescribeSpotFleetInstances", func(in *ec2.DescribeSpotFleetInstancesInput) *string { return in.SpotFleetRequestId }), s.describeSpotFleetInstances),
		api.Read("DescribeSpotFleetRequestHistory", onSpotFleet("DescribeSpotFleetRequestHistory", func(in *ec2.DescribeSpotFleetRequestHistoryInput) *string { return in.SpotFleetRequestId }), s.describeSpotFleetRequestHistory),
		api.Read("DescribeSpotPriceHistory", anywhere[ec2.DescribeSpotPriceHistoryInput]("DescribeSpotPriceHistory"), s.describeSpotPriceHistory),
	}
}

// spotFleetID is the form of a Spot Fleet request's id.
var spotFleetID = regexp.MustCompile(`^sfr-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func getSpotFleet(c *api.Call, id string) (*standingFleet, error) {
	if !spotFleetID.MatchString(id) {
		return nil, api.Error("InvalidSpotFleetRequestId.Malformed", "The Spot Fleet request ID '"+id+"' is malformed")
	}
	f, ok, err := standing(c, id)
	if err == nil && (!ok || !f.isSpotFleet()) {
		err = api.Error("InvalidSpotFleetRequestId.NotFound", "The Spot Fleet request ID '"+id+"' does not exist")
	}
	return f, err
}

// onSpotFleet is the descriptor of an operation on one Spot Fleet.
func onSpotFleet[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := existingNeed(c, action, types.ResourceTypeSpotFleetRequest, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

func cancelSpotFleetNeeds(c *api.Call, in *ec2.CancelSpotFleetRequestsInput) ([]api.Need, error) {
	var needs []api.Need
	for _, id := range in.SpotFleetRequestIds {
		n, err := existingNeed(c, "CancelSpotFleetRequests", types.ResourceTypeSpotFleetRequest, id)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	if len(needs) == 0 {
		return nil, missingParameter("SpotFleetRequestId")
	}
	return needs, nil
}

func modifySpotFleetNeeds(c *api.Call, in *ec2.ModifySpotFleetRequestInput) ([]api.Need, error) {
	n, err := existingNeed(c, "ModifySpotFleetRequest", types.ResourceTypeSpotFleetRequest, aws.ToString(in.SpotFleetRequestId))
	if err != nil {
		return nil, err
	}
	configs, err := fleetConfigs(in.LaunchTemplateConfigs)
	if err != nil {
		return nil, err
	}
	parts, err := fleetPartNeeds(c, "ModifySpotFleetRequest", configs)
	return append([]api.Need{n}, parts...), err
}

// requestSpotFleetNeeds are on the request to be and on what it names, and
// iam:PassRole on the fleet's role and on those of its instances (EC2 guide,
// "Spot Fleet permissions").
func (s *Service) requestSpotFleetNeeds(c *api.Call, in *ec2.RequestSpotFleetInput) ([]api.Need, error) {
	const action = "RequestSpotFleet"
	n := need(c, action, types.ResourceTypeSpotFleetRequest, "*")
	d := in.SpotFleetRequestConfig
	if d == nil {
		return []api.Need{n}, nil
	}
	setRequestTags(&n.Context, specTags(d.TagSpecifications, types.ResourceTypeSpotFleetRequest))
	needs := []api.Need{n}
	for _, l := range d.LaunchSpecifications {
		more, err := s.spotFleetLaunchNeeds(c, action, l)
		if err != nil {
			return nil, err
		}
		needs = append(needs, more...)
	}
	configs, err := fleetConfigs(d.LaunchTemplateConfigs)
	if err != nil {
		return nil, err
	}
	parts, err := fleetPartNeeds(c, action, configs)
	if err != nil {
		return nil, err
	}
	roles, err := s.fleetRoleNeeds(c, configs)
	if err != nil {
		return nil, err
	}
	needs = append(append(needs, parts...), roles...)
	if d.IamFleetRole != nil {
		pass := api.Need{Action: "iam:PassRole", Resource: *d.IamFleetRole}
		pass.Context.Set("iam:PassedToService", spotFleetService.principal)
		needs = append(needs, pass)
	}
	return append(needs, tagNeeds(c, action, d.TagSpecifications)...), nil
}

// spotFleetLaunchNeeds are on what a launch specification names.
func (s *Service) spotFleetLaunchNeeds(c *api.Call, action string, l types.SpotFleetLaunchSpecification) ([]api.Need, error) {
	var needs []api.Need
	for _, part := range []struct {
		kind types.ResourceType
		ids  []string
	}{
		{types.ResourceTypeImage, some(aws.ToString(l.ImageId))},
		{types.ResourceTypeKeyPair, some(aws.ToString(l.KeyName))},
		{types.ResourceTypeSecurityGroup, groupIDsOf(l.SecurityGroups)},
	} {
		for _, id := range part.ids {
			n, err := existingNeed(c, action, part.kind, id)
			if err != nil {
				return nil, err
			}
			needs = append(needs, n)
		}
	}
	for _, place := range places(l.SubnetId, nil) {
		if place.subnet == nil {
			continue
		}
		n, err := subnetNeed(c, action, *place.subnet)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	role, err := s.profileRole(c, l.IamInstanceProfile)
	if err == nil && role != "" {
		needs = append(needs, passRole(c, role, "*"))
	}
	return needs, err
}

func groupIDsOf(groups []types.GroupIdentifier) []string {
	var ids []string
	for _, g := range groups {
		ids = append(ids, some(aws.ToString(g.GroupId))...)
	}
	return ids
}

// fleetConfigs are a Spot Fleet's templates as an EC2 Fleet takes them.
func fleetConfigs(from []types.LaunchTemplateConfig) ([]types.FleetLaunchTemplateConfigRequest, error) {
	var configs []types.FleetLaunchTemplateConfigRequest
	for _, config := range from {
		var to types.FleetLaunchTemplateConfigRequest
		if err := sameMembers(config, &to); err != nil {
			return nil, err
		}
		for i, o := range config.Overrides {
			to.Overrides[i].MaxPrice = o.SpotPrice
		}
		configs = append(configs, to)
	}
	return configs, nil
}

// givenRole is the call in the name of the role that a Spot Fleet was given; an
// error that is an answer tells why it cannot be assumed.
func (s *Service) givenRole(c *api.Call, arn string) (*api.Call, error) {
	_, name, _ := strings.Cut(arn, ":role/")
	if name == "" {
		return nil, store.ErrNotFound
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	service := c.As(api.Caller{
		Principal: access.Principal{Type: access.Service, Partition: c.Partition, ServicePrincipal: spotFleetService.principal},
		InvokedBy: spotFleetService.principal,
	})
	out, err := api.Invoke[sts.AssumeRoleOutput](service, "sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String(spotFleetSession)})
	if err != nil {
		return nil, err
	}
	id, _, _ := strings.Cut(aws.ToString(out.AssumedRoleUser.AssumedRoleId), ":")
	return c.As(api.Caller{
		Principal: access.Principal{
			Type: access.RoleSession, Partition: c.Partition, Account: c.Account, ARN: aws.ToString(out.AssumedRoleUser.Arn),
			UserID: aws.ToString(out.AssumedRoleUser.AssumedRoleId), Name: spotFleetSession, RoleARN: arn, RoleID: id,
			ServiceLinked: name == spotFleetService.name && arn == spotFleetService.arn(c),
		},
		AccessKeyID: aws.ToString(out.Credentials.AccessKeyId), IssuedAt: c.Now, Expires: aws.ToTime(out.Credentials.Expiration),
		InvokedBy: spotFleetService.principal,
	}), nil
}

// spotFleetSession names the fleet's sessions of the role that it was given. AWS's
// name is not documented.
const spotFleetSession = "SpotFleet"
