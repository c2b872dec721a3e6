package ec2

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

var instanceTypeFilters = filterTable[instanceType]{
	"auto-recovery-supported":         func(t instanceType) []string { return flag(!t.Metal) },
	"bare-metal":                      func(t instanceType) []string { return flag(t.Metal) },
	"burstable-performance-supported": func(t instanceType) []string { return flag(t.Family.Burstable) },
	"current-generation":              func(t instanceType) []string { return flag(!t.Family.Old) },
	"ebs-info.encryption-support":     func(t instanceType) []string { return some(string(t.encryption())) },
	"ebs-info.nvme-support":           func(t instanceType) []string { return some(string(t.nvme())) },
	"free-tier-eligible":              func(t instanceType) []string { return flag(t.freeTier()) },
	"hypervisor":                      func(t instanceType) []string { return some(t.hypervisor()) },
	"instance-storage-supported":      func(t instanceType) []string { return flag(t.storage()) },
	"instance-type":                   func(t instanceType) []string { return some(t.Name) },
	"memory-info.size-in-mib":         func(t instanceType) []string { return some(decimal(t.MemoryMiB)) },
	"supported-root-device-type":      func(instanceType) []string { return some("ebs") },
	"supported-usage-class":           func(instanceType) []string { return some("on-demand") },
	"supported-virtualization-type":   func(instanceType) []string { return some("hvm") },
	"vcpu-info.default-cores":         func(t instanceType) []string { return some(decimal(t.cores())) },
	"vcpu-info.default-vcpus":         func(t instanceType) []string { return some(decimal(t.VCPUs)) },

	"processor-info.supported-architecture": func(t instanceType) []string { return t.Family.Architectures },
	"processor-info.sustained-clock-speed-in-ghz": func(t instanceType) []string {
		if t.Family.ClockGHz == 0 {
			return nil
		}
		return some(strconv.FormatFloat(t.Family.ClockGHz, 'f', -1, 64))
	},
	"supported-boot-mode": func(t instanceType) []string {
		var modes []string
		for _, m := range t.bootModes() {
			modes = append(modes, string(m))
		}
		return modes
	},
	"network-info.ipv4-addresses-per-interface": func(t instanceType) []string {
		if _, n, ok := t.interfaceLimit(); ok {
			return some(decimal(int32(n)))
		}
		return nil
	},
	"network-info.maximum-network-interfaces": func(t instanceType) []string {
		if n, _, ok := t.interfaceLimit(); ok {
			return some(decimal(int32(n)))
		}
		return nil
	},
	"vcpu-info.default-threads-per-core": func(t instanceType) []string { return some(decimal(t.ThreadsPerCore)) },
}.without("dedicated-hosts-supported", "ebs-info.attachment-limit-type", "ebs-info.maximum-ebs-attachments",
	"ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", "ebs-info.ebs-optimized-info.baseline-iops",
	"ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps",
	"ebs-info.ebs-optimized-info.maximum-iops", "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps",
	"ebs-info.ebs-optimized-support", "hibernation-supported", "instance-storage-info.disk.count",
	"instance-storage-info.disk.size-in-gb", "instance-storage-info.disk.type", "instance-storage-info.encryption-support",
	"instance-storage-info.nvme-support", "instance-storage-info.total-size-in-gb", "network-info.bandwidth-weightings",
	"network-info.efa-info.maximum-efa-interfaces", "network-info.efa-supported", "network-info.ena-support",
	"network-info.flexible-ena-queues-support", "network-info.encryption-in-transit-supported",
	"network-info.ipv6-addresses-per-interface", "network-info.ipv6-supported",
	"network-info.maximum-network-cards", "network-info.network-performance",
	"nitro-enclaves-support", "nitro-tpm-support", "nitro-tpm-info.supported-versions", "processor-info.supported-features",
	"reboot-migration-support", "vcpu-info.valid-cores", "vcpu-info.valid-threads-per-core")

// encryption tells whether the type takes encrypted volumes: the first
// generation does not (EBS guide, "Requirements for Amazon EBS encryption").
func (t instanceType) encryption() types.EbsEncryptionSupport {
	if t.Family.Old {
		return types.EbsEncryptionSupportUnsupported
	}
	return types.EbsEncryptionSupportSupported
}

func (t instanceType) nvme() types.EbsNvmeSupport {
	if t.Family.Xen {
		return types.EbsNvmeSupportUnsupported
	}
	return types.EbsNvmeSupportRequired
}

// storage tells whether the type has disks of its own.
func (t instanceType) storage() bool {
	return t.Family.Name == "m1" || strings.HasSuffix(t.Family.Name, "d")
}

func (t instanceType) bootModes() []types.BootModeType {
	switch {
	case t.runs("arm64"):
		return []types.BootModeType{types.BootModeTypeUefi}
	case t.uefi():
		return []types.BootModeType{types.BootModeTypeLegacyBios, types.BootModeTypeUefi}
	default:
		return []types.BootModeType{types.BootModeTypeLegacyBios}
	}
}

// describe shows what the table knows; what it does not know of a type (its
// bandwidths) is left out rather than guessed.
func (t instanceType) describe() types.InstanceTypeInfo {
	d := types.InstanceTypeInfo{
		InstanceType: types.InstanceType(t.Name), CurrentGeneration: aws.Bool(!t.Family.Old), FreeTierEligible: aws.Bool(t.freeTier()),
		BareMetal: aws.Bool(t.Metal), Hypervisor: types.InstanceTypeHypervisor(t.hypervisor()), AutoRecoverySupported: aws.Bool(!t.Metal),
		BurstablePerformanceSupported: aws.Bool(t.Family.Burstable), InstanceStorageSupported: aws.Bool(t.storage()),
		SupportedUsageClasses: []types.UsageClassType{types.UsageClassTypeOnDemand}, SupportedBootModes: t.bootModes(),
		SupportedRootDeviceTypes: []types.RootDeviceType{types.RootDeviceTypeEbs}, SupportedVirtualizationTypes: []types.VirtualizationType{types.VirtualizationTypeHvm},
		MemoryInfo: &types.MemoryInfo{SizeInMiB: aws.Int64(int64(t.MemoryMiB))},
		VCpuInfo: &types.VCpuInfo{
			DefaultVCpus: aws.Int32(t.VCPUs), DefaultCores: aws.Int32(t.cores()), DefaultThreadsPerCore: aws.Int32(t.ThreadsPerCore),
		},
		EbsInfo:       &types.EbsInfo{EncryptionSupport: t.encryption(), NvmeSupport: t.nvme()},
		ProcessorInfo: &types.ProcessorInfo{},
	}
	if n, addresses, ok := t.interfaceLimit(); ok {
		d.NetworkInfo = &types.NetworkInfo{MaximumNetworkInterfaces: aws.Int32(int32(n)), Ipv4AddressesPerInterface: aws.Int32(int32(addresses))}
	}
	for _, a := range t.Family.Architectures {
		d.ProcessorInfo.SupportedArchitectures = append(d.ProcessorInfo.SupportedArchitectures, types.ArchitectureType(a))
	}
	if t.Family.ClockGHz > 0 {
		d.ProcessorInfo.SustainedClockSpeedInGhz = aws.Float64(t.Family.ClockGHz)
	}
	return d
}

// sortedInstanceTypes are the types by name.
func sortedInstanceTypes() []instanceType {
	all := instanceTypes()
	sorted := make([]instanceType, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, all[name])
	}
	return sorted
}

var (
	describeInstanceTypesPages = pageRule{least: 5, most: 100, ids: "InstanceTypes"}
	describeOfferingsPages     = pageRule{least: 5, most: 1000}
)

func (s *Service) describeInstanceTypes(_ *api.Call, in *ec2.DescribeInstanceTypesInput) (*ec2.DescribeInstanceTypesOutput, error) {
	var wanted, missing []string
	for _, name := range in.InstanceTypes {
		wanted = append(wanted, string(name))
		if _, ok := instanceTypeNamed(string(name)); !ok {
			missing = append(missing, string(name))
		}
	}
	if err := describeInstanceTypesPages.check(in.MaxResults, wanted); err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, api.Error("InvalidInstanceType", "The following supplied instance types do not exist: ["+strings.Join(missing, ", ")+"]")
	}
	if err := checkFilters(in.Filters, instanceTypeFilters.known); err != nil {
		return nil, err
	}
	var found []instanceType
	for _, t := range sortedInstanceTypes() {
		if len(wanted) > 0 && !slices.Contains(wanted, t.Name) {
			continue
		}
		ok, err := instanceTypeFilters.matches(in.Filters, t, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, t)
		}
	}
	limit := in.MaxResults
	if limit == nil && len(wanted) == 0 {
		// Without a limit of the caller's the operation pages by its own.
		limit = aws.Int32(describeInstanceTypesPages.most)
	}
	rows, next, err := page(found, func(t instanceType) string { return t.Name }, describeInstanceTypesPages, limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceTypesOutput{InstanceTypes: []types.InstanceTypeInfo{}, NextToken: next}
	for _, t := range rows {
		out.InstanceTypes = append(out.InstanceTypes, t.describe())
	}
	return out, nil
}

// offering is a type in a place.
type offering struct {
	instanceType
	location string
}

var offeringFilters = filterTable[offering]{
	"instance-type": func(o offering) []string { return some(o.Name) },
	"location":      func(o offering) []string { return some(o.location) },
}

// describeInstanceTypeOfferings: every type of the table is in every zone.
func (s *Service) describeInstanceTypeOfferings(c *api.Call, in *ec2.DescribeInstanceTypeOfferingsInput) (*ec2.DescribeInstanceTypeOfferingsOutput, error) {
	if err := describeOfferingsPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, offeringFilters.known); err != nil {
		return nil, err
	}
	kind := in.LocationType
	var locations []string
	switch kind {
	case "", types.LocationTypeRegion:
		kind, locations = types.LocationTypeRegion, []string{c.Region}
	case types.LocationTypeAvailabilityZone, types.LocationTypeAvailabilityZoneId:
		for _, z := range zonesOf(c.Region) {
			name := z.Name
			if kind == types.LocationTypeAvailabilityZoneId {
				name = z.ID
			}
			locations = append(locations, name)
		}
	case types.LocationTypeOutpost:
		// Nothing is on an Outpost: nobody has one here.
	default:
		return nil, invalidValue("Value (%s) for parameter locationType is invalid.", kind)
	}
	var found []offering
	for _, t := range sortedInstanceTypes() {
		for _, location := range locations {
			o := offering{t, location}
			ok, err := offeringFilters.matches(in.Filters, o, nil)
			if err != nil {
				return nil, err
			}
			if ok {
				found = append(found, o)
			}
		}
	}
	slices.SortFunc(found, func(a, b offering) int { return strings.Compare(a.key(), b.key()) })
	limit := in.MaxResults
	if limit == nil {
		limit = aws.Int32(describeOfferingsPages.most)
	}
	rows, next, err := page(found, offering.key, describeOfferingsPages, limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceTypeOfferingsOutput{InstanceTypeOfferings: []types.InstanceTypeOffering{}, NextToken: next}
	for _, o := range rows {
		out.InstanceTypeOfferings = append(out.InstanceTypeOfferings, types.InstanceTypeOffering{
			InstanceType: types.InstanceType(o.Name), Location: aws.String(o.location), LocationType: kind,
		})
	}
	return out, nil
}

// key orders offerings by type, then place.
func (o offering) key() string { return o.Name + " " + o.location }
