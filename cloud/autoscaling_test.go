package cloud_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

const (
	scalingRole = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
	// launchDenied is what the activity of a launch says whose key the group's
	// role may not use (facts: reports of users).
	launchDenied = "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state"
)

// configuration makes a launch configuration whose root volume is encrypted
// with a key; empty: not encrypted.
func (s *stage) configuration(name, key string) {
	s.Helper()
	in := &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: &name, ImageId: aws.String(s.image()), InstanceType: aws.String("t3.micro"),
	}
	if key != "" {
		// A launch configuration cannot name a key: its snapshot's, or the
		// account's default is used.
		in.BlockDeviceMappings = []astypes.BlockDeviceMapping{{
			DeviceName: aws.String("/dev/sdf"), Ebs: &astypes.Ebs{VolumeSize: aws.Int32(1), Encrypted: aws.Bool(true)},
		}}
		_, err := s.root.ec2.ModifyEbsDefaultKmsKeyId(s.Context(), &ec2.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: &key})
		s.must(err)
	}
	if _, err := s.root.scaling.CreateLaunchConfiguration(s.Context(), in); err != nil {
		s.Fatal(err)
	}
}

func groupTags(group, key, value string) []astypes.Tag {
	return []astypes.Tag{{
		ResourceId: &group, ResourceType: aws.String("auto-scaling-group"), Key: &key, Value: &value, PropagateAtLaunch: aws.Bool(true),
	}}
}

// zones are the region's first Availability Zones.
var zones = []string{region + "a", region + "b"}

// group makes a group and returns its name.
func (s *stage) group(by clients, name, configuration string, minSize, maxSize int32, more ...func(*autoscaling.CreateAutoScalingGroupInput)) {
	s.Helper()
	in := &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: &name, LaunchConfigurationName: &configuration, MinSize: &minSize, MaxSize: &maxSize, AvailabilityZones: zones,
	}
	for _, m := range more {
		m(in)
	}
	if _, err := by.scaling.CreateAutoScalingGroup(s.Context(), in); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) described(name string) astypes.AutoScalingGroup {
	s.Helper()
	out, err := s.root.scaling.DescribeAutoScalingGroups(s.Context(), &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		s.Fatal(err)
	}
	if len(out.AutoScalingGroups) != 1 {
		s.Fatalf("%d groups of name %s", len(out.AutoScalingGroups), name)
	}
	return out.AutoScalingGroups[0]
}

// activities are a group's, newest first.
func (s *stage) activities(name string) []astypes.Activity {
	s.Helper()
	out, err := s.root.scaling.DescribeScalingActivities(s.Context(), &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &name})
	if err != nil {
		s.Fatal(err)
	}
	return out.Activities
}

// until moves the cloud's time on until something holds.
func (s *stage) until(what string, holds func() bool) {
	s.Helper()
	for range 200 {
		if holds() {
			return
		}
		s.cloud.Advance(time.Second)
		time.Sleep(5 * time.Millisecond)
	}
	s.Fatalf("never: %s", what)
}

func inService(g astypes.AutoScalingGroup) int {
	n := 0
	for _, i := range g.Instances {
		if i.LifecycleState == astypes.LifecycleStateInService {
			n++
		}
	}
	return n
}

// awaitDenied waits for a launch that failed on its key.
func (s *stage) awaitDenied(name string) astypes.Activity {
	s.Helper()
	var failed astypes.Activity
	s.until("a launch of "+name+" fails", func() bool {
		for _, a := range s.activities(name) {
			if a.StatusMessage != nil {
				failed = a
				return true
			}
		}
		return false
	})
	if failed.StatusCode != astypes.ScalingActivityStatusCodeCancelled || *failed.StatusMessage != launchDenied {
		s.Errorf("the launch is %s: %s", failed.StatusCode, *failed.StatusMessage)
	}
	if d := *failed.Description; !strings.HasPrefix(d, "Launching a new EC2 instance: i-") || !strings.HasSuffix(d, ".  Status Reason: "+launchDenied) {
		s.Errorf("the description is %q", d)
	}
	return failed
}

func (s *stage) awaitInService(name string, n int) {
	s.Helper()
	s.until("instances of "+name+" are in service", func() bool { return inService(s.described(name)) == n })
}

// documented are the two statements of the guide's page "Required AWS KMS key
// policy for use with encrypted volumes", with the default one before them.
func documented(role string) string {
	return `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "` + role + `"}, "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], "Resource": "*"},
		{"Effect": "Allow", "Principal": {"AWS": "` + role + `"}, "Action": "kms:CreateGrant", "Resource": "*", "Condition": {"Bool": {"kms:GrantIsForAWSResource": true}}}
	]}`
}

// retry has a group try its launches again at once.
func (s *stage) retry(name string) {
	s.Helper()
	if _, err := s.root.scaling.ResumeProcesses(s.Context(), &autoscaling.ResumeProcessesInput{AutoScalingGroupName: &name}); err != nil {
		s.Fatal(err)
	}
}

// TestGroupWithCustomerKey: a key whose policy names only the account does not
// let Auto Scaling's role make grants, since nobody can attach a policy to it;
// with the two documented statements the group works.
func TestGroupWithCustomerKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	s.configuration("c", key)
	s.group(s.root, "g", "c", 1, 2)
	failed := s.awaitDenied("g")
	if want := "a user request created an AutoScalingGroup changing the desired capacity from 0 to 1.  At "; !strings.Contains(*failed.Cause, want) {
		t.Errorf("the cause is %q", *failed.Cause)
	}
	s.putKeyPolicy(key, documented(scalingRole))
	s.retry("g")
	s.awaitInService("g", 1)
	i := s.described("g").Instances[0]
	if got := s.instance(*i.InstanceId); got.State.Name != ec2types.InstanceStateNameRunning {
		t.Errorf("%s is %s", *i.InstanceId, got.State.Name)
	}
	for _, a := range s.activities("g") {
		if a.StatusCode == astypes.ScalingActivityStatusCodeSuccessful {
			if want := "Launching a new EC2 instance: " + *i.InstanceId; *a.Description != want {
				t.Errorf("described as %q, want %q", *a.Description, want)
			}
			return
		}
	}
	t.Error("no activity was successful")
}

// TestGroupTrail: the launch's event has the role's session, and the service as
// who invoked it.
func TestGroupTrail(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.configuration("c", "")
	s.group(s.root, "g", "c", 1, 1)
	s.awaitInService("g", 1)
	events := s.events("RunInstances")
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	var e struct {
		UserIdentity struct {
			Type, ARN, InvokedBy, PrincipalID string
			SessionContext                    struct {
				SessionIssuer struct{ ARN, UserName string }
			}
		}
		SourceIPAddress, UserAgent, EventSource string
	}
	if err := json.Unmarshal([]byte(*events[0].CloudTrailEvent), &e); err != nil {
		t.Fatal(err)
	}
	u := e.UserIdentity
	if u.Type != "AssumedRole" || u.ARN != "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling" ||
		u.InvokedBy != "autoscaling.amazonaws.com" || u.SessionContext.SessionIssuer.ARN != scalingRole || !strings.HasSuffix(u.PrincipalID, ":AutoScaling") {
		t.Errorf("the user identity is %+v", u)
	}
	if e.SourceIPAddress != "autoscaling.amazonaws.com" || e.UserAgent != "autoscaling.amazonaws.com" {
		t.Errorf("from %s with %s", e.SourceIPAddress, e.UserAgent)
	}
	// IAM's events are in the partition's first region.
	id, secret := s.cloud.RootCredentials()
	out, err := s.in("us-east-1", id, secret, "").trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: aws.String("CreateServiceLinkedRole")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if made := out.Events; len(made) != 1 || !strings.Contains(*made[0].CloudTrailEvent, `"invokedBy":"autoscaling.amazonaws.com"`) {
		t.Errorf("the role's creation left %d events", len(made))
	}
}

// TestGroupWithOwnRole: with a role of its own suffix the key's policy names
// that one; the default role's statements do not help.
func TestGroupWithOwnRole(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	out, err := s.root.iam.CreateServiceLinkedRole(t.Context(), &iam.CreateServiceLinkedRoleInput{
		AWSServiceName: aws.String("autoscaling.amazonaws.com"), CustomSuffix: aws.String("keys"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.root.iam.CreateServiceLinkedRole(t.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("autoscaling.amazonaws.com")}); err != nil {
		t.Fatal(err)
	}
	key := s.key()
	s.configuration("c", key)
	s.putKeyPolicy(key, documented(scalingRole))
	s.group(s.root, "g", "c", 1, 1, func(in *autoscaling.CreateAutoScalingGroupInput) { in.ServiceLinkedRoleARN = out.Role.Arn })
	s.awaitDenied("g")
	s.putKeyPolicy(key, documented(*out.Role.Arn))
	s.retry("g")
	s.awaitInService("g", 1)
}

// TestGroupWhoseRoleWasMadeAnew: a key's policy goes on naming the role that was
// deleted, by its unique id, and not the new one of the same name.
func TestGroupWhoseRoleWasMadeAnew(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	s.configuration("c", key)
	s.group(s.root, "first", "c", 0, 1)
	s.putKeyPolicy(key, documented(scalingRole))
	if _, err := s.root.scaling.DeleteAutoScalingGroup(t.Context(), &autoscaling.DeleteAutoScalingGroupInput{AutoScalingGroupName: aws.String("first")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.root.iam.DeleteServiceLinkedRole(t.Context(), &iam.DeleteServiceLinkedRoleInput{RoleName: aws.String("AWSServiceRoleForAutoScaling")}); err != nil {
		t.Fatal(err)
	}
	s.until("the role is gone", func() bool {
		_, err := s.root.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("AWSServiceRoleForAutoScaling")})
		return err != nil
	})
	s.group(s.root, "g", "c", 1, 1)
	s.awaitDenied("g")
	policy, err := s.root.kms.GetKeyPolicy(t.Context(), &kms.GetKeyPolicyInput{KeyId: &key})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(*policy.Policy, "AROA") {
		t.Errorf("the key policy does not show the role's id:\n%s", *policy.Policy)
	}
	s.putKeyPolicy(key, documented(scalingRole))
	s.retry("g")
	s.awaitInService("g", 1)
}

// TestWarmPoolWithCustomerKey: an instance of the warm pool is started by the
// role, too, which the key must let make a grant once more.
func TestWarmPoolWithCustomerKey(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	key := s.key()
	s.configuration("c", key)
	s.group(s.root, "g", "c", 0, 1)
	s.putKeyPolicy(key, documented(scalingRole))
	name := aws.String("g")
	_, err := s.root.scaling.PutWarmPool(t.Context(), &autoscaling.PutWarmPoolInput{AutoScalingGroupName: name})
	s.must(err)
	s.until("the pool is warm", func() bool {
		out, err := s.root.scaling.DescribeWarmPool(t.Context(), &autoscaling.DescribeWarmPoolInput{AutoScalingGroupName: name})
		s.must(err)
		return len(out.Instances) == 1 && out.Instances[0].LifecycleState == astypes.LifecycleStateWarmedStopped
	})
	s.putKeyPolicy(key, `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"}}`)
	_, err = s.root.scaling.SetDesiredCapacity(t.Context(), &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: name, DesiredCapacity: aws.Int32(1)})
	s.must(err)
	const want = "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.InternalError: Client error on launch"
	s.until("the start fails", func() bool {
		for _, a := range s.activities("g") {
			if strings.HasPrefix(*a.Description, "Launching a new EC2 instance from warm pool: i-") && aws.ToString(a.StatusMessage) == want {
				return true
			}
		}
		return false
	})
	s.putKeyPolicy(key, documented(scalingRole))
	s.retry("g")
	s.awaitInService("g", 1)
}

// TestGroupAfterRestart: a group goes on with its work when the cloud is opened
// again.
func TestGroupAfterRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	first.configuration("c", "")
	first.group(first.root, "g", "c", 2, 2)
	first.close()

	second := open(t, dir)
	second.awaitInService("g", 2)
	second.close()
}

// TestSpotGroup: a launch configuration with a price launches Spot Instances.
func TestSpotGroup(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	_, err := s.root.scaling.CreateLaunchConfiguration(t.Context(), &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("c"), ImageId: aws.String(s.image()), InstanceType: aws.String("t3.micro"), SpotPrice: aws.String("0.50"),
	})
	s.must(err)
	s.group(s.root, "g", "c", 1, 1)
	s.awaitInService("g", 1)
	if i := s.instance(*s.described("g").Instances[0].InstanceId); i.InstanceLifecycle != ec2types.InstanceLifecycleTypeSpot {
		t.Errorf("the instance's lifecycle is %q", i.InstanceLifecycle)
	}
}
