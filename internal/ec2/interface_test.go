package ec2

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/internal/store"
)

func (w *world) interfaceIn(subnet string) *types.NetworkInterface {
	w.t.Helper()
	return must[ec2.CreateNetworkInterfaceOutput](w, "CreateNetworkInterface", &ec2.CreateNetworkInterfaceInput{SubnetId: &subnet}).NetworkInterface
}

func (w *world) interfaceNamed(id string) types.NetworkInterface {
	w.t.Helper()
	return must[ec2.DescribeNetworkInterfacesOutput](w, "DescribeNetworkInterfaces", &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}}).NetworkInterfaces[0]
}

func (w *world) subnetOf(zone string) string {
	w.t.Helper()
	return *must[ec2.DescribeSubnetsOutput](w, "DescribeSubnets", &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("availability-zone", zone), filter("default-for-az", "true")}}).Subnets[0].SubnetId
}

// TestInterfacesOfALaunch: a launch attaches an interface that is there and makes
// another; each has its own end.
func TestInterfacesOfALaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subnet := w.subnetOf(testZone)
	kept := w.interfaceIn(subnet)
	if kept.Status != "pending" || kept.Attachment != nil {
		t.Errorf("a new interface is %s, attached %+v", kept.Status, kept.Attachment)
	}
	in := w.request()
	in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{
		{DeviceIndex: aws.Int32(1), SubnetId: &subnet, SecondaryPrivateIpAddressCount: aws.Int32(1), Description: aws.String("second")},
		{DeviceIndex: aws.Int32(0), NetworkInterfaceId: kept.NetworkInterfaceId},
	}
	id := w.launch(in)
	w.wait(time.Minute)
	i := w.describe(id)
	if len(i.NetworkInterfaces) != 2 || *i.NetworkInterfaces[0].NetworkInterfaceId != *kept.NetworkInterfaceId || *i.NetworkInterfaces[1].Attachment.DeviceIndex != 1 {
		t.Fatalf("interfaces %+v", i.NetworkInterfaces)
	}
	if *i.PrivateIpAddress != *kept.PrivateIpAddress || i.PublicIpAddress != nil || len(i.NetworkInterfaces[1].PrivateIpAddresses) != 2 {
		t.Errorf("address %s, public %v, %+v", *i.PrivateIpAddress, i.PublicIpAddress, i.NetworkInterfaces[1].PrivateIpAddresses)
	}
	second := *i.NetworkInterfaces[1].NetworkInterfaceId
	found := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("network-interface.network-interface-id", second)}}).Reservations
	if len(found) != 1 {
		t.Error("the instance is not found by its second interface")
	}
	w.refused("DeleteNetworkInterface", &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &second}, "InvalidParameterValue", "Network interface '"+second+"' is currently in use.")
	w.refused("ModifyInstanceAttribute", &ec2.ModifyInstanceAttributeInput{InstanceId: &id, SourceDestCheck: boolAttribute(false)}, "InvalidInstanceID",
		"There are multiple interfaces attached to instance '"+id+"'. Please specify an interface ID for the operation instead.")
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	if n := w.interfaceNamed(*kept.NetworkInterfaceId); n.Status != types.NetworkInterfaceStatusAvailable || n.Attachment != nil {
		t.Errorf("the interface that was there is %s", n.Status)
	}
	w.refused("DescribeNetworkInterfaces", &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{second}}, "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '"+second+"' does not exist")
}

func TestLaunchRefusesInterfaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subnet, other := w.subnetOf(testZone), w.subnetOf("us-east-1b")
	used := *w.describe(w.running()).NetworkInterfaces[0].NetworkInterfaceId
	at := func(device int32, change ...func(*types.InstanceNetworkInterfaceSpecification)) types.InstanceNetworkInterfaceSpecification {
		n := types.InstanceNetworkInterfaceSpecification{DeviceIndex: &device, SubnetId: &subnet}
		for _, c := range change {
			c(&n)
		}
		return n
	}
	public := func(n *types.InstanceNetworkInterfaceSpecification) { n.AssociatePublicIpAddress = aws.Bool(true) }
	more := func(n *types.InstanceNetworkInterfaceSpecification) { n.SecondaryPrivateIpAddressCount = aws.Int32(2) }
	existing := func(n *types.InstanceNetworkInterfaceSpecification) { n.NetworkInterfaceId, n.SubnetId = &used, nil }
	for _, row := range []struct {
		name          string
		interfaces    []types.InstanceNetworkInterfaceSpecification
		code, message string
	}{
		{"one index twice", []types.InstanceNetworkInterfaceSpecification{at(0), at(0)}, "InvalidParameterValue", "Each network interface requires a unique device index."},
		{"no first", []types.InstanceNetworkInterfaceSpecification{at(1)}, "InvalidParameterValue", "A network interface must be specified for device index 0."},
		{"one in use", []types.InstanceNetworkInterfaceSpecification{at(0, existing)}, "InvalidNetworkInterface.InUse", "Interface: [" + used + "] in use."},
		{"one that is there, and a subnet", []types.InstanceNetworkInterfaceSpecification{at(0, existing, func(n *types.InstanceNetworkInterfaceSpecification) { n.SubnetId = &subnet })}, "InvalidParameterCombination", "subnetId"},
		{"two zones", []types.InstanceNetworkInterfaceSpecification{at(0), at(1, func(n *types.InstanceNetworkInterfaceSpecification) { n.SubnetId = &other })}, "InvalidParameterCombination", "same availability zone"},
		{"a public address for one of two", []types.InstanceNetworkInterfaceSpecification{at(0, public), at(1)}, "InvalidParameterCombination", "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces."},
		{"more than the type has", []types.InstanceNetworkInterfaceSpecification{at(0), at(1), at(2)}, "AttachmentLimitExceeded", "Interface count 3 exceeds the limit for t3.micro"},
		{"more addresses than the type has", []types.InstanceNetworkInterfaceSpecification{at(0, more)}, "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit."},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.t = t
			in := w.request()
			in.NetworkInterfaces = row.interfaces
			w.refused("RunInstances", in, row.code, row.message)
		})
	}
	w.t = t
}

func TestInterfaceIsAttachedAndDetached(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running()
	zone := *w.describe(id).Placement.AvailabilityZone
	n := *w.interfaceIn(w.subnetOf(zone)).NetworkInterfaceId
	away := *w.interfaceIn(w.subnetOf("us-east-1c")).NetworkInterfaceId
	attach := func(n string, device int32) *ec2.AttachNetworkInterfaceInput {
		return &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &n, InstanceId: &id, DeviceIndex: &device}
	}
	w.refused("AttachNetworkInterface", attach(n, 0), "InvalidParameterValue", "Instance '"+id+"' already has an interface attached at device index '0'.")
	w.refused("AttachNetworkInterface", attach(away, 1), "InvalidParameterCombination", "same availability zone")
	attachment := must[ec2.AttachNetworkInterfaceOutput](w, "AttachNetworkInterface", attach(n, 1)).AttachmentId
	w.refused("AttachNetworkInterface", attach(n, 2), "InvalidNetworkInterface.InUse", "Interface: ["+n+"] in use.")
	third := *w.interfaceIn(w.subnetOf(zone)).NetworkInterfaceId
	w.refused("AttachNetworkInterface", attach(third, 2), "AttachmentLimitExceeded", "Interface count 3 exceeds the limit for t3.micro")
	must[ec2.ModifyNetworkInterfaceAttributeOutput](w, "ModifyNetworkInterfaceAttribute", &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &n, Description: &types.AttributeValue{Value: aws.String("changed")}})
	must[ec2.ModifyNetworkInterfaceAttributeOutput](w, "ModifyNetworkInterfaceAttribute", &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &n, SourceDestCheck: boolAttribute(false)})
	must[ec2.ModifyNetworkInterfaceAttributeOutput](w, "ModifyNetworkInterfaceAttribute", &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &n, Attachment: &types.NetworkInterfaceAttachmentChanges{AttachmentId: attachment, DeleteOnTermination: aws.Bool(true)}})
	if d := w.interfaceNamed(n); *d.Description != "changed" || *d.SourceDestCheck || !*d.Attachment.DeleteOnTermination {
		t.Errorf("the interface is %+v", d)
	}
	must[ec2.ResetNetworkInterfaceAttributeOutput](w, "ResetNetworkInterfaceAttribute", &ec2.ResetNetworkInterfaceAttributeInput{NetworkInterfaceId: &n, SourceDestCheck: aws.String("")})
	if !*must[ec2.DescribeNetworkInterfaceAttributeOutput](w, "DescribeNetworkInterfaceAttribute", &ec2.DescribeNetworkInterfaceAttributeInput{NetworkInterfaceId: &n, Attribute: types.NetworkInterfaceAttributeSourceDestCheck}).SourceDestCheck.Value {
		t.Error("the check is still off")
	}
	first := w.describe(id).NetworkInterfaces[0].Attachment.AttachmentId
	w.refused("DetachNetworkInterface", &ec2.DetachNetworkInterfaceInput{AttachmentId: first}, "OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
	w.refused("DetachNetworkInterface", &ec2.DetachNetworkInterfaceInput{AttachmentId: aws.String("eni-attach-0123456789abcdef0")}, "InvalidAttachmentID.NotFound", "The attachment ID 'eni-attach-0123456789abcdef0' does not exist")
	must[ec2.DetachNetworkInterfaceOutput](w, "DetachNetworkInterface", &ec2.DetachNetworkInterfaceInput{AttachmentId: attachment})
	must[ec2.DeleteNetworkInterfaceOutput](w, "DeleteNetworkInterface", &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &n})
	if got := len(w.describe(id).NetworkInterfaces); got != 1 {
		t.Errorf("%d interfaces are left", got)
	}
}

func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	subnet := w.subnetOf(testZone)
	a, b := *w.interfaceIn(subnet).NetworkInterfaceId, *w.interfaceIn(subnet).NetworkInterfaceId
	got := must[ec2.AssignPrivateIpAddressesOutput](w, "AssignPrivateIpAddresses", &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &a, SecondaryPrivateIpAddressCount: aws.Int32(2)}).AssignedPrivateIpAddresses
	moved := *got[0].PrivateIpAddress
	take := &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &b, PrivateIpAddresses: []string{moved}}
	w.refused("AssignPrivateIpAddresses", take, "InvalidParameterValue", "["+moved+"] assigned, but move is not allowed.")
	take.AllowReassignment = aws.Bool(true)
	must[ec2.AssignPrivateIpAddressesOutput](w, "AssignPrivateIpAddresses", take)
	if n := w.interfaceNamed(a); len(n.PrivateIpAddresses) != 2 {
		t.Errorf("the first has %+v", n.PrivateIpAddresses)
	}
	free := *must[ec2.DescribeSubnetsOutput](w, "DescribeSubnets", &ec2.DescribeSubnetsInput{SubnetIds: []string{subnet}}).Subnets[0].AvailableIpAddressCount
	if free != 4091-4 {
		t.Errorf("%d addresses are free", free)
	}
	must[ec2.UnassignPrivateIpAddressesOutput](w, "UnassignPrivateIpAddresses", &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &b, PrivateIpAddresses: []string{moved}})
	w.refused("UnassignPrivateIpAddresses", &ec2.UnassignPrivateIpAddressesInput{NetworkInterfaceId: &b, PrivateIpAddresses: []string{moved}}, "InvalidParameterValue", "Some of ["+moved+"] addresses are not assigned to interface "+b)
}

func (w *world) elastic() (allocation, ip string) {
	w.t.Helper()
	a := must[ec2.AllocateAddressOutput](w, "AllocateAddress", &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
	return *a.AllocationId, *a.PublicIp
}

func TestElasticAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, other := w.running(), w.running()
	given := *w.describe(id).PublicIpAddress
	a, ip := w.elastic()
	associate := &ec2.AssociateAddressInput{AllocationId: &a, InstanceId: &id}
	first := *must[ec2.AssociateAddressOutput](w, "AssociateAddress", associate).AssociationId
	if again := *must[ec2.AssociateAddressOutput](w, "AssociateAddress", associate).AssociationId; again != first {
		t.Errorf("the same association has two ids, %s and %s", first, again)
	}
	i := w.describe(id)
	if *i.PublicIpAddress != ip || *i.NetworkInterfaces[0].Association.IpOwnerId != testAccount {
		t.Errorf("the instance has %s, not %s", *i.PublicIpAddress, ip)
	}
	w.refused("ReleaseAddress", &ec2.ReleaseAddressInput{AllocationId: &a}, "InvalidIPAddress.InUse", "Address "+ip+" is in use.")
	w.refused("AssociateAddress", &ec2.AssociateAddressInput{AllocationId: &a, InstanceId: &other, AllowReassociation: aws.Bool(false)}, "Resource.AlreadyAssociated", "resource "+a+" is already associated with associate-id "+first)
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	if got := w.describe(id).PublicIpAddress; got == nil || *got != ip {
		t.Error("a stopped instance lost its Elastic IP address")
	}
	must[ec2.StartInstancesOutput](w, "StartInstances", &ec2.StartInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	second := *must[ec2.AssociateAddressOutput](w, "AssociateAddress", &ec2.AssociateAddressInput{PublicIp: &ip, InstanceId: &other}).AssociationId
	if got := w.describe(id).PublicIpAddress; got == nil || *got == ip || *got == given {
		t.Errorf("after the address moved the instance has %v", got)
	}
	shown := must[ec2.DescribeAddressesOutput](w, "DescribeAddresses", &ec2.DescribeAddressesInput{Filters: []types.Filter{filter("instance-id", other)}}).Addresses
	if len(shown) != 1 || *shown[0].AssociationId != second || *shown[0].PublicIp != ip {
		t.Errorf("addresses %+v", shown)
	}
	w.refused("DisassociateAddress", &ec2.DisassociateAddressInput{AssociationId: &first}, "InvalidAssociationID.NotFound", "The association ID '"+first+"' does not exist")
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{other}})
	w.wait(time.Minute)
	if left := must[ec2.DescribeAddressesOutput](w, "DescribeAddresses", &ec2.DescribeAddressesInput{PublicIps: []string{ip}}).Addresses[0]; left.AssociationId != nil || left.InstanceId != nil {
		t.Errorf("the address outlives its instance as %+v", left)
	}
	if got := must[ec2.DescribeAddressesAttributeOutput](w, "DescribeAddressesAttribute", &ec2.DescribeAddressesAttributeInput{AllocationIds: []string{a}, Attribute: types.AddressAttributeNameDomainName}).Addresses; len(got) != 1 || got[0].PtrRecord != nil {
		t.Errorf("%+v", got)
	}
	for range maxElasticAddresses - 1 {
		w.elastic()
	}
	w.refused("AllocateAddress", &ec2.AllocateAddressInput{}, "AddressLimitExceeded", "The maximum number of addresses has been reached.")
	must[ec2.ReleaseAddressOutput](w, "ReleaseAddress", &ec2.ReleaseAddressInput{AllocationId: &a})
	w.refused("ReleaseAddress", &ec2.ReleaseAddressInput{AllocationId: &a}, "InvalidAllocationID.NotFound", "The allocation ID '"+a+"' does not exist")
	w.refused("DescribeAddresses", &ec2.DescribeAddressesInput{PublicIps: []string{ip}}, "InvalidAddress.NotFound", "Address '"+ip+"' not found.")
	lone := w.network("10.0.0.0/16", "10.0.1.0/24")
	must[ec2.DetachInternetGatewayOutput](w, "DetachInternetGateway", &ec2.DetachInternetGatewayInput{InternetGatewayId: &lone.gateway, VpcId: &lone.vpc})
	n := *w.interfaceIn(lone.subnet).NetworkInterfaceId
	b, _ := w.elastic()
	w.refused("AssociateAddress", &ec2.AssociateAddressInput{AllocationId: &b, NetworkInterfaceId: &n}, "Gateway.NotAttached", "Network "+lone.vpc+" is not attached to any internet gateway")
	pending := w.launch(w.request())
	w.refused("AssociateAddress", &ec2.AssociateAddressInput{AllocationId: &b, InstanceId: &pending}, "InvalidInstanceID", "The pending instance '"+pending+"' is not in a valid state for this operation.")
}

// TestAddressesHoldTogether: whatever is attached, associated, moved and ended,
// addresses and interfaces say the same of each other, and no private address is
// given twice.
func TestAddressesHoldTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		instances := []string{w.running(), w.running()}
		subnet := *w.describe(instances[0]).SubnetId
		interfaces := []string{*w.interfaceIn(subnet).NetworkInterfaceId, *w.interfaceIn(subnet).NetworkInterfaceId}
		for _, i := range instances {
			interfaces = append(interfaces, *w.describe(i).NetworkInterfaces[0].NetworkInterfaceId)
		}
		a, _ := w.elastic()
		b, _ := w.elastic()
		for range rapid.IntRange(1, 20).Draw(r, "steps") {
			instance, n := rapid.SampledFrom(instances).Draw(r, "instance"), rapid.SampledFrom(interfaces).Draw(r, "interface")
			address := rapid.SampledFrom([]string{a, b}).Draw(r, "address")
			var err error
			switch rapid.IntRange(0, 7).Draw(r, "what") {
			case 0:
				_, err = w.run("AssociateAddress", &ec2.AssociateAddressInput{AllocationId: &address, InstanceId: &instance})
			case 1:
				_, err = w.run("AssociateAddress", &ec2.AssociateAddressInput{AllocationId: &address, NetworkInterfaceId: &n})
			case 2:
				_, err = w.run("AttachNetworkInterface", &ec2.AttachNetworkInterfaceInput{NetworkInterfaceId: &n, InstanceId: &instance, DeviceIndex: aws.Int32(1)})
			case 3:
				for _, i := range w.describe(instance).NetworkInterfaces {
					_, err = w.run("DetachNetworkInterface", &ec2.DetachNetworkInterfaceInput{AttachmentId: i.Attachment.AttachmentId})
				}
			case 4:
				_, err = w.run("AssignPrivateIpAddresses", &ec2.AssignPrivateIpAddressesInput{NetworkInterfaceId: &n, SecondaryPrivateIpAddressCount: aws.Int32(1)})
			case 5:
				_, err = w.run("TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{instance}})
			case 6:
				_, err = w.run("DeleteNetworkInterface", &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &n})
			case 7:
				_, err = w.run("StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{instance}})
			}
			if err != nil && errorCode(err) == "" {
				r.Fatal(err)
			}
			w.wait(time.Minute)
			w.holdsTogether(r)
		}
	})
}

func (w *world) holdsTogether(r *rapid.T) {
	err := w.store.View(context.Background(), func(tx store.Tx) error {
		c := w.call(tx, "check")
		var private []string
		bound := map[string]elasticBinding{}
		instanceOf := map[string]string{}
		for n, err := range interfaceTable.All(tx, c.Scope()) {
			if err != nil {
				return err
			}
			for _, a := range n.addresses() {
				private = append(private, n.Subnet+" "+a)
			}
			for _, b := range n.Elastic {
				bound[b.Allocation], instanceOf[b.Allocation] = b, n.Instance
			}
			if len(n.Elastic) > 0 && n.PublicIP != "" && n.Elastic[0].PrivateIP == n.PrivateIP {
				r.Fatalf("%s has two public addresses", n.ID)
			}
		}
		for a, err := range elasticTable.All(tx, c.Scope()) {
			if err != nil {
				return err
			}
			if b := bound[a.Allocation]; b.Association != a.Association || b.PrivateIP != a.PrivateIP || instanceOf[a.Allocation] != a.Instance {
				r.Fatalf("the address says %+v, its interface %+v at %q", a, b, instanceOf[a.Allocation])
			}
		}
		slices.Sort(private)
		if len(slices.Compact(slices.Clone(private))) != len(private) {
			r.Fatalf("an address is given twice: %v", private)
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
}

// TestNamesWantHostnames: an address has a public name only in a VPC that gives
// names.
func TestNamesWantHostnames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.network("10.0.0.0/16", "10.0.1.0/24")
	plug := *w.interfaceIn(n.subnet).NetworkInterfaceId
	address, _ := w.elastic()
	must[ec2.AssociateAddressOutput](w, "AssociateAddress", &ec2.AssociateAddressInput{AllocationId: &address, NetworkInterfaceId: &plug})
	if got := *w.interfaceNamed(plug).Association.PublicDnsName; got != "" {
		t.Errorf("without DNS hostnames it is called %s", got)
	}
	must[ec2.ModifyVpcAttributeOutput](w, "ModifyVpcAttribute", &ec2.ModifyVpcAttributeInput{VpcId: &n.vpc, EnableDnsHostnames: boolAttribute(true)})
	if got := *w.interfaceNamed(plug).Association.PublicDnsName; got == "" {
		t.Error("with DNS hostnames it has no name")
	}
	if got := *w.describe(w.running()).PublicDnsName; got == "" {
		t.Error("in the default VPC an instance has no name")
	}
}
