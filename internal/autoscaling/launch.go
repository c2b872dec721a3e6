package autoscaling

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// groupTag is the tag that every instance of a group has.
const groupTag = "aws:autoscaling:groupName"

// launch launches one instance as the group's role. EC2's refusal is an
// activity that failed, and false. A warm one goes into the warm pool.
func (w *worker) launch(causes []string, warm bool) (launched bool, err error) {
	zone, subnet, err := w.place()
	if err != nil {
		return false, err
	}
	description := "Launching a new EC2 instance"
	if warm {
		description += " into warm pool"
	}
	a := w.g.begin(w.c, description, causes...)
	a.Zone, a.Subnet = zone, subnet
	m := member{Group: w.g.Name, Zone: zone, Subnet: subnet, Warm: warm, Protected: w.g.ProtectNew, Launched: w.c.Now}
	m.enterPhase(types.LifecycleStatePending)
	in, refused, err := w.launchInput(&m)
	if err != nil {
		return false, err
	}
	var i ec2types.Instance
	switch {
	case w.as == nil:
		refused = "Access denied when attempting to assume role " + w.g.Role + "."
	case refused == "":
		i, err = w.bring(in, m.Config != "" && in.InstanceMarketOptions != nil)
		if refused = errorMessage(err); refused == "" && err != nil {
			return false, err
		}
	}
	if refused != "" {
		a.finish(w.c, types.ScalingActivityStatusCodeFailed, strings.TrimSuffix(refused, ".")+". Launching EC2 instance failed.")
		w.failed()
		return false, a.put(w.c)
	}
	m.ID, m.Type, m.Image, m.Subnet = *i.InstanceId, string(i.InstanceType), aws.ToString(i.ImageId), aws.ToString(i.SubnetId)
	if i.Placement != nil {
		m.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	a.Description += ": " + m.ID
	a.Zone, a.Subnet = m.Zone, m.Subnet
	a.Status, a.Progress = types.ScalingActivityStatusCodePreInService, 30
	m.Activity = a.key()
	if err := a.put(w.c); err != nil {
		return false, err
	}
	w.members = append(w.members, m)
	if err := w.compute.Label(w.as, m.ID, map[string]string{groupTag: w.g.Name}); err != nil {
		return false, err
	}
	return true, m.put(w.c)
}

// bring launches one instance as the group's role. Where a launch configuration has
// a Spot price, that role asks for a Spot Instance, and Spot's launches it: it is
// Spot's that needs the key (Auto Scaling guide, "Required AWS KMS key policy for
// use with encrypted volumes").
func (w *worker) bring(in *ec2.RunInstancesInput, asked bool) (ec2types.Instance, error) {
	if !asked {
		out, err := api.Invoke[ec2.RunInstancesOutput](w.as, "ec2", "RunInstances", in)
		if err != nil {
			return ec2types.Instance{}, err
		}
		return out.Instances[0], nil
	}
	var l ec2types.RequestSpotLaunchSpecification
	raw, err := json.Marshal(in)
	if err == nil {
		err = json.Unmarshal(raw, &l) // the members that the two share
	}
	if err != nil {
		return ec2types.Instance{}, fmt.Errorf("autoscaling: a launch that is no Spot launch: %w", err)
	}
	out, err := api.Invoke[ec2.RequestSpotInstancesOutput](w.as, "ec2", "RequestSpotInstances", &ec2.RequestSpotInstancesInput{
		SpotPrice: in.InstanceMarketOptions.SpotOptions.MaxPrice, InstanceCount: aws.Int32(1), LaunchSpecification: &l,
	})
	if err != nil {
		return ec2types.Instance{}, err
	}
	id, err := w.compute.FulfilSpot(w.c, *out.SpotInstanceRequests[0].SpotInstanceRequestId, in)
	if err != nil {
		return ec2types.Instance{}, err
	}
	made, err := w.compute.Instance(w.c, id)
	return ec2types.Instance{
		InstanceId: &made.ID, InstanceType: ec2types.InstanceType(made.Type), ImageId: &made.Image, SubnetId: &made.Subnet,
		Placement: &ec2types.Placement{AvailabilityZone: &made.Zone},
	}, err
}

// launchInput is the group's launch as EC2 takes it. What can be said to be
// wrong without asking EC2 comes back as refused.
func (w *worker) launchInput(m *member) (in *ec2.RunInstancesInput, refused string, err error) {
	in = &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1), ClientToken: aws.String(w.c.NewUUID()),
		Placement: &ec2types.Placement{AvailabilityZone: aws.String(m.Zone), GroupName: nonZero(w.g.Placement)},
		SubnetId:  nonZero(m.Subnet),
	}
	if tags := w.g.launchTags(); len(tags) > 0 {
		in.TagSpecifications = []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: tags}}
	}
	src, err := w.effectiveSource()
	if err != nil {
		return nil, "", err
	}
	switch {
	case src.Template != nil:
		m.Template = src.Template
		in.LaunchTemplate = ec2Template(src.Template)
	case src.Mixed != nil:
		w.setMixed(in, m, src.Mixed)
	default:
		m.Config = src.Config
		f, err := configurationTable.Get(w.c.Tx, w.c.Scope(), src.Config)
		if err != nil {
			return nil, "Launch configuration name not found - null", ignoreNotFound(err)
		}
		f.setLaunch(in)
	}
	return in, "", nil
}

// setLaunch says what a launch configuration says.
func (f configuration) setLaunch(in *ec2.RunInstancesInput) {
	v := f.Input
	in.ImageId, in.InstanceType = v.ImageId, ec2types.InstanceType(aws.ToString(v.InstanceType))
	in.KeyName, in.UserData, in.EbsOptimized = v.KeyName, v.UserData, v.EbsOptimized
	in.KernelId, in.RamdiskId = v.KernelId, v.RamdiskId
	in.Monitoring = &ec2types.RunInstancesMonitoringEnabled{Enabled: aws.Bool(f.monitored())}
	if p := aws.ToString(v.IamInstanceProfile); strings.HasPrefix(p, "arn:") {
		in.IamInstanceProfile = &ec2types.IamInstanceProfileSpecification{Arn: aws.String(p)}
	} else if p != "" {
		in.IamInstanceProfile = &ec2types.IamInstanceProfileSpecification{Name: aws.String(p)}
	}
	if v.PlacementTenancy != nil {
		in.Placement.Tenancy = ec2types.Tenancy(*v.PlacementTenancy)
	}
	if v.SpotPrice != nil {
		in.InstanceMarketOptions = &ec2types.InstanceMarketOptionsRequest{
			MarketType: ec2types.MarketTypeSpot, SpotOptions: &ec2types.SpotMarketOptions{MaxPrice: v.SpotPrice},
		}
	}
	if o := v.MetadataOptions; o != nil {
		in.MetadataOptions = &ec2types.InstanceMetadataOptionsRequest{
			HttpEndpoint: ec2types.InstanceMetadataEndpointState(o.HttpEndpoint), HttpTokens: ec2types.HttpTokensState(o.HttpTokens),
			HttpPutResponseHopLimit: o.HttpPutResponseHopLimit,
		}
	}
	f.setGroups(in)
	for _, b := range v.BlockDeviceMappings {
		in.BlockDeviceMappings = append(in.BlockDeviceMappings, ec2Mapping(b))
	}
}

// setGroups says the security groups, and whether the instance gets a public
// address: the latter only an interface can say.
func (f configuration) setGroups(in *ec2.RunInstancesInput) {
	for _, g := range f.Input.SecurityGroups {
		if strings.HasPrefix(g, "sg-") {
			in.SecurityGroupIds = append(in.SecurityGroupIds, g)
		} else {
			in.SecurityGroups = append(in.SecurityGroups, g)
		}
	}
	if f.Input.AssociatePublicIpAddress == nil || in.SubnetId == nil {
		return
	}
	in.NetworkInterfaces = []ec2types.InstanceNetworkInterfaceSpecification{{
		DeviceIndex: aws.Int32(0), SubnetId: in.SubnetId, Groups: in.SecurityGroupIds,
		AssociatePublicIpAddress: f.Input.AssociatePublicIpAddress, DeleteOnTermination: aws.Bool(true),
	}}
	in.SubnetId, in.SecurityGroupIds = nil, nil
}

func ec2Mapping(b types.BlockDeviceMapping) ec2types.BlockDeviceMapping {
	m := ec2types.BlockDeviceMapping{DeviceName: b.DeviceName, VirtualName: b.VirtualName}
	if aws.ToBool(b.NoDevice) {
		m.NoDevice = aws.String("")
	}
	if e := b.Ebs; e != nil {
		m.Ebs = &ec2types.EbsBlockDevice{
			DeleteOnTermination: e.DeleteOnTermination, Encrypted: e.Encrypted, Iops: e.Iops, SnapshotId: e.SnapshotId,
			Throughput: e.Throughput, VolumeSize: e.VolumeSize, VolumeType: ec2types.VolumeType(aws.ToString(e.VolumeType)),
		}
	}
	return m
}

// launchTags are the tags that the group's new instances get.
func (g group) launchTags() []ec2types.Tag {
	var tags []ec2types.Tag
	for _, key := range sortedKeys(g.Tags) {
		if t := g.Tags[key]; t.Propagate {
			tags = append(tags, ec2types.Tag{Key: aws.String(key), Value: aws.String(t.Value)})
		}
	}
	return tags
}
