package ec2

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// The tags that EC2 gives to instances that were launched from a template (EC2
// guide, "Store instance launch parameters in Amazon EC2 launch templates").
const (
	templateIDTag      = "aws:ec2launchtemplate:id"
	templateVersionTag = "aws:ec2launchtemplate:version"
)

// fromTemplate is a launch's request with what it takes from a template: the
// request's own members win (EC2 guide, "Launch EC2 instances using a launch
// template"). template is empty where the request names none.
type fromTemplate struct {
	*ec2.RunInstancesInput
	template string // its id
	version  int64
}

func withTemplate(c *api.Call, in *ec2.RunInstancesInput) (fromTemplate, error) {
	if in.LaunchTemplate == nil {
		return fromTemplate{RunInstancesInput: in}, nil
	}
	t, err := templateOf(c, in.LaunchTemplate.LaunchTemplateId, in.LaunchTemplate.LaunchTemplateName)
	if err != nil {
		return fromTemplate{RunInstancesInput: in}, err
	}
	v, err := t.version(aws.ToString(in.LaunchTemplate.Version))
	if err != nil {
		return fromTemplate{RunInstancesInput: in}, err
	}
	if v.Data.InstanceRequirements != nil {
		return fromTemplate{RunInstancesInput: in}, notBuilt("InstanceRequirements")
	}
	var merged ec2.RunInstancesInput
	if err := sameMembers(v.Data, &merged); err != nil {
		return fromTemplate{}, err
	}
	merge(c, &merged, in)
	merged.LaunchTemplate = nil
	return fromTemplate{RunInstancesInput: &merged, template: t.ID, version: v.Number}, nil
}

// merge puts a request's members over a template's. Most replace; tags and
// block devices are joined.
func merge(c *api.Call, base, given *ec2.RunInstancesInput) {
	mappings := mergeMappings(base.BlockDeviceMappings, given.BlockDeviceMappings)
	specs := mergeTags(base.TagSpecifications, given.TagSpecifications)
	groups := len(given.SecurityGroupIds)+len(given.SecurityGroups) > 0
	placement := mergePlacement(c, base.Placement, given.Placement)
	into, from := reflect.ValueOf(base).Elem(), reflect.ValueOf(given).Elem()
	for i := range from.NumField() {
		if f := from.Field(i); into.Type().Field(i).IsExported() && !f.IsZero() {
			into.Field(i).Set(f)
		}
	}
	base.BlockDeviceMappings, base.TagSpecifications, base.Placement = mappings, specs, placement
	if groups {
		base.SecurityGroupIds, base.SecurityGroups = given.SecurityGroupIds, given.SecurityGroups
	}
	if c.Caller.Principal.ServiceLinked && given.SubnetId != nil && len(given.NetworkInterfaces) == 0 && len(base.NetworkInterfaces) > 0 {
		// Auto Scaling and fleets choose the subnet: it becomes that of the
		// template's first interface.
		base.NetworkInterfaces = slices.Clone(base.NetworkInterfaces)
		base.NetworkInterfaces[0].SubnetId, base.SubnetId = given.SubnetId, nil
	}
}

// mergePlacement: a service that launches chooses the zone, and leaves the
// template's placement group in place.
func mergePlacement(c *api.Call, base, given *types.Placement) *types.Placement {
	if given == nil || base == nil {
		return cmp.Or(given, base)
	}
	if !c.Caller.Principal.ServiceLinked || given.GroupName != nil || given.GroupId != nil {
		return given
	}
	merged := *given
	merged.GroupName, merged.GroupId, merged.PartitionNumber = base.GroupName, base.GroupId, base.PartitionNumber
	if merged.Tenancy == "" {
		merged.Tenancy = base.Tenancy
	}
	return &merged
}

func mergeMappings(base, given []types.BlockDeviceMapping) []types.BlockDeviceMapping {
	out := slices.Clone(base)
	for _, g := range given {
		i := slices.IndexFunc(out, func(b types.BlockDeviceMapping) bool { return aws.ToString(b.DeviceName) == aws.ToString(g.DeviceName) })
		if i < 0 {
			out = append(out, g)
		} else {
			out[i] = g
		}
	}
	return out
}

// mergeTags joins the tags of each kind of resource; of one key the request's wins.
func mergeTags(base, given []types.TagSpecification) []types.TagSpecification {
	out := slices.Clone(base)
	for _, g := range given {
		i := slices.IndexFunc(out, func(b types.TagSpecification) bool { return b.ResourceType == g.ResourceType })
		if i < 0 {
			out = append(out, g)
			continue
		}
		kept := slices.DeleteFunc(slices.Clone(out[i].Tags), func(t types.Tag) bool {
			return slices.ContainsFunc(g.Tags, func(u types.Tag) bool { return aws.ToString(u.Key) == aws.ToString(t.Key) })
		})
		out[i].Tags = slices.Concat(kept, g.Tags)
	}
	return out
}

// mark gives instances the tags of their template.
func (f fromTemplate) mark(tags map[string]string) map[string]string {
	if f.template == "" {
		return tags
	}
	out := map[string]string{templateIDTag: f.template, templateVersionTag: strconv.FormatInt(f.version, 10)}
	maps.Copy(out, tags)
	return out
}

// templateKeys adds what a launch from a template asks for besides: the template
// itself, and for each resource whether the template names it (EC2 guide,
// "Control access to launch templates with IAM permissions").
func templateKeys(c *api.Call, in *ec2.RunInstancesInput, needs []api.Need) ([]api.Need, error) {
	if in.LaunchTemplate == nil {
		return needs, nil
	}
	own, err := templateNeed(c, "RunInstances", in.LaunchTemplate.LaunchTemplateId, in.LaunchTemplate.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	// given are the kinds of resources that the request itself names.
	given := map[types.ResourceType]bool{
		types.ResourceTypeImage:            in.ImageId != nil,
		types.ResourceTypeInstance:         in.InstanceType != "",
		types.ResourceTypeKeyPair:          in.KeyName != nil,
		types.ResourceTypeSecurityGroup:    len(in.SecurityGroupIds)+len(in.SecurityGroups)+len(in.NetworkInterfaces) > 0,
		types.ResourceTypeSubnet:           in.SubnetId != nil || len(in.NetworkInterfaces) > 0,
		types.ResourceTypeNetworkInterface: len(in.NetworkInterfaces) > 0,
		types.ResourceTypeVolume:           len(in.BlockDeviceMappings) > 0,
		types.ResourceTypeSnapshot:         len(in.BlockDeviceMappings) > 0,

		types.ResourceTypeCapacityReservation: in.CapacityReservationSpecification != nil,
	}
	needs = append(needs, own)
	for i := range needs {
		n := &needs[i]
		if n.Action != "ec2:RunInstances" {
			continue
		}
		kind, _, _ := strings.Cut(n.Resource[strings.LastIndexByte(n.Resource, ':')+1:], "/")
		n.Context.Set("ec2:LaunchTemplate", own.Resource)
		n.Context.Set("ec2:IsLaunchTemplateResource", boolKey(!given[types.ResourceType(kind)]))
	}
	return needs, nil
}
