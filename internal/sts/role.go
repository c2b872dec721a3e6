package sts

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// roleDefault is how long a role session lasts if nobody says.
	roleDefault = time.Hour
	// chainMax is how long a session of a role that was assumed by another
	// role's session may last (IAM guide, "Roles terms and concepts").
	chainMax = time.Hour
)

// role finds the role of a request. What is no role's ARN gives AWS's error;
// one that is not there is denied as one that trusts somebody else.
func (s *Service) role(c *api.Call, arn string) (Role, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || part[1] != c.Partition || part[2] != "iam" || !strings.HasPrefix(part[5], "role/") {
		return Role{}, invalid("%s is invalid", arn)
	}
	r, err := s.iam.Role(c.Tx, arn)
	if errors.Is(err, store.ErrNotFound) {
		return Role{}, notAuthorized(c, "sts:AssumeRole", arn)
	}
	return r, err
}

// chained reports whether the caller is itself a session of a role.
func chained(c *api.Call) bool { return c.Caller.Principal.Type == access.RoleSession }

func (s *Service) assumeRoleNeeds(c *api.Call, in *sts.AssumeRoleInput) ([]api.Need, error) {
	arn := aws.ToString(in.RoleArn)
	account := accountOf(arn)
	c.Event.Resources = []api.EventResource{{ARN: arn, Account: account, Type: "AWS::IAM::Role"}}
	if c.Caller.Principal.Type == access.Root {
		return nil, denied("Roles may not be assumed by root accounts.")
	}
	if c.Caller.Principal.Type == access.FederatedUser {
		// Such a session may call GetCallerIdentity and nothing else of STS (IAM
		// guide, "Compare AWS STS credentials").
		return nil, notAuthorized(c, "sts:AssumeRole", arn)
	}
	r, err := s.role(c, arn)
	if err != nil {
		return nil, err
	}
	if account != c.Account {
		c.Event.SharedWith = []string{account}
	}
	// The code that comes with the request speaks for the caller here: a trust
	// policy may ask for aws:MultiFactorAuthPresent (IAM guide, "Secure API access
	// with MFA").
	strong, err := s.mfa(c, in.SerialNumber, in.TokenCode, false)
	if err != nil {
		return nil, err
	}
	need := api.Need{
		Action: "sts:AssumeRole", Resource: arn, Account: account, Context: assumeContext(c, in, r),
		Policy:       &access.ResourcePolicy{Kind: access.RoleTrust, Document: access.Document{Name: "trust policy of role " + r.Name, Policy: r.Trust}},
		SkipIdentity: c.Caller.Principal.Type == access.Service,
	}
	if strong {
		need.Context.Set("aws:MultiFactorAuthPresent", "true")
		need.Context.Set("aws:MultiFactorAuthAge", "0")
	}
	needs := []api.Need{need}
	if len(in.Tags) > 0 || len(c.Caller.TransitiveTags) > 0 {
		need.Action = "sts:TagSession"
		needs = append(needs, need)
	}
	if in.SourceIdentity != nil || c.Caller.SourceIdentity != "" {
		need.Action = "sts:SetSourceIdentity"
		needs = append(needs, need)
	}
	return needs, nil
}

// assumeContext gives the condition keys of sts:AssumeRole (Service
// authorization reference, "AWS Security Token Service").
func assumeContext(c *api.Call, in *sts.AssumeRoleInput, r Role) access.Context {
	var k access.Context
	k.Set("sts:RoleSessionName", aws.ToString(in.RoleSessionName))
	if in.ExternalId != nil {
		k.Set("sts:ExternalId", *in.ExternalId)
	}
	if id := sourceIdentity(c, in); id != "" {
		k.Set("sts:SourceIdentity", id)
	}
	if len(in.TransitiveTagKeys) > 0 {
		k.Set("sts:TransitiveTagKeys", in.TransitiveTagKeys...)
	}
	requestTags(&k, in.Tags)
	for key, v := range r.Tags {
		k.Set("iam:ResourceTag/"+key, v)
		k.Set("aws:ResourceTag/"+key, v)
	}
	return k
}

// sourceIdentity is the one that the session will have: once set, it stays.
func sourceIdentity(c *api.Call, in *sts.AssumeRoleInput) string {
	if c.Caller.SourceIdentity != "" {
		return c.Caller.SourceIdentity
	}
	return aws.ToString(in.SourceIdentity)
}

func (s *Service) assumeRole(c *api.Call, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	if _, err := s.role(c, aws.ToString(in.RoleArn)); err != nil {
		return nil, err
	}
	if len(in.ProvidedContexts) > 0 {
		// They hold assertions of IAM Identity Center, which is not here. The text
		// rests on no source.
		return nil, invalid("The ProvidedContexts cannot be verified: no trusted token issuer signed them.")
	}
	return s.assume(c, in)
}

// assume opens a session of a role that the caller may assume.
func (s *Service) assume(c *api.Call, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	r, err := s.iam.Role(c.Tx, aws.ToString(in.RoleArn))
	if err != nil {
		return nil, err
	}
	strong, err := s.mfa(c, in.SerialNumber, in.TokenCode, true)
	if err != nil {
		return nil, err
	}
	lasts, err := duration(c, in.DurationSeconds, r)
	if err != nil {
		return nil, err
	}
	if in.SourceIdentity != nil && *in.SourceIdentity != sourceIdentity(c, in) {
		return nil, notAuthorized(c, "sts:SetSourceIdentity", r.ARN)
	}
	l := limits{policy: in.Policy, arns: in.PolicyArns, tags: in.Tags, account: accountOf(r.ARN)}
	packed, err := s.check(c, &l)
	if err != nil {
		return nil, err
	}
	caller, err := roleCaller(c, in, r, &l)
	if err != nil {
		return nil, err
	}
	caller.Expires, caller.MFA = c.Now.Add(lasts), caller.MFA || strong
	keys, err := s.issue(c, caller.Principal.Account, caller, in.MinimumSessionTokenSize)
	if err != nil {
		return nil, err
	}
	out := &sts.AssumeRoleOutput{
		Credentials: keys.Credentials, SessionTokenSize: keys.size, SessionTokenUtilization: keys.utilization,
		AssumedRoleUser:  &types.AssumedRoleUser{Arn: aws.String(caller.Principal.ARN), AssumedRoleId: aws.String(caller.Principal.UserID)},
		PackedPolicySize: packed,
	}
	c.Event.ResponseElements = keys.elements()
	c.Event.ResponseElements["assumedRoleUser"] = map[string]any{"assumedRoleId": caller.Principal.UserID, "arn": caller.Principal.ARN}
	if packed != nil {
		c.Event.ResponseElements["packedPolicySize"] = *packed
	}
	if caller.SourceIdentity != "" {
		out.SourceIdentity = aws.String(caller.SourceIdentity)
		c.Event.ResponseElements["sourceIdentity"] = caller.SourceIdentity
	}
	return out, nil
}

// duration is how long the session lasts.
func duration(c *api.Call, seconds *int32, r Role) (time.Duration, error) {
	if seconds == nil {
		return roleDefault, nil
	}
	d := time.Duration(*seconds) * time.Second
	if chained(c) && d > chainMax {
		return 0, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if d > r.MaxSession {
		return 0, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

// roleCaller is who a session of the role is.
func roleCaller(c *api.Call, in *sts.AssumeRoleInput, r Role, l *limits) (api.Caller, error) {
	account, name := accountOf(r.ARN), aws.ToString(in.RoleSessionName)
	caller := api.Caller{
		Principal: access.Principal{
			Type: access.RoleSession, Partition: c.Partition, Account: account,
			ARN:    "arn:" + c.Partition + ":sts::" + account + ":assumed-role/" + r.Name + "/" + name,
			UserID: r.ID + ":" + name, Name: name, RoleARN: r.ARN, RoleID: r.ID, ServiceLinked: r.Linked,
		},
		SessionPolicies: l.policies, HasSession: len(l.policies) > 0,
		SourceIdentity: sourceIdentity(c, in), Chained: chained(c), MFA: c.Caller.MFA && !chained(c),
	}
	if f := c.Caller.Federation; f != nil && !chained(c) {
		caller.Federation = &api.Federation{Provider: f.Provider, Keys: f.Keys, SAML: f.SAML}
	}
	var err error
	caller.Principal.Tags, caller.TransitiveTags, err = inherit(&c.Caller, in, l)
	return caller, err
}

// inherit gives the session's tags: those asked for, and the transitive ones of
// the session that asks (IAM guide, "Passing session tags in AWS STS", on role
// chaining).
func inherit(from *api.Caller, in *sts.AssumeRoleInput, l *limits) (map[string]string, []string, error) {
	tags := maps.Clone(l.tagged)
	has := func(key string) bool {
		for k := range l.tagged {
			if strings.EqualFold(k, key) {
				return true
			}
		}
		return false
	}
	var transitive []string
	for _, k := range in.TransitiveTagKeys {
		if !has(k) {
			return nil, nil, api.Error("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
		transitive = append(transitive, k)
	}
	for _, k := range from.TransitiveTags {
		if has(k) {
			return nil, nil, api.Error("InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		tags[k] = from.Principal.Tags[k]
		transitive = append(transitive, k)
	}
	slices.Sort(transitive)
	if len(tags) == 0 {
		tags = nil
	}
	return tags, slices.Compact(transitive), nil
}
