package autoscaling

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// configuration is a launch configuration: it never changes.
type configuration struct {
	Name, ID string
	Created  time.Time
	Input    autoscaling.CreateLaunchConfigurationInput
}

var configurationTable = store.NewTable[configuration]("autoscaling.launchConfiguration")

// Quotas of a launch configuration (API reference, "CreateLaunchConfiguration").
const (
	maxConfigurations = 200
	maxUserData       = 16 << 10 // before base64
)

func (s *Service) configurationOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateLaunchConfiguration", s.createConfigurationNeeds, s.createConfiguration),
		api.Read("DescribeLaunchConfigurations", anywhere[autoscaling.DescribeLaunchConfigurationsInput]("DescribeLaunchConfigurations"), s.describeConfigurations),
		api.Op("DeleteLaunchConfiguration", deleteConfigurationNeeds, s.deleteConfiguration),
	}
}

func (f configuration) arn(c *api.Call) string { return configurationARN(c, f.ID, f.Name) }

func configurationARN(c *api.Call, id, name string) string {
	return c.ARN("autoscaling", "launchConfiguration:"+id+":launchConfigurationName/"+name)
}

func (s *Service) createConfigurationNeeds(c *api.Call, in *autoscaling.CreateLaunchConfigurationInput) ([]api.Need, error) {
	c.Event.RequestParameters = configurationParameters(in)
	n := api.Need{Action: "autoscaling:CreateLaunchConfiguration", Resource: configurationARN(c, "*", aws.ToString(in.LaunchConfigurationName))}
	setText(&n.Context, "ImageId", in.ImageId)
	setText(&n.Context, "InstanceType", in.InstanceType)
	setText(&n.Context, "SpotPrice", in.SpotPrice)
	if m := in.MetadataOptions; m != nil {
		setText(&n.Context, "MetadataHttpEndpoint", aws.String(string(m.HttpEndpoint)))
		setText(&n.Context, "MetadataHttpTokens", aws.String(string(m.HttpTokens)))
		setNumber(&n.Context, "MetadataHttpPutResponseHopLimit", m.HttpPutResponseHopLimit)
	}
	more, err := s.profileNeeds(c, in.IamInstanceProfile, in.InstanceId)
	return append([]api.Need{n}, more...), err
}

// profileNeeds is the permission to pass the role of an instance profile, which
// a request names or an instance has.
func (s *Service) profileNeeds(c *api.Call, profile, instance *string) ([]api.Need, error) {
	if profile == nil && instance != nil {
		i, err := s.compute.Instance(c, *instance)
		if ignoreNotFound(err) != nil {
			return nil, err
		}
		profile = &i.Profile
	}
	p, err := s.profileOf(c, profile)
	if err != nil || p.RoleARN == "" {
		return nil, ignoreNotFound(err)
	}
	return []api.Need{passRole(p.RoleARN, "ec2.amazonaws.com")}, nil
}

// configurationParameters is the request as CloudTrail records it. User data
// may hold secrets, so it never shows.
func configurationParameters(in *autoscaling.CreateLaunchConfigurationInput) map[string]any {
	if in.UserData == nil {
		return nil
	}
	m := map[string]any{"launchConfigurationName": aws.ToString(in.LaunchConfigurationName), "userData": "<sensitiveDataRemoved>"}
	for name, v := range map[string]*string{
		"imageId": in.ImageId, "instanceType": in.InstanceType, "keyName": in.KeyName, "iamInstanceProfile": in.IamInstanceProfile,
	} {
		if v != nil {
			m[name] = *v
		}
	}
	if len(in.SecurityGroups) > 0 {
		m["securityGroups"] = in.SecurityGroups
	}
	return m
}

// profileOf finds an instance profile by its name or ARN.
func (s *Service) profileOf(c *api.Call, profile *string) (api.InstanceProfile, error) {
	if aws.ToString(profile) == "" {
		return api.InstanceProfile{}, nil
	}
	name := (*profile)[strings.LastIndexByte(*profile, '/')+1:]
	p, err := s.profiles.InstanceProfile(c, name)
	if err == nil && name != *profile && p.ARN != *profile {
		return api.InstanceProfile{}, store.ErrNotFound
	}
	return p, err
}

func (s *Service) createConfiguration(c *api.Call, in *autoscaling.CreateLaunchConfigurationInput) (*autoscaling.CreateLaunchConfigurationOutput, error) {
	name := aws.ToString(in.LaunchConfigurationName)
	all, err := rows(configurationTable, c)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(f configuration) bool { return f.Name == name }) {
		return nil, alreadyExists("Launch Configuration by this name already exists - A launch configuration already exists with the name %s", name)
	}
	if len(all) >= maxConfigurations {
		return nil, limitExceeded("launch configurations", maxConfigurations)
	}
	f := configuration{Name: name, ID: c.NewUUID(), Created: c.Now, Input: *in}
	if in.InstanceId != nil {
		if err := s.fromInstance(c, &f.Input); err != nil {
			return nil, err
		}
	}
	if err := s.checkConfiguration(c, f.Input); err != nil {
		return nil, err
	}
	return &autoscaling.CreateLaunchConfigurationOutput{}, configurationTable.Put(c.Tx, c.Scope(), name, f)
}

// fromInstance takes from an instance what the request does not say. Its block
// devices do not come along (API reference, "CreateLaunchConfiguration").
func (s *Service) fromInstance(c *api.Call, in *autoscaling.CreateLaunchConfigurationInput) error {
	i, err := s.compute.Instance(c, *in.InstanceId)
	if errors.Is(err, store.ErrNotFound) {
		return invalid("Invalid Instance ID(s): [%s]", *in.InstanceId)
	}
	if err != nil {
		return err
	}
	for _, v := range []struct {
		to   **string
		from string
	}{
		{&in.ImageId, i.Image},
		{&in.InstanceType, i.Type},
		{&in.KeyName, i.KeyName},
		{&in.IamInstanceProfile, i.Profile},
		{&in.UserData, i.UserData},
		{&in.PlacementTenancy, i.Tenancy},
	} {
		if *v.to == nil {
			*v.to = nonZero(v.from)
		}
	}
	if in.SecurityGroups == nil {
		in.SecurityGroups = i.Groups
	}
	if in.EbsOptimized == nil {
		in.EbsOptimized = aws.Bool(i.EBSOptimized)
	}
	if in.InstanceMonitoring == nil {
		in.InstanceMonitoring = &types.InstanceMonitoring{Enabled: aws.Bool(i.Monitored)}
	}
	in.InstanceId = nil
	return nil
}

func (s *Service) checkConfiguration(c *api.Call, in autoscaling.CreateLaunchConfigurationInput) error {
	switch {
	case aws.ToString(in.ImageId) == "" || aws.ToString(in.InstanceType) == "":
		return invalid("Valid requests must contain either the InstanceID parameter or both the ImageId and InstanceType parameters.")
	case len(in.ClassicLinkVPCSecurityGroups) > 0 || in.ClassicLinkVPCId != nil:
		return notBuilt("ClassicLinkVPCId")
	}
	if t := aws.ToString(in.PlacementTenancy); t != "" && t != "default" && t != "dedicated" {
		return invalid("Invalid tenancy: %s", t)
	}
	if price := aws.ToString(in.SpotPrice); price != "" {
		if v, err := strconv.ParseFloat(price, 64); err != nil || v <= 0 {
			return invalid("Invalid spot price: %s", price)
		}
	}
	if in.UserData != nil {
		raw, err := base64.StdEncoding.DecodeString(*in.UserData)
		if err != nil {
			return invalid("Invalid BASE64 encoding of user data")
		}
		if len(raw) > maxUserData {
			return invalid("User data is limited to %d bytes", maxUserData)
		}
	}
	if p, err := s.profileOf(c, in.IamInstanceProfile); errors.Is(err, store.ErrNotFound) {
		return invalid("Invalid IamInstanceProfile: %s", *in.IamInstanceProfile)
	} else if err != nil {
		return err
	} else if in.IamInstanceProfile != nil && p.RoleARN == "" {
		return invalid("Invalid IamInstanceProfile: %s", *in.IamInstanceProfile)
	}
	return checkMappings(in.BlockDeviceMappings)
}

func checkMappings(mappings []types.BlockDeviceMapping) error {
	seen := make(map[string]bool)
	for _, m := range mappings {
		device := aws.ToString(m.DeviceName)
		if seen[device] {
			return invalid("Duplicate device name %s in block device mappings", device)
		}
		seen[device] = true
		set := 0
		for _, is := range []bool{m.Ebs != nil, m.VirtualName != nil, aws.ToBool(m.NoDevice)} {
			if is {
				set++
			}
		}
		if set != 1 {
			return invalid("BlockDeviceMapping %s must specify exactly one of Ebs, VirtualName and NoDevice", device)
		}
		if m.Ebs != nil && m.Ebs.SnapshotId != nil && m.Ebs.Encrypted != nil {
			return invalid("The encrypted flag cannot be specified since device %s has a snapshot specified", device)
		}
	}
	return nil
}

func (s *Service) describeConfigurations(c *api.Call, in *autoscaling.DescribeLaunchConfigurationsInput) (*autoscaling.DescribeLaunchConfigurationsOutput, error) {
	all, err := rows(configurationTable, c)
	if err != nil {
		return nil, err
	}
	if len(in.LaunchConfigurationNames) > 0 {
		all = slices.DeleteFunc(all, func(f configuration) bool { return !slices.Contains(in.LaunchConfigurationNames, f.Name) })
	}
	shown, next, err := page(all, func(f configuration) string { return f.Name }, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeLaunchConfigurationsOutput{NextToken: next, LaunchConfigurations: []types.LaunchConfiguration{}}
	for _, f := range shown {
		out.LaunchConfigurations = append(out.LaunchConfigurations, f.describe(c))
	}
	return out, nil
}

func (f configuration) describe(c *api.Call) types.LaunchConfiguration {
	in := f.Input
	d := types.LaunchConfiguration{
		LaunchConfigurationName: aws.String(f.Name), LaunchConfigurationARN: aws.String(f.arn(c)), CreatedTime: aws.Time(f.Created),
		ImageId: in.ImageId, InstanceType: in.InstanceType, KeyName: aws.String(aws.ToString(in.KeyName)),
		SecurityGroups: append([]string{}, in.SecurityGroups...), ClassicLinkVPCSecurityGroups: []string{},
		UserData: aws.String(aws.ToString(in.UserData)), KernelId: aws.String(aws.ToString(in.KernelId)), RamdiskId: aws.String(aws.ToString(in.RamdiskId)),
		BlockDeviceMappings: append([]types.BlockDeviceMapping{}, in.BlockDeviceMappings...), IamInstanceProfile: in.IamInstanceProfile, SpotPrice: in.SpotPrice,
		EbsOptimized: aws.Bool(aws.ToBool(in.EbsOptimized)), AssociatePublicIpAddress: in.AssociatePublicIpAddress,
		PlacementTenancy: in.PlacementTenancy, MetadataOptions: in.MetadataOptions,
		InstanceMonitoring: &types.InstanceMonitoring{Enabled: aws.Bool(f.monitored())},
	}
	return d
}

// monitored: launch configurations ask for detailed monitoring unless told not to.
func (f configuration) monitored() bool {
	return f.Input.InstanceMonitoring == nil || f.Input.InstanceMonitoring.Enabled == nil || *f.Input.InstanceMonitoring.Enabled
}

func deleteConfigurationNeeds(c *api.Call, in *autoscaling.DeleteLaunchConfigurationInput) ([]api.Need, error) {
	name := aws.ToString(in.LaunchConfigurationName)
	n := api.Need{Action: "autoscaling:DeleteLaunchConfiguration", Resource: configurationARN(c, "*", name)}
	f, err := configurationTable.Get(c.Tx, c.Scope(), name)
	if err == nil {
		n.Resource = f.arn(c)
	}
	return []api.Need{n}, ignoreNotFound(err)
}

func (s *Service) deleteConfiguration(c *api.Call, in *autoscaling.DeleteLaunchConfigurationInput) (*autoscaling.DeleteLaunchConfigurationOutput, error) {
	name := aws.ToString(in.LaunchConfigurationName)
	if _, err := configurationTable.Get(c.Tx, c.Scope(), name); errors.Is(err, store.ErrNotFound) {
		return nil, invalid("Launch configuration name not found - Launch configuration %s not found", name)
	} else if err != nil {
		return nil, err
	}
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if g.Source.Config == name {
			return nil, inUse("Cannot delete launch configuration %s because it is attached to AutoScalingGroup %s", name, g.Name)
		}
	}
	return &autoscaling.DeleteLaunchConfigurationOutput{}, configurationTable.Delete(c.Tx, c.Scope(), name)
}

// rows are all of a table's in the call's account and region.
func rows[T any](t *store.Table[T], c *api.Call) ([]T, error) {
	return collect(t.All(c.Tx, c.Scope()))
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
