package ec2

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// fakeProfiles holds instance profiles by name.
type fakeProfiles map[string]api.InstanceProfile

func (f fakeProfiles) InstanceProfile(_ *api.Call, name string) (api.InstanceProfile, error) {
	p, ok := f[name]
	if !ok {
		return p, store.ErrNotFound
	}
	return p, nil
}

func TestRunWithAnInstanceProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	web := api.InstanceProfile{
		ARN: "arn:aws:iam::123456789012:instance-profile/apps/web", ID: "AIPAEXAMPLE", RoleARN: "arn:aws:iam::123456789012:role/web",
	}
	w.service.WithProfiles(fakeProfiles{"web": web, "bare": {ARN: "arn:aws:iam::123456789012:instance-profile/bare"}})
	with := func(p types.IamInstanceProfileSpecification) *ec2.RunInstancesInput {
		in := w.request()
		in.IamInstanceProfile = &p
		return in
	}
	for _, row := range []struct {
		name          string
		in            types.IamInstanceProfileSpecification
		code, message string
	}{
		{"unknown name", types.IamInstanceProfileSpecification{Name: aws.String("x")}, "InvalidParameterValue", "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"},
		{"ARN without the path", types.IamInstanceProfileSpecification{Arn: aws.String("arn:aws:iam::123456789012:instance-profile/web")}, "InvalidParameterValue", "Invalid IAM Instance Profile ARN"},
		{"without a role", types.IamInstanceProfileSpecification{Name: aws.String("bare")}, "InvalidParameterValue", "has no associated IAM Roles"},
		{"name and ARN", types.IamInstanceProfileSpecification{Name: aws.String("web"), Arn: aws.String(web.ARN)}, "InvalidParameterCombination", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w.t = t
			w.refused("RunInstances", with(row.in), row.code, row.message)
		})
	}
	w.t = t
	in := with(types.IamInstanceProfileSpecification{Arn: aws.String(web.ARN)})
	out := must[ec2.RunInstancesOutput](w, "RunInstances", in)
	if p := out.Instances[0].IamInstanceProfile; *p.Arn != web.ARN || *p.Id != web.ID {
		t.Errorf("the instance has the profile %+v", p)
	}
	passed := false
	for _, n := range w.needs("RunInstances", in) {
		if n.Action == "iam:PassRole" {
			passed = n.Resource == web.RoleARN && contextOf(n, "iam:PassedToService") == "ec2.amazonaws.com"
		}
	}
	if !passed {
		t.Error("the launch does not need iam:PassRole on the profile's role")
	}
}
