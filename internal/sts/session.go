package sts

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

const (
	// userDefault is how long credentials of a user last if nobody says.
	userDefault = 12 * time.Hour
	// rootMax is how long credentials of the root user last at most, and if
	// nobody says.
	rootMax = time.Hour
)

// lasting is how long credentials last that a user or the root user asks for.
func lasting(c *api.Call, seconds *int32) time.Duration {
	d := userDefault
	if seconds != nil {
		d = time.Duration(*seconds) * time.Second
	}
	if c.Caller.Principal.Type == access.Root {
		return min(d, rootMax)
	}
	return d
}

// longTerm reports whether the caller signed with a long-term key.
func longTerm(c *api.Call) bool {
	t := c.Caller.Principal.Type
	return c.Caller.IssuedAt.IsZero() && (t == access.User || t == access.Root)
}

func (s *Service) getSessionToken(c *api.Call, in *sts.GetSessionTokenInput) (*sts.GetSessionTokenOutput, error) {
	if !longTerm(c) {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	strong, err := s.mfa(c, in.SerialNumber, in.TokenCode, true)
	if err != nil {
		return nil, err
	}
	caller := api.Caller{Principal: c.Caller.Principal, Expires: c.Now.Add(lasting(c, in.DurationSeconds)), MFA: strong}
	caller.Principal.Tags = nil // the user's, which IAM knows
	keys, err := s.issue(c, c.Account, caller, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = keys.elements()
	return &sts.GetSessionTokenOutput{Credentials: keys.Credentials, SessionTokenSize: keys.size, SessionTokenUtilization: keys.utilization}, nil
}

func federatedARN(c *api.Call, name string) string {
	return "arn:" + c.Partition + ":sts::" + c.Account + ":federated-user/" + name
}

func (s *Service) federationNeeds(c *api.Call, in *sts.GetFederationTokenInput) ([]api.Need, error) {
	if !longTerm(c) {
		return nil, denied("Cannot call GetFederationToken with session credentials")
	}
	need := api.Need{Action: "sts:GetFederationToken", Resource: federatedARN(c, aws.ToString(in.Name))}
	requestTags(&need.Context, in.Tags)
	needs := []api.Need{need}
	if len(in.Tags) > 0 {
		need.Action = "sts:TagSession"
		needs = append(needs, need)
	}
	return needs, nil
}

func (s *Service) getFederationToken(c *api.Call, in *sts.GetFederationTokenInput) (*sts.GetFederationTokenOutput, error) {
	l := limits{policy: in.Policy, arns: in.PolicyArns, tags: in.Tags, account: c.Account}
	packed, err := s.check(c, &l)
	if err != nil {
		return nil, err
	}
	p := c.Caller.Principal
	name := aws.ToString(in.Name)
	caller := api.Caller{
		Principal: access.Principal{
			Type: access.FederatedUser, Partition: c.Partition, Account: c.Account,
			ARN: federatedARN(c, name), UserID: c.Account + ":" + name, Name: name, UserARN: p.ARN, Tags: l.tagged,
		},
		SessionPolicies: l.policies, HasSession: len(l.policies) > 0, IssuerID: p.UserID,
		Expires: c.Now.Add(lasting(c, in.DurationSeconds)),
	}
	keys, err := s.issue(c, c.Account, caller, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = keys.elements()
	c.Event.ResponseElements["federatedUser"] = map[string]any{"federatedUserId": caller.Principal.UserID, "arn": caller.Principal.ARN}
	return &sts.GetFederationTokenOutput{
		Credentials: keys.Credentials, SessionTokenSize: keys.size, SessionTokenUtilization: keys.utilization,
		FederatedUser:    &types.FederatedUser{Arn: aws.String(caller.Principal.ARN), FederatedUserId: aws.String(caller.Principal.UserID)},
		PackedPolicySize: packed,
	}, nil
}
