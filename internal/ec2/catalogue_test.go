package ec2

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The searches that people copy from one another.
func TestDescribeImagesFindsTheUsualImages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []struct {
		name    string
		owners  []string
		filters []types.Filter
		newest  string
		root    string
	}{
		{
			"Amazon Linux 2023",
			[]string{"amazon"},
			[]types.Filter{filter("name", "al2023-ami-2023.*-kernel-6.1-x86_64"), filter("state", "available")},
			"al2023-ami-2023.9.20250929.0-kernel-6.1-x86_64", "/dev/xvda",
		},
		{
			"Amazon Linux 2 for arm64",
			[]string{"137112412989"},
			[]types.Filter{filter("name", "amzn2-ami-hvm-*-gp2"), filter("architecture", "arm64"), filter("virtualization-type", "hvm")},
			"amzn2-ami-hvm-2.0.20250929.2-arm64-gp2", "/dev/xvda",
		},
		{
			"Ubuntu 22.04",
			[]string{"099720109477"},
			[]types.Filter{filter("name", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"), filter("root-device-type", "ebs")},
			"ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20250912", "/dev/sda1",
		},
		{
			"Ubuntu 24.04",
			[]string{"099720109477"},
			[]types.Filter{filter("name", "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-arm64-server-*")},
			"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-20250912", "/dev/sda1",
		},
		{
			"Debian 12",
			[]string{"136693071363"},
			[]types.Filter{filter("name", "debian-12-amd64-*")},
			"debian-12-amd64-20250814-2204", "/dev/xvda",
		},
		{
			"Windows Server 2022",
			[]string{"amazon"},
			[]types.Filter{filter("name", "Windows_Server-2022-English-Full-Base-*"), filter("platform", "windows")},
			"Windows_Server-2022-English-Full-Base-2025.09.10", "/dev/sda1",
		},
		{
			"RHEL 9",
			[]string{"309956199498"},
			[]types.Filter{filter("name", "RHEL-9*_HVM-*-x86_64-*-Hourly2-GP3"), filter("is-public", "true")},
			"RHEL-9.6.0_HVM-20250618-x86_64-0-Hourly2-GP3", "/dev/sda1",
		},
		{"SUSE", []string{"013907871322"}, []types.Filter{filter("name", "suse-sles-15-sp6-v*-hvm-ssd-x86_64")}, "suse-sles-15-sp6-v20250819-hvm-ssd-x86_64", "/dev/sda1"},
		{"Rocky", []string{"792107900819"}, []types.Filter{filter("name", "Rocky-9-EC2-Base-9.*.x86_64")}, "Rocky-9-EC2-Base-9.6-20250531.0.x86_64", "/dev/sda1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := must[ec2.DescribeImagesOutput](w, "DescribeImages", &ec2.DescribeImagesInput{Owners: row.owners, Filters: row.filters})
			if len(out.Images) == 0 {
				t.Fatal("no image found")
			}
			newest := slices.MaxFunc(out.Images, func(a, b types.Image) int { return cmp.Compare(*a.CreationDate, *b.CreationDate) })
			if *newest.Name != row.newest || *newest.RootDeviceName != row.root {
				t.Errorf("newest is %s with root %s, want %s with root %s", *newest.Name, *newest.RootDeviceName, row.newest, row.root)
			}
			ebs := newest.BlockDeviceMappings[0].Ebs
			if *newest.BlockDeviceMappings[0].DeviceName != row.root || aws.ToBool(ebs.Encrypted) || !strings.HasPrefix(aws.ToString(ebs.SnapshotId), "snap-") {
				t.Errorf("root mapping %+v", newest.BlockDeviceMappings[0])
			}
		})
	}
}

func TestCatalogueIsTheSameEverywhereAndDifferentPerRegion(t *testing.T) {
	t.Parallel()
	count := 0
	for _, f := range imageFamilies {
		count += len(f.Versions) * len(f.Architectures)
	}
	here, there := catalogueOf("us-east-1"), catalogueOf("eu-west-1")
	if len(here.images) != count || len(here.snapshots) != count {
		t.Errorf("%d images and %d snapshots out of %d: ids collide", len(here.images), len(here.snapshots), count)
	}
	for id, im := range here.images {
		if err := imageIdentifier.check(id); err != nil {
			t.Error(err)
		}
		if _, ok := there.images[id]; ok {
			t.Errorf("%s has the id %s in two regions", im.Name, id)
		}
		root, ok := im.root()
		if _, there := here.snapshots[root.Snapshot]; !ok || !there {
			t.Errorf("%s has a root snapshot %q that does not exist", im.Name, root.Snapshot)
		}
		if strings.Contains(im.Name+im.Description, "{") {
			t.Errorf("%q, %q has something unfilled", im.Name, im.Description)
		}
	}
}

func TestDescribeImagesErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, row := range []struct {
		name          string
		in            ec2.DescribeImagesInput
		code, message string
	}{
		{"an id that is none", ec2.DescribeImagesInput{ImageIds: []string{"ami-x"}}, "InvalidAMIID.Malformed", `Invalid id: "ami-x" (expecting "ami-...")`},
		{"an id without the prefix", ec2.DescribeImagesInput{ImageIds: []string{"x"}}, "InvalidAMIID.Malformed", `Invalid id: "x" (expecting "ami-...")`},
		{
			"an image that is not there",
			ec2.DescribeImagesInput{ImageIds: []string{"ami-0123456789abcdef0"}},
			"InvalidAMIID.NotFound", "The image id '[ami-0123456789abcdef0]' does not exist",
		},
		{
			"two images that are not there",
			ec2.DescribeImagesInput{ImageIds: []string{"ami-0123456789abcdef0", "ami-0123456789abcdef1"}},
			"InvalidAMIID.NotFound", "The image ids '[ami-0123456789abcdef0, ami-0123456789abcdef1]' do not exist",
		},
		{"an unknown filter", ec2.DescribeImagesInput{Filters: []types.Filter{filter("colour", "red")}}, "InvalidParameterValue", "The filter 'colour' is invalid"},
		{"an owner that is none", ec2.DescribeImagesInput{Owners: []string{"canonical"}}, "InvalidUserID.Malformed", `Invalid user id: "canonical"`},
		{"a token that is none", ec2.DescribeImagesInput{NextToken: aws.String("x")}, "InvalidNextToken", "not valid"},
	} {
		t.Run(row.name, func(t *testing.T) { w.refused("DescribeImages", &row.in, row.code, row.message) })
	}
}
