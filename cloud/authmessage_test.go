package cloud_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// TestDecodedMessage: who was denied what, with the condition keys in AWS's
// letters and the parts of the resource's ARN.
func TestDecodedMessage(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ada := s.user("ada")
	_, err := ada.ec2.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: aws.String(s.image()), InstanceType: "t3.micro", MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	})
	wantCode(t, err, "UnauthorizedOperation")
	var refused smithy.APIError
	errors.As(err, &refused)
	_, encoded, ok := strings.Cut(refused.ErrorMessage(), "Encoded authorization failure message: ")
	if !ok {
		t.Fatalf("no encoded message in %q", refused.ErrorMessage())
	}
	out, err := s.root.sts.DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	s.must(err)
	var m struct {
		Allowed, ExplicitDeny bool
		Context               struct {
			Action, Resource string
			Principal        struct{ Name string }
			Conditions       struct {
				Items []struct {
					Key    string
					Values struct{ Items []struct{ Value string } }
				}
			}
		}
	}
	s.must(json.Unmarshal([]byte(*out.DecodedMessage), &m))
	if m.Allowed || m.ExplicitDeny || m.Context.Action != "ec2:RunInstances" || m.Context.Principal.Name != "ada" {
		t.Errorf("decoded: %s", *out.DecodedMessage)
	}
	got := make(map[string]string)
	for _, c := range m.Context.Conditions.Items {
		if len(c.Values.Items) > 0 {
			got[c.Key] = c.Values.Items[0].Value
		}
	}
	for key, want := range map[string]string{
		"aws:Region": region, "aws:Service": "ec2", "aws:Resource": "instance/*", "aws:Type": "instance",
		"aws:Account": "123456789012", "aws:ARN": m.Context.Resource,
		"ec2:InstanceType": "t3.micro", "ec2:MetadataHttpTokens": "required",
	} {
		if got[key] != want {
			t.Errorf("the key %s is %q, want %q", key, got[key], want)
		}
	}
	for key := range got {
		if key == strings.ToLower(key) && key != "aws:userid" && key != "aws:username" {
			t.Errorf("the key %s is not in AWS's letters", key)
		}
	}
}
