package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// getLaunchTemplateData gives an instance's configuration in the form in which a
// launch template takes it (EC2 API reference, "GetLaunchTemplateData").
func (s *Service) getLaunchTemplateData(c *api.Call, in *ec2.GetLaunchTemplateDataInput) (*ec2.GetLaunchTemplateDataOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	v, err := s.viewInstance(c, i)
	if err != nil {
		return nil, err
	}
	credits, err := i.credits(c)
	if err != nil {
		return nil, err
	}
	d := &types.ResponseLaunchTemplateData{
		ImageId: aws.String(i.Image), InstanceType: types.InstanceType(i.Type), KeyName: text(i.KeyName), UserData: text(i.UserData),
		EbsOptimized: aws.Bool(i.EBSOptimized), DisableApiTermination: aws.Bool(i.KeepAlive), DisableApiStop: aws.Bool(i.KeepRunning),
		InstanceInitiatedShutdownBehavior: i.OnShutdown, Monitoring: &types.LaunchTemplatesMonitoring{Enabled: aws.Bool(i.Monitored)},
		Placement: &types.LaunchTemplatePlacement{
			AvailabilityZone: aws.String(i.Zone), GroupName: aws.String(i.Placed.Group), Tenancy: i.Tenancy,
		},
		CapacityReservationSpecification: new(types.LaunchTemplateCapacityReservationSpecificationResponse),
		CpuOptions:                       &types.LaunchTemplateCpuOptions{CoreCount: aws.Int32(i.Cores), ThreadsPerCore: aws.Int32(i.ThreadsPerCore)},
		EnclaveOptions:                   &types.LaunchTemplateEnclaveOptions{Enabled: aws.Bool(i.Enclaves)},
		HibernationOptions:               &types.LaunchTemplateHibernationOptions{Configured: aws.Bool(false)},
		MetadataOptions: &types.LaunchTemplateInstanceMetadataOptions{
			HttpEndpoint: types.LaunchTemplateInstanceMetadataEndpointState(i.Metadata.Endpoint), HttpProtocolIpv6: types.LaunchTemplateInstanceMetadataProtocolIpv6(i.Metadata.IPv6),
			HttpPutResponseHopLimit: aws.Int32(i.Metadata.HopLimit), HttpTokens: types.LaunchTemplateHttpTokensState(i.Metadata.Tokens),
			InstanceMetadataTags: types.LaunchTemplateInstanceMetadataTagsState(i.Metadata.Tags),
		},
		MaintenanceOptions: &types.LaunchTemplateInstanceMaintenanceOptions{AutoRecovery: types.LaunchTemplateAutoRecoveryState(either(i.AutoRecovery, "default"))},
		PrivateDnsNameOptions: &types.LaunchTemplatePrivateDnsNameOptions{
			HostnameType: i.Names.kind(), EnableResourceNameDnsARecord: aws.Bool(i.Names.A), EnableResourceNameDnsAAAARecord: aws.Bool(i.Names.AAAA),
		},
		BlockDeviceMappings: v.templateMappings(), NetworkInterfaces: v.templateInterfaces(),
	}
	if err := sameMembers(v.describeCapacity(), d.CapacityReservationSpecification); err != nil {
		return nil, err
	}
	if i.Placed.Partition != 0 {
		d.Placement.PartitionNumber = aws.Int32(i.Placed.Partition)
	}
	if credits != "" {
		d.CreditSpecification = &types.CreditSpecification{CpuCredits: aws.String(credits)}
	}
	if i.Profile.ARN != "" {
		d.IamInstanceProfile = &types.LaunchTemplateIamInstanceProfileSpecification{Arn: aws.String(i.Profile.ARN)}
	}
	if tags := describeTags(v.tags); len(tags) > 0 {
		d.TagSpecifications = []types.LaunchTemplateTagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: tags}}
	}
	return &ec2.GetLaunchTemplateDataOutput{LaunchTemplateData: d}, nil
}

func (v instanceView) templateMappings() []types.LaunchTemplateBlockDeviceMapping {
	out := []types.LaunchTemplateBlockDeviceMapping{}
	for _, m := range v.describeMappings() {
		for _, vol := range v.volumes {
			if vol.ID != *m.Ebs.VolumeId {
				continue
			}
			d := &types.LaunchTemplateEbsBlockDevice{
				DeleteOnTermination: m.Ebs.DeleteOnTermination, Encrypted: aws.Bool(vol.Encrypted), VolumeSize: aws.Int32(vol.Size),
				VolumeType: types.VolumeType(vol.Type), SnapshotId: text(vol.Snapshot),
			}
			if vol.Encrypted {
				d.KmsKeyId = text(vol.Key)
			}
			if vol.IOPS != 0 {
				d.Iops = aws.Int32(vol.IOPS)
			}
			if vol.Throughput != 0 {
				d.Throughput = aws.Int32(vol.Throughput)
			}
			out = append(out, types.LaunchTemplateBlockDeviceMapping{DeviceName: m.DeviceName, Ebs: d})
		}
	}
	return out
}

func (v instanceView) templateInterfaces() []types.LaunchTemplateInstanceNetworkInterfaceSpecification {
	out := []types.LaunchTemplateInstanceNetworkInterfaceSpecification{}
	for _, n := range v.interfaces {
		d := types.LaunchTemplateInstanceNetworkInterfaceSpecification{
			DeleteOnTermination: aws.Bool(n.DeleteOnTermination), Description: aws.String(n.Description), DeviceIndex: aws.Int32(n.Device),
			Groups: n.groupIDs(), InterfaceType: aws.String("interface"), Ipv6Addresses: []types.InstanceIpv6Address{},
			NetworkCardIndex: aws.Int32(0), SubnetId: aws.String(n.Subnet), PrivateIpAddresses: []types.PrivateIpAddressSpecification{},
		}
		if len(v.interfaces) == 1 {
			d.AssociatePublicIpAddress = aws.Bool(n.PublicIP != "")
		}
		for _, a := range n.addresses() {
			d.PrivateIpAddresses = append(d.PrivateIpAddresses, types.PrivateIpAddressSpecification{Primary: aws.Bool(a == n.PrivateIP), PrivateIpAddress: aws.String(a)})
		}
		out = append(out, d)
	}
	return out
}
