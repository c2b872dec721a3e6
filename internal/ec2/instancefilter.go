package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// instanceFilters are the filters of DescribeInstances (EC2 API reference).
var instanceFilters = interfaceFilters(filterTable[instanceView]{
	"architecture":                   func(v instanceView) []string { return some(v.Architecture) },
	"availability-zone":              func(v instanceView) []string { return some(v.Zone) },
	"availability-zone-id":           func(v instanceView) []string { return some(zoneID(v.call, v.Zone)) },
	"boot-mode":                      func(v instanceView) []string { return some(v.BootMode) },
	"client-token":                   func(v instanceView) []string { return some(v.ClientToken) },
	"current-instance-boot-mode":     func(v instanceView) []string { return some(string(v.currentBootMode())) },
	"dns-name":                       func(v instanceView) []string { return v.ofPrimary(networkInterface.publicName) },
	"ebs-optimized":                  func(v instanceView) []string { return flag(v.EBSOptimized) },
	"ena-support":                    func(instanceView) []string { return flag(true) },
	"enclave-options.enabled":        func(v instanceView) []string { return flag(v.Enclaves) },
	"hibernation-options.configured": func(instanceView) []string { return flag(false) },
	"hypervisor":                     func(instanceView) []string { return some("xen") },
	"iam-instance-profile.arn":       func(v instanceView) []string { return some(v.Profile.ARN) },
	"iam-instance-profile.id":        func(v instanceView) []string { return some(v.Profile.ID) },
	"image-id":                       func(v instanceView) []string { return some(v.Image) },
	"instance-id":                    func(v instanceView) []string { return some(v.ID) },
	"instance-state-code":            func(v instanceView) []string { return some(decimal(stateCodes[v.State])) },
	"instance-state-name":            func(v instanceView) []string { return some(string(v.State)) },
	"instance-type":                  func(v instanceView) []string { return some(v.Type) },
	"instance.group-id":              func(v instanceView) []string { return v.ofGroups(networkInterface.groupIDs) },
	"instance.group-name":            func(v instanceView) []string { return v.ofGroups(networkInterface.groupNames) },
	"ip-address": func(v instanceView) []string {
		return v.ofPrimary(func(n networkInterface, _ *api.Call) string { return n.public(n.PrivateIP) })
	},
	"key-name":                          func(v instanceView) []string { return some(v.KeyName) },
	"launch-index":                      func(v instanceView) []string { return some(decimal(v.LaunchIndex)) },
	"launch-time":                       func(v instanceView) []string { return some(filterTime(v.Launched)) },
	"maintenance-options.auto-recovery": func(v instanceView) []string { return some(either(v.AutoRecovery, "default")) },
	"monitoring-state":                  func(v instanceView) []string { return some(string(v.monitoring())) },
	"network-performance-options.bandwidth-weighting": func(instanceView) []string { return some("default") },
	"operator.managed": func(instanceView) []string { return flag(false) },
	"owner-id":         func(v instanceView) []string { return some(v.call.Account) },
	"platform":         func(v instanceView) []string { return v.platform() },
	"platform-details": func(v instanceView) []string { return some(v.PlatformDetails) },
	"private-dns-name": func(v instanceView) []string {
		return v.ofPrimary(func(n networkInterface, c *api.Call) string { return v.privateName(c.Region, n.PrivateIP) })
	},
	"private-ip-address": func(v instanceView) []string {
		return v.ofPrimary(func(n networkInterface, _ *api.Call) string { return n.PrivateIP })
	},
	"reason":               func(v instanceView) []string { return some(v.Transition) },
	"reservation-id":       func(v instanceView) []string { return some(v.Reservation) },
	"root-device-name":     func(v instanceView) []string { return some(v.RootDevice) },
	"root-device-type":     func(instanceView) []string { return some("ebs") },
	"source-dest-check":    func(v instanceView) []string { return v.addressChecks() },
	"state-reason-code":    func(v instanceView) []string { return some(v.Reason.Code) },
	"state-reason-message": func(v instanceView) []string { return some(v.Reason.Message) },
	"subnet-id": func(v instanceView) []string {
		return v.ofPrimary(func(n networkInterface, _ *api.Call) string { return n.Subnet })
	},
	"tenancy":                     func(v instanceView) []string { return some(string(v.Tenancy)) },
	"usage-operation":             func(v instanceView) []string { return some(v.UsageOperation) },
	"usage-operation-update-time": func(v instanceView) []string { return some(filterTime(v.Created)) },
	"virtualization-type":         func(instanceView) []string { return some("hvm") },
	"vpc-id": func(v instanceView) []string {
		return v.ofPrimary(func(n networkInterface, _ *api.Call) string { return n.VPC })
	},

	"block-device-mapping.attach-time": func(v instanceView) []string {
		return v.ofAttachments(func(a attachment, _ string) string { return filterTime(a.shownTime()) })
	},
	"block-device-mapping.delete-on-termination": func(v instanceView) []string {
		return v.ofAttachments(func(a attachment, _ string) string { return boolKey(a.DeleteOnTermination) })
	},
	"block-device-mapping.device-name": func(v instanceView) []string {
		return v.ofAttachments(func(a attachment, _ string) string { return a.Device })
	},
	"block-device-mapping.status": func(v instanceView) []string {
		return v.ofAttachments(func(a attachment, _ string) string { return string(a.shownState(v.call.Now)) })
	},
	"block-device-mapping.volume-id": func(v instanceView) []string {
		return v.ofAttachments(func(_ attachment, volume string) string { return volume })
	},
	"capacity-reservation-id": func(v instanceView) []string { return some(v.Capacity) },
	"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id": func(v instanceView) []string {
		return some(v.CapacityTarget)
	},
	"capacity-reservation-specification.capacity-reservation-preference": func(v instanceView) []string {
		return some(string(v.reservationPreference()))
	},
	"instance-lifecycle": func(v instanceView) []string {
		if v.Spot == "" {
			return nil
		}
		return some(v.market())
	},
	"spot-instance-request-id":                     func(v instanceView) []string { return some(v.Spot) },
	"metadata-options.http-endpoint":               func(v instanceView) []string { return some(v.Metadata.Endpoint) },
	"metadata-options.http-protocol-ipv4":          func(instanceView) []string { return some("enabled") },
	"metadata-options.http-protocol-ipv6":          func(v instanceView) []string { return some(v.Metadata.IPv6) },
	"metadata-options.http-put-response-hop-limit": func(v instanceView) []string { return some(decimal(v.Metadata.HopLimit)) },
	"metadata-options.http-tokens":                 func(v instanceView) []string { return some(v.Metadata.Tokens) },
	"metadata-options.instance-metadata-tags":      func(v instanceView) []string { return some(v.Metadata.Tags) },
	"metadata-options.state":                       func(v instanceView) []string { return some(string(v.describeMetadata().State)) },

	"placement-group-name": func(v instanceView) []string { return some(v.Placed.Group) },
	"placement-partition-number": func(v instanceView) []string {
		if v.Placed.Partition == 0 {
			return nil
		}
		return some(decimal(v.Placed.Partition))
	},

	"private-dns-name-options.hostname-type":                        func(v instanceView) []string { return some(string(v.Names.kind())) },
	"private-dns-name-options.enable-resource-name-dns-a-record":    func(v instanceView) []string { return flag(v.Names.A) },
	"private-dns-name-options.enable-resource-name-dns-aaaa-record": func(v instanceView) []string { return flag(v.Names.AAAA) },
}).without("affinity", "host-id", "ipv6-address", "kernel-id",
	"operator.principal", "outpost-arn", "product-code",
	"product-code.type", "ramdisk-id", "requester-id", "tpm-support",
	"capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn")

// interfaceFilters adds the filters on an instance's interface, network-interface.…:
// those of DescribeNetworkInterfaces under a prefix.
func interfaceFilters(t filterTable[instanceView]) filterTable[instanceView] {
	for name, values := range interfaces.filters {
		if values == nil {
			t["network-interface."+name] = nil
			continue
		}
		t["network-interface."+name] = func(v instanceView) []string { return v.ofInterfaces(values) }
	}
	named := func(name string, value func(networkInterface, *api.Call) string) {
		t["network-interface."+name] = func(v instanceView) []string {
			return v.ofInterfaces(func(n networkInterface) []string { return some(value(n, v.call)) })
		}
	}
	named("private-dns-name", networkInterface.privateName)
	named("addresses.private-dns-name", networkInterface.privateName)
	named("association.public-dns-name", networkInterface.publicName)
	named("addresses.association.public-dns-name", networkInterface.publicName)
	named("public-dns-name", networkInterface.publicName)
	for _, name := range []string{"owner-id", "attachment.instance-owner-id"} {
		t["network-interface."+name] = func(v instanceView) []string { return some(v.call.Account) }
	}
	for _, name := range []string{"association.ip-owner-id", "addresses.association.ip-owner-id"} {
		t["network-interface."+name] = func(v instanceView) []string {
			return v.ofInterfaces(func(n networkInterface) []string { return some(n.addressOwner(v.call, n.PrivateIP)) })
		}
	}
	return t.without("network-interface.requester-id", "network-interface.addresses.association.carrier-ip", "network-interface.addresses.association.customer-owned-ip",
		"network-interface.association.carrier-ip", "network-interface.association.customer-owned-ip",
		"network-interface.deny-all-igw-traffic", "network-interface.ipv4-prefixes.ipv4-prefix", "network-interface.ipv6-address",
		"network-interface.ipv6-addresses.is-primary-ipv6", "network-interface.ipv6-native", "network-interface.ipv6-prefixes.ipv6-prefix",
		"network-interface.outpost-arn", "network-interface.tag-key", "network-interface.tag-value")
}

func (n networkInterface) privateName(c *api.Call) string {
	return privateDNSName(c.Region, n.PrivateIP)
}

func (n networkInterface) publicName(c *api.Call) string {
	return n.nameOf(c, n.public(n.PrivateIP))
}

// ofInterfaces gives something of all of the instance's interfaces.
func (v instanceView) ofInterfaces(values func(networkInterface) []string) []string {
	var out []string
	for _, n := range v.interfaces {
		out = append(out, values(n)...)
	}
	return out
}

// ofPrimary gives something of the instance's first interface; a terminated
// instance has none.
func (v instanceView) ofPrimary(value func(n networkInterface, c *api.Call) string) []string {
	if v.primary == nil {
		return nil
	}
	return some(value(*v.primary, v.call))
}

func (v instanceView) ofGroups(values func(networkInterface) []string) []string {
	if v.primary == nil {
		return nil
	}
	return values(*v.primary)
}

func (v instanceView) ofAttachments(value func(a attachment, volume string) string) []string {
	var values []string
	for _, vol := range v.volumes {
		if a, ok := vol.attachmentOf(v.ID); ok {
			values = append(values, value(*a, vol.ID))
		}
	}
	return values
}

// platform is the value under the filter platform, which knows only Windows.
func (v instanceView) platform() []string {
	if !v.Windows {
		return nil
	}
	return some(string(types.PlatformValuesWindows))
}

func (v instanceView) addressChecks() []string {
	if v.primary == nil {
		return nil
	}
	return flag(!v.primary.IgnoreAddressChecks)
}
