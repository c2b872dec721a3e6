package iam

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// serverCertificatesMax is how many server certificates an account may have (IAM
// guide, "IAM and AWS STS quotas").
const serverCertificatesMax = 20

// serverCertificate is a row of its table. Its private key is not kept: it is
// given to nobody, and no service is here that would serve with it.
type serverCertificate struct {
	Name, Path, ID    string
	Uploaded, Expires time.Time
	Body              string
	Chain             string `json:",omitempty"`
	Tags              tags   `json:",omitempty"`
}

var serverCertificates = store.NewTable[serverCertificate]("iam.servercertificate")

func (v serverCertificate) put(c *api.Call) error {
	return serverCertificates.Put(c.Tx, c.Global(), rowID(v.Name), v)
}

func serverCertificateARN(c *api.Call, path, name string) string {
	return arn(c, "server-certificate", path, name)
}

// getServerCertificate reads a certificate by its name.
func getServerCertificate(c *api.Call, name *string) (serverCertificate, error) {
	v, err := serverCertificates.Get(c.Tx, c.Global(), rowID(value(name)))
	if errors.Is(err, store.ErrNotFound) || err == nil && v.Name != value(name) {
		return serverCertificate{}, notFound("The Server Certificate with name %s cannot be found.", value(name))
	}
	return v, err
}

func (v serverCertificate) describe(c *api.Call) *types.ServerCertificateMetadata {
	return &types.ServerCertificateMetadata{
		Arn: aws.String(serverCertificateARN(c, v.Path, v.Name)), Path: aws.String(v.Path), ServerCertificateId: aws.String(v.ID),
		ServerCertificateName: aws.String(v.Name), UploadDate: aws.Time(v.Uploaded), Expiration: aws.Time(v.Expires),
	}
}

func malformedCertificate(message string) error {
	return &types.MalformedCertificateException{Message: aws.String(message)}
}

// newServerCertificate checks what is uploaded. The messages about a certificate
// that is not valid yet and about a private key that cannot be read rest on no
// source.
func newServerCertificate(c *api.Call, in *iam.UploadServerCertificateInput) (serverCertificate, error) {
	parsed, ok := parseCertificate(value(in.CertificateBody))
	if !ok {
		return serverCertificate{}, malformedCertificate("Unable to parse certificate. Please ensure the certificate is in PEM format.")
	}
	if c.Now.After(parsed.NotAfter) {
		return serverCertificate{}, malformedCertificate("Certificate is no longer valid. The 'Not After' date restriction on the certificate has passed.")
	}
	if c.Now.Before(parsed.NotBefore) {
		return serverCertificate{}, malformedCertificate("Certificate is not yet valid. The 'Not Before' date restriction on the certificate has not passed.")
	}
	public, ok := publicHalf(value(in.PrivateKey))
	if !ok {
		return serverCertificate{}, malformedCertificate("Invalid Private Key.")
	}
	if !public.Equal(parsed.PublicKey) {
		return serverCertificate{}, &types.KeyPairMismatchException{Message: aws.String("The private key did not match the public key provided. Please verify the key material and try again.")}
	}
	v := serverCertificate{
		Name: value(in.ServerCertificateName), Path: pathOr(in.Path), Uploaded: c.Now, Expires: parsed.NotAfter, Body: encodeCertificates(parsed),
	}
	if in.CertificateChain == nil {
		return v, nil
	}
	chain, ok := parseCertificates(*in.CertificateChain)
	if !ok {
		// Which AWS has nothing to say about.
		return v, &types.MalformedCertificateException{}
	}
	if err := checkChain(parsed, chain); err != nil {
		return v, err
	}
	v.Chain = encodeCertificates(chain...)
	return v, nil
}

// checkChain wants each certificate to certify the one before it.
func checkChain(leaf *x509.Certificate, chain []*x509.Certificate) error {
	before := leaf
	for i, c := range chain {
		if before.CheckSignatureFrom(c) != nil {
			if i == 0 {
				i = -1 // as AWS counts
			}
			return malformedCertificate(fmt.Sprintf("Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: %d", i))
		}
		before = c
	}
	return nil
}

// encodeCertificates gives certificates in PEM, without what stood around them.
func encodeCertificates(all ...*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range all {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return strings.TrimSpace(b.String())
}

// publicKey is what public keys can: all but the oldest compare themselves.
type publicKey interface{ Equal(crypto.PublicKey) bool }

// publicHalf reads an RSA or EC private key in PEM, not encrypted, and gives its
// public half.
func publicHalf(body string) (publicKey, bool) {
	rest := []byte(body)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, false
		}
		var key any
		var err error
		switch block.Type {
		case "EC PARAMETERS":
			continue // which OpenSSL puts before an EC key
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			return nil, false
		}
		if err != nil {
			return nil, false
		}
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return &k.PublicKey, true
		case *ecdsa.PrivateKey:
			return &k.PublicKey, true
		}
		return nil, false
	}
}

func uploadServerCertificate(c *api.Call, in *iam.UploadServerCertificateInput) (*iam.UploadServerCertificateOutput, error) {
	v, err := newServerCertificate(c, in)
	if err != nil {
		return nil, err
	}
	if v.Tags, err = newTags(in.Tags, false); err != nil {
		return nil, err
	}
	if err := freeCertificateName(c, v.Name); err != nil {
		return nil, err
	}
	// The quota's name rests on no source.
	if err := room(c, "iam.servercertificate", "ServerCertificatesPerAccount", serverCertificatesMax); err != nil {
		return nil, err
	}
	v.ID = newID(c, serverCertificatePrefix)
	return &iam.UploadServerCertificateOutput{ServerCertificateMetadata: v.describe(c), Tags: v.Tags.describe()}, v.put(c)
}

func freeCertificateName(c *api.Call, name string) error {
	return free(c, serverCertificates, name, exists("The Server Certificate with name %s already exists.", name))
}

func describeServerCertificate(c *api.Call, in *iam.GetServerCertificateInput) (*iam.GetServerCertificateOutput, error) {
	v, err := getServerCertificate(c, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	out := &types.ServerCertificate{
		CertificateBody: aws.String(v.Body), ServerCertificateMetadata: v.describe(c),
		Tags: v.Tags.describeAll(),
	}
	if v.Chain != "" {
		out.CertificateChain = aws.String(v.Chain)
	}
	return &iam.GetServerCertificateOutput{ServerCertificate: out}, nil
}

func listServerCertificates(c *api.Call, in *iam.ListServerCertificatesInput) (*iam.ListServerCertificatesOutput, error) {
	all, err := collect(serverCertificates.All(c.Tx, c.Global()), func(v serverCertificate) bool { return strings.HasPrefix(v.Path, pathOr(in.PathPrefix)) })
	if err != nil {
		return nil, err
	}
	p, err := paginate(all, func(v serverCertificate) string { return rowID(v.Name) }, in.Marker, in.MaxItems)
	return &iam.ListServerCertificatesOutput{
		ServerCertificateMetadataList: convert(p.items, func(v serverCertificate) types.ServerCertificateMetadata { return *v.describe(c) }),
		IsTruncated:                   p.truncated, Marker: p.marker,
	}, err
}

func updateServerCertificate(c *api.Call, in *iam.UpdateServerCertificateInput) (*iam.UpdateServerCertificateOutput, error) {
	v, err := getServerCertificate(c, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	old := v.Name
	v.rename(in)
	if rowID(old) != rowID(v.Name) {
		if err := freeCertificateName(c, v.Name); err != nil {
			return nil, err
		}
		if err := serverCertificates.Delete(c.Tx, c.Global(), rowID(old)); err != nil {
			return nil, err
		}
	}
	return &iam.UpdateServerCertificateOutput{}, v.put(c)
}

func (v *serverCertificate) rename(in *iam.UpdateServerCertificateInput) {
	if in.NewServerCertificateName != nil {
		v.Name = *in.NewServerCertificateName
	}
	if in.NewPath != nil {
		v.Path = *in.NewPath
	}
}

func deleteServerCertificate(c *api.Call, in *iam.DeleteServerCertificateInput) (*iam.DeleteServerCertificateOutput, error) {
	v, err := getServerCertificate(c, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServerCertificateOutput{}, serverCertificates.Delete(c.Tx, c.Global(), rowID(v.Name))
}
