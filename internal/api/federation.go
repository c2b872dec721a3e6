package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"time"
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
	// AssertionID, SubjectType and NameQualifier are a SAML assertion's.
	AssertionID, SubjectType, NameQualifier string `json:"-"`
	// Tags, Transitive and SourceIdentity are asked for in the token.
	Tags           map[string]string `json:"-"`
	Transitive     []string          `json:"-"`
	SourceIdentity string            `json:"-"`
	// Session, Until and Roles are a SAML assertion's: the session's name, when it
	// ends at the latest (zero: nothing says so), and the pairs of role and
	// provider that it is for, in either order.
	Session string      `json:"-"`
	Until   time.Time   `json:"-"`
	Roles   [][2]string `json:"-"`
}

// SAMLProvider is a SAML identity provider as an account knows it.
type SAMLProvider struct {
	ARN string
	// Metadata is the provider's metadata document.
	Metadata []byte
	// Keys decrypt assertions: PEM, RSA. They must not outlive the request.
	Keys [][]byte
	// Encrypted: only encrypted assertions are taken.
	Encrypted bool
}

// Assertions reads and verifies what SAML identity providers say.
type Assertions interface {
	// Metadata checks a provider's metadata document and says until when it is
	// good; zero if it does not tell. Its errors are for the caller to read.
	Metadata(document []byte) (time.Time, error)
	// PrivateKey checks a key that assertions are to be encrypted for.
	PrivateKey(pem []byte) error
	// Assertion verifies a response, the XML, at a time. What is wrong with it is
	// an *AssertionError.
	Assertion(response []byte, p SAMLProvider, now time.Time) (*Federation, error)
}

// AssertionError says why an assertion proves nothing.
type AssertionError struct {
	// Expired: it would have, once.
	Expired bool
	Message string
}

// Error implements error.
func (e *AssertionError) Error() string { return e.Message }

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

// TokenIssuer is what signs the web identity tokens of an account (IAM guide,
// "Outbound identity federation").
type TokenIssuer struct {
	// URL is the issuer's identifier: https, without a path.
	URL string
	// RSA signs RS256, EC (P-384) ES384; they must not outlive the request.
	RSA *rsa.PrivateKey
	EC  *ecdsa.PrivateKey
}

// The ids of an issuer's keys, as AWS's own issuers have them.
const (
	RSAKeyID = "RSA_0"
	ECKeyID  = "EC384_0"
)
