package ec2

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) describeAttributeNeeds(c *api.Call, in *ec2.DescribeInstanceAttributeInput) ([]api.Need, error) {
	n, err := s.instanceNeed(c, "DescribeInstanceAttribute", aws.ToString(in.InstanceId))
	n.Context.Set("ec2:Attribute", string(in.Attribute))
	return []api.Need{n}, err
}

func boolAttribute(v bool) *types.AttributeBooleanValue {
	return &types.AttributeBooleanValue{Value: aws.Bool(v)}
}

func textAttribute(v string) *types.AttributeValue { return &types.AttributeValue{Value: text(v)} }

func (s *Service) describeInstanceAttribute(c *api.Call, in *ec2.DescribeInstanceAttributeInput) (*ec2.DescribeInstanceAttributeOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	v, err := s.viewInstance(c, i)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceAttributeOutput{InstanceId: aws.String(i.ID)}
	switch in.Attribute {
	case types.InstanceAttributeNameInstanceType:
		out.InstanceType = textAttribute(i.Type)
	case types.InstanceAttributeNameKernel:
		out.KernelId = textAttribute("")
	case types.InstanceAttributeNameRamdisk:
		out.RamdiskId = textAttribute("")
	case types.InstanceAttributeNameUserData:
		out.UserData = textAttribute(i.UserData)
	case types.InstanceAttributeNameDisableApiTermination:
		out.DisableApiTermination = boolAttribute(i.KeepAlive)
	case types.InstanceAttributeNameDisableApiStop:
		out.DisableApiStop = boolAttribute(i.KeepRunning)
	case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		out.InstanceInitiatedShutdownBehavior = textAttribute(string(i.OnShutdown))
	case types.InstanceAttributeNameRootDeviceName:
		out.RootDeviceName = textAttribute(i.RootDevice)
	case types.InstanceAttributeNameBlockDeviceMapping:
		out.BlockDeviceMappings = v.describeMappings()
	case types.InstanceAttributeNameProductCodes:
		out.ProductCodes = []types.ProductCode{}
	case types.InstanceAttributeNameSourceDestCheck:
		out.SourceDestCheck = boolAttribute(v.primary != nil && !v.primary.IgnoreAddressChecks)
	case types.InstanceAttributeNameGroupSet:
		out.Groups = []types.GroupIdentifier{}
		if v.primary != nil {
			out.Groups = describeGroups(v.primary.Groups)
		}
	case types.InstanceAttributeNameEbsOptimized:
		out.EbsOptimized = boolAttribute(i.EBSOptimized)
	case types.InstanceAttributeNameSriovNetSupport:
		out.SriovNetSupport = textAttribute("")
	case types.InstanceAttributeNameEnaSupport:
		out.EnaSupport = boolAttribute(true)
	case types.InstanceAttributeNameEnclaveOptions:
		out.EnclaveOptions = &types.EnclaveOptions{Enabled: aws.Bool(i.Enclaves)}
	default:
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

// attributeChange is one attribute of a ModifyInstanceAttribute.
type attributeChange struct {
	name string
	// stopped: the instance must be stopped for it.
	stopped bool
	apply   func(*api.Call, *instance) error
}

func (s *Service) modifyAttributeNeeds(c *api.Call, in *ec2.ModifyInstanceAttributeInput) ([]api.Need, error) {
	n, err := s.instanceNeed(c, "ModifyInstanceAttribute", aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if in.UserData != nil {
		// User data may hold secrets: the event must not show it.
		c.Event.RequestParameters = map[string]any{"instanceId": aws.ToString(in.InstanceId), "userData": "<sensitiveDataRemoved>"}
	}
	if in.Attribute == types.InstanceAttributeNameUserData {
		c.Event.RequestParameters = map[string]any{"instanceId": aws.ToString(in.InstanceId), "attribute": "userData", "value": "<sensitiveDataRemoved>"}
	}
	needs := []api.Need{n}
	for _, change := range s.attributeChanges(in) {
		needs[0].Context.Set("ec2:Attribute", change.name)
	}
	for _, id := range in.Groups {
		g, err := existingNeed(c, "ModifyInstanceAttribute", types.ResourceTypeSecurityGroup, id)
		if err != nil {
			return nil, err
		}
		needs = append(needs, g)
	}
	return needs, nil
}

// modifyInstanceAttribute changes one attribute, given by name and value or in
// a parameter of its own (EC2 API reference, "ModifyInstanceAttribute").
func (s *Service) modifyInstanceAttribute(c *api.Call, in *ec2.ModifyInstanceAttributeInput) (*ec2.ModifyInstanceAttributeOutput, error) {
	for name, set := range map[string]bool{"Kernel": in.Kernel != nil, "Ramdisk": in.Ramdisk != nil, "SriovNetSupport": in.SriovNetSupport != nil} {
		if set {
			return nil, notBuilt(name)
		}
	}
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	changes := s.attributeChanges(in)
	switch {
	case len(changes) == 0 && in.Attribute != "":
		return nil, invalidValue("Value (%s) for parameter attribute is invalid. The attribute cannot be modified.", in.Attribute)
	case len(changes) == 0:
		return nil, invalidCombination("No attributes specified.")
	case len(changes) > 1:
		var names []string
		for _, change := range changes {
			names = append(names, change.name)
		}
		return nil, invalidCombination("Fields for multiple attribute types specified: %s", strings.Join(names, ", "))
	}
	if i.gone() {
		return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be modified.", i.ID)
	}
	if changes[0].stopped && i.State != types.InstanceStateNameStopped {
		return nil, incorrectInstanceState("The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	if err := changes[0].apply(c, &i); err != nil {
		return nil, err
	}
	return &ec2.ModifyInstanceAttributeOutput{}, s.putInstance(c, i)
}

// attributeChanges are what a request wants changed.
func (s *Service) attributeChanges(in *ec2.ModifyInstanceAttributeInput) []attributeChange {
	in = spelledOut(in)
	var changes []attributeChange
	add := func(asked bool, name string, stopped bool, apply func(*api.Call, *instance) error) {
		if asked {
			changes = append(changes, attributeChange{name, stopped, apply})
		}
	}
	add(len(in.BlockDeviceMappings) > 0, "BlockDeviceMapping", false, func(c *api.Call, i *instance) error {
		return s.modifyMappings(c, *i, in.BlockDeviceMappings)
	})
	add(in.DisableApiStop != nil, "DisableApiStop", false, func(_ *api.Call, i *instance) error {
		i.KeepRunning = aws.ToBool(in.DisableApiStop.Value)
		return nil
	})
	add(in.DisableApiTermination != nil, "DisableApiTermination", false, func(_ *api.Call, i *instance) error {
		i.KeepAlive = aws.ToBool(in.DisableApiTermination.Value)
		return nil
	})
	add(in.EbsOptimized != nil, "EbsOptimized", true, func(_ *api.Call, i *instance) error {
		i.EBSOptimized = aws.ToBool(in.EbsOptimized.Value)
		return nil
	})
	add(in.EnaSupport != nil, "EnaSupport", true, func(*api.Call, *instance) error {
		if !aws.ToBool(in.EnaSupport.Value) {
			return invalidValue("Enhanced networking with ENA cannot be disabled.")
		}
		return nil
	})
	add(in.EnclaveOptions != nil, "EnclaveOptions", true, func(_ *api.Call, i *instance) error {
		i.Enclaves = aws.ToBool(in.EnclaveOptions.Enabled)
		return nil
	})
	add(len(in.Groups) > 0, "GroupId", false, func(c *api.Call, i *instance) error { return s.modifyGroups(c, *i, in.Groups) })
	add(in.InstanceInitiatedShutdownBehavior != nil, "InstanceInitiatedShutdownBehavior", false, func(_ *api.Call, i *instance) error {
		return i.setShutdownBehavior(aws.ToString(in.InstanceInitiatedShutdownBehavior.Value))
	})
	add(in.InstanceType != nil, "InstanceType", true, func(_ *api.Call, i *instance) error {
		return i.setType(aws.ToString(in.InstanceType.Value))
	})
	add(in.SourceDestCheck != nil, "SourceDestCheck", false, func(c *api.Call, i *instance) error {
		return s.modifyAddressChecks(c, *i, aws.ToBool(in.SourceDestCheck.Value))
	})
	add(in.UserData != nil, "UserData", true, func(_ *api.Call, i *instance) error { return i.setUserData(in.UserData.Value) })
	return changes
}

// spelledOut puts an attribute that is given by name and value into the
// parameter of its own.
func spelledOut(in *ec2.ModifyInstanceAttributeInput) *ec2.ModifyInstanceAttributeInput {
	if in.Attribute == "" || in.Value == nil {
		return in
	}
	out := *in
	value := &types.AttributeValue{Value: in.Value}
	truth := &types.AttributeBooleanValue{Value: aws.Bool(strings.EqualFold(*in.Value, "true"))}
	switch in.Attribute {
	case types.InstanceAttributeNameInstanceType:
		out.InstanceType = value
	case types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		out.InstanceInitiatedShutdownBehavior = value
	case types.InstanceAttributeNameUserData:
		// Here, unlike in the parameter of its own, the text is the base64 itself.
		raw, err := base64.StdEncoding.DecodeString(*in.Value)
		if err != nil {
			raw = []byte(*in.Value)
		}
		out.UserData = &types.SecureBlobAttributeValue{Value: raw}
	case types.InstanceAttributeNameDisableApiTermination:
		out.DisableApiTermination = truth
	case types.InstanceAttributeNameDisableApiStop:
		out.DisableApiStop = truth
	case types.InstanceAttributeNameSourceDestCheck:
		out.SourceDestCheck = truth
	case types.InstanceAttributeNameEbsOptimized:
		out.EbsOptimized = truth
	case types.InstanceAttributeNameEnaSupport:
		out.EnaSupport = truth
	}
	return &out
}

func (i *instance) setShutdownBehavior(v string) error {
	if !slices.Contains(types.ShutdownBehavior("").Values(), types.ShutdownBehavior(v)) {
		return invalidValue("Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid. Expected: stop, terminate.", v)
	}
	i.OnShutdown = types.ShutdownBehavior(v)
	return nil
}

// setUserData takes user data in the form in which RunInstances takes it: the
// text that the blob holds after the protocol's own base64 was taken off.
func (i *instance) setUserData(raw []byte) error {
	if len(raw) > maxUserData {
		return api.Error("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	i.UserData = encodeUserData(raw)
	return nil
}

func (i *instance) setType(name string) error {
	t, err := findInstanceType(name)
	if err != nil {
		return err
	}
	if !t.runs(i.Architecture) {
		return invalidValue("The architecture '%s' of the specified instance type does not match the architecture '%s' of the instance.",
			t.Family.Architectures[len(t.Family.Architectures)-1], i.Architecture)
	}
	i.Type, i.Cores, i.ThreadsPerCore = t.Name, t.cores(), t.ThreadsPerCore
	return nil
}

func (s *Service) modifyMappings(c *api.Call, i instance, mappings []types.InstanceBlockDeviceMappingSpecification) error {
	volumes, err := s.volumesOf(c, i.ID)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		device := aws.ToString(m.DeviceName)
		at := slices.IndexFunc(volumes, func(v volume) bool {
			a, ok := v.attachmentOf(i.ID)
			return ok && a.Device == device
		})
		if at < 0 {
			return api.Error("InvalidInstanceAttributeValue", "No device is currently mapped at "+device)
		}
		a, _ := volumes[at].attachmentOf(i.ID)
		// Left out is true (EC2 API reference, "ModifyInstanceAttribute").
		a.DeleteOnTermination = m.Ebs == nil || m.Ebs.DeleteOnTermination == nil || *m.Ebs.DeleteOnTermination
		if err := s.putVolume(c, volumes[at]); err != nil {
			return err
		}
	}
	return nil
}

// onlyInterface is an instance's interface where it has one: what is asked of an
// instance with several must name the interface.
func (s *Service) onlyInterface(c *api.Call, i instance) (networkInterface, error) {
	all, err := interfacesOf(c, i.ID)
	if err != nil {
		return networkInterface{}, err
	}
	if len(all) > 1 {
		return networkInterface{}, severalInterfaces(i.ID)
	}
	if len(all) == 0 {
		return networkInterface{}, incorrectInstanceState("The instance '%s' has no network interface.", i.ID)
	}
	return all[0], nil
}

func severalInterfaces(id string) error {
	return api.Error("InvalidInstanceID", "There are multiple interfaces attached to instance '"+id+"'. Please specify an interface ID for the operation instead.")
}

func (s *Service) modifyGroups(c *api.Call, i instance, ids []string) error {
	n, err := s.onlyInterface(c, i)
	if err != nil {
		return err
	}
	if n.Groups, err = s.groupsFor(c, ids, nil, subnet{ID: i.Subnet, VPC: i.VPC}); err != nil {
		return err
	}
	return n.put(c)
}

func (s *Service) modifyAddressChecks(c *api.Call, i instance, on bool) error {
	n, err := s.onlyInterface(c, i)
	if err != nil {
		return err
	}
	n.IgnoreAddressChecks = !on
	return n.put(c)
}
