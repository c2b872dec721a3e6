package iam_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

func TestInstanceProfileForALaunch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newRole("r", trustEC2)
	for _, n := range []string{"Full", "empty"} {
		w.do(step{"CreateInstanceProfile", &awsiam.CreateInstanceProfileInput{InstanceProfileName: &n, Path: aws.String("/p/")}})
	}
	w.do(step{"AddRoleToInstanceProfile", &awsiam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("Full"), RoleName: aws.String("r")}})
	for name, tt := range map[string]struct {
		want api.InstanceProfile
		err  error
	}{
		"Full":  {want: api.InstanceProfile{ARN: "arn:aws:iam::123456789012:instance-profile/p/Full", RoleARN: "arn:aws:iam::123456789012:role/r"}},
		"empty": {want: api.InstanceProfile{ARN: "arn:aws:iam::123456789012:instance-profile/p/empty"}},
		"full":  {err: store.ErrNotFound},
		"none":  {err: store.ErrNotFound},
	} {
		w.view(func(tx store.Tx) error {
			c := w.call(rootCaller(account), "RunInstances")
			c.Tx = tx
			got, err := w.iam.InstanceProfile(c, name)
			if err == nil && got.ID == "" {
				t.Errorf("%s has no id", name)
			}
			got.ID = ""
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s: %+v, %v; want %+v, %v", name, got, err, tt.want, tt.err)
			}
			return nil
		})
	}
}

func TestResolvePrincipal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newUser("ada")
	w.newRole("r", trustEC2)
	for arn, want := range map[string]bool{
		"arn:aws:iam::123456789012:user/ada": true, "arn:aws:iam::123456789012:role/r": true,
		"arn:aws:iam::123456789012:user/Ada": false, "arn:aws:iam::123456789012:user/p/ada": false,
		"arn:aws:iam::123456789012:role/gone": false, "arn:aws:iam::123456789012:group/ada": false,
		"arn:aws:iam::123456789012:root": true, "ada": false,
	} {
		w.view(func(tx store.Tx) error {
			if _, got := w.iam.ResolvePrincipal(tx, arn); got != want {
				t.Errorf("%s exists: %v, want %v", arn, got, want)
			}
			return nil
		})
	}
}
