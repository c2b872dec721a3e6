package ec2

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
)

// imageWithInstanceStore is an x86_64 image that maps /dev/sdb to a disk of the
// instance's own.
func imageWithInstanceStore(t testing.TB) image {
	t.Helper()
	var found image
	for _, im := range catalogueOf(testRegion).images {
		mapped := slices.ContainsFunc(im.Mappings, func(m imageMapping) bool { return m.Device == "/dev/sdb" && m.Virtual != "" })
		if mapped && im.Architecture == "x86_64" && (found.ID == "" || im.ID < found.ID) {
			found = im
		}
	}
	if found.ID == "" {
		t.Fatal("the catalogue has no such image")
	}
	return found
}

func TestRunRefusesBadRequests(t *testing.T) {
	t.Parallel()
	device := func(name string, ebs *types.EbsBlockDevice) []types.BlockDeviceMapping {
		return []types.BlockDeviceMapping{{DeviceName: aws.String(name), Ebs: ebs}}
	}
	for _, row := range []struct {
		name          string
		change        func(*ec2.RunInstancesInput)
		code, message string
	}{
		{"no image", func(in *ec2.RunInstancesInput) { in.ImageId = nil }, "MissingParameter", "The request must contain the parameter ImageId"},
		{"malformed image", func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-x") }, "InvalidAMIID.Malformed", `Invalid id: "ami-x"`},
		{"unknown image", func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-0123456789abcdef0") }, "InvalidAMIID.NotFound", "The image id '[ami-0123456789abcdef0]' does not exist"},
		{"unknown type", func(in *ec2.RunInstancesInput) { in.InstanceType = "t9.huge" }, "InvalidParameterValue", "Invalid value 't9.huge' for InstanceType."},
		{"type not in the table", func(in *ec2.RunInstancesInput) { in.InstanceType = types.InstanceTypeP548xlarge }, "Unsupported", "not supported"},
		{"type of another architecture", func(in *ec2.RunInstancesInput) { in.InstanceType = types.InstanceTypeT4gMicro }, "InvalidParameterValue", "The architecture 'arm64' of the specified instance type does not match the architecture 'x86_64' of the specified AMI."},
		{"none at all", func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(0) }, "InvalidParameterValue", "MinCount"},
		{"less than the least", func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(2) }, "InvalidParameterCombination", "MaxCount"},
		{"more than the limit", func(in *ec2.RunInstancesInput) { in.MinCount, in.MaxCount = aws.Int32(1001), aws.Int32(1001) }, "InstanceLimitExceeded", "1001"},
		{"unknown key pair", func(in *ec2.RunInstancesInput) { in.KeyName = aws.String("nobody") }, "InvalidKeyPair.NotFound", "The key pair 'nobody' does not exist"},
		{"unknown subnet", func(in *ec2.RunInstancesInput) { in.SubnetId = aws.String("subnet-0123456789abcdef0") }, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-0123456789abcdef0' does not exist"},
		{"unknown zone", func(in *ec2.RunInstancesInput) {
			in.Placement = &types.Placement{AvailabilityZone: aws.String("us-east-1z")}
		}, "InvalidParameterValue", "Invalid availability zone: [us-east-1z]"},
		{"unknown group", func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{"sg-0123456789abcdef0"} }, "InvalidGroup.NotFound", "The security group 'sg-0123456789abcdef0' does not exist"},
		{"unknown group name", func(in *ec2.RunInstancesInput) { in.SecurityGroups = []string{"web"} }, "InvalidGroup.NotFound", "The security group 'web' does not exist in default VPC"},
		{"user data that is no base64", func(in *ec2.RunInstancesInput) { in.UserData = aws.String("#!") }, "InvalidParameterValue", "Invalid BASE64 encoding of user data."},
		{
			"too much user data", func(in *ec2.RunInstancesInput) {
				in.UserData = aws.String(base64.StdEncoding.EncodeToString(make([]byte, maxUserData+1)))
			}, "InvalidParameterValue", "User data is limited to 16384 bytes",
		},
		{"address outside the subnet", func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = aws.String("10.0.0.9") }, "InvalidParameterValue", "Address 10.0.0.9 does not fall within the subnet's address range"},
		{"one of AWS's own addresses", func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = aws.String("172.31.0.3") }, "InvalidParameterValue", "172.31.0.3"},
		{"the same device twice", func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = slices.Concat(device("/dev/sdf", &types.EbsBlockDevice{VolumeSize: aws.Int32(1)}), device("/dev/sdf", &types.EbsBlockDevice{VolumeSize: aws.Int32(1)}))
		}, "InvalidBlockDeviceMapping", "The device '/dev/sdf' is used in more than one block-device mapping"},
		{"a device of nothing", func(in *ec2.RunInstancesInput) { in.BlockDeviceMappings = device("/dev/sdf", &types.EbsBlockDevice{}) }, "MissingParameter", "size or snapshotId"},
		{"a root smaller than its snapshot", func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = device("/dev/xvda", &types.EbsBlockDevice{VolumeSize: aws.Int32(1)})
		}, "InvalidBlockDeviceMapping", "is smaller than snapshot"},
		{"another snapshot for the root", func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = device("/dev/xvda", &types.EbsBlockDevice{SnapshotId: aws.String("snap-0123456789abcdef0")})
		}, "InvalidBlockDeviceMapping", "snapshotId cannot be modified on root device"},
		{"a key without encryption", func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = device("/dev/xvda", &types.EbsBlockDevice{KmsKeyId: aws.String(testKeyID)})
		}, "InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set."},
		{"a snapshot for an instance store device", func(in *ec2.RunInstancesInput) {
			in.ImageId = aws.String(imageWithInstanceStore(t).ID)
			in.BlockDeviceMappings = device("/dev/sdb", &types.EbsBlockDevice{SnapshotId: aws.String("snap-0123456789abcdef0")})
		}, "InvalidBlockDeviceMapping", "snapshotId can only be modified on EBS devices"},
		{"a suppressed root", func(in *ec2.RunInstancesInput) {
			in.BlockDeviceMappings = []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/xvda"), NoDevice: aws.String("")}}
		}, "InvalidBlockDeviceMapping", "/dev/xvda"},
		{"a launch template", func(in *ec2.RunInstancesInput) {
			in.LaunchTemplate = &types.LaunchTemplateSpecification{LaunchTemplateId: aws.String("lt-0123456789abcdef0")}
		}, "InvalidLaunchTemplateId.NotFound", "lt-0123456789abcdef0"},
		{"a capacity block", func(in *ec2.RunInstancesInput) {
			in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeCapacityBlock}
		}, "UnsupportedOperation", "InstanceMarketOptions"},
		{"a word that is none", func(in *ec2.RunInstancesInput) {
			in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: "sometimes"}
		}, "InvalidParameterValue", "Value (sometimes) for parameter MetadataOptions.HttpTokens is invalid."},
		{"hibernation", func(in *ec2.RunInstancesInput) {
			in.HibernationOptions = &types.HibernationOptionsRequest{Configured: aws.Bool(true)}
		}, "UnsupportedOperation", "HibernationOptions"},
		{"tags on what is not made", func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeVpc, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}}
		}, "InvalidParameterValue", "'vpc' is not a valid taggable resource type"},
		{"subnet at both levels", func(in *ec2.RunInstancesInput) {
			in.SubnetId = aws.String("subnet-0123456789abcdef0")
			in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0)}}
		}, "InvalidParameterCombination", "Network interfaces and an instance-level subnet ID may not be specified on the same request"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			in := w.request()
			row.change(in)
			w.refused("RunInstances", in, row.code, row.message)
			if out := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{}); len(out.Volumes) != 0 {
				t.Errorf("%d volumes are left of a refused launch", len(out.Volumes))
			}
		})
	}
}

func TestRunLaysMappingsOverTheImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.running(
		types.BlockDeviceMapping{DeviceName: aws.String("/dev/xvda"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(50), VolumeType: types.VolumeTypeGp3}},
		types.BlockDeviceMapping{DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(5), DeleteOnTermination: aws.Bool(false)}},
		types.BlockDeviceMapping{DeviceName: aws.String("/dev/sdb"), VirtualName: aws.String("ephemeral0")},
	)
	type shown struct {
		Size   int32
		Type   string
		Delete bool
		From   bool
	}
	got := make(map[string]shown)
	for _, v := range w.volumesAt(id) {
		a := v.Attachments[0]
		got[a.Device] = shown{v.Size, v.Type, a.DeleteOnTermination, v.Snapshot != ""}
	}
	want := map[string]shown{"/dev/xvda": {50, "gp3", true, true}, "/dev/sdf": {5, "gp2", false, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	w.wait(time.Minute)
	left := must[ec2.DescribeVolumesOutput](w, "DescribeVolumes", &ec2.DescribeVolumesInput{}).Volumes
	if len(left) != 1 || *left[0].Size != 5 || left[0].State != types.VolumeStateAvailable {
		t.Errorf("after the end there are %+v", left)
	}
}

func TestRunAgainWithTheSameToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.request()
	in.MinCount, in.MaxCount, in.ClientToken = aws.Int32(2), aws.Int32(3), aws.String("once")
	first := must[ec2.RunInstancesOutput](w, "RunInstances", in)
	second := must[ec2.RunInstancesOutput](w, "RunInstances", in)
	ids := func(out *ec2.RunInstancesOutput) []string {
		var ids []string
		for _, i := range out.Instances {
			ids = append(ids, *i.InstanceId)
		}
		return slices.Sorted(slices.Values(ids))
	}
	if len(first.Instances) != 3 || *first.ReservationId != *second.ReservationId || !slices.Equal(ids(first), ids(second)) {
		t.Errorf("first %s %v, then %s %v", *first.ReservationId, ids(first), *second.ReservationId, ids(second))
	}
	other := *in
	other.InstanceType = types.InstanceTypeT3Small
	w.refused("RunInstances", &other, "IdempotentParameterMismatch", "")
	must[ec2.TerminateInstancesOutput](w, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: ids(first)})
	w.refused("RunInstances", in, "IdempotentInstanceTerminated", "")
}

// contextOf reads a need's condition key.
func contextOf(n api.Need, key string) string {
	values, _, _ := n.Context.Get(key)
	return strings.Join(values, ",")
}

func TestRunIsAuthorizedOnAllThatItTouches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must[ec2.CreateKeyPairOutput](w, "CreateKeyPair", &ec2.CreateKeyPairInput{KeyName: aws.String("mine"), KeyType: types.KeyTypeEd25519})
	must[ec2.DescribeVpcsOutput](w, "DescribeVpcs", &ec2.DescribeVpcsInput{})
	in := w.request(encryptedDevice("/dev/sdf"), types.BlockDeviceMapping{
		DeviceName: aws.String("/dev/sdg"), Ebs: &types.EbsBlockDevice{SnapshotId: aws.String("snap-abcdef01234567890")},
	})
	in.KeyName = aws.String("mine")
	in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}}}
	needs := w.needs("RunInstances", in)
	var got []string
	for _, n := range needs {
		if n.Account != "" {
			t.Errorf("%s is taken for account %s's: no policy of that account's is asked", n.Resource, n.Account)
		}
		_, resource, _ := strings.Cut(n.Resource, ":ec2:us-east-1:")
		resource, _, _ = strings.Cut(resource, "-0")
		if kind, _, ok := strings.Cut(resource, "/"); ok && (strings.HasSuffix(kind, "subnet") || strings.HasSuffix(kind, "security-group") || strings.HasSuffix(kind, "image")) {
			resource = kind + "/…"
		}
		got = append(got, n.Action+" "+resource)
	}
	want := []string{
		"ec2:RunInstances " + testAccount + ":instance/*",
		"ec2:RunInstances :image/…",
		"ec2:RunInstances " + testAccount + ":subnet/…",
		"ec2:RunInstances " + testAccount + ":network-interface/*",
		"ec2:RunInstances " + testAccount + ":security-group/…",
		"ec2:RunInstances " + testAccount + ":key-pair/mine",
		"ec2:RunInstances " + testAccount + ":volume/*",
		"ec2:RunInstances " + testAccount + ":volume/*",
		"ec2:RunInstances " + testAccount + ":volume/*",
		"ec2:RunInstances :snapshot/snap-abcdef01234567890",
		"ec2:CreateTags " + testAccount + ":instance/*",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("needs (-want +got):\n%s", diff)
	}
	for _, row := range []struct {
		need       int
		key, value string
	}{
		{0, "ec2:InstanceType", "t3.micro"},
		{0, "ec2:AvailabilityZone", "us-east-1a"},
		{0, "aws:RequestTag/team", "red"},
		{0, "aws:TagKeys", "team"},
		{1, "ec2:Owner", "amazon"},
		{1, "ec2:Public", "true"},
		{5, "ec2:KeyPairType", "ed25519"},
		{7, "ec2:Encrypted", "true"},
		{7, "ec2:KmsKeyId", keyARN(testKeyID)},
		{10, "ec2:CreateAction", "RunInstances"},
	} {
		if got := contextOf(needs[row.need], row.key); got != row.value {
			t.Errorf("need %d has %s=%q, want %q", row.need, row.key, got, row.value)
		}
	}
}

func TestRunEventHidesUserData(t *testing.T) {
	t.Parallel()
	in := newWorld(t).request(encryptedDevice("/dev/xvda"))
	in.UserData = aws.String(base64.StdEncoding.EncodeToString([]byte("password=hunter2")))
	m := runParameters(in)
	if m["userData"] != "<sensitiveDataRemoved>" {
		t.Errorf("the event shows the user data %v", m["userData"])
	}
	items := m["blockDeviceMapping"].(map[string]any)["items"].([]any)
	ebs := items[0].(map[string]any)["ebs"].(map[string]any)
	want := map[string]any{"volumeSize": int32(30), "encrypted": true, "kmsKeyId": keyARN(testKeyID)}
	if !maps.Equal(ebs, want) {
		t.Errorf("the event shows the mapping %v", ebs)
	}
}

func TestDescribeInstancesFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.request(encryptedDevice("/dev/sdf"))
	in.TagSpecifications = []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: aws.String("Name"), Value: aws.String("web-1")}}}}
	id := w.launch(in)
	w.wait(time.Minute)
	other := w.stopped()
	i := w.describe(id)
	for _, row := range []struct {
		name, value string
		want        []string
	}{
		{"instance-state-name", "running", []string{id}},
		{"instance-state-name", "st*", []string{other}},
		{"instance-state-code", "80", []string{other}},
		{"tag:Name", "web-?", []string{id}},
		{"tag-key", "Name", []string{id}},
		{"block-device-mapping.device-name", "/dev/sdf", []string{id}},
		{"private-ip-address", *i.PrivateIpAddress, []string{id}},
		{"ip-address", *i.PublicIpAddress, []string{id}},
		{"network-interface.network-interface-id", *i.NetworkInterfaces[0].NetworkInterfaceId, []string{id}},
		{"reservation-id", *i.ImageId, nil},
		{"image-id", *i.ImageId, []string{id, other}},
		{"state-reason-code", "Client.UserInitiatedShutdown", []string{other}},
		{"instance.group-name", "default", []string{id, other}},
		{"platform", "*", nil},
		{"spot-instance-request-id", "*", nil},
	} {
		t.Run(row.name+"="+row.value, func(t *testing.T) {
			out := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{Filters: []types.Filter{filter(row.name, row.value)}})
			var got []string
			for _, r := range out.Reservations {
				for _, i := range r.Instances {
					got = append(got, *i.InstanceId)
				}
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(row.want)), slices.Sorted(slices.Values(got))); diff != "" {
				t.Errorf("instances (-want +got):\n%s", diff)
			}
		})
	}
	w.refused("DescribeInstances", &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("colour", "red")}}, "InvalidParameterValue", "The filter 'colour' is invalid")
	w.refused("DescribeInstances", &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), InstanceIds: []string{id}}, "InvalidParameterCombination", "instancesSet")
}

func TestDescribeInstancesInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.request()
	in.MinCount, in.MaxCount = aws.Int32(12), aws.Int32(12)
	must[ec2.RunInstancesOutput](w, "RunInstances", in)
	seen := make(map[string]bool)
	var sizes []int
	var token *string
	for {
		out := must[ec2.DescribeInstancesOutput](w, "DescribeInstances", &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5), NextToken: token})
		n := 0
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				seen[*i.InstanceId] = true
				n++
			}
		}
		sizes = append(sizes, n)
		if token = out.NextToken; token == nil {
			break
		}
	}
	if len(seen) != 12 || !slices.Equal(sizes, []int{5, 5, 2}) {
		t.Errorf("pages of %v with %d instances", sizes, len(seen))
	}
}
