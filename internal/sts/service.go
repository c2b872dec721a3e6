// Package sts is AWS Security Token Service: it gives temporary credentials and
// says who somebody is.
//
// A session token holds the whole session, sealed under the root key: whose it
// is, what limits it, the secret that it signs with, when it ends. So a request
// with temporary credentials is verified without reading the store, and on any
// server that has the root key.
package sts

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// Sealer encrypts what leaves the server and must come back unchanged. The root
// key is one.
type Sealer interface {
	// Seal encrypts plaintext for a purpose; aad must be given again to open it.
	Seal(purpose string, plaintext, aad []byte) []byte
	// Open is the reverse, and fails for what was sealed otherwise or changed.
	Open(purpose string, sealed, aad []byte) ([]byte, error)
}

// Role is what STS needs to know of a role.
type Role = struct {
	ID, ARN, Name string
	// Trust is the trust policy, its principals as unique ids.
	Trust      *policy.Policy
	MaxSession time.Duration
	Tags       map[string]string
	// Linked marks a service-linked role.
	Linked bool
}

// Directory is what STS asks of IAM.
type Directory interface {
	// Role finds a role by its ARN, or returns store.ErrNotFound.
	Role(tx store.Tx, arn string) (Role, error)
	// ManagedPolicy returns the name and the text of a managed policy that an
	// account may use, or store.ErrNotFound.
	ManagedPolicy(tx store.Tx, account, arn string) (name, text string, err error)
	// KeyAccount is the account of a long-term access key, or store.ErrNotFound.
	KeyAccount(tx store.Tx, id string) (string, error)
	// VerifyMFA reports whether a code is one of the calling user's MFA device of
	// that serial number. take keeps it from being used again; in a read
	// transaction it returns store.ErrReadOnly.
	VerifyMFA(c *api.Call, serial, code string, take bool) (bool, error)
	// OIDCProvider finds an account's OpenID Connect provider by its URL without
	// scheme, or returns store.ErrNotFound.
	OIDCProvider(tx store.Tx, partition, account, issuer string) (OIDCProvider, error)
	// SAMLProvider finds an account's SAML provider by its ARN, or returns
	// store.ErrNotFound.
	SAMLProvider(tx store.Tx, account, arn string) (api.SAMLProvider, error)
	// TokenIssuer returns the issuer of an account's web identity tokens, or
	// store.ErrNotFound if the account has not enabled outbound federation.
	TokenIssuer(tx store.Tx, account string) (api.TokenIssuer, error)
	// RootTask returns the policy of a privileged session on a member account, or
	// store.ErrNotFound if the calling account may have no such session.
	RootTask(c *api.Call, target, policyARN string) (name, text string, err error)
}

// Service is STS. It is safe for concurrent use.
type Service struct {
	root       Sealer
	iam        Directory
	issuers    api.IssuerKeys
	assertions api.Assertions
	opened     tokenCache
	// organizations tells where the accounts of outbound tokens stand; nil: nowhere.
	organizations api.Organizations
}

// New returns the service. root seals its tokens; iam knows the roles; issuers
// has the keys of OpenID Connect providers, assertions verifies SAML's.
func New(root Sealer, iam Directory, issuers api.IssuerKeys, assertions api.Assertions) *Service {
	return &Service{root: root, iam: iam, issuers: issuers, assertions: assertions}
}

// WithOrganizations has outbound tokens tell of the account's organization.
func (s *Service) WithOrganizations(o api.Organizations) { s.organizations = o }

// Name is the signing name.
func (s *Service) Name() string { return "sts" }

// Operations lists what is built. All of them only read: a session is kept by
// whoever holds its token.
func (s *Service) Operations() []api.Operation {
	return []api.Operation{
		api.NoAuthorization("GetCallerIdentity", s.getCallerIdentity),
		api.Read("AssumeRole", s.assumeRoleNeeds, s.assumeRole),
		api.Read("AssumeRoot", s.assumeRootNeeds, s.assumeRoot),
		api.Unsigned("AssumeRoleWithWebIdentity", s.webIdentityNeeds, s.assumeRoleWithWebIdentity),
		api.Unsigned("AssumeRoleWithSAML", s.samlNeeds, s.assumeRoleWithSAML),
		// Nobody needs a permission for it, and no policy can deny it (IAM
		// guide, "Permissions for GetSessionToken").
		api.NoAuthorization("GetSessionToken", s.getSessionToken),
		api.Read("GetFederationToken", s.federationNeeds, s.getFederationToken),
		api.Read("GetWebIdentityToken", s.getWebIdentityTokenNeeds, s.getWebIdentityToken),
		api.Read("GetAccessKeyInfo", api.Anywhere[sts.GetAccessKeyInfoInput]("sts:GetAccessKeyInfo"), s.getAccessKeyInfo),
		api.Read("DecodeAuthorizationMessage", api.Anywhere[sts.DecodeAuthorizationMessageInput]("sts:DecodeAuthorizationMessage"), s.decodeAuthorizationMessage),
	}
}

func (s *Service) getCallerIdentity(c *api.Call, _ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	p := c.Caller.Principal
	return &sts.GetCallerIdentityOutput{Account: aws.String(p.Account), Arn: aws.String(p.ARN), UserId: aws.String(p.UserID)}, nil
}
