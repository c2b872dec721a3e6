package cloud_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/beevik/etree"
	"github.com/crewjam/saml"
	"github.com/crewjam/saml/xmlenc"
	dsig "github.com/russellhaering/goxmldsig"
)

const samlIssuer = "https://idp.example.com/saml"

// directory is a SAML identity provider of somebody's.
type directory struct {
	*stage
	key         *rsa.PrivateKey
	certificate []byte
	arn         string
}

func newDirectory(s *stage, name string) *directory {
	s.Helper()
	d := &directory{stage: s}
	var err error
	d.key, err = rsa.GenerateKey(rand.Reader, 2048)
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "idp.example.com"}, NotBefore: s.cloud.Now().Add(-time.Hour), NotAfter: s.cloud.Now().Add(time.Hour)}
	d.certificate, err = x509.CreateCertificate(rand.Reader, template, template, &d.key.PublicKey, d.key)
	s.must(err)
	made, err := s.root.iam.CreateSAMLProvider(s.Context(), &iam.CreateSAMLProviderInput{Name: &name, SAMLMetadataDocument: aws.String(d.metadata())})
	s.must(err)
	d.arn = *made.SAMLProviderArn
	return d
}

func (d *directory) metadata() string {
	return fmt.Sprintf(`<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID=%q>
  <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
    <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>`, samlIssuer, base64.StdEncoding.EncodeToString(d.certificate))
}

// attributes of an assertion, by name.
type attributes map[string][]string

// response is the provider's response about a person, with something changed.
func (d *directory) response(a attributes, change func(*saml.Assertion)) string {
	d.Helper()
	now := d.cloud.Now()
	assertion := &saml.Assertion{
		ID: "_0123456789abcdef", IssueInstant: now, Version: "2.0", Issuer: saml.Issuer{Value: samlIssuer},
		Subject: &saml.Subject{
			NameID: &saml.NameID{Format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent", Value: "person@example.com"},
			SubjectConfirmations: []saml.SubjectConfirmation{{
				Method:                  "urn:oasis:names:tc:SAML:2.0:cm:bearer",
				SubjectConfirmationData: &saml.SubjectConfirmationData{NotOnOrAfter: now.Add(5 * time.Minute), Recipient: "https://signin.aws.amazon.com/saml"},
			}},
		},
		Conditions: &saml.Conditions{
			NotBefore: now.Add(-time.Minute), NotOnOrAfter: now.Add(5 * time.Minute),
			AudienceRestrictions: []saml.AudienceRestriction{{Audience: saml.Audience{Value: "urn:amazon:webservices"}}},
		},
		AuthnStatements: []saml.AuthnStatement{{AuthnInstant: now, AuthnContext: saml.AuthnContext{
			AuthnContextClassRef: &saml.AuthnContextClassRef{Value: "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"},
		}}},
		AttributeStatements: []saml.AttributeStatement{{}},
	}
	for name, values := range a {
		attribute := saml.Attribute{Name: name}
		for _, v := range values {
			attribute.Values = append(attribute.Values, saml.AttributeValue{Type: "xs:string", Value: v})
		}
		assertion.AttributeStatements[0].Attributes = append(assertion.AttributeStatements[0].Attributes, attribute)
	}
	if change != nil {
		change(assertion)
	}
	signer := dsig.NewDefaultSigningContext(dsig.TLSCertKeyStore(tls.Certificate{Certificate: [][]byte{d.certificate}, PrivateKey: d.key}))
	signer.Canonicalizer = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("")
	unsigned := assertion.Element()
	signed, err := signer.SignEnveloped(unsigned)
	d.must(err)
	assertion.Signature = signed.FindElement("./Signature")
	return d.envelope(assertion.Element())
}

// envelope is a response around an assertion, in base 64.
func (d *directory) envelope(assertion *etree.Element) string {
	d.Helper()
	response := &saml.Response{
		ID: "_fedcba9876543210", Version: "2.0", IssueInstant: d.cloud.Now(), Destination: "https://signin.aws.amazon.com/saml",
		Issuer: &saml.Issuer{Value: samlIssuer}, Status: saml.Status{StatusCode: saml.StatusCode{Value: saml.StatusSuccess}},
	}
	if assertion.Tag == "EncryptedAssertion" {
		response.EncryptedAssertion = assertion
	}
	element := response.Element()
	if assertion.Tag != "EncryptedAssertion" {
		element.AddChild(assertion)
	}
	document := etree.NewDocument()
	document.SetRoot(element)
	text, err := document.WriteToBytes()
	d.must(err)
	return base64.StdEncoding.EncodeToString(text)
}

func (d *directory) assume(role, provider, response string) (*sts.AssumeRoleWithSAMLOutput, error) {
	d.Helper()
	client := sts.New(sts.Options{Region: region, BaseEndpoint: &d.url, RetryMaxAttempts: 1})
	return client.AssumeRoleWithSAML(d.Context(), &sts.AssumeRoleWithSAMLInput{RoleArn: &role, PrincipalArn: &provider, SAMLAssertion: &response})
}

// TestSAML: a person of a directory assumes the role that the assertion names
// and that trusts the directory (STS API reference, "AssumeRoleWithSAML").
func TestSAML(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	d := newDirectory(s, "corporate")
	trust := func(condition string) *string {
		return aws.String(fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":%s}}`, d.arn, condition))
	}
	made, err := s.root.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("people"), AssumeRolePolicyDocument: trust(
		`{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml","SAML:sub_type":"persistent","SAML:doc":"123456789012/corporate","SAML:edupersonaffiliation":"staff"}}`)})
	s.must(err)
	role := *made.Role.Arn
	_, err = s.root.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("people"), PolicyName: aws.String("look"), PolicyDocument: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeVolumes","Resource":"*","Condition":{"StringEquals":{"aws:FederatedProvider":%q,"saml:sub":"person@example.com","aws:PrincipalTag/team":"blue"}}}}`, d.arn)),
	})
	s.must(err)
	staff := attributes{
		"https://aws.amazon.com/SAML/Attributes/Role":              {role + "," + d.arn},
		"https://aws.amazon.com/SAML/Attributes/RoleSessionName":   {"person"},
		"https://aws.amazon.com/SAML/Attributes/PrincipalTag:team": {"blue"},
		"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":                         {"staff"},
	}
	without := func(name string) attributes {
		less := attributes{}
		for k, v := range staff {
			if !strings.HasSuffix(k, name) {
				less[k] = v
			}
		}
		return less
	}
	good := d.response(staff, nil)
	out, err := d.assume(role, d.arn, good)
	s.must(err)
	if *out.Subject != "person@example.com" || *out.SubjectType != "persistent" || *out.Issuer != samlIssuer || *out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/people/person" {
		t.Errorf("answered %+v", out)
	}
	session := s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	if _, err := session.ec2.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{}); err != nil {
		t.Errorf("the session's condition keys are not there: %v", err)
	}
	until := s.cloud.Now().Add(20 * time.Minute)
	out, err = d.assume(role, d.arn, d.response(staff, func(a *saml.Assertion) { a.AuthnStatements[0].SessionNotOnOrAfter = &until }))
	s.must(err)
	if left := out.Credentials.Expiration.Sub(s.cloud.Now()); left > 20*time.Minute || left < 19*time.Minute {
		t.Errorf("the session outlives the provider's: it lasts %s", left)
	}

	stranger := newDirectory(s, "stranger")
	stranger.arn = d.arn
	plain, err := base64.StdEncoding.DecodeString(good)
	s.must(err)
	for rule, c := range map[string]struct{ role, provider, response, code, text string }{
		"another's signature":                {role, d.arn, stranger.response(staff, nil), "InvalidIdentityToken", "Response signature invalid"},
		"an attribute changed after signing": {role, d.arn, base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(plain), "staff", "chief", 1))), "InvalidIdentityToken", "Response signature invalid"},
		"no signature":                       {role, d.arn, base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(string(plain), "ds:Signature", "ds:Signatura"))), "InvalidIdentityToken", ""},
		"no XML":                             {role, d.arn, base64.StdEncoding.EncodeToString([]byte("person")), "InvalidIdentityToken", "Invalid SAML response"},
		"no base 64":                         {role, d.arn, "<Response/>", "InvalidIdentityToken", "Invalid base64 SAMLResponse"},
		"a provider that is not there":       {role, d.arn + "x", good, "InvalidIdentityToken", "Specified provider doesn't exist"},
		"another issuer":                     {role, d.arn, d.response(staff, func(a *saml.Assertion) { a.Issuer.Value = "https://example.com" }), "InvalidIdentityToken", "Issuer not present in specified provider"},
		"for another service":                {role, d.arn, d.response(staff, func(a *saml.Assertion) { a.Conditions.AudienceRestrictions[0].Audience.Value = "https://example.com" }), "InvalidIdentityToken", "Audience restriction"},
		"of an hour ago": {role, d.arn, d.response(staff, func(a *saml.Assertion) {
			a.IssueInstant = a.IssueInstant.Add(-time.Hour)
		}), "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"},
		"a role that it does not name": {role, d.arn, d.response(without("/Role"), nil), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
		"no session name":              {role, d.arn, d.response(without("/RoleSessionName"), nil), "InvalidIdentityToken", "RoleSessionName is required in AuthnResponse"},
		"a condition that fails":       {role, d.arn, d.response(without("1.1.1.1"), nil), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"},
	} {
		_, err := d.assume(c.role, c.provider, c.response)
		wantCode(t, err, c.code)
		if err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %q", rule, err, c.text)
		}
	}

	var event struct {
		UserIdentity      struct{ Type, PrincipalID, UserName, IdentityProvider string }
		RequestParameters map[string]any
		ResponseElements  map[string]any
	}
	raw := ""
	for _, e := range s.global().events("AssumeRoleWithSAML") {
		if strings.Contains(*e.CloudTrailEvent, good[:200]) {
			t.Error("an event shows an assertion")
		}
		if !strings.Contains(*e.CloudTrailEvent, "errorCode") {
			raw = *e.CloudTrailEvent
		}
	}
	s.must(json.Unmarshal([]byte(raw), &event))
	if u := event.UserIdentity; u.Type != "SAMLUser" || u.PrincipalID != *out.NameQualifier+":person@example.com" || u.IdentityProvider != *out.NameQualifier {
		t.Errorf("the event is of %+v", u)
	}
	if event.RequestParameters["sAMLAssertionID"] != "_0123456789abcdef" || event.ResponseElements["subjectType"] != "persistent" {
		t.Errorf("the event says %v and %v", event.RequestParameters, event.ResponseElements)
	}
}

// TestEncryptedAssertions: a provider with a private key takes what is encrypted
// for it and, where that is required, nothing else.
func TestEncryptedAssertions(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	d := newDirectory(s, "corporate")
	_, err := s.root.iam.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: &d.arn, AssertionEncryptionMode: iamtypes.AssertionEncryptionModeTypeRequired})
	wantCode(t, err, "InvalidInput")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	s.must(err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
	_, err = s.root.iam.UpdateSAMLProvider(ctx, &iam.UpdateSAMLProviderInput{SAMLProviderArn: &d.arn, AssertionEncryptionMode: iamtypes.AssertionEncryptionModeTypeRequired, AddPrivateKey: &text})
	s.must(err)
	made, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("people"), AssumeRolePolicyDocument: aws.String(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":"sts:AssumeRoleWithSAML"}}`, d.arn))})
	s.must(err)
	staff := attributes{
		"https://aws.amazon.com/SAML/Attributes/Role":            {d.arn + ", " + *made.Role.Arn},
		"https://aws.amazon.com/SAML/Attributes/RoleSessionName": {"person"},
	}
	response := d.response(staff, nil)
	_, err = d.assume(*made.Role.Arn, d.arn, response)
	wantCode(t, err, "InvalidIdentityToken")

	raw, err := base64.StdEncoding.DecodeString(response)
	s.must(err)
	document := etree.NewDocument()
	s.must(document.ReadFromBytes(raw))
	inner := etree.NewDocument()
	inner.SetRoot(document.FindElement("./Response/Assertion").Copy())
	clear, err := inner.WriteToBytes()
	s.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	s.must(err)
	certificate, err := x509.ParseCertificate(der)
	s.must(err)
	cipher := xmlenc.OAEP()
	cipher.BlockCipher = xmlenc.AES256GCM
	cipher.DigestMethod = &xmlenc.SHA256
	data, err := cipher.Encrypt(certificate, clear, nil)
	s.must(err)
	data.CreateAttr("Type", "http://www.w3.org/2001/04/xmlenc#Element")
	encrypted := etree.NewElement("saml:EncryptedAssertion")
	encrypted.CreateAttr("xmlns:saml", "urn:oasis:names:tc:SAML:2.0:assertion")
	encrypted.AddChild(data)
	if _, err := d.assume(*made.Role.Arn, d.arn, d.envelope(encrypted)); err != nil {
		t.Errorf("an encrypted assertion: %v", err)
	}

	shown, err := s.root.iam.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: &d.arn})
	s.must(err)
	if len(shown.PrivateKeyList) != 1 || *shown.SAMLMetadataDocument != d.metadata() {
		t.Errorf("the provider is %+v", shown)
	}
	changes := s.global().events("UpdateSAMLProvider")
	if len(changes) == 0 {
		t.Error("no event of the change")
	}
	for _, e := range changes {
		if strings.Contains(*e.CloudTrailEvent, "PRIVATE KEY") {
			t.Error("an event shows the private key")
		}
	}
	_, err = s.root.iam.DeleteSAMLProvider(ctx, &iam.DeleteSAMLProviderInput{SAMLProviderArn: &d.arn})
	s.must(err)
	_, err = s.root.iam.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: &d.arn})
	wantCode(t, err, "NoSuchEntity")
}
