package cloud_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/cloud"
	"github.com/keyturn/keyturn/internal/diagnose"
)

// BenchmarkDiagnose is the article's diagnosis over loopback, against a cloud in
// a folder: new clients, all that is read, the judgement and the proof.
func BenchmarkDiagnose(b *testing.B) {
	c, err := cloud.New(cloud.WithDir(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	server := httptest.NewServer(c)
	defer server.Close()
	id, secret, key := benchmarkUser(b, c, server.URL)
	rootID, rootSecret := c.RootCredentials()
	cfg := aws.Config{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(rootID, rootSecret, "")}
	instance := benchmarkInstance(b, c, ec2.NewFromConfig(cfg), key)
	user := ec2.New(ec2.Options{Region: region, BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")})
	if _, err := user.StartInstances(b.Context(), &ec2.StartInstancesInput{InstanceIds: []string{instance}}); err != nil {
		b.Fatal(err)
	}
	benchmarkAwait(b, c, ec2.NewFromConfig(cfg), instance, ec2types.InstanceStateNameStopped)

	watched := new(calls)
	for b.Loop() {
		b.StopTimer()
		c.Advance(2 * time.Second) // two lookups a second are all there is
		*watched = calls{}
		b.StartTimer()
		r, err := diagnose.Run(b.Context(), diagnose.NewClients(watched.watch(cfg)), diagnose.Options{Instance: instance, Region: region})
		if err != nil {
			b.Fatal(err)
		}
		if r.Cause == nil || r.Cause.Kind != diagnose.ActionMissing { // it may encrypt
			b.Fatalf("%s: %s", r.Outcome, r.Summary)
		}
	}
	b.ReportMetric(float64(len(watched.all)), "calls")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
}

// benchmarkInstance is a stopped instance whose root volume is under the key.
func benchmarkInstance(b *testing.B, c *cloud.Cloud, client *ec2.Client, key string) string {
	b.Helper()
	images, err := client.DescribeImages(b.Context(), &ec2.DescribeImagesInput{
		Owners: []string{"amazon"}, Filters: []ec2types.Filter{{Name: aws.String("name"), Values: []string{"al2023-ami-2023.*-x86_64"}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	out, err := client.RunInstances(b.Context(), &ec2.RunInstancesInput{
		ImageId: images.Images[0].ImageId, InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{{
			DeviceName: aws.String("/dev/xvda"), Ebs: &ec2types.EbsBlockDevice{Encrypted: aws.Bool(true), KmsKeyId: &key},
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	id := *out.Instances[0].InstanceId
	benchmarkAwait(b, c, client, id, ec2types.InstanceStateNameRunning)
	if _, err := client.StopInstances(b.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}}); err != nil {
		b.Fatal(err)
	}
	benchmarkAwait(b, c, client, id, ec2types.InstanceStateNameStopped)
	return id
}

// benchmarkAwait moves time on until the instance is in a state.
func benchmarkAwait(b *testing.B, c *cloud.Cloud, client *ec2.Client, id string, state ec2types.InstanceStateName) {
	b.Helper()
	for range 200 {
		out, err := client.DescribeInstances(b.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		if err != nil {
			b.Fatal(err)
		}
		if out.Reservations[0].Instances[0].State.Name == state {
			return
		}
		c.Advance(time.Second)
		time.Sleep(10 * time.Millisecond)
	}
	b.Fatalf("%s never became %s", id, state)
}
