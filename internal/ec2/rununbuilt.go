package ec2

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// refuseUnbuilt refuses the parameters of a launch that ask for what is not
// there. Where the thing asked for is one that a user makes first (a
// dedicated host), nobody has made one, and AWS's answer is that it does not exist.
func refuseUnbuilt(in *ec2.RunInstancesInput) error {
	if err := refuseMissing(in); err != nil {
		return err
	}
	for _, p := range []struct {
		name  string
		asked bool
	}{
		{"AdditionalInfo", in.AdditionalInfo != nil},
		{"CpuOptions.AmdSevSnp", in.CpuOptions != nil && in.CpuOptions.AmdSevSnp == types.AmdSevSnpSpecificationEnabled},
		{"CpuOptions.NestedVirtualization", in.CpuOptions != nil && in.CpuOptions.NestedVirtualization == types.NestedVirtualizationSpecificationEnabled},
		{"ElasticGpuSpecification", len(in.ElasticGpuSpecification) > 0},
		{"ElasticInferenceAccelerator", len(in.ElasticInferenceAccelerators) > 0},
		{"EnablePrimaryIpv6", aws.ToBool(in.EnablePrimaryIpv6)},
		{"HibernationOptions", in.HibernationOptions != nil && aws.ToBool(in.HibernationOptions.Configured)},
		{"Ipv6AddressCount", aws.ToInt32(in.Ipv6AddressCount) > 0},
		{"Ipv6Address", len(in.Ipv6Addresses) > 0},
		{"KernelId", in.KernelId != nil},
		{"RamdiskId", in.RamdiskId != nil},
		{"LicenseSpecification", len(in.LicenseSpecifications) > 0},
		{"NetworkPerformanceOptions", in.NetworkPerformanceOptions != nil && in.NetworkPerformanceOptions.BandwidthWeighting != types.InstanceBandwidthWeightingDefault},
		{"Operator", in.Operator != nil},
		{"SecondaryInterface", len(in.SecondaryInterfaces) > 0},
	} {
		if p.asked {
			return notBuilt(p.name)
		}
	}
	return refuseUnbuiltPlacement(in.Placement)
}

func refuseMissing(in *ec2.RunInstancesInput) error {
	if p := in.Placement; p != nil && aws.ToString(p.HostId) != "" {
		return api.Error("InvalidHostID.NotFound", fmt.Sprintf("The specified host ID '%s' does not exist", *p.HostId))
	}
	return nil
}

func refuseUnbuiltPlacement(p *types.Placement) error {
	if p == nil {
		return nil
	}
	switch {
	case p.Affinity != nil && *p.Affinity != "default":
		return notBuilt("Placement.Affinity")
	case p.HostResourceGroupArn != nil:
		return notBuilt("Placement.HostResourceGroupArn")
	case p.SpreadDomain != nil:
		return notBuilt("Placement.SpreadDomain")
	case p.Tenancy == types.TenancyHost:
		return notBuilt("Placement.Tenancy")
	}
	return nil
}
