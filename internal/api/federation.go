package api

import (
	"context"
	"errors"
)

// Federation is what an identity provider said of somebody, after it was
// verified. A session that was opened with it keeps the first part.
type Federation struct {
	// Provider is the value of aws:FederatedProvider: the ARN of the provider's
	// entity in IAM, or the name of one that needs none ("accounts.google.com").
	Provider string
	// Keys are the condition keys that the provider sets for the whole session:
	// "<issuer>:sub", "saml:sub" (IAM guide, "IAM and AWS STS condition context
	// keys").
	Keys map[string][]string `json:",omitempty"`
	// SAML tells a SAML provider from one of OpenID Connect.
	SAML bool `json:",omitempty"`

	// What follows is of use only while the role is being assumed.

	// RequestKeys are further condition keys of the request.
	RequestKeys map[string][]string `json:"-"`
	// Issuer, Subject and Audience are the token's or the assertion's own.
	Issuer, Subject, Audience string `json:"-"`
	// SubjectType and NameQualifier are a SAML assertion's.
	SubjectType, NameQualifier string `json:"-"`
	// Tags, Transitive and SourceIdentity are asked for in the token.
	Tags           map[string]string `json:"-"`
	Transitive     []string          `json:"-"`
	SourceIdentity string            `json:"-"`
	// Session, Seconds and Roles are a SAML assertion's: the session's name, how
	// long it may last at most, and the pairs of role and provider that it is for.
	Session string      `json:"-"`
	Seconds int32       `json:"-"`
	Roles   [][2]string `json:"-"`
}

// IssuerKeys fetches the public keys of OpenID Connect providers.
type IssuerKeys interface {
	// Keys returns an issuer's JSON Web Key Set. The issuer is an https URL, and
	// thumbprints are those of certificates that are good enough for its server
	// though no known authority vouches for them. A server that cannot be reached
	// or makes no sense gives ErrIssuer, one whose certificate nobody vouches for
	// ErrThumbprint.
	Keys(ctx context.Context, issuer string, thumbprints []string) ([]byte, error)
}

// What can be wrong with an identity provider's server.
var (
	ErrIssuer     = errors.New("api: the identity provider's keys could not be fetched")
	ErrThumbprint = errors.New("api: the identity provider's certificate is not trusted")
)
