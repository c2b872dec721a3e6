package idp

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // NameQualifier is defined as a SHA-1 hash
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/crewjam/saml"
	"github.com/crewjam/saml/samlsp"
	"github.com/jonboulle/clockwork"
	dsig "github.com/russellhaering/goxmldsig"

	"github.com/keyturn/keyturn/internal/api"
)

// An assertion must be used within five minutes (STS API reference,
// "AssumeRoleWithSAML"). The library has one limit for all of a program, and
// nothing else of it uses one.
func init() { saml.MaxIssueDelay = 5 * time.Minute }

// audience is AWS as a service provider; the sign-in page's own address is
// taken for it too (IAM guide, "Configure SAML assertions for the authentication
// response").
const audience = "urn:amazon:webservices"

// signIn are the addresses that an assertion may be made for.
var signIn = regexp.MustCompile(`^https://([a-z0-9-]+\.)?signin\.(aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)/(platform/)?saml(/acs/[A-Za-z0-9]+)?$`)

// Assertions verifies the responses of SAML 2.0 identity providers. It is safe
// for concurrent use.
type Assertions struct{}

var _ api.Assertions = Assertions{}

// Metadata implements api.Assertions.
func (Assertions) Metadata(document []byte) (time.Time, error) {
	d, err := samlsp.ParseMetadata(document)
	if err != nil {
		return time.Time{}, errors.New("Could not parse metadata")
	}
	if d.EntityID == "" || len(d.IDPSSODescriptors) == 0 {
		return time.Time{}, errors.New("Could not parse metadata: it describes no identity provider")
	}
	for _, role := range d.IDPSSODescriptors {
		for _, k := range role.KeyDescriptors {
			if k.Use != "encryption" && len(k.KeyInfo.X509Data.X509Certificates) > 0 {
				return d.ValidUntil, nil
			}
		}
	}
	return time.Time{}, errors.New("Could not parse metadata: it has no certificate to verify signatures with")
}

// PrivateKey implements api.Assertions.
func (Assertions) PrivateKey(text []byte) error {
	_, err := privateKey(text)
	return err
}

func privateKey(text []byte) (*rsa.PrivateKey, error) {
	bad := errors.New("The private key is not an RSA key in PEM")
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, bad
	}
	if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return k, nil
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad
	}
	if k, ok := k.(*rsa.PrivateKey); ok {
		return k, nil
	}
	return nil, bad
}

// Assertion implements api.Assertions.
func (Assertions) Assertion(response []byte, p api.SAMLProvider, now time.Time) (*api.Federation, error) {
	metadata, err := samlsp.ParseMetadata(p.Metadata)
	if err != nil {
		return nil, err // it was checked when it was kept
	}
	to, encrypted := recipient(response)
	if !signIn.MatchString(to) {
		return nil, &api.AssertionError{Message: "Invalid SAML response: it is not addressed to AWS."}
	}
	if p.Encrypted && !encrypted {
		return nil, &api.AssertionError{Message: "The SAML assertion must be encrypted."}
	}
	address, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	sp := saml.ServiceProvider{
		EntityID: audience, AcsURL: *address, IDPMetadata: metadata,
		Clock: dsig.NewFakeClock(clockwork.NewFakeClockAt(now)),
		// Metadata is a container of keys: AWS does not ask whether their
		// certificates have expired.
		IgnoreCertificateExpiry: true,
		AllowIDPInitiated:       true,
		// Requests are the sign-in page's, which is not here.
		ValidateRequestID:           func(saml.Response, []string) error { return nil },
		ValidateAudienceRestriction: forAWS,
	}
	for _, text := range p.Keys {
		k, err := privateKey(text)
		if err != nil {
			return nil, err
		}
		sp.DecryptionKeys = append(sp.DecryptionKeys, k)
	}
	a, err := sp.ParseXMLResponse(response, nil, *address)
	if err != nil {
		return nil, refusal(err)
	}
	return federation(a, p.ARN, to), nil
}

// forAWS reports whether an assertion is meant for AWS.
func forAWS(a *saml.Assertion) error {
	for i := range a.Conditions.AudienceRestrictions {
		found := false
		for _, v := range a.Conditions.AudienceRestrictions[i].AllAudiences() {
			found = found || v.Value == audience || signIn.MatchString(v.Value)
		}
		if !found {
			return errors.New("it is meant for somebody else")
		}
	}
	if len(a.Conditions.AudienceRestrictions) == 0 {
		return errors.New("it does not say for whom it is meant")
	}
	return nil
}

// refusal words what is wrong with a response. Where IAM's guide on
// troubleshooting SAML federation has no text for it, it is ours.
func refusal(err error) error {
	if inner, ok := errors.AsType[*saml.InvalidResponseError](err); ok {
		err = inner.PrivateErr
	}
	for _, c := range []struct {
		kind error
		text string
	}{
		{saml.ErrExpired, "Token must be redeemed within 5 minutes of issuance"},
		{saml.ErrInvalidSignature, "Response signature invalid"},
		{saml.ErrIssuerMismatch, "Issuer not present in specified provider"},
		{saml.ErrAudienceMismatch, "Audience restriction validation failed"},
		{saml.ErrMalformedMessage, "Invalid SAML response"},
	} {
		if errors.Is(err, c.kind) {
			return &api.AssertionError{Expired: errors.Is(err, saml.ErrExpired), Message: c.text}
		}
	}
	return &api.AssertionError{Message: "Invalid SAML response: " + err.Error()}
}

// federation is what a verified assertion says.
func federation(a *saml.Assertion, provider, to string) *api.Federation {
	account, name := providerName(provider)
	hash := sha1.Sum([]byte(a.Issuer.Value + account + "/" + name)) //nolint:gosec // as above
	f := &api.Federation{
		Provider: provider, SAML: true, AssertionID: a.ID, Issuer: a.Issuer.Value, Audience: to,
		Subject: a.Subject.NameID.Value, NameQualifier: base64.StdEncoding.EncodeToString(hash[:]),
		SubjectType: strings.TrimPrefix(a.Subject.NameID.Format, "urn:oasis:names:tc:SAML:2.0:nameid-format:"),
		Tags:        make(map[string]string),
	}
	f.Keys = map[string][]string{"saml:sub": {f.Subject}, "saml:namequalifier": {f.NameQualifier}}
	if f.SubjectType != "" {
		f.Keys["saml:sub_type"] = []string{f.SubjectType}
	}
	f.RequestKeys = map[string][]string{"saml:aud": {to}, "saml:iss": {f.Issuer}, "saml:doc": {account + "/" + name}}
	for _, s := range a.AuthnStatements {
		if s.SessionNotOnOrAfter != nil && (f.Until.IsZero() || s.SessionNotOnOrAfter.Before(f.Until)) {
			f.Until = *s.SessionNotOnOrAfter
		}
	}
	for _, s := range a.AttributeStatements {
		for _, attribute := range s.Attributes {
			addAttribute(f, attribute)
		}
	}
	return f
}
