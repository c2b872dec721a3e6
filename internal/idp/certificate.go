package idp

import (
	"crypto/sha1" //nolint:gosec // AWS's thumbprints are SHA-1: they name a certificate, they prove nothing by themselves
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// trusting is the configuration of a client that takes a server's certificate
// if an authority known to the machine vouches for it or, failing that, if it
// goes back to a certificate of the chain whose thumbprint is one of those given
// (IAM guide, "Obtain the thumbprint for an OpenID Connect identity provider").
func trusting(thumbprints []string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// VerifyConnection checks what this leaves out, and is called always.
		InsecureSkipVerify: true, //nolint:gosec // see above
		VerifyConnection: func(s tls.ConnectionState) error {
			return verify(s.PeerCertificates, s.ServerName, thumbprints)
		},
	}
}

func verify(chain []*x509.Certificate, name string, thumbprints []string) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	known := x509.VerifyOptions{DNSName: name, Intermediates: between}
	if _, err := chain[0].Verify(known); err == nil {
		return nil
	}
	for _, c := range chain {
		sum := sha1.Sum(c.Raw) //nolint:gosec // as above
		if !slices.ContainsFunc(thumbprints, func(t string) bool { return strings.EqualFold(t, hex.EncodeToString(sum[:])) }) {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(c)
		if _, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: between, Roots: roots}); err == nil {
			return nil
		}
	}
	return api.ErrThumbprint
}
