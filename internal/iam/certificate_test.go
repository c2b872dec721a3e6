package iam_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// pair is a certificate with its private key, both in PEM too.
type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	body, pem   string
}

// issue makes a certificate that by signs, or that signs itself.
func issue(t testing.TB, name string, by *pair, from, to time.Time) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{key: key, body: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
	if p.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p.pem = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
	return p
}

var valid = []time.Time{start.Add(-time.Hour), start.AddDate(1, 0, 0)}

func TestSigningCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person()
	must[awsiam.CreateUserOutput](w, "CreateUser", &awsiam.CreateUserInput{UserName: aws.String("another")})
	person, another := aws.String("person"), aws.String("another")
	one, two, three := issue(t, "one", nil, valid[0], valid[1]), issue(t, "two", nil, valid[0], valid[1]), issue(t, "three", nil, valid[0], valid[1])
	upload := func(user *string, body string) *awsiam.UploadSigningCertificateInput {
		return &awsiam.UploadSigningCertificateInput{UserName: user, CertificateBody: &body}
	}
	w.fails("UploadSigningCertificate", upload(person, "not a certificate"), "MalformedCertificate", "Certificate not a certificate is malformed.")
	old := issue(t, "old", nil, valid[0].AddDate(-1, 0, 0), valid[0])
	w.fails("UploadSigningCertificate", upload(person, old.body), "MalformedCertificate", "Certificate "+old.body+" is malformed.")
	w.fails("UploadSigningCertificate", upload(person, one.body+two.body), "MalformedCertificate", "Certificate "+one.body+two.body+" is malformed.")

	first := must[awsiam.UploadSigningCertificateOutput](w, "UploadSigningCertificate", upload(person, one.body)).Certificate
	if len(*first.CertificateId) != 32 || *first.CertificateBody != one.body || first.Status != types.StatusTypeActive || *first.UserName != "person" {
		t.Errorf("uploaded %+v", first)
	}
	set := func(status types.StatusType) *awsiam.UpdateSigningCertificateInput {
		return &awsiam.UpdateSigningCertificateInput{UserName: person, CertificateId: first.CertificateId, Status: status}
	}
	must[awsiam.UpdateSigningCertificateOutput](w, "UpdateSigningCertificate", set(types.StatusTypeInactive))
	w.fails("UpdateSigningCertificate", set(types.StatusTypeExpired), "InvalidInput", "Operation does not support status Expired")
	again := must[awsiam.UploadSigningCertificateOutput](w, "UploadSigningCertificate", upload(person, one.body)).Certificate
	if *again.CertificateId != *first.CertificateId || !again.UploadDate.Equal(*first.UploadDate) || again.Status != types.StatusTypeActive {
		t.Errorf("uploaded again: %+v", again)
	}
	mine := mustAs[awsiam.ListSigningCertificatesOutput](w, userCaller("person", id), "ListSigningCertificates", &awsiam.ListSigningCertificatesInput{}).Certificates
	if len(mine) != 1 || mine[0].Status != types.StatusTypeInactive {
		t.Errorf("listed: %+v", mine)
	}
	w.fails("UploadSigningCertificate", upload(another, one.body), "DuplicateCertificate", "Duplicate certificate uploaded.")
	must[awsiam.UploadSigningCertificateOutput](w, "UploadSigningCertificate", upload(person, two.body))
	w.fails("UploadSigningCertificate", upload(person, three.body), "LimitExceeded", "Cannot exceed quota for CertificatesPerUser: 2")
	w.fails("DeleteSigningCertificate", &awsiam.DeleteSigningCertificateInput{UserName: another, CertificateId: first.CertificateId}, "NoSuchEntity", "The Certificate with id "+*first.CertificateId+" cannot be found.")
	w.fails("DeleteUser", &awsiam.DeleteUserInput{UserName: person}, "DeleteConflict", "Cannot delete entity, must delete certificates first.")

	w.generate(types.ReportStateTypeStarted)
	w.runTasks()
	if row := w.report()["person"]; row["cert_1_active"] != "false" || row["cert_1_last_rotated"] != first.UploadDate.Format(time.RFC3339) || row["cert_2_active"] != "true" {
		t.Errorf("the report's row: %v", row)
	}
	must[awsiam.UploadSigningCertificateOutput](w, "UploadSigningCertificate", upload(nil, three.body))
	if m := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap; m["AccountSigningCertificatesPresent"] != 1 {
		t.Errorf("the root user has %d certificates", m["AccountSigningCertificatesPresent"])
	}
	for _, v := range mustAs[awsiam.ListSigningCertificatesOutput](w, userCaller("person", id), "ListSigningCertificates", &awsiam.ListSigningCertificatesInput{}).Certificates {
		must[awsiam.DeleteSigningCertificateOutput](w, "DeleteSigningCertificate", &awsiam.DeleteSigningCertificateInput{UserName: person, CertificateId: v.CertificateId})
	}
	must[awsiam.DeleteUserOutput](w, "DeleteUser", &awsiam.DeleteUserInput{UserName: person})
}

func TestServerCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := issue(t, "root", nil, valid[0], valid[1])
	between := issue(t, "between", root, valid[0], valid[1])
	leaf := issue(t, "leaf", between, valid[0], valid[1])
	upload := func(p *pair, key string, chain ...string) *awsiam.UploadServerCertificateInput {
		in := &awsiam.UploadServerCertificateInput{ServerCertificateName: aws.String("Server"), Path: aws.String("/cloudfront/"), CertificateBody: &p.body, PrivateKey: &key}
		if len(chain) > 0 {
			in.CertificateChain = aws.String(strings.Join(chain, ""))
		}
		return in
	}
	const chain = "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: "
	for _, c := range []struct {
		rule          string
		in            *awsiam.UploadServerCertificateInput
		code, message string
	}{
		{"a certificate in PEM", upload(&pair{body: "file://cert.pem"}, leaf.pem), "MalformedCertificate", "Unable to parse certificate. Please ensure the certificate is in PEM format."},
		{"not expired", upload(issue(t, "old", nil, valid[0].AddDate(-1, 0, 0), valid[0]), leaf.pem), "MalformedCertificate", "Certificate is no longer valid. The 'Not After' date restriction on the certificate has passed."},
		{"not of the future", upload(issue(t, "new", nil, valid[1], valid[1].AddDate(1, 0, 0)), leaf.pem), "MalformedCertificate", "Certificate is not yet valid. The 'Not Before' date restriction on the certificate has not passed."},
		{"a private key", upload(leaf, leaf.body), "MalformedCertificate", "Invalid Private Key."},
		{"its private key", upload(leaf, root.pem), "KeyPairMismatch", "The private key did not match the public key provided. Please verify the key material and try again."},
		{"a chain of certificates", upload(leaf, leaf.pem, "chain"), "MalformedCertificate", ""},
		{"a chain that begins with the issuer", upload(leaf, leaf.pem, root.body), "MalformedCertificate", chain + "-1"},
		{"a chain in order", upload(leaf, leaf.pem, between.body, leaf.body), "MalformedCertificate", chain + "1"},
	} {
		t.Run(c.rule, func(*testing.T) { w.fails("UploadServerCertificate", c.in, c.code, c.message) })
	}

	in := upload(leaf, leaf.pem, between.body, root.body)
	in.Tags = []types.Tag{{Key: aws.String("Team"), Value: aws.String("one")}, {Key: aws.String("team"), Value: aws.String("two")}}
	out := must[awsiam.UploadServerCertificateOutput](w, "UploadServerCertificate", in)
	meta := out.ServerCertificateMetadata
	if *meta.Arn != "arn:aws:iam::123456789012:server-certificate/cloudfront/Server" || len(*meta.ServerCertificateId) != 21 || !strings.HasPrefix(*meta.ServerCertificateId, "ASCA") || !meta.Expiration.Equal(valid[1]) || len(out.Tags) != 2 {
		t.Errorf("uploaded %+v, tags %v", meta, out.Tags)
	}
	in.ServerCertificateName = aws.String("SERVER")
	w.fails("UploadServerCertificate", in, "EntityAlreadyExists", "The Server Certificate with name SERVER already exists.")
	name := aws.String("Server")
	got := must[awsiam.GetServerCertificateOutput](w, "GetServerCertificate", &awsiam.GetServerCertificateInput{ServerCertificateName: name}).ServerCertificate
	if *got.CertificateBody != strings.TrimSpace(leaf.body) || *got.CertificateChain != strings.TrimSpace(between.body+root.body) || len(got.Tags) != 2 {
		t.Errorf("got %+v", got)
	}
	w.fails("GetServerCertificate", &awsiam.GetServerCertificateInput{ServerCertificateName: aws.String("server")}, "NoSuchEntity", "The Server Certificate with name server cannot be found.")

	w.fails("TagServerCertificate", &awsiam.TagServerCertificateInput{ServerCertificateName: name}, "InvalidInput", "The provided tag map must not be null/empty.")
	w.fails("UntagServerCertificate", &awsiam.UntagServerCertificateInput{ServerCertificateName: name}, "InvalidInput", "The provided tag keys must not be null/empty.")
	must[awsiam.TagServerCertificateOutput](w, "TagServerCertificate", &awsiam.TagServerCertificateInput{ServerCertificateName: name, Tags: []types.Tag{{Key: aws.String("third"), Value: aws.String("3")}}})
	must[awsiam.UntagServerCertificateOutput](w, "UntagServerCertificate", &awsiam.UntagServerCertificateInput{ServerCertificateName: name, TagKeys: []string{"team"}})
	must[awsiam.UpdateServerCertificateOutput](w, "UpdateServerCertificate", &awsiam.UpdateServerCertificateInput{ServerCertificateName: name, NewServerCertificateName: aws.String("renamed"), NewPath: aws.String("/")})
	w.fails("UpdateServerCertificate", &awsiam.UpdateServerCertificateInput{ServerCertificateName: name}, "NoSuchEntity", "The Server Certificate with name Server cannot be found.")
	name = aws.String("renamed")
	if tags := must[awsiam.ListServerCertificateTagsOutput](w, "ListServerCertificateTags", &awsiam.ListServerCertificateTagsInput{ServerCertificateName: name}).Tags; len(tags) != 2 || *tags[0].Key != "Team" {
		t.Errorf("the tags are %+v", tags)
	}
	list := must[awsiam.ListServerCertificatesOutput](w, "ListServerCertificates", &awsiam.ListServerCertificatesInput{PathPrefix: aws.String("/")}).ServerCertificateMetadataList
	if len(list) != 1 || *list[0].Arn != "arn:aws:iam::123456789012:server-certificate/renamed" || *list[0].ServerCertificateId != *meta.ServerCertificateId {
		t.Errorf("listed %+v", list)
	}
	if m := must[awsiam.GetAccountSummaryOutput](w, "GetAccountSummary", &awsiam.GetAccountSummaryInput{}).SummaryMap; m["ServerCertificates"] != 1 {
		t.Errorf("the summary counts %d", m["ServerCertificates"])
	}
	for i := range 19 {
		next := upload(leaf, leaf.pem)
		next.ServerCertificateName = aws.String("more-" + string(rune('a'+i)))
		must[awsiam.UploadServerCertificateOutput](w, "UploadServerCertificate", next)
	}
	w.fails("UploadServerCertificate", upload(leaf, leaf.pem), "LimitExceeded", "Cannot exceed quota for ServerCertificatesPerAccount: 20")
	must[awsiam.DeleteServerCertificateOutput](w, "DeleteServerCertificate", &awsiam.DeleteServerCertificateInput{ServerCertificateName: name})
	w.fails("DeleteServerCertificate", &awsiam.DeleteServerCertificateInput{ServerCertificateName: name}, "NoSuchEntity", "The Server Certificate with name renamed cannot be found.")
}

// TestRenamedServerCertificateNeedsBoth permissions: on what it was and will be.
func TestRenamedServerCertificateNeedsBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leaf := issue(t, "leaf", nil, valid[0], valid[1])
	must[awsiam.UploadServerCertificateOutput](w, "UploadServerCertificate", &awsiam.UploadServerCertificateInput{ServerCertificateName: aws.String("a"), CertificateBody: &leaf.body, PrivateKey: &leaf.pem})
	_, needs, err := w.run(rootCaller(account), "UpdateServerCertificate", &awsiam.UpdateServerCertificateInput{ServerCertificateName: aws.String("a"), NewServerCertificateName: aws.String("b")})
	if err != nil || len(needs) != 2 || needs[0].Resource != "arn:aws:iam::123456789012:server-certificate/a" || needs[1].Resource != "arn:aws:iam::123456789012:server-certificate/b" {
		t.Errorf("needs %+v, %v", needs, err)
	}
}
