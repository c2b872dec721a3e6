package cloud_test

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/cloud"
)

const region = "eu-west-1"

// clients are one caller's SDK clients.
type clients struct {
	config aws.Config

	iam   *iam.Client
	sts   *sts.Client
	kms   *kms.Client
	ec2   *ec2.Client
	trail *cloudtrail.Client
	org   *organizations.Client

	scaling *autoscaling.Client
}

// stage is a cloud behind a server, with its root user's clients.
type stage struct {
	*testing.T
	cloud *cloud.Cloud
	url   string
	root  clients
	// calls are those of the last diagnosis.
	calls *calls
}

func newStage(t *testing.T, options ...cloud.Option) *stage {
	t.Helper()
	c, err := cloud.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	t.Cleanup(func() {
		server.Close()
		if err := c.Close(); err != nil {
			t.Errorf("closing the cloud: %v", err)
		}
	})
	s := &stage{T: t, cloud: c, url: server.URL}
	id, secret := c.RootCredentials()
	s.root = s.as(id, secret, "")
	return s
}

func (s *stage) as(id, secret, token string) clients {
	return s.in(region, id, secret, token)
}

func (s *stage) in(region, id, secret, token string) clients {
	cfg := aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.url),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, token),
	}
	return clients{
		config: cfg,
		iam:    iam.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg),
		ec2: ec2.NewFromConfig(cfg), trail: cloudtrail.NewFromConfig(cfg),
		org:     organizations.NewFromConfig(cfg),
		scaling: autoscaling.NewFromConfig(cfg),
	}
}

// management is the root user of the first account, whatever account the stage is
// in.
func (s *stage) management() clients {
	id, secret := s.cloud.RootCredentials()
	return s.as(id, secret, "")
}

// global is the stage as seen from the region of the global services.
func (s *stage) global() *stage {
	g := *s
	id, secret := s.cloud.RootCredentials()
	g.root = s.in("us-east-1", id, secret, "")
	return &g
}

const fullAccess = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"

// user makes an IAM user with managed policies and gives its clients.
func (s *stage) user(name string, policies ...string) clients {
	s.Helper()
	ctx := s.Context()
	if _, err := s.root.iam.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		s.Fatal(err)
	}
	for _, p := range policies {
		if _, err := s.root.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: &p}); err != nil {
			s.Fatal(err)
		}
	}
	key, err := s.root.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		s.Fatal(err)
	}
	return s.as(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

func (s *stage) allow(user, name, document string) {
	s.Helper()
	_, err := s.root.iam.PutUserPolicy(s.Context(), &iam.PutUserPolicyInput{
		UserName: &user, PolicyName: &name, PolicyDocument: &document,
	})
	if err != nil {
		s.Fatal(err)
	}
}

// key makes a customer managed key and returns its ARN.
func (s *stage) key() string {
	s.Helper()
	out, err := s.root.kms.CreateKey(s.Context(), &kms.CreateKeyInput{Description: aws.String("volumes")})
	if err != nil {
		s.Fatal(err)
	}
	return *out.KeyMetadata.Arn
}

// image is a public Amazon Linux image.
func (s *stage) image() string {
	s.Helper()
	out, err := s.root.ec2.DescribeImages(s.Context(), &ec2.DescribeImagesInput{
		Owners: []string{"amazon"},
		Filters: []ec2types.Filter{
			{Name: aws.String("name"), Values: []string{"al2023-ami-2023.*-x86_64"}},
			{Name: aws.String("architecture"), Values: []string{"x86_64"}},
		},
	})
	if err != nil {
		s.Fatal(err)
	}
	if len(out.Images) == 0 {
		s.Fatal("no Amazon Linux image")
	}
	return *out.Images[0].ImageId
}

// volume is one volume of a launch.
type volume struct {
	device, key string
	encrypted   bool
}

// run launches an instance as by and returns its id; it does not wait.
func (s *stage) run(by clients, volumes ...volume) string {
	s.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(s.image()), InstanceType: ec2types.InstanceTypeT3Micro,
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	}
	for _, v := range volumes {
		ebs := &ec2types.EbsBlockDevice{VolumeSize: aws.Int32(8)}
		if v.encrypted {
			ebs.Encrypted = aws.Bool(true)
		}
		if v.key != "" {
			ebs.KmsKeyId = aws.String(v.key)
		}
		in.BlockDeviceMappings = append(in.BlockDeviceMappings, ec2types.BlockDeviceMapping{DeviceName: aws.String(v.device), Ebs: ebs})
	}
	out, err := by.ec2.RunInstances(s.Context(), in)
	if err != nil {
		s.Fatal(err)
	}
	return *out.Instances[0].InstanceId
}

// stopped makes an instance with those volumes as root and stops it.
func (s *stage) stopped(volumes ...volume) string {
	s.Helper()
	id := s.run(s.root, volumes...)
	s.await(id, ec2types.InstanceStateNameRunning)
	if _, err := s.root.ec2.StopInstances(s.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}}); err != nil {
		s.Fatal(err)
	}
	s.await(id, ec2types.InstanceStateNameStopped)
	return id
}

func (s *stage) instance(id string) ec2types.Instance {
	s.Helper()
	out, err := s.root.ec2.DescribeInstances(s.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		s.Fatal(err)
	}
	return out.Reservations[0].Instances[0]
}

// settled are the states that an instance stays in by itself.
var settled = map[ec2types.InstanceStateName]bool{
	ec2types.InstanceStateNameRunning: true, ec2types.InstanceStateNameStopped: true, ec2types.InstanceStateNameTerminated: true,
}

// await moves the cloud's time on until the instance has settled, and wants it
// in that state.
func (s *stage) await(id string, want ec2types.InstanceStateName) ec2types.Instance {
	s.Helper()
	for range 200 {
		i := s.instance(id)
		if i.State.Name == want {
			return i
		}
		if settled[i.State.Name] {
			s.Fatalf("%s is %s (%s), want %s", id, i.State.Name, reason(i), want)
		}
		s.cloud.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("%s never became %s", id, want)
	return ec2types.Instance{}
}

func reason(i ec2types.Instance) string {
	if i.StateReason == nil {
		return ""
	}
	return aws.ToString(i.StateReason.Code) + " | " + aws.ToString(i.StateReason.Message)
}

func (s *stage) start(by clients, id string) {
	s.Helper()
	out, err := by.ec2.StartInstances(s.Context(), &ec2.StartInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		s.Fatal(err)
	}
	if got := out.StartingInstances[0].CurrentState.Name; got != ec2types.InstanceStateNamePending {
		s.Fatalf("StartInstances answered %s, want pending", got)
	}
}

// events are the trail's events of a name, newest first.
func (s *stage) events(name string) []cttypes.Event {
	s.Helper()
	var all []cttypes.Event
	pages := cloudtrail.NewLookupEventsPaginator(s.root.trail, &cloudtrail.LookupEventsInput{
		LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: cttypes.LookupAttributeKeyEventName, AttributeValue: &name}},
	})
	for pages.HasMorePages() {
		s.cloud.Advance(time.Second) // two lookups a second are all there is
		page, err := pages.NextPage(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		all = append(all, page.Events...)
	}
	return all
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want error %s", err, code)
		return
	}
	if e.ErrorCode() != code {
		t.Errorf("got %s (%s), want %s", e.ErrorCode(), e.ErrorMessage(), code)
	}
}
