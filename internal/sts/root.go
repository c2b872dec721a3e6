package sts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// privileged is how long a privileged session lasts at most, and if nobody says
// (STS API reference, "AssumeRoot").
const privileged = 15 * time.Minute

// rootMayAll stands beside a task's policy, which only denies: what it leaves is
// the root user's.
const rootMayAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`

// memberRoot is the root user of the member account that a request names by its
// id or by the user's ARN.
func memberRoot(c *api.Call, target string) (arn, account string, err error) {
	account = strings.TrimSuffix(strings.TrimPrefix(target, "arn:"+c.Partition+":iam::"), ":root")
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		return "", "", invalid("%s is invalid", target)
	}
	return "arn:" + c.Partition + ":iam::" + account + ":root", account, nil
}

// assumeRootNeeds asks the caller's own policies alone: what stands for a trust
// policy is that the organization manages root access from the caller's account.
func (s *Service) assumeRootNeeds(c *api.Call, in *sts.AssumeRootInput) ([]api.Need, error) {
	arn, account, err := memberRoot(c, aws.ToString(in.TargetPrincipal))
	if err != nil {
		return nil, err
	}
	if c.Caller.Principal.Type == access.Root {
		return nil, denied("AssumeRoot may not be called by root accounts.")
	}
	trust, err := policy.Parse(fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:%s:iam::%s:root"},"Action":"sts:AssumeRoot","Resource":"*"}}`, c.Partition, c.Account))
	if err != nil {
		return nil, err
	}
	need := api.Need{
		Action: "sts:AssumeRoot", Resource: arn, Account: account,
		Policy: &access.ResourcePolicy{Document: access.Document{Name: "centralized root access", Policy: trust}},
	}
	if in.TaskPolicyArn != nil {
		need.Context.Set("sts:TaskPolicyArn", aws.ToString(in.TaskPolicyArn.Arn))
	}
	c.Event.Resources = []api.EventResource{{ARN: arn, Account: account, Type: "AWS::IAM::RootUser"}}
	return []api.Need{need}, nil
}

func (s *Service) assumeRoot(c *api.Call, in *sts.AssumeRootInput) (*sts.AssumeRootOutput, error) {
	arn, account, err := memberRoot(c, aws.ToString(in.TargetPrincipal))
	if err != nil {
		return nil, err
	}
	task := aws.ToString(in.TaskPolicyArn.Arn)
	name, text, err := s.iam.RootTask(c, account, task)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notAuthorized(c, "sts:AssumeRoot", arn)
	}
	if err != nil {
		return nil, err
	}
	lasts := privileged
	if in.DurationSeconds != nil {
		lasts = time.Duration(*in.DurationSeconds) * time.Second
	}
	caller := api.Caller{
		Principal:       access.Principal{Type: access.Root, Partition: c.Partition, Account: account, ARN: arn, UserID: account},
		SessionPolicies: []api.SessionPolicy{{Name: name, ARN: task, Document: text}, {Name: "root user", Document: rootMayAll}}, HasSession: true,
		AssumedRoot: true, SourceIdentity: c.Caller.SourceIdentity, Expires: c.Now.Add(lasts),
	}
	keys, err := s.issue(c, account, caller, nil)
	if err != nil {
		return nil, err
	}
	c.Event.SharedWith = []string{account}
	c.Event.ResponseElements = keys.elements()
	out := &sts.AssumeRootOutput{Credentials: keys.Credentials}
	if caller.SourceIdentity != "" {
		out.SourceIdentity = aws.String(caller.SourceIdentity)
		c.Event.ResponseElements["sourceIdentity"] = caller.SourceIdentity
	}
	return out, nil
}
