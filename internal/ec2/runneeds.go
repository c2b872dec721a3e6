package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// runInstancesNeeds authorizes a launch on everything that it makes or uses
// (Service Authorization Reference, "Actions, resources, and condition keys for
// Amazon EC2", RunInstances). What the request names and is not there is
// authorized by its ARN, so that a caller without permission learns nothing.
func (s *Service) runInstancesNeeds(c *api.Call, in *ec2.RunInstancesInput) ([]api.Need, error) {
	c.Event.RequestParameters = runParameters(in)
	asked := in
	from, err := withTemplate(c, in)
	if errorCode(err) != "" {
		// What is wrong with the template is told to those who may use it.
		n, err := templateNeed(c, "RunInstances", in.LaunchTemplate.LaunchTemplateId, in.LaunchTemplate.LaunchTemplateName)
		return []api.Need{n}, err
	}
	if err != nil {
		return nil, err
	}
	in = from.RunInstancesInput
	p, err := s.sketchLaunch(c, in)
	if err != nil {
		return nil, err
	}
	r, _ := interfaceRequestsOf(in) // a contradiction is told after authorization
	var needs []api.Need
	for _, some := range []func() ([]api.Need, error){
		func() ([]api.Need, error) { return p.instanceNeeds(c, in), nil },
		func() ([]api.Need, error) { return p.imageNeeds(c, in) },
		func() ([]api.Need, error) { return p.subnetNeeds(c, r) },
		func() ([]api.Need, error) { return p.interfaceNeeds(c, r) },
		func() ([]api.Need, error) { return p.groupNeeds(c, r) },
		func() ([]api.Need, error) { return keyPairNeeds(c, in.KeyName) },
		func() ([]api.Need, error) {
			if in.Placement == nil {
				return nil, nil
			}
			return placementNeeds(c, "RunInstances", in.Placement.GroupName, in.Placement.GroupId)
		},
		func() ([]api.Need, error) { return capacityNeeds(c, in.CapacityReservationSpecification) },
		func() ([]api.Need, error) { return s.volumeNeeds(c, p) },
		func() ([]api.Need, error) { return s.snapshotNeeds(c, in.BlockDeviceMappings) },
	} {
		more, err := some()
		if err != nil {
			return nil, err
		}
		needs = append(needs, more...)
	}
	if p.role != "" {
		needs = append(needs, passRole(c, p.role, "*"))
	}
	if spot, _ := planMarket(in); spot {
		needs[0].Context.Set("ec2:InstanceMarketType", "spot")
		n := need(c, "RunInstances", types.ResourceTypeSpotInstancesRequest, "*")
		setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeSpotInstancesRequest))
		needs = append(needs, n)
	}
	needs = append(needs, tagNeeds(c, "RunInstances", in.TagSpecifications)...)
	return templateKeys(c, asked, needs)
}

func (p launchPlan) instanceNeeds(c *api.Call, in *ec2.RunInstancesInput) []api.Need {
	n := need(c, "RunInstances", types.ResourceTypeInstance, "*")
	i := p.instance
	i.Type = either(i.Type, either(string(in.InstanceType), defaultInstanceType))
	setInstanceKeys(c, &n.Context, i)
	setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeInstance))
	return []api.Need{n}
}

func (p launchPlan) imageNeeds(c *api.Call, in *ec2.RunInstancesInput) ([]api.Need, error) {
	if aws.ToString(in.ImageId) == "" {
		return nil, missingParameter("ImageId")
	}
	n, err := existingNeed(c, "RunInstances", types.ResourceTypeImage, *in.ImageId)
	n.Context.Set("ec2:ImageID", *in.ImageId)
	n.Context.Set("ec2:ImageType", "machine")
	n.Context.Set("ec2:RootDeviceType", "ebs")
	if p.image.ID != "" {
		// The owner let the account in by the image's launch permission, so no
		// resource policy is asked for: the need is not another account's.
		n.Context.Set("aws:ResourceAccount", p.image.Owner)
		n.Context.Set("ec2:Owner", either(p.image.OwnerAlias, p.image.Owner))
		n.Context.Set("ec2:Public", boolKey(p.image.Share.Public))
	}
	return []api.Need{n}, err
}

// planned is what came of the launch's n-th interface; nothing if it could not
// be resolved.
func (p launchPlan) planned(n int) plannedInterface {
	if n < len(p.interfaces) {
		return p.interfaces[n]
	}
	return plannedInterface{}
}

func (p launchPlan) subnetNeeds(c *api.Call, requests []interfaceRequest) ([]api.Need, error) {
	var needs []api.Need
	seen := make(map[string]bool)
	for i, r := range requests {
		id := either(p.planned(i).subnet.ID, aws.ToString(r.subnet))
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		n, err := existingNeed(c, "RunInstances", types.ResourceTypeSubnet, id)
		if err != nil {
			return nil, err
		}
		n.Context.Set("ec2:SubnetID", id)
		p.planned(i).subnet.setPlaceKeys(c, &n.Context)
		needs = append(needs, n)
	}
	return needs, nil
}

// setPlaceKeys gives the condition keys of where something stands.
func (n subnet) setPlaceKeys(c *api.Call, k *access.Context) {
	if n.ID == "" {
		return
	}
	k.Set("ec2:AvailabilityZone", n.Zone)
	k.Set("ec2:Vpc", c.ARN("ec2", "vpc/"+n.VPC))
}

// interfaceNeeds authorize the interfaces: by their ids those that are there.
func (p launchPlan) interfaceNeeds(c *api.Call, requests []interfaceRequest) ([]api.Need, error) {
	if len(requests) == 0 {
		requests = []interfaceRequest{{}}
	}
	var needs []api.Need
	for i, r := range requests {
		planned := p.planned(i)
		n := need(c, "RunInstances", types.ResourceTypeNetworkInterface, "*")
		if r.existing != nil {
			var err error
			if n, err = existingNeed(c, "RunInstances", types.ResourceTypeNetworkInterface, *r.existing); err != nil {
				return nil, err
			}
			n.Context.Set("ec2:NetworkInterfaceID", *r.existing)
		} else {
			setRequestTags(&n.Context, p.tags[types.ResourceTypeNetworkInterface])
		}
		planned.subnet.setPlaceKeys(c, &n.Context)
		n.Context.Set("ec2:AssociatePublicIpAddress", boolKey(planned.publicIP))
		if planned.subnet.ID != "" {
			n.Context.Set("ec2:Subnet", c.ARN("ec2", "subnet/"+planned.subnet.ID))
		}
		needs = append(needs, n)
	}
	return needs, nil
}

func (p launchPlan) groupNeeds(c *api.Call, requests []interfaceRequest) ([]api.Need, error) {
	var needs []api.Need
	seen := make(map[string]bool)
	for i, r := range requests {
		planned := p.planned(i)
		ids := r.groupIDs
		if len(planned.groups) > 0 {
			ids = networkInterface{Groups: planned.groups}.groupIDs()
		}
		for _, id := range ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			n, err := existingNeed(c, "RunInstances", types.ResourceTypeSecurityGroup, id)
			if err != nil {
				return nil, err
			}
			n.Context.Set("ec2:SecurityGroupID", id)
			planned.subnet.setPlaceKeys(c, &n.Context)
			needs = append(needs, n)
		}
	}
	return needs, nil
}

func keyPairNeeds(c *api.Call, name *string) ([]api.Need, error) {
	if aws.ToString(name) == "" {
		return nil, nil
	}
	n := need(c, "RunInstances", types.ResourceTypeKeyPair, *name)
	n.Context.Set("ec2:KeyPairName", *name)
	k, err := keyPairNamed(c, *name)
	switch {
	case err == nil:
		tags, err := tagsOf(c, k.ID)
		if err != nil {
			return nil, err
		}
		n.Context.Set("ec2:KeyPairType", k.Type)
		setResourceTags(&n.Context, tags)
	case errorCode(err) == "":
		return nil, err
	}
	return []api.Need{n}, nil
}

// snapshotNeeds authorizes the snapshots that the request names. Those of the
// image come with it.
func (s *Service) snapshotNeeds(c *api.Call, mappings []types.BlockDeviceMapping) ([]api.Need, error) {
	var needs []api.Need
	for _, m := range mappings {
		if m.Ebs == nil || aws.ToString(m.Ebs.SnapshotId) == "" {
			continue
		}
		n, err := s.snapshotNeed(c, "RunInstances", c.Region, *m.Ebs.SnapshotId)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

// volumeNeeds authorizes each volume as it would come out.
func (s *Service) volumeNeeds(c *api.Call, p launchPlan) ([]api.Need, error) {
	var needs []api.Need
	for _, planned := range p.volumes {
		n := need(c, "RunInstances", types.ResourceTypeVolume, "*")
		v, err := s.planVolume(c, planned.spec)
		switch {
		case err == nil:
			setVolumeKeys(c, &n.Context, v)
		case errorCode(err) == "":
			return nil, err
		default:
			n.Context.Set("ec2:Encrypted", boolKey(aws.ToBool(planned.spec.Encrypted)))
		}
		setRequestTags(&n.Context, planned.spec.Tags)
		needs = append(needs, n)
	}
	if len(needs) == 0 {
		needs = append(needs, need(c, "RunInstances", types.ResourceTypeVolume, "*"))
	}
	return needs, nil
}
