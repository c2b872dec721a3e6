package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// instanceView is an instance with what it shows of others.
type instanceView struct {
	instance
	call    *api.Call
	tags    map[string]string
	volumes []volume
	// interfaces are there until the instance is terminated, primary being the first.
	interfaces []networkInterface
	primary    *networkInterface
}

func (s *Service) viewInstance(c *api.Call, i instance) (instanceView, error) {
	v := instanceView{instance: i, call: c}
	var err error
	if v.tags, err = tagsOf(c, i.ID); err != nil {
		return v, err
	}
	if v.volumes, err = s.volumesOf(c, i.ID); err != nil {
		return v, err
	}
	if v.interfaces, err = interfacesOf(c, i.ID); len(v.interfaces) > 0 {
		v.primary = &v.interfaces[0]
	}
	return v, err
}

func (s *Service) describeInstance(c *api.Call, i instance) (types.Instance, error) {
	v, err := s.viewInstance(c, i)
	if err != nil {
		return types.Instance{}, err
	}
	return v.describe(), nil
}

func (v instanceView) describe() types.Instance {
	d := types.Instance{
		AmiLaunchIndex: aws.Int32(v.LaunchIndex), Architecture: types.ArchitectureValues(v.Architecture),
		BlockDeviceMappings: v.describeMappings(), BootMode: types.BootModeValues(v.BootMode), ClientToken: aws.String(v.ClientToken),
		CapacityReservationSpecification: v.describeCapacity(), CapacityReservationId: text(v.Capacity),
		CpuOptions:              &types.CpuOptions{CoreCount: aws.Int32(v.Cores), ThreadsPerCore: aws.Int32(v.ThreadsPerCore)},
		CurrentInstanceBootMode: v.currentBootMode(), EbsOptimized: aws.Bool(v.EBSOptimized), EnaSupport: aws.Bool(true),
		EnclaveOptions: &types.EnclaveOptions{Enabled: aws.Bool(v.Enclaves)}, HibernationOptions: &types.HibernationOptions{Configured: aws.Bool(false)},
		Hypervisor: types.HypervisorTypeXen, ImageId: aws.String(v.Image), InstanceId: aws.String(v.ID), InstanceType: types.InstanceType(v.Type),
		KeyName: text(v.KeyName), LaunchTime: aws.Time(v.Launched),
		MaintenanceOptions:        &types.InstanceMaintenanceOptions{AutoRecovery: types.InstanceAutoRecoveryState(either(v.AutoRecovery, "default")), RebootMigration: types.InstanceRebootMigrationState(either(v.RebootMigration, "default"))},
		MetadataOptions:           v.describeMetadata(),
		Monitoring:                &types.Monitoring{State: v.monitoring()},
		NetworkInterfaces:         []types.InstanceNetworkInterface{},
		NetworkPerformanceOptions: &types.InstanceNetworkPerformanceOptions{BandwidthWeighting: types.InstanceBandwidthWeightingDefault},
		Operator:                  &types.OperatorResponse{Managed: aws.Bool(false)},
		Placement:                 v.describePlacement(v.call),
		PlatformDetails:           aws.String(v.PlatformDetails), ProductCodes: []types.ProductCode{}, RootDeviceName: aws.String(v.RootDevice),
		RootDeviceType: types.DeviceTypeEbs, SecurityGroups: []types.GroupIdentifier{}, State: describeState(v.State),
		StateReason: v.Reason.describe(), StateTransitionReason: aws.String(v.Transition), Tags: describeTags(v.tags),
		UsageOperation: aws.String(v.UsageOperation), UsageOperationUpdateTime: aws.Time(v.Created), VirtualizationType: types.VirtualizationTypeHvm,
		PrivateDnsName: aws.String(""), PublicDnsName: aws.String(""),
	}
	if v.Spot != "" {
		d.InstanceLifecycle, d.SpotInstanceRequestId = types.InstanceLifecycleTypeSpot, aws.String(v.Spot)
	}
	if v.Windows {
		d.Platform = types.PlatformValuesWindows
	}
	if v.Profile.ARN != "" {
		d.IamInstanceProfile = &types.IamInstanceProfile{Arn: aws.String(v.Profile.ARN), Id: aws.String(v.Profile.ID)}
	}
	if v.primary != nil {
		v.describeNetwork(&d, *v.primary)
	}
	return d
}

// describeNetwork adds what the instance has of its interface. A terminated
// instance has none of it.
func (v instanceView) describeNetwork(d *types.Instance, n networkInterface) {
	for _, each := range v.interfaces {
		d.NetworkInterfaces = append(d.NetworkInterfaces, each.describeForInstance(v.call))
	}
	public := n.public(n.PrivateIP)
	d.PrivateDnsName, d.PrivateIpAddress = aws.String(v.privateName(v.call.Region, n.PrivateIP)), aws.String(n.PrivateIP)
	d.PublicDnsName, d.PublicIpAddress = aws.String(n.nameOf(v.call, public)), text(public)
	d.SecurityGroups, d.SourceDestCheck = describeGroups(n.Groups), aws.Bool(!n.IgnoreAddressChecks)
	d.SubnetId, d.VpcId = aws.String(n.Subnet), aws.String(n.VPC)
	d.PrivateDnsNameOptions = &types.PrivateDnsNameOptionsResponse{
		HostnameType: v.Names.kind(), EnableResourceNameDnsARecord: aws.Bool(v.Names.A), EnableResourceNameDnsAAAARecord: aws.Bool(v.Names.AAAA),
	}
}

func (v instanceView) describeMappings() []types.InstanceBlockDeviceMapping {
	out := []types.InstanceBlockDeviceMapping{}
	for _, vol := range v.volumes {
		a, ok := vol.attachmentOf(v.ID)
		if !ok {
			continue
		}
		out = append(out, types.InstanceBlockDeviceMapping{DeviceName: aws.String(a.Device), Ebs: &types.EbsInstanceBlockDevice{
			AttachTime: aws.Time(a.shownTime()), DeleteOnTermination: aws.Bool(a.DeleteOnTermination),
			Status: types.AttachmentStatus(a.shownState(v.call.Now)), VolumeId: aws.String(vol.ID),
		}})
	}
	return sortMappings(out, v.RootDevice)
}

func (v instanceView) describeMetadata() *types.InstanceMetadataOptionsResponse {
	m := &types.InstanceMetadataOptionsResponse{
		HttpEndpoint: types.InstanceMetadataEndpointState(v.Metadata.Endpoint), HttpProtocolIpv6: types.InstanceMetadataProtocolState(v.Metadata.IPv6),
		HttpPutResponseHopLimit: aws.Int32(v.Metadata.HopLimit), HttpTokens: types.HttpTokensState(v.Metadata.Tokens),
		InstanceMetadataTags: types.InstanceMetadataTagsState(v.Metadata.Tags), State: types.InstanceMetadataOptionsStateApplied,
	}
	if v.State == types.InstanceStateNamePending || v.call.Now.Before(v.Metadata.Changed.Add(settlingTime)) {
		m.State = types.InstanceMetadataOptionsStatePending
	}
	return m
}

func (v instanceView) monitoring() types.MonitoringState {
	switch {
	case !v.Monitored:
		return types.MonitoringStateDisabled
	case v.State == types.InstanceStateNamePending:
		return types.MonitoringStatePending
	default:
		return types.MonitoringStateEnabled
	}
}

// describeCapacity is what the instance asks for of Capacity Reservations.
func (v instanceView) describeCapacity() *types.CapacityReservationSpecificationResponse {
	if v.CapacityTarget == "" {
		return &types.CapacityReservationSpecificationResponse{CapacityReservationPreference: v.reservationPreference()}
	}
	return &types.CapacityReservationSpecificationResponse{
		CapacityReservationPreference: types.CapacityReservationPreference(v.Reservations),
		CapacityReservationTarget:     &types.CapacityReservationTargetResponse{CapacityReservationId: aws.String(v.CapacityTarget)},
	}
}

func (v instanceView) reservationPreference() types.CapacityReservationPreference {
	return types.CapacityReservationPreference(either(string(v.Reservations), string(types.CapacityReservationPreferenceOpen)))
}

// currentBootMode is how the machine boots, given what the image asks for.
func (v instanceView) currentBootMode() types.InstanceBootModeValues {
	t, _ := instanceTypeNamed(v.Type)
	uefi := v.Architecture == "arm64" || v.BootMode == "uefi" || v.BootMode == "uefi-preferred" && t.Family != nil && t.uefi()
	if uefi {
		return types.InstanceBootModeValuesUefi
	}
	return types.InstanceBootModeValuesLegacyBios
}
