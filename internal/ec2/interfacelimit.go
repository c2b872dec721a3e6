package ec2

import (
	"fmt"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// How many network interfaces a type has, and how many private IPv4 addresses
// each (EC2 Instance Types guide, "Network specifications"). Sizes of the same
// name have the same in nearly all families; the others stand by their full name.
var interfaceLimits = map[string][2]int{
	"medium": {2, 4}, "large": {3, 10}, "xlarge": {4, 15}, "2xlarge": {4, 15}, "4xlarge": {8, 30}, "8xlarge": {8, 30},
	"9xlarge": {8, 30}, "10xlarge": {8, 30}, "12xlarge": {8, 30}, "16xlarge": {15, 50}, "18xlarge": {15, 50}, "24xlarge": {15, 50},
	"32xlarge": {15, 50}, "48xlarge": {15, 50}, "metal": {15, 50},

	"m1.small": {2, 4}, "t1.micro": {2, 2}, "m4.large": {2, 10}, "m4.16xlarge": {8, 30},
	"t2.nano": {2, 2}, "t2.micro": {2, 2}, "t2.small": {3, 4}, "t2.medium": {3, 6}, "t2.large": {3, 12}, "t2.xlarge": {3, 15}, "t2.2xlarge": {3, 15},
	"t3.nano": {2, 2}, "t3.micro": {2, 2}, "t3.small": {3, 4}, "t3.medium": {3, 6}, "t3.large": {3, 12},
	"t3a.nano": {2, 2}, "t3a.micro": {2, 2}, "t3a.small": {2, 4}, "t3a.medium": {3, 6}, "t3a.large": {3, 12},
	"t4g.nano": {2, 2}, "t4g.micro": {2, 2}, "t4g.small": {3, 4}, "t4g.medium": {3, 6}, "t4g.large": {3, 12},
}

// interfaceLimit is the type's number of interfaces and of addresses on each;
// false for one that the table does not know.
func (t instanceType) interfaceLimit() (interfaces, addresses int, known bool) {
	l, ok := interfaceLimits[t.Name]
	if !ok {
		_, size, _ := strings.Cut(t.Name, ".")
		l, ok = interfaceLimits[size]
	}
	return l[0], l[1], ok
}

// checkInterfaces refuses more interfaces than a type has.
func (t instanceType) checkInterfaces(count int) error {
	if limit, _, known := t.interfaceLimit(); known && count > limit {
		return api.Error("AttachmentLimitExceeded", fmt.Sprintf("Interface count %d exceeds the limit for %s", count, t.Name))
	}
	return nil
}

// checkAddresses refuses more private addresses on an interface than a type has.
func (t instanceType) checkAddresses(count int) error {
	if _, limit, known := t.interfaceLimit(); known && count > limit {
		return api.Error("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")
	}
	return nil
}
