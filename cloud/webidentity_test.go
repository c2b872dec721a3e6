package cloud_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
)

// issuer is an OpenID Connect provider on loopback, with a certificate that
// nobody vouches for.
type issuer struct {
	*stage
	url, thumbprint, provider string
	key                       *ecdsa.PrivateKey
	server                    *httptest.Server
}

func newIssuer(s *stage) *issuer {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	i := &issuer{stage: s, key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			s.Error(err)
		}
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
	})
	i.server = httptest.NewUnstartedServer(mux)
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0) // who refuses the certificate
	i.server.StartTLS()
	s.Cleanup(i.server.Close)
	i.url = i.server.URL
	sum := sha1.Sum(i.server.Certificate().Raw)
	i.thumbprint = hex.EncodeToString(sum[:])
	i.provider = i.register(i.thumbprint)
	return i
}

// register makes the provider's entity in IAM.
func (i *issuer) register(thumbprint string) string {
	i.Helper()
	made, err := i.root.iam.CreateOpenIDConnectProvider(i.Context(), &iam.CreateOpenIDConnectProviderInput{
		Url: &i.url, ClientIDList: []string{"sts.amazonaws.com"}, ThumbprintList: []string{thumbprint},
	})
	i.must(err)
	return *made.OpenIDConnectProviderArn
}

// name is the issuer as condition keys have it.
func (i *issuer) name() string { return strings.TrimPrefix(i.url, "https://") }

// token is one for the workload, with some claims changed; nil takes one away.
func (i *issuer) token(changed map[string]any) string {
	i.Helper()
	now := i.cloud.Now()
	claims := map[string]any{
		"iss": i.url, "sub": "system:serviceaccount:default:app", "aud": []string{"sts.amazonaws.com"},
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	maps.Copy(claims, changed)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return i.sign(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "one"}}, claims)
}

func (i *issuer) sign(key jose.SigningKey, claims map[string]any) string {
	i.Helper()
	signer, err := jose.NewSigner(key, nil)
	i.must(err)
	raw, err := json.Marshal(claims)
	i.must(err)
	signed, err := signer.Sign(raw)
	i.must(err)
	text, err := signed.CompactSerialize()
	i.must(err)
	return text
}

// trusting makes a role that trusts somebody of the provider's.
func (i *issuer) trusting(role, actions, condition string) string {
	i.Helper()
	made, err := i.root.iam.CreateRole(i.Context(), &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":%q},"Action":%s,"Condition":%s}}`, i.provider, actions, condition,
	))})
	i.must(err)
	return *made.Role.Arn
}

// assume asks as somebody who has no credentials of AWS.
func (i *issuer) assume(role, token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	i.Helper()
	client := sts.New(sts.Options{Region: region, BaseEndpoint: &i.stage.url, RetryMaxAttempts: 1})
	return client.AssumeRoleWithWebIdentity(i.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("app"), WebIdentityToken: &token,
	})
}

// TestWebIdentity: a workload with a token of its cluster assumes the role that
// trusts it, and no other (STS API reference, "AssumeRoleWithWebIdentity").
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	i := newIssuer(s)
	name := i.name()
	role := i.trusting("workload", `"sts:AssumeRoleWithWebIdentity"`, fmt.Sprintf(
		`{"StringEquals":{"%[1]s:sub":"system:serviceaccount:default:app","%[1]s:aud":"sts.amazonaws.com"}}`, name))
	other := i.trusting("other", `"sts:AssumeRoleWithWebIdentity"`, fmt.Sprintf(`{"StringEquals":{"%s:sub":"system:serviceaccount:default:other"}}`, name))
	_, err := s.root.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("workload"), PolicyName: aws.String("look"), PolicyDocument: aws.String(fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:DescribeVolumes","Resource":"*","Condition":{"StringEquals":{"aws:FederatedProvider":%q,"%s:sub":"system:serviceaccount:default:app"}}}}`, i.provider, name)),
	})
	s.must(err)

	out, err := i.assume(role, i.token(nil))
	s.must(err)
	if got := aws.ToString(out.SubjectFromWebIdentityToken) + " " + aws.ToString(out.Audience) + " " + aws.ToString(out.Provider); got != "system:serviceaccount:default:app sts.amazonaws.com "+i.provider {
		t.Errorf("answered %s", got)
	}
	session := s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	if _, err := session.ec2.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{}); err != nil {
		t.Errorf("the session's condition keys are not there: %v", err)
	}
	_, err = session.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{})
	wantCode(t, err, "UnauthorizedOperation")

	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	claims := map[string]any{"iss": i.url, "sub": "system:serviceaccount:default:app", "aud": "sts.amazonaws.com", "iat": s.cloud.Now().Unix(), "exp": s.cloud.Now().Unix() + 600}
	good := i.token(nil)
	for rule, c := range map[string]struct{ role, token, code, text string }{
		"another role does not trust this one":   {other, good, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"a role that is not there trusts nobody": {role + "x", good, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		"what is no token":                       {role, "abcdefgh", "InvalidIdentityToken", "not a valid JWT"},
		"a token that was changed":               {role, good[:len(good)-8] + "AAAAAAAA", "InvalidIdentityToken", "not signed"},
		"a stranger's key by the same name":      {role, i.sign(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: stranger, KeyID: "one"}}, claims), "InvalidIdentityToken", "not signed"},
		"a key that the provider does not have":  {role, i.sign(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: stranger, KeyID: "two"}}, claims), "InvalidIdentityToken", "not signed"},
		"a secret is no key":                     {role, i.sign(jose.SigningKey{Algorithm: jose.HS256, Key: []byte("0123456789abcdef0123456789abcdef")}, claims), "InvalidIdentityToken", "not a valid JWT"},
		"a token of yesterday":                   {role, i.token(map[string]any{"exp": s.cloud.Now().Unix() - 1}), "ExpiredTokenException", "Token expired"},
		"a token of tomorrow":                    {role, i.token(map[string]any{"nbf": s.cloud.Now().Unix() + 3600}), "InvalidIdentityToken", "not valid yet"},
		"a token for somebody else":              {role, i.token(map[string]any{"aud": "elsewhere"}), "InvalidIdentityToken", "Incorrect token audience"},
		"the authorized party is the audience":   {role, i.token(map[string]any{"azp": "elsewhere"}), "InvalidIdentityToken", "Incorrect token audience"},
		"an issuer that the account has not":     {role, i.token(map[string]any{"iss": "https://example.com"}), "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://example.com"},
		"a token that names nobody":              {role, i.token(map[string]any{"sub": nil}), "InvalidIdentityToken", "Missing a required claim: sub"},
		"another subject":                        {role, i.token(map[string]any{"sub": "system:serviceaccount:kube-system:app"}), "AccessDenied", "Not authorized"},
		"tags need sts:TagSession":               {role, i.token(map[string]any{"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"blue"}}}}), "AccessDenied", "Not authorized to perform sts:TagSession"},
	} {
		_, err := i.assume(c.role, c.token)
		wantCode(t, err, c.code)
		if err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want %q", rule, err, c.text)
		}
	}

	var event struct {
		UserIdentity      struct{ Type, PrincipalID, UserName, IdentityProvider, AccountID string }
		RequestParameters map[string]any
		ResponseElements  map[string]any
	}
	raw := ""
	// Nothing in the request tells a region: it came to the global endpoint.
	for _, e := range s.global().events("AssumeRoleWithWebIdentity") {
		if strings.Contains(*e.CloudTrailEvent, good) {
			t.Error("an event shows a token")
		}
		if !strings.Contains(*e.CloudTrailEvent, "errorCode") {
			raw = *e.CloudTrailEvent
		}
	}
	s.must(json.Unmarshal([]byte(raw), &event))
	if u := event.UserIdentity; u.Type != "WebIdentityUser" || u.PrincipalID != i.provider+":sts.amazonaws.com:system:serviceaccount:default:app" ||
		u.UserName != "system:serviceaccount:default:app" || u.IdentityProvider != i.provider || u.AccountID != "" {
		t.Errorf("the event is of %+v", u)
	}
	if event.ResponseElements["provider"] != i.provider || event.RequestParameters["roleArn"] != role {
		t.Errorf("the event says %v and %v", event.RequestParameters, event.ResponseElements)
	}
	if raw := *s.events("DescribeVolumes")[0].CloudTrailEvent; !strings.Contains(raw, `"federatedProvider":"`+i.provider+`"`) {
		t.Errorf("a later event does not tell the provider: %s", raw)
	}
}

// TestWebIdentityTags: a token's tags and source identity are the session's (IAM
// guide, "Passing session tags in AWS STS").
func TestWebIdentityTags(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	i := newIssuer(s)
	role := i.trusting("tagged", `["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]`,
		`{"StringEquals":{"aws:RequestTag/team":"blue","sts:SourceIdentity":"person"}}`)
	for form, claims := range map[string]map[string]any{
		"nested": {"https://aws.amazon.com/tags": map[string]any{"principal_tags": map[string]any{"team": []string{"blue"}}, "transitive_tag_keys": []string{"team"}}},
		"flat":   {"https://aws.amazon.com/tags/principal_tags/team": "blue", "https://aws.amazon.com/tags/transitive_tag_keys": []string{"team"}},
	} {
		claims["https://aws.amazon.com/source_identity"] = "person"
		out, err := i.assume(role, i.token(claims))
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if aws.ToString(out.SourceIdentity) != "person" || out.PackedPolicySize == nil {
			t.Errorf("%s: answered %+v", form, out)
		}
	}
	_, err := i.assume(role, i.token(map[string]any{"https://aws.amazon.com/tags/principal_tags/team": "red", "https://aws.amazon.com/source_identity": "person"}))
	wantCode(t, err, "AccessDenied")
}

// TestIssuerIsChecked: the provider's server must be the one that the account
// knows, and there.
func TestIssuerIsChecked(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	i := newIssuer(s)
	role := i.trusting("workload", `"sts:AssumeRoleWithWebIdentity"`, `{"StringLike":{"`+i.name()+`:sub":"*"}}`)
	token := i.token(nil)
	_, err := i.assume(role, token)
	s.must(err)

	_, err = s.root.iam.UpdateOpenIDConnectProviderThumbprint(t.Context(), &iam.UpdateOpenIDConnectProviderThumbprintInput{
		OpenIDConnectProviderArn: &i.provider, ThumbprintList: []string{strings.Repeat("0", 40)},
	})
	s.must(err)
	_, err = i.assume(role, token)
	wantCode(t, err, "InvalidIdentityToken")
	if err == nil || !strings.Contains(err.Error(), "doesn't match configured thumbprint") {
		t.Errorf("an unknown certificate: %v", err)
	}
	_, err = s.root.iam.UpdateOpenIDConnectProviderThumbprint(t.Context(), &iam.UpdateOpenIDConnectProviderThumbprintInput{
		OpenIDConnectProviderArn: &i.provider, ThumbprintList: []string{i.thumbprint},
	})
	s.must(err)

	if i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	_, err = i.assume(role, token) // the provider has another key now
	wantCode(t, err, "InvalidIdentityToken")
	if _, err = i.assume(role, i.token(nil)); err != nil {
		t.Errorf("a provider may change its key: %v", err)
	}

	i.server.Close()
	_, err = i.assume(role, token)
	wantCode(t, err, "InvalidIdentityToken")
	if err == nil || !strings.Contains(err.Error(), "Couldn't retrieve verification key") {
		t.Errorf("a server that is not there: %v", err)
	}

	_, err = s.root.iam.DeleteOpenIDConnectProvider(t.Context(), &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &i.provider})
	s.must(err)
	_, err = i.assume(role, token)
	if err == nil || !strings.Contains(err.Error(), "No OpenIDConnect provider found") {
		t.Errorf("a provider that was deleted: %v", err)
	}
}

// TestUnsignedIsForTokens: without a signature only what is made for it is heard.
func TestUnsignedIsForTokens(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for body, status := range map[string]int{
		"Action=GetCallerIdentity&Version=2011-06-15":                                              http.StatusForbidden,
		"Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/x":            http.StatusForbidden,
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15":                                      http.StatusBadRequest,
		"Action=ListUsers&Version=2010-05-08":                                                      http.StatusForbidden,
		"Action=AssumeRoleWithWebIdentity&Version=2016-11-15":                                      http.StatusForbidden,
		"Action=DescribeInstances&Version=2016-11-15&WebIdentityToken=AssumeRoleWithWebIdentity":   http.StatusForbidden,
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=x&RoleSessionName=a&Policy=x": http.StatusBadRequest,
	} {
		answer, err := http.Post(s.url, "application/x-www-form-urlencoded", strings.NewReader(body))
		s.must(err)
		text, err := io.ReadAll(answer.Body)
		s.must(err)
		answer.Body.Close()
		if answer.StatusCode != status {
			t.Errorf("%s: %s, want %d: %s", body, answer.Status, status, text)
		}
	}
}
