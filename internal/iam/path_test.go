package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
)

func TestPathsAreChecked(t *testing.T) {
	t.Parallel()
	const (
		whole  = " is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
		prefix = "The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters or / characters."
	)
	w := newWorld(t)
	name := aws.String("x")
	for _, bad := range []string{"dev", "/dev", "dev/", "//", "/a b/", "/é/"} {
		path := aws.String(bad)
		for operation, in := range map[string]any{
			"CreateUser":            &awsiam.CreateUserInput{UserName: name, Path: path},
			"CreateGroup":           &awsiam.CreateGroupInput{GroupName: name, Path: path},
			"CreateRole":            &awsiam.CreateRoleInput{RoleName: name, Path: path, AssumeRolePolicyDocument: aws.String(trustEC2)},
			"CreatePolicy":          &awsiam.CreatePolicyInput{PolicyName: name, Path: path, PolicyDocument: aws.String(allowS3)},
			"CreateInstanceProfile": &awsiam.CreateInstanceProfileInput{InstanceProfileName: name, Path: path},
		} {
			w.fails(operation, in, "ValidationError", "The specified value for path"+whole)
		}
		w.fails("UpdateGroup", &awsiam.UpdateGroupInput{GroupName: name, NewPath: path}, "ValidationError", "The specified value for newPath"+whole)
	}
	for _, bad := range []string{"dev", "/a b", "dev/"} {
		w.fails("ListUsers", &awsiam.ListUsersInput{PathPrefix: &bad}, "ValidationError", prefix)
	}
	for _, good := range []string{"/", "/dev/", "/a/b/c/", "/aws-service~role/"} {
		must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: name, Path: &good})
		must[awsiam.ListUsersOutput](w, "ListUsers", &awsiam.ListUsersInput{PathPrefix: aws.String(good[:len(good)-1] + "/")})
		must[awsiam.DeleteUserOutput](w, "DeleteUser", &awsiam.DeleteUserInput{UserName: name})
	}
}
