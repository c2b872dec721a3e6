package sts

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// samlNeeds verifies the assertion, which makes its subject the caller, and asks
// the role whether it trusts the provider (STS API reference,
// "AssumeRoleWithSAML").
func (s *Service) samlNeeds(c *api.Call, in *sts.AssumeRoleWithSAMLInput) ([]api.Need, error) {
	const action = "sts:AssumeRoleWithSAML"
	role, provider := aws.ToString(in.RoleArn), aws.ToString(in.PrincipalArn)
	c.Event.RequestParameters = federatedParameters(in.RoleArn, nil, in.DurationSeconds)
	c.Event.RequestParameters["principalArn"] = provider
	if err := s.enter(c, role); err != nil {
		return nil, err
	}
	f, err := s.openAssertion(c, aws.ToString(in.SAMLAssertion), provider)
	if err != nil {
		return nil, err
	}
	c.Event.RequestParameters["sAMLAssertionID"] = f.AssertionID
	c.Event.RequestParameters["roleSessionName"] = f.Session
	c.Caller = api.Caller{Federation: f, Principal: access.Principal{
		Type: access.SAMLUser, Partition: c.Partition, Federated: f.Provider,
		UserID: f.NameQualifier + ":" + f.Subject, Name: f.Subject,
	}}
	if !slices.Contains(f.Roles, [2]string{role, provider}) && !slices.Contains(f.Roles, [2]string{provider, role}) {
		return nil, denied("Not authorized to perform %s", action)
	}
	return s.federatedNeeds(c, action, assumption(c, in.RoleArn, &f.Session))
}

// openAssertion verifies an assertion that came in base 64.
func (s *Service) openAssertion(c *api.Call, text, provider string) (*api.Federation, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, badToken("Invalid base64 SAMLResponse")
	}
	p, err := s.iam.SAMLProvider(c.Tx, c.Account, provider)
	if errors.Is(err, store.ErrNotFound) {
		return nil, badToken("Specified provider doesn't exist")
	}
	if err != nil {
		return nil, err
	}
	f, err := s.assertions.Assertion(raw, p, c.Now)
	for _, k := range p.Keys {
		clear(k)
	}
	var bad *api.AssertionError
	switch {
	case errors.As(err, &bad) && bad.Expired:
		return nil, expired("%s", bad.Message)
	case errors.As(err, &bad):
		return nil, badToken("%s", bad.Message)
	case err != nil:
		return nil, err
	}
	return f, sessionName(f.Session)
}

// sessionName checks the name that an assertion gives the session (IAM guide,
// "Troubleshoot SAML federation with IAM").
func sessionName(name string) error {
	if name == "" {
		return badToken("RoleSessionName is required in AuthnResponse")
	}
	ok := len(name) >= 2 && len(name) <= 64
	for _, r := range name {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("_+=,.@-"), r))
	}
	if !ok {
		return badToken("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
	}
	return nil
}

func (s *Service) assumeRoleWithSAML(c *api.Call, in *sts.AssumeRoleWithSAMLInput) (*sts.AssumeRoleWithSAMLOutput, error) {
	f := c.Caller.Federation
	ask := assumption(c, in.RoleArn, &f.Session)
	ask.Policy, ask.PolicyArns, ask.DurationSeconds = in.Policy, in.PolicyArns, in.DurationSeconds
	if !f.Until.IsZero() {
		// The session ends with the one at the provider, if that is sooner.
		left := f.Until.Sub(c.Now)
		if left < time.Second {
			return nil, expired("The session at the identity provider has ended.")
		}
		seconds := int32(roleDefault / time.Second)
		if in.DurationSeconds != nil {
			seconds = *in.DurationSeconds
		}
		ask.DurationSeconds = aws.Int32(min(seconds, int32(left/time.Second)))
	}
	opened, err := s.assume(c, ask)
	if err != nil {
		return nil, err
	}
	for name, v := range map[string]string{
		"subject": f.Subject, "subjectType": f.SubjectType, "issuer": f.Issuer, "audience": f.Audience, "nameQualifier": f.NameQualifier,
	} {
		c.Event.ResponseElements[name] = v
	}
	return &sts.AssumeRoleWithSAMLOutput{
		Credentials: opened.Credentials, AssumedRoleUser: opened.AssumedRoleUser, PackedPolicySize: opened.PackedPolicySize,
		SourceIdentity: opened.SourceIdentity, SessionTokenSize: opened.SessionTokenSize, SessionTokenUtilization: opened.SessionTokenUtilization,
		Audience: aws.String(f.Audience), Issuer: aws.String(f.Issuer), NameQualifier: aws.String(f.NameQualifier),
		Subject: aws.String(f.Subject), SubjectType: aws.String(f.SubjectType),
	}, nil
}
