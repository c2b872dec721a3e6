package sts

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// OIDCProvider is what STS needs to know of an OpenID Connect provider.
type OIDCProvider = struct {
	ARN                    string
	ClientIDs, Thumbprints []string
}

// publicProviders are the OpenID Connect providers that need no entity in IAM,
// by issuer (IAM guide, "OIDC federation").
var publicProviders = map[string]bool{"accounts.google.com": true, "cognito-identity.amazonaws.com": true}

// webIdentityNeeds verifies the token, which makes its bearer the caller, and
// asks the role whether it trusts the provider (STS API reference,
// "AssumeRoleWithWebIdentity").
func (s *Service) webIdentityNeeds(c *api.Call, in *sts.AssumeRoleWithWebIdentityInput) ([]api.Need, error) {
	name := aws.ToString(in.RoleArn)
	c.Event.RequestParameters = federatedParameters(in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	if in.ProviderId != nil {
		// Access tokens of OAuth 2.0 say nothing by themselves: AWS asks
		// www.amazon.com or graph.facebook.com whose they are.
		c.Event.RequestParameters["providerId"] = *in.ProviderId
		return nil, unreachable("Access tokens of %s cannot be verified: this server asks only OpenID Connect providers.", *in.ProviderId)
	}
	if err := s.enter(c, name); err != nil {
		return nil, err
	}
	f, err := s.openToken(c, aws.ToString(in.WebIdentityToken))
	if err != nil {
		return nil, err
	}
	c.Caller = api.Caller{Federation: f, Principal: access.Principal{
		Type: access.WebIdentityUser, Partition: c.Partition, Federated: f.Provider,
		UserID: f.Provider + ":" + f.Audience + ":" + f.Subject, Name: f.Subject,
	}}
	return s.federatedNeeds(c, "sts:AssumeRoleWithWebIdentity", assumption(c, in.RoleArn, in.RoleSessionName))
}

// enter makes the account of a role that of the call: whoever comes with a token
// brings none of their own.
func (s *Service) enter(c *api.Call, roleARN string) error {
	part := strings.SplitN(roleARN, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[2] != "iam" || part[4] == "" || !strings.HasPrefix(part[5], "role/") {
		return invalid("%s is invalid", roleARN)
	}
	c.Partition, c.Account = part[1], part[4]
	c.Event.Resources = []api.EventResource{{ARN: roleARN, Account: c.Account, Type: "AWS::IAM::Role"}}
	return nil
}

// assumption is the session that a token asks for, in the form in which others
// ask for one.
func assumption(c *api.Call, role, session *string) *sts.AssumeRoleInput {
	f := c.Caller.Federation
	in := &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: session, TransitiveTagKeys: f.Transitive}
	for _, k := range sortedKeys(f.Tags) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(k), Value: aws.String(f.Tags[k])})
	}
	if f.SourceIdentity != "" {
		in.SourceIdentity = aws.String(f.SourceIdentity)
	}
	return in
}

// federatedNeeds is what somebody whose identity provider was verified needs: the
// role's trust alone.
func (s *Service) federatedNeeds(c *api.Call, action string, in *sts.AssumeRoleInput) ([]api.Need, error) {
	r, err := s.iam.Role(c.Tx, aws.ToString(in.RoleArn))
	if errors.Is(err, store.ErrNotFound) {
		return nil, denied("Not authorized to perform %s", action)
	}
	if err != nil {
		return nil, err
	}
	need := api.Need{
		Action: action, Resource: r.ARN, Account: c.Account, Context: assumeContext(c, in, r), SkipIdentity: true,
		Policy: &access.ResourcePolicy{Kind: access.RoleTrust, Document: access.Document{Name: "trust policy of role " + r.Name, Policy: r.Trust}},
	}
	f := c.Caller.Federation
	for _, keys := range []map[string][]string{f.Keys, f.RequestKeys} {
		for k, values := range keys {
			need.Context.Set(k, values...)
		}
	}
	needs := []api.Need{need}
	if len(in.Tags) > 0 {
		need.Action = "sts:TagSession"
		needs = append(needs, need)
	}
	if in.SourceIdentity != nil {
		need.Action = "sts:SetSourceIdentity"
		needs = append(needs, need)
	}
	return needs, nil
}

func (s *Service) assumeRoleWithWebIdentity(c *api.Call, in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	f := c.Caller.Federation
	ask := assumption(c, in.RoleArn, in.RoleSessionName)
	ask.Policy, ask.PolicyArns, ask.DurationSeconds = in.Policy, in.PolicyArns, in.DurationSeconds
	opened, err := s.assume(c, ask)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements["subjectFromWebIdentityToken"] = f.Subject
	c.Event.ResponseElements["provider"] = f.Provider
	c.Event.ResponseElements["audience"] = f.Audience
	return &sts.AssumeRoleWithWebIdentityOutput{
		Credentials: opened.Credentials, AssumedRoleUser: opened.AssumedRoleUser, PackedPolicySize: opened.PackedPolicySize,
		SourceIdentity: opened.SourceIdentity, SessionTokenSize: opened.SessionTokenSize, SessionTokenUtilization: opened.SessionTokenUtilization,
		Audience: aws.String(f.Audience), Provider: aws.String(f.Provider), SubjectFromWebIdentityToken: aws.String(f.Subject),
	}, nil
}

// federatedParameters are an event's requestParameters: the token, which would
// open the role to whoever reads it, is none of them.
func federatedParameters(role, session *string, seconds *int32) map[string]any {
	p := map[string]any{"roleArn": aws.ToString(role)}
	if session != nil {
		p["roleSessionName"] = *session
	}
	if seconds != nil {
		p["durationSeconds"] = *seconds
	}
	return p
}
