package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func TestMetadataOptionsAreModified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running()
	out := must[ec2.ModifyInstanceMetadataOptionsOutput](w, "ModifyInstanceMetadataOptions", &ec2.ModifyInstanceMetadataOptionsInput{
		InstanceId: &id, HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(3),
	})
	if o := out.InstanceMetadataOptions; o.State != types.InstanceMetadataOptionsStatePending || o.HttpTokens != "required" || o.HttpEndpoint != "enabled" {
		t.Errorf("the answer has %+v", o)
	}
	w.wait(time.Minute)
	if o := w.describe(id).MetadataOptions; o.State != types.InstanceMetadataOptionsStateApplied || *o.HttpPutResponseHopLimit != 3 {
		t.Errorf("the instance has %+v", o)
	}
	w.refused("ModifyInstanceMetadataOptions", &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id}, "InvalidParameterCombination", "No attributes specified.")
	w.refused("ModifyInstanceMetadataOptions", &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: &id, HttpPutResponseHopLimit: aws.Int32(65)}, "InvalidParameterValue", "must be between 1 and 64")
}

// TestMetadataDefaults: an account's defaults hold for what a launch leaves out,
// before the image's (EC2 guide, "Order of precedence for instance metadata options").
func TestMetadataDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := &ec2.ModifyInstanceMetadataDefaultsInput{HttpTokens: types.MetadataDefaultHttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(4), InstanceMetadataTags: types.DefaultInstanceMetadataTagsStateEnabled}
	must[ec2.ModifyInstanceMetadataDefaultsOutput](w, "ModifyInstanceMetadataDefaults", in)
	launch := w.request()
	launch.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpPutResponseHopLimit: aws.Int32(2)}
	if o := w.describe(w.launch(launch)).MetadataOptions; o.HttpTokens != "required" || *o.HttpPutResponseHopLimit != 2 || o.InstanceMetadataTags != "enabled" {
		t.Errorf("the launch took %+v", o)
	}
	if l := must[ec2.GetInstanceMetadataDefaultsOutput](w, "GetInstanceMetadataDefaults", &ec2.GetInstanceMetadataDefaultsInput{}).AccountLevel; l.HttpTokens != "required" || *l.HttpPutResponseHopLimit != 4 || l.HttpEndpoint != "" {
		t.Errorf("the defaults are %+v", l)
	}
	must[ec2.ModifyInstanceMetadataDefaultsOutput](w, "ModifyInstanceMetadataDefaults", &ec2.ModifyInstanceMetadataDefaultsInput{HttpTokens: "no-preference", HttpPutResponseHopLimit: aws.Int32(-1), HttpTokensEnforced: "enabled"})
	if l := must[ec2.GetInstanceMetadataDefaultsOutput](w, "GetInstanceMetadataDefaults", &ec2.GetInstanceMetadataDefaultsInput{}).AccountLevel; l.HttpTokens != "" || l.HttpPutResponseHopLimit != nil {
		t.Errorf("after no preference the defaults are %+v", l)
	}
	launch.MetadataOptions.HttpTokens = types.HttpTokensStateOptional
	w.refused("RunInstances", launch, "UnsupportedOperation", "IMDSv2 is enforced")
}

func TestInstanceProfileIsExchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	profile := func(name string) api.InstanceProfile {
		return api.InstanceProfile{ARN: "arn:aws:iam::123456789012:instance-profile/" + name, ID: "AIPA" + name, RoleARN: "arn:aws:iam::123456789012:role/" + name}
	}
	w.service.WithProfiles(fakeProfiles{"web": profile("web"), "db": profile("db")})
	id := w.running()
	named := func(name string) *types.IamInstanceProfileSpecification {
		return &types.IamInstanceProfileSpecification{Name: aws.String(name)}
	}
	first := must[ec2.AssociateIamInstanceProfileOutput](w, "AssociateIamInstanceProfile", &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: named("web")}).IamInstanceProfileAssociation
	if first.State != types.IamInstanceProfileAssociationStateAssociating {
		t.Errorf("the association is %s", first.State)
	}
	w.refused("AssociateIamInstanceProfile", &ec2.AssociateIamInstanceProfileInput{InstanceId: &id, IamInstanceProfile: named("db")},
		"IncorrectState", "There is an existing association for instance "+id)
	w.wait(time.Minute)
	if got := w.describe(id).IamInstanceProfile; got == nil || *got.Arn != profile("web").ARN {
		t.Errorf("the instance shows %+v", got)
	}
	replace := &ec2.ReplaceIamInstanceProfileAssociationInput{AssociationId: first.AssociationId, IamInstanceProfile: named("db")}
	passed := false
	for _, n := range w.needs("ReplaceIamInstanceProfileAssociation", replace) {
		passed = passed || n.Action == "iam:PassRole" && n.Resource == profile("db").RoleARN
	}
	if !passed {
		t.Error("no need to pass the new role")
	}
	second := must[ec2.ReplaceIamInstanceProfileAssociationOutput](w, "ReplaceIamInstanceProfileAssociation", replace).IamInstanceProfileAssociation
	if *second.AssociationId == *first.AssociationId {
		t.Error("the association keeps its id")
	}
	w.wait(time.Minute)
	all := must[ec2.DescribeIamInstanceProfileAssociationsOutput](w, "DescribeIamInstanceProfileAssociations", &ec2.DescribeIamInstanceProfileAssociationsInput{
		Filters: []types.Filter{filter("instance-id", id), filter("state", "associated")},
	}).IamInstanceProfileAssociations
	if len(all) != 1 || *all[0].AssociationId != *second.AssociationId {
		t.Errorf("associations %+v", all)
	}
	w.refused("ReplaceIamInstanceProfileAssociation", replace, "InvalidAssociationID.NotFound", "An invalid association-id of '"+*first.AssociationId+"' was given")
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	replace.AssociationId = second.AssociationId
	w.refused("ReplaceIamInstanceProfileAssociation", replace, "IncorrectState", "The association "+*second.AssociationId+" is not the active association")
	must[ec2.DisassociateIamInstanceProfileOutput](w, "DisassociateIamInstanceProfile", &ec2.DisassociateIamInstanceProfileInput{AssociationId: second.AssociationId})
	if got := w.describe(id).IamInstanceProfile; got != nil {
		t.Errorf("the instance still shows %+v", got)
	}
}

func TestInstanceSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running()
	if m := must[ec2.MonitorInstancesOutput](w, "MonitorInstances", &ec2.MonitorInstancesInput{InstanceIds: []string{id}}).InstanceMonitorings[0]; m.Monitoring.State != "pending" {
		t.Errorf("monitoring is %s", m.Monitoring.State)
	}
	if got := w.describe(id).Monitoring.State; got != "enabled" {
		t.Errorf("monitoring is %s", got)
	}
	if m := must[ec2.UnmonitorInstancesOutput](w, "UnmonitorInstances", &ec2.UnmonitorInstancesInput{InstanceIds: []string{id}}).InstanceMonitorings[0]; m.Monitoring.State != "disabling" {
		t.Errorf("monitoring is %s", m.Monitoring.State)
	}
	must[ec2.ModifyInstanceMaintenanceOptionsOutput](w, "ModifyInstanceMaintenanceOptions", &ec2.ModifyInstanceMaintenanceOptionsInput{InstanceId: &id, AutoRecovery: "disabled"})
	if got := w.describe(id).MaintenanceOptions; got.AutoRecovery != "disabled" || got.RebootMigration != "default" {
		t.Errorf("maintenance %+v", got)
	}
	must[ec2.ModifyInstanceAttributeOutput](w, "ModifyInstanceAttribute", &ec2.ModifyInstanceAttributeInput{InstanceId: &id, SourceDestCheck: &types.AttributeBooleanValue{Value: aws.Bool(false)}})
	must[ec2.ResetInstanceAttributeOutput](w, "ResetInstanceAttribute", &ec2.ResetInstanceAttributeInput{InstanceId: &id, Attribute: types.InstanceAttributeNameSourceDestCheck})
	if !*w.describe(id).SourceDestCheck {
		t.Error("the check was not reset")
	}
	w.refused("ResetInstanceAttribute", &ec2.ResetInstanceAttributeInput{InstanceId: &id, Attribute: types.InstanceAttributeNameInstanceType}, "InvalidParameterValue", "instanceType")
	w.refused("ModifyInstanceCpuOptions", &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, CoreCount: aws.Int32(1), ThreadsPerCore: aws.Int32(1)}, "IncorrectInstanceState", "is not in the 'stopped' state")
	w.refused("ModifyPrivateDnsNameOptions", &ec2.ModifyPrivateDnsNameOptionsInput{InstanceId: &id, PrivateDnsHostnameType: types.HostnameTypeResourceName}, "IncorrectInstanceState", "is not in the 'stopped' state")
	must[ec2.SendDiagnosticInterruptOutput](w, "SendDiagnosticInterrupt", &ec2.SendDiagnosticInterruptInput{InstanceId: &id})
	must[ec2.StopInstancesOutput](w, "StopInstances", &ec2.StopInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	w.refused("SendDiagnosticInterrupt", &ec2.SendDiagnosticInterruptInput{InstanceId: &id}, "IncorrectInstanceState", "is not in the 'running' state")
	must[ec2.ModifyInstanceCpuOptionsOutput](w, "ModifyInstanceCpuOptions", &ec2.ModifyInstanceCpuOptionsInput{InstanceId: &id, CoreCount: aws.Int32(1), ThreadsPerCore: aws.Int32(1)})
	must[ec2.ModifyPrivateDnsNameOptionsOutput](w, "ModifyPrivateDnsNameOptions", &ec2.ModifyPrivateDnsNameOptionsInput{InstanceId: &id, PrivateDnsHostnameType: types.HostnameTypeResourceName})
	if i := w.describe(id); *i.CpuOptions.ThreadsPerCore != 1 || *i.PrivateDnsName != id+".ec2.internal" {
		t.Errorf("%+v, name %s", i.CpuOptions, *i.PrivateDnsName)
	}
	if got := must[ec2.GetPasswordDataOutput](w, "GetPasswordData", &ec2.GetPasswordDataInput{InstanceId: &id}); *got.PasswordData != "" {
		t.Error("a machine that runs nothing has a password")
	}
}

func TestCredits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	launch := w.request()
	launch.InstanceType = types.InstanceTypeT3Micro
	id := w.launch(launch)
	launch.InstanceType = types.InstanceTypeM5Large
	steady := w.launch(launch)
	w.wait(time.Minute)
	credits := func() string {
		return *must[ec2.DescribeInstanceCreditSpecificationsOutput](w, "DescribeInstanceCreditSpecifications", &ec2.DescribeInstanceCreditSpecificationsInput{InstanceIds: []string{id}}).InstanceCreditSpecifications[0].CpuCredits
	}
	if got := credits(); got != "unlimited" {
		t.Errorf("a T3 is %s", got)
	}
	must[ec2.ModifyDefaultCreditSpecificationOutput](w, "ModifyDefaultCreditSpecification", &ec2.ModifyDefaultCreditSpecificationInput{InstanceFamily: "t3", CpuCredits: aws.String("standard")})
	if got := credits(); got != "unlimited" {
		t.Errorf("the default changed a running instance to %s", got)
	}
	out := must[ec2.ModifyInstanceCreditSpecificationOutput](w, "ModifyInstanceCreditSpecification", &ec2.ModifyInstanceCreditSpecificationInput{InstanceCreditSpecifications: []types.InstanceCreditSpecificationRequest{
		{InstanceId: &id, CpuCredits: aws.String("standard")}, {InstanceId: &steady, CpuCredits: aws.String("standard")},
	}})
	if len(out.SuccessfulInstanceCreditSpecifications) != 1 || len(out.UnsuccessfulInstanceCreditSpecifications) != 1 ||
		out.UnsuccessfulInstanceCreditSpecifications[0].Error.Code != types.UnsuccessfulInstanceCreditSpecificationErrorCodeInstanceCreditSpecificationNotSupported {
		t.Errorf("%+v", out)
	}
	if got := credits(); got != "standard" {
		t.Errorf("the instance is %s", got)
	}
	if got := *must[ec2.GetDefaultCreditSpecificationOutput](w, "GetDefaultCreditSpecification", &ec2.GetDefaultCreditSpecificationInput{InstanceFamily: "t2"}).InstanceFamilyCreditSpecification.CpuCredits; got != "standard" {
		t.Errorf("T2's default is %s", got)
	}
	w.refused("DescribeInstanceCreditSpecifications", &ec2.DescribeInstanceCreditSpecificationsInput{InstanceIds: []string{steady}}, "InstanceCreditSpecification.NotSupported", "m5.large")
}

// TestTemplateDataLaunches: what is read off an instance launches another like it.
func TestTemplateDataLaunches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	launch := w.request()
	launch.UserData, launch.DisableApiStop = aws.String("aGVsbG8="), aws.Bool(true)
	id := w.launch(launch)
	w.wait(time.Minute)
	data := must[ec2.GetLaunchTemplateDataOutput](w, "GetLaunchTemplateData", &ec2.GetLaunchTemplateDataInput{InstanceId: &id}).LaunchTemplateData
	var request types.RequestLaunchTemplateData
	if err := sameMembers(data, &request); err != nil {
		t.Fatal(err)
	}
	request.NetworkInterfaces[0].PrivateIpAddresses = nil // it is the instance's own
	template := w.template("like-it", request)
	again := w.launch(&ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1), LaunchTemplate: &types.LaunchTemplateSpecification{LaunchTemplateId: &template}})
	a, b := w.describe(id), w.describe(again)
	if a.InstanceType != b.InstanceType || *a.ImageId != *b.ImageId || *a.SubnetId != *b.SubnetId {
		t.Errorf("%+v is not like %+v", b, a)
	}
}
