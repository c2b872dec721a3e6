package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// AWS's own answer for this filter, in us-east-1.
func TestZoneIsShownAsByAWS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := []types.AvailabilityZone{{
		GroupLongName: aws.String("US East (N. Virginia) 1"), GroupName: aws.String("us-east-1-zg-1"), Messages: []types.AvailabilityZoneMessage{},
		NetworkBorderGroup: aws.String("us-east-1"), OptInStatus: "opt-in-not-required", RegionName: aws.String("us-east-1"),
		State: "available", ZoneId: aws.String("use1-az6"), ZoneName: aws.String("us-east-1a"), ZoneType: aws.String("availability-zone"),
	}}
	for _, in := range []*ec2.DescribeAvailabilityZonesInput{
		{ZoneNames: []string{"us-east-1a"}}, {ZoneIds: []string{"use1-az6"}}, {Filters: []types.Filter{filter("zone-name", "us-east-1a")}},
	} {
		got := must[ec2.DescribeAvailabilityZonesOutput](w, "DescribeAvailabilityZones", in).AvailabilityZones
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(types.AvailabilityZone{})); diff != "" {
			t.Errorf("zones (-want +got):\n%s", diff)
		}
	}
	w.refused("DescribeAvailabilityZones", &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"eu-west-1a"}}, "InvalidParameterValue", "Invalid availability zone: [eu-west-1a]")
}

func TestEveryRegionHasZones(t *testing.T) {
	t.Parallel()
	ids := make(map[string]bool)
	for _, r := range regions {
		zones := zonesOf(r.Name)
		if len(zones) < 2 {
			t.Errorf("%s has %d zones", r.Name, len(zones))
		}
		for _, z := range zones {
			if ids[z.ID] {
				t.Errorf("zone id %s is given twice", z.ID)
			}
			ids[z.ID] = true
		}
	}
	w := newWorld(t)
	for _, r := range must[ec2.DescribeRegionsOutput](w, "DescribeRegions", &ec2.DescribeRegionsInput{}).Regions {
		if found, _ := regionNamed(*r.RegionName); found.Partition != "aws" || *r.Endpoint != "ec2."+found.Name+".amazonaws.com" {
			t.Errorf("the partition aws has %s at %s", *r.RegionName, *r.Endpoint)
		}
	}
}

// Figures of the EC2 Instance Types guide.
func TestInstanceTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []struct {
		name         types.InstanceType
		vcpus, mib   int64
		architecture string
		cores        int32
	}{
		{types.InstanceTypeT2Micro, 1, 1024, "x86_64", 1},
		{types.InstanceTypeT3Micro, 2, 1024, "x86_64", 1},
		{types.InstanceTypeT4gSmall, 2, 2048, "arm64", 2},
		{types.InstanceTypeM5Large, 2, 8192, "x86_64", 1},
		{types.InstanceTypeM524xlarge, 96, 393216, "x86_64", 48},
		{types.InstanceTypeC518xlarge, 72, 147456, "x86_64", 36},
		{types.InstanceTypeC4Large, 2, 3840, "x86_64", 1},
		{types.InstanceTypeR6gXlarge, 4, 32768, "arm64", 4},
		{types.InstanceTypeM7gMedium, 1, 4096, "arm64", 1},
		{types.InstanceTypeM7aLarge, 2, 8192, "x86_64", 2},
		{types.InstanceTypeC8g48xlarge, 192, 393216, "arm64", 192},
	} {
		got := must[ec2.DescribeInstanceTypesOutput](w, "DescribeInstanceTypes", &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{row.name}}).InstanceTypes[0]
		if int64(*got.VCpuInfo.DefaultVCpus) != row.vcpus || *got.MemoryInfo.SizeInMiB != row.mib ||
			string(got.ProcessorInfo.SupportedArchitectures[0]) != row.architecture || *got.VCpuInfo.DefaultCores != row.cores {
			t.Errorf("%s has %d vCPUs in %d cores, %d MiB, %v", row.name, *got.VCpuInfo.DefaultVCpus, *got.VCpuInfo.DefaultCores, *got.MemoryInfo.SizeInMiB, got.ProcessorInfo.SupportedArchitectures)
		}
	}
	known := make(map[types.InstanceType]bool)
	for _, v := range types.InstanceType("").Values() {
		known[v] = true
	}
	for name := range instanceTypes() {
		if !known[types.InstanceType(name)] {
			t.Errorf("AWS has no type %s", name)
		}
	}
	w.refused("DescribeInstanceTypes", &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"t9.huge"}}, "InvalidInstanceType", "The following supplied instance types do not exist: [t9.huge]")
}

func TestInstanceTypeOfferings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out := must[ec2.DescribeInstanceTypeOfferingsOutput](w, "DescribeInstanceTypeOfferings", &ec2.DescribeInstanceTypeOfferingsInput{
		LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", "t3.micro")},
	})
	if len(out.InstanceTypeOfferings) != 6 {
		t.Errorf("t3.micro is in %d zones of us-east-1", len(out.InstanceTypeOfferings))
	}
}

func TestInstanceAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running()
	modify := func(in ec2.ModifyInstanceAttributeInput) *ec2.ModifyInstanceAttributeInput {
		in.InstanceId = aws.String(id)
		return &in
	}
	must[ec2.ModifyInstanceAttributeOutput](w, "ModifyInstanceAttribute", modify(ec2.ModifyInstanceAttributeInput{DisableApiTermination: boolAttribute(true)}))
	w.refused("TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}}, "OperationNotPermitted", "disableApiTermination")
	must[ec2.ModifyInstanceAttributeOutput](w, "ModifyInstanceAttribute", modify(ec2.ModifyInstanceAttributeInput{
		Attribute: types.InstanceAttributeNameDisableApiTermination, Value: aws.String("false"),
	}))
	bigger := modify(ec2.ModifyInstanceAttributeInput{InstanceType: textAttribute("t3.large")})
	w.refused("ModifyInstanceAttribute", bigger, "IncorrectInstanceState", "The instance '"+id+"' is not in the 'stopped' state.")
	w.refused("ModifyInstanceAttribute", modify(ec2.ModifyInstanceAttributeInput{EbsOptimized: boolAttribute(true), InstanceType: textAttribute("t3.large")}),
		"InvalidParameterCombination", "Fields for multiple attribute types specified: EbsOptimized, InstanceType")
	w.refused("ModifyInstanceAttribute", modify(ec2.ModifyInstanceAttributeInput{Kernel: textAttribute("aki-1")}), "UnsupportedOperation", "Kernel")
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
	w.wait(shutdownTime)
	w.refused("ModifyInstanceAttribute", modify(ec2.ModifyInstanceAttributeInput{InstanceType: textAttribute("t4g.large")}), "InvalidParameterValue", "architecture 'arm64'")
	must[ec2.ModifyInstanceAttributeOutput](w, "ModifyInstanceAttribute", bigger)
	must[ec2.ModifyInstanceAttributeOutput](w, "ModifyInstanceAttribute", modify(ec2.ModifyInstanceAttributeInput{UserData: &types.SecureBlobAttributeValue{Value: []byte("#!/bin/sh")}}))
	got := must[ec2.DescribeInstanceAttributeOutput](w, "DescribeInstanceAttribute", &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(id), Attribute: types.InstanceAttributeNameUserData})
	if *got.UserData.Value != "IyEvYmluL3No" {
		t.Errorf("the user data is %q", *got.UserData.Value)
	}
	if i := w.describe(id); i.InstanceType != types.InstanceTypeT3Large || *i.CpuOptions.CoreCount != 1 {
		t.Errorf("the type is %s with %d cores", i.InstanceType, *i.CpuOptions.CoreCount)
	}
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
}

func TestInstanceStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	running, stopped := w.running(), w.stopped()
	one := must[ec2.DescribeInstanceStatusOutput](w, "DescribeInstanceStatus", &ec2.DescribeInstanceStatusInput{}).InstanceStatuses
	if len(one) != 1 || *one[0].InstanceId != running || one[0].InstanceStatus.Status != types.SummaryStatusOk || one[0].SystemStatus.Details[0].Status != types.StatusTypePassed {
		t.Errorf("without more, the status is %+v", one)
	}
	both := must[ec2.DescribeInstanceStatusOutput](w, "DescribeInstanceStatus", &ec2.DescribeInstanceStatusInput{IncludeAllInstances: aws.Bool(true), InstanceIds: []string{running, stopped}}).InstanceStatuses
	if len(both) != 2 {
		t.Fatalf("%d statuses, want 2", len(both))
	}
	for _, d := range both {
		if *d.InstanceId == stopped && d.InstanceStatus.Status != types.SummaryStatusNotApplicable {
			t.Errorf("the stopped instance's status is %s", d.InstanceStatus.Status)
		}
	}
}
