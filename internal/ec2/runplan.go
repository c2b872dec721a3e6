package ec2

import (
	"encoding/base64"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// launchPlan is a RunInstances request, checked and resolved.
type launchPlan struct {
	count int
	// instance is what all instances of the launch have in common.
	instance instance
	image    image
	subnet   subnet // of the first interface
	// interfaces are in the order of their device indexes, the first at 0.
	interfaces []plannedInterface
	volumes    []plannedVolume
	tags       map[types.ResourceType]map[string]string

	role      string // ARN of the instance profile's role
	spot      bool
	placement placementGroup // without a name where there is none
}

// plannedVolume is a volume that a launch will make.
type plannedVolume struct {
	device              string
	deleteOnTermination bool
	spec                volumeSpec
}

// defaultInstanceType is the type of a launch that names none (EC2 API
// reference, "RunInstances").
const defaultInstanceType = "m1.small"

// maxInstances is how many instances one request may launch here. AWS counts
// vCPUs by quota; a launch of more than this is a mistake.
const maxInstances = 1000

// planLaunch checks and resolves a launch. Its error is the request's.
func (s *Service) planLaunch(c *api.Call, in *ec2.RunInstancesInput) (launchPlan, error) {
	p := launchPlan{tags: make(map[types.ResourceType]map[string]string)}
	if err := checkChoices(in); err != nil {
		return p, err
	}
	if err := refuseUnbuilt(in); err != nil {
		return p, err
	}
	var err error
	if p.spot, err = planMarket(in); err != nil {
		return p, err
	}
	for _, step := range s.planSteps(c, in, &p) {
		if err := step(); err != nil {
			return p, err
		}
	}
	i := &p.instance
	i.State, i.Reason, i.Launched, i.Created = types.InstanceStateNamePending, reasonPending, wholeSecond(c), wholeSecond(c)
	i.ClientToken = aws.ToString(in.ClientToken)
	return p, nil
}

// sketchLaunch resolves as much of a launch as can be, for its authorization:
// what is wrong with the request is told only to those who may launch.
func (s *Service) sketchLaunch(c *api.Call, in *ec2.RunInstancesInput) (launchPlan, error) {
	p := launchPlan{tags: make(map[types.ResourceType]map[string]string)}
	for _, step := range s.planSteps(c, in, &p) {
		if err := step(); err != nil && errorCode(err) == "" {
			return p, err
		}
	}
	return p, nil
}

// planSteps are in the order in which they need each other.
func (s *Service) planSteps(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) []func() error {
	return []func() error{
		func() error { return s.planImage(c, in, p) },
		func() error { return s.planNetwork(c, in, p) },
		func() error { return p.planCount(c, in) },
		func() error { return p.planPlacement(c, in.Placement) },
		func() error { return s.planKeyPair(c, in, p) },
		func() error { return s.planProfile(c, in, p) },
		func() error { return p.planSettings(c, in) },
		func() error { return p.planTags(in) },
		func() error { return p.planVolumes(in) },
		func() error { return p.planCapacity(c, in.CapacityReservationSpecification) },
	}
}

// planImage finds image and type and sees that they fit.
func (s *Service) planImage(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) error {
	if aws.ToString(in.ImageId) == "" {
		return missingParameter("ImageId")
	}
	im, err := s.image(c, *in.ImageId)
	if err != nil {
		return err
	}
	if im.State != string(types.ImageStateAvailable) {
		return api.Error("InvalidAMIID.Unavailable", "The image ID '"+im.ID+"' is not available")
	}
	name := string(in.InstanceType)
	if name == "" {
		name = defaultInstanceType
	}
	t, err := findInstanceType(name)
	if err != nil {
		return err
	}
	if !t.runs(im.Architecture) {
		return invalidValue("The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. "+
			"Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or "+
			"'describe-images' to discover the architecture of the instance type or AMI.", t.Family.Architectures[len(t.Family.Architectures)-1], im.Architecture)
	}
	p.image = im
	i := &p.instance
	i.Image, i.Type, i.Architecture = im.ID, t.Name, im.Architecture
	i.PlatformDetails, i.UsageOperation, i.Windows = im.PlatformDetails, im.UsageOperation, im.Platform == string(types.PlatformValuesWindows)
	i.RootDevice, i.BootMode = im.RootDevice, im.BootMode
	i.Cores, i.ThreadsPerCore = t.cores(), t.ThreadsPerCore
	if err := p.planCPU(in, t); err != nil || i.Credits != "" {
		return err
	}
	i.Credits, err = i.credits(c)
	return err
}

func findInstanceType(name string) (instanceType, error) {
	t, ok := instanceTypeNamed(name)
	switch {
	case ok:
		return t, nil
	case slices.Contains(types.InstanceType("").Values(), types.InstanceType(name)):
		return t, api.Error("Unsupported", "The requested configuration is currently not supported. Please check the documentation for supported configurations.")
	default:
		return t, invalidValue("Invalid value '%s' for InstanceType.", name)
	}
}

func (p *launchPlan) planCPU(in *ec2.RunInstancesInput, t instanceType) error {
	i := &p.instance
	if o := in.CpuOptions; o != nil {
		if o.CoreCount == nil || o.ThreadsPerCore == nil {
			return api.Error("MissingParameter", "You must specify both CpuOptions.CoreCount and CpuOptions.ThreadsPerCore.")
		}
		if err := i.setCPU(t, *o.CoreCount, *o.ThreadsPerCore); err != nil {
			return err
		}
	}
	if o := in.CreditSpecification; o != nil {
		if !t.Family.Burstable {
			return api.Error("InvalidParameterCombination", "The specified instance type "+t.Name+" does not support CPU credits. Specify a burstable performance instance type and try again.")
		}
		i.Credits = aws.ToString(o.CpuCredits)
		return checkCredits(i.Credits)
	}
	return nil
}

func (p *launchPlan) planCount(c *api.Call, in *ec2.RunInstancesInput) error {
	least, most := aws.ToInt32(in.MinCount), aws.ToInt32(in.MaxCount)
	switch {
	case least < 1:
		return invalidValue("Value ( %d ) for parameter MinCount is invalid. Expecting a value greater than 0.", least)
	case most < 1:
		return invalidValue("Value ( %d ) for parameter MaxCount is invalid. Expecting a value greater than 0.", most)
	case most < least:
		return invalidCombination("MaxCount must be greater than or equal to MinCount")
	case least > maxInstances:
		return api.Error("InstanceLimitExceeded", "You have requested more instances ("+decimal(least)+") than your current instance limit of "+
			decimal(maxInstances)+" allows for the specified instance type.")
	}
	p.count = int(min(most, maxInstances))
	if p.subnet.ID == "" {
		return nil
	}
	wanted := make(map[string]int) // addresses of one instance, by subnet
	for _, n := range p.interfaces {
		if n.existing.ID == "" {
			wanted[n.subnet.ID] += 1 + n.addresses.more()
		}
		if n.addresses.named() && p.count > 1 {
			return invalidCombination("The parameter privateIpAddress cannot be used with a count of more than one instance.")
		}
	}
	for _, n := range p.interfaces {
		if wanted[n.subnet.ID] == 0 {
			continue
		}
		free, err := n.subnet.free(c)
		if err != nil {
			return err
		}
		fit := free / wanted[n.subnet.ID]
		if fit < int(least) {
			return insufficientAddresses(n.subnet.ID)
		}
		p.count = min(p.count, fit)
	}
	return nil
}

func (s *Service) planKeyPair(c *api.Call, in *ec2.RunInstancesInput, p *launchPlan) error {
	if aws.ToString(in.KeyName) == "" {
		return nil
	}
	k, err := keyPairNamed(c, *in.KeyName)
	p.instance.KeyName = k.Name
	return err
}

func encodeUserData(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

// maxUserData is the limit of user data, in bytes before base64.
const maxUserData = 16384

// planSettings takes over what concerns the instance alone.
func (p *launchPlan) planSettings(c *api.Call, in *ec2.RunInstancesInput) error {
	i := &p.instance
	if in.UserData != nil {
		raw, err := base64.StdEncoding.DecodeString(*in.UserData)
		if err != nil {
			return api.Error("InvalidParameterValue", "Invalid BASE64 encoding of user data.")
		}
		if len(raw) > maxUserData {
			return api.Error("InvalidParameterValue", "User data is limited to 16384 bytes")
		}
		i.UserData = *in.UserData
	}
	i.EBSOptimized = aws.ToBool(in.EbsOptimized)
	i.KeepAlive, i.KeepRunning = aws.ToBool(in.DisableApiTermination), aws.ToBool(in.DisableApiStop)
	i.Monitored = in.Monitoring != nil && aws.ToBool(in.Monitoring.Enabled)
	i.Enclaves = in.EnclaveOptions != nil && aws.ToBool(in.EnclaveOptions.Enabled)
	i.OnShutdown = types.ShutdownBehaviorStop
	if in.InstanceInitiatedShutdownBehavior != "" {
		i.OnShutdown = in.InstanceInitiatedShutdownBehavior
	}
	if o := in.MaintenanceOptions; o != nil {
		i.AutoRecovery = string(o.AutoRecovery)
	}
	i.Names = p.subnet.Names.with(in.PrivateDnsNameOptions)
	i.Tenancy = types.TenancyDefault
	if in.Placement != nil && in.Placement.Tenancy != "" {
		i.Tenancy = in.Placement.Tenancy
	}
	return p.planMetadata(c, in.MetadataOptions)
}

// either is a, or b if a is empty.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// launchTags are the types that a launch can tag.
var launchTags = []string{
	string(types.ResourceTypeInstance), string(types.ResourceTypeVolume), string(types.ResourceTypeNetworkInterface), string(types.ResourceTypeSpotInstancesRequest),
}

func (p *launchPlan) planTags(in *ec2.RunInstancesInput) error {
	for _, kind := range launchTags {
		tags, err := requestTagsOf(in.TagSpecifications, kind, launchTags...)
		if err != nil {
			return err
		}
		p.tags[types.ResourceType(kind)] = tags
	}
	return nil
}
