package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestAnswersOfCreation: what has just been begun is not shown as done.
func TestAnswersOfCreation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made, err := w.run("RunInstances", w.request())
	if err != nil {
		t.Fatal(err)
	}
	i := made.(*ec2.RunInstancesOutput).Instances[0]
	if i.BlockDeviceMappings == nil || len(i.BlockDeviceMappings) != 0 {
		t.Errorf("RunInstances answers with the volumes %v, want the empty set", i.BlockDeviceMappings)
	}
	if got := w.describe(*i.InstanceId).BlockDeviceMappings; len(got) != 1 {
		t.Errorf("DescribeInstances shows %d volumes, want one", len(got))
	}

	made, err = w.run("CreateVolume", &ec2.CreateVolumeInput{AvailabilityZone: aws.String(testZone), Size: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	v := made.(*ec2.CreateVolumeOutput)
	if v.Tags == nil {
		t.Error("CreateVolume leaves out the empty set of tags")
	}
	w.wait(time.Minute)
	if got := w.describeVolume(*v.VolumeId); got.Tags != nil {
		t.Errorf("DescribeVolumes shows the tags %v, want no set", got.Tags)
	}

	made, err = w.run("CreateSnapshot", &ec2.CreateSnapshotInput{VolumeId: v.VolumeId})
	if err != nil {
		t.Fatal(err)
	}
	s := made.(*ec2.CreateSnapshotOutput)
	if s.State != types.SnapshotStatePending || aws.ToString(s.Progress) != "" || s.Progress == nil || s.Tags == nil {
		t.Errorf("CreateSnapshot answers %s, progress %v, tags %v", s.State, s.Progress, s.Tags)
	}
	if got := w.describeSnapshot(*s.SnapshotId); *got.Progress != "0%" {
		t.Errorf("DescribeSnapshots shows the progress %q of a new snapshot, want 0%%", *got.Progress)
	}
}

// TestAttachTimeIsInSeconds, though the clock is finer.
func TestAttachTimeIsInSeconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = w.now.Add(123 * time.Millisecond)
	i := w.describe(w.running())
	at := *i.BlockDeviceMappings[0].Ebs.AttachTime
	if at.Nanosecond() != 0 {
		t.Errorf("DescribeInstances shows the attach time %s", at)
	}
	if got := *w.describeVolume(*i.BlockDeviceMappings[0].Ebs.VolumeId).Attachments[0].AttachTime; !got.Equal(at) {
		t.Errorf("DescribeVolumes shows the attach time %s, DescribeInstances %s", got, at)
	}
	for _, filter := range []string{"block-device-mapping.attach-time"} {
		out, err := w.run("DescribeInstances", &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: &filter, Values: []string{at.Format("2006-01-02T15:04:05.000Z")}}}})
		if err != nil || len(out.(*ec2.DescribeInstancesOutput).Reservations) != 1 {
			t.Errorf("the filter %s does not find the time that is shown: %v", filter, err)
		}
	}
}

// TestNetworkShowsEmptySets: of tags and of propagating gateways.
func TestNetworkShowsEmptySets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.running()
	tables, err := w.run("DescribeRouteTables", &ec2.DescribeRouteTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if r := tables.(*ec2.DescribeRouteTablesOutput).RouteTables[0]; r.Tags == nil || r.PropagatingVgws == nil {
		t.Errorf("the route table has the tags %v and the gateways %v, want empty sets", r.Tags, r.PropagatingVgws)
	}
	gateways, err := w.run("DescribeInternetGateways", &ec2.DescribeInternetGatewaysInput{})
	if err != nil {
		t.Fatal(err)
	}
	if g := gateways.(*ec2.DescribeInternetGatewaysOutput).InternetGateways[0]; g.Tags == nil {
		t.Error("the internet gateway leaves out its set of tags")
	}
	interfaces, err := w.run("DescribeNetworkInterfaces", &ec2.DescribeNetworkInterfacesInput{})
	if err != nil {
		t.Fatal(err)
	}
	if n := interfaces.(*ec2.DescribeNetworkInterfacesOutput).NetworkInterfaces[0]; n.TagSet == nil {
		t.Error("the network interface leaves out its set of tags")
	}
}
