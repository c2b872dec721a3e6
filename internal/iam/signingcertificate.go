package iam

import (
	"cmp"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// certificatesMax is how many signing certificates a user may have (IAM guide,
// "IAM and AWS STS quotas").
const certificatesMax = 2

// signingCertificate is a row of its table: an X.509 certificate of a user's or
// of the root user's.
type signingCertificate struct {
	// ID is made of the certificate, as AWS makes it: its SHA-1 hash in base 32.
	ID string
	// Owner is the user's unique id, or the account's for the root user.
	Owner    string
	Uploaded time.Time
	Inactive bool   `json:",omitempty"`
	Body     string // as it was uploaded
}

var signingCertificates = store.NewTable("iam.signingcertificate", store.Index[signingCertificate]{
	Name: "owner", Keys: func(_ string, v signingCertificate) []string { return []string{v.Owner} },
})

func (s *Service) signingCertificateOperations() []api.Operation {
	return []api.Operation{
		op("UploadSigningCertificate", onCaller(func(in *iam.UploadSigningCertificateInput) *string { return in.UserName }), uploadSigningCertificate),
		read("ListSigningCertificates", onCaller(func(in *iam.ListSigningCertificatesInput) *string { return in.UserName }), listSigningCertificates),
		op("UpdateSigningCertificate", onCaller(func(in *iam.UpdateSigningCertificateInput) *string { return in.UserName }), updateSigningCertificate),
		op("DeleteSigningCertificate", onCaller(func(in *iam.DeleteSigningCertificateInput) *string { return in.UserName }), deleteSigningCertificate),
	}
}

// parseCertificate reads one certificate in PEM, and nothing else.
func parseCertificate(body string) (*x509.Certificate, bool) {
	all, ok := parseCertificates(body)
	if !ok || len(all) != 1 {
		return nil, false
	}
	return all[0], true
}

// parseCertificates reads one certificate after the other in PEM.
func parseCertificates(body string) ([]*x509.Certificate, bool) {
	var all []*x509.Certificate
	rest := []byte(body)
	for strings.TrimSpace(string(rest)) != "" {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			return nil, false
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, false
		}
		all = append(all, c)
	}
	return all, len(all) > 0
}

// certificatesOf are an owner's certificates: the inactive ones first, as AWS's
// credential report has them, then the oldest.
func certificatesOf(c *api.Call, owner string) ([]signingCertificate, error) {
	all, err := collect(signingCertificates.Find(c.Tx, c.Global(), "owner", owner), nil)
	slices.SortStableFunc(all, func(a, b signingCertificate) int {
		if a.Inactive != b.Inactive {
			if a.Inactive {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Uploaded.Compare(b.Uploaded), strings.Compare(a.ID, b.ID))
	})
	return all, err
}

func (v signingCertificate) describe(o owner) types.SigningCertificate {
	out := types.SigningCertificate{
		CertificateId: aws.String(v.ID), CertificateBody: aws.String(v.Body), Status: statusOf(v.Inactive), UploadDate: aws.Time(v.Uploaded),
	}
	if o.name != "" {
		out.UserName = aws.String(o.name)
	}
	return out
}

// uploadSigningCertificate takes the same certificate twice from its owner: the
// answer calls it active, whatever it is.
func uploadSigningCertificate(c *api.Call, in *iam.UploadSigningCertificateInput) (*iam.UploadSigningCertificateOutput, error) {
	o, err := ownerOf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	body := value(in.CertificateBody)
	parsed, ok := parseCertificate(body)
	if !ok || c.Now.After(parsed.NotAfter) {
		return nil, &types.MalformedCertificateException{Message: aws.String(fmt.Sprintf("Certificate %s is malformed.", body))}
	}
	hash := sha1.Sum(parsed.Raw)
	v := signingCertificate{ID: base32.StdEncoding.EncodeToString(hash[:]), Owner: o.id, Uploaded: c.Now, Body: body}
	there, err := signingCertificates.Get(c.Tx, c.Global(), v.ID)
	switch {
	case err == nil && there.Owner != o.id:
		return nil, &types.DuplicateCertificateException{Message: aws.String("Duplicate certificate uploaded.")}
	case err == nil:
		there.Inactive = false
		shown := there.describe(o)
		return &iam.UploadSigningCertificateOutput{Certificate: &shown}, nil
	case !errors.Is(err, store.ErrNotFound):
		return nil, err
	}
	held, err := certificatesOf(c, o.id)
	if err != nil {
		return nil, err
	}
	if len(held) >= certificatesMax {
		return nil, quota("CertificatesPerUser", certificatesMax)
	}
	shown := v.describe(o)
	return &iam.UploadSigningCertificateOutput{Certificate: &shown}, signingCertificates.Put(c.Tx, c.Global(), v.ID, v)
}

func listSigningCertificates(c *api.Call, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	o, err := ownerOf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	held, err := certificatesOf(c, o.id)
	if err != nil {
		return nil, err
	}
	p, err := paginate(held, func(v signingCertificate) string { return v.ID }, in.Marker, in.MaxItems)
	return &iam.ListSigningCertificatesOutput{
		Certificates: convert(p.items, func(v signingCertificate) types.SigningCertificate { return v.describe(o) }),
		IsTruncated:  p.truncated, Marker: p.marker,
	}, err
}

// ownCertificate reads a certificate of the owner's.
func ownCertificate(c *api.Call, name, id *string) (signingCertificate, error) {
	o, err := ownerOf(c, name)
	if err != nil {
		return signingCertificate{}, err
	}
	v, err := signingCertificates.Get(c.Tx, c.Global(), value(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && v.Owner != o.id {
		err = notFound("The Certificate with id %s cannot be found.", value(id))
	}
	return v, err
}

func updateSigningCertificate(c *api.Call, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	v, err := ownCertificate(c, in.UserName, in.CertificateId)
	if err != nil {
		return nil, err
	}
	if v.Inactive, err = toInactive(in.Status); err != nil {
		return nil, err
	}
	return &iam.UpdateSigningCertificateOutput{}, signingCertificates.Put(c.Tx, c.Global(), v.ID, v)
}

func deleteSigningCertificate(c *api.Call, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	v, err := ownCertificate(c, in.UserName, in.CertificateId)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteSigningCertificateOutput{}, signingCertificates.Delete(c.Tx, c.Global(), v.ID)
}
