package idp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/idp"
)

// metadata is that of a provider whose key is known to nobody.
func metadata(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://example.com"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` +
		base64.StdEncoding.EncodeToString(der) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>`)
}

const unsigned = `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" Version="2.0" IssueInstant="2026-11-30T00:00:00Z" Destination="https://signin.aws.amazon.com/saml"><saml:Issuer>https://example.com</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="_2" Version="2.0" IssueInstant="2026-11-30T00:00:00Z"><saml:Issuer>https://example.com</saml:Issuer><saml:Subject><saml:NameID>person</saml:NameID></saml:Subject></saml:Assertion></samlp:Response>`

// FuzzAssertion: what a key that nobody has did not sign proves nothing, and ends
// no process.
func FuzzAssertion(f *testing.F) {
	f.Add([]byte(unsigned))
	f.Add([]byte(strings.Replace(unsigned, "saml:Assertion", "saml:EncryptedAssertion", 2)))
	f.Add([]byte(`<Response Destination="https://signin.aws.amazon.com/saml"/>`))
	f.Add([]byte("<"))
	p := api.SAMLProvider{ARN: "arn:aws:iam::123456789012:saml-provider/x", Metadata: metadata(f)}
	f.Fuzz(func(t *testing.T, response []byte) {
		if said, err := (idp.Assertions{}).Assertion(response, p, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Errorf("taken for the provider's word: %+v", said)
		}
	})
}

// FuzzMetadata: metadata that is taken can be used.
func FuzzMetadata(f *testing.F) {
	f.Add(metadata(f))
	f.Add([]byte(`<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"/>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if _, err := (idp.Assertions{}).Metadata(document); err != nil {
			return
		}
		_, err := (idp.Assertions{}).Assertion([]byte(unsigned), api.SAMLProvider{Metadata: document}, time.Now())
		if err == nil {
			t.Error("an assertion without a signature was taken")
		}
	})
}
