package cloud_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/go-jose/go-jose/v4"
)

// published reads what an issuer publishes under a path.
func (s *stage) published(issuer, path string, into any) int {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+path, http.NoBody)
	s.must(err)
	req.Host = strings.TrimPrefix(issuer, "https://")
	res, err := http.DefaultClient.Do(req)
	s.must(err)
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		s.must(json.NewDecoder(res.Body).Decode(into))
	}
	return res.StatusCode
}

// verified checks a token with the keys that its issuer publishes, and gives its claims.
func (s *stage) verified(issuer, token string) map[string]any {
	s.Helper()
	var found struct {
		Issuer string
		Keys   string `json:"jwks_uri"`
	}
	if code := s.published(issuer, "/.well-known/openid-configuration", &found); code != http.StatusOK || found.Issuer != issuer || found.Keys != issuer+"/.well-known/jwks.json" {
		s.Fatalf("%d: %+v", code, found)
	}
	var keys jose.JSONWebKeySet
	s.published(issuer, "/.well-known/jwks.json", &keys)
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES384})
	s.must(err)
	key := keys.Key(signed.Signatures[0].Header.KeyID)
	if len(key) != 1 || !key[0].IsPublic() {
		s.Fatalf("key %s is %v", signed.Signatures[0].Header.KeyID, key)
	}
	payload, err := signed.Verify(key[0])
	s.must(err)
	var claims map[string]any
	s.must(json.Unmarshal(payload, &claims))
	return claims
}

// TestOutboundFederation: an account's principals prove who they are to services
// that know its issuer.
func TestOutboundFederation(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx := t.Context()
	ask := func(by clients, in *sts.GetWebIdentityTokenInput) (*sts.GetWebIdentityTokenOutput, error) {
		if in.SigningAlgorithm == nil {
			in.SigningAlgorithm = aws.String("ES384")
		}
		if in.Audience == nil {
			in.Audience = []string{"https://api.example.com"}
		}
		return by.sts.GetWebIdentityToken(ctx, in)
	}
	_, err := ask(s.root, &sts.GetWebIdentityTokenInput{})
	s.wantError(err, "OutboundWebIdentityFederationDisabledException", "")
	_, err = s.root.iam.GetOutboundWebIdentityFederationInfo(ctx, &iam.GetOutboundWebIdentityFederationInfoInput{})
	s.wantError(err, "FeatureDisabled", "")
	enabled, err := s.root.iam.EnableOutboundWebIdentityFederation(ctx, &iam.EnableOutboundWebIdentityFederationInput{})
	s.must(err)
	issuer := *enabled.IssuerIdentifier
	if !strings.HasPrefix(issuer, "https://") || !strings.HasSuffix(issuer, ".tokens.sts.global.api.aws") {
		t.Errorf("the issuer is %s", issuer)
	}
	_, err = s.root.iam.EnableOutboundWebIdentityFederation(ctx, &iam.EnableOutboundWebIdentityFederationInput{})
	s.wantError(err, "FeatureEnabled", "")
	info, err := s.root.iam.GetOutboundWebIdentityFederationInfo(ctx, &iam.GetOutboundWebIdentityFederationInfoInput{})
	s.must(err)
	if *info.IssuerIdentifier != issuer || !info.JwtVendingEnabled {
		t.Errorf("%+v", info)
	}

	for _, algorithm := range []string{"RS256", "ES384"} {
		out, err := ask(s.root, &sts.GetWebIdentityTokenInput{SigningAlgorithm: &algorithm})
		s.must(err)
		claims := s.verified(issuer, *out.WebIdentityToken)
		own, _ := claims["https://sts.amazonaws.com/"].(map[string]any)
		if claims["iss"] != issuer || claims["aud"] != "https://api.example.com" || claims["sub"] != "arn:aws:iam::123456789012:root" || own["aws_account"] != "123456789012" || own["source_region"] != region ||
			claims["exp"].(float64)-claims["iat"].(float64) != 300 || int64(claims["exp"].(float64)) != out.Expiration.Unix() {
			t.Errorf("claims %v", claims)
		}
	}

	// A policy says for whom, how and how long.
	worker := s.user("worker")
	s.allow("worker", "token", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{
		"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":"https://api.example.com"},"StringEquals":{"sts:SigningAlgorithm":"ES384"},"NumericLessThanEquals":{"sts:DurationSeconds":"600"}}}}`)
	for _, in := range []*sts.GetWebIdentityTokenInput{
		{Audience: []string{"https://other.example.com"}},
		{Audience: []string{"https://api.example.com", "https://other.example.com"}},
		{SigningAlgorithm: aws.String("RS256")},
		{DurationSeconds: aws.Int32(601)},
		{Tags: []ststypes.Tag{{Key: aws.String("job"), Value: aws.String("7")}}},
	} {
		_, err := ask(worker, in)
		s.wantError(err, "AccessDenied", "")
	}
	_, err = ask(worker, &sts.GetWebIdentityTokenInput{DurationSeconds: aws.Int32(600)})
	s.must(err)
	s.allow("worker", "tag", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:TagGetWebIdentityToken","Resource":"*"}}`)
	tagged, err := ask(worker, &sts.GetWebIdentityTokenInput{Tags: []ststypes.Tag{{Key: aws.String("job"), Value: aws.String("7")}}})
	s.must(err)
	own, _ := s.verified(issuer, *tagged.WebIdentityToken)["https://sts.amazonaws.com/"].(map[string]any)
	if tags, _ := own["request_tags"].(map[string]any); tags["job"] != "7" {
		t.Errorf("%v", own)
	}

	// A role session's token tells of the role, and ends with the session.
	role, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("job"), Path: aws.String("/team/"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}}`)})
	s.must(err)
	_, err = s.root.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("job"), PolicyName: aws.String("token"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*"}}`)})
	s.must(err)
	s.allow("worker", "assume", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}}`)
	got, err := worker.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("one"), DurationSeconds: aws.Int32(900), Tags: []ststypes.Tag{{Key: aws.String("stage"), Value: aws.String("test")}}})
	s.must(err)
	session := s.as(*got.Credentials.AccessKeyId, *got.Credentials.SecretAccessKey, *got.Credentials.SessionToken)
	_, err = ask(session, &sts.GetWebIdentityTokenInput{DurationSeconds: aws.Int32(3600)})
	s.wantError(err, "SessionDurationEscalationException", "")
	out, err := ask(session, &sts.GetWebIdentityTokenInput{Audience: []string{"a", "b"}})
	s.must(err)
	claims := s.verified(issuer, *out.WebIdentityToken)
	own, _ = claims["https://sts.amazonaws.com/"].(map[string]any)
	if tags, _ := own["principal_tags"].(map[string]any); claims["sub"] != "arn:aws:iam::123456789012:role/team/job" || tags["stage"] != "test" ||
		own["original_session_exp"] != got.Credentials.Expiration.UTC().Format(time.RFC3339) || len(claims["aud"].([]any)) != 2 {
		t.Errorf("claims %v", claims)
	}
	for _, e := range s.events("GetWebIdentityToken") {
		if strings.Contains(*e.CloudTrailEvent, *out.WebIdentityToken) || strings.Contains(*e.CloudTrailEvent, "eyJ") {
			t.Errorf("the token is in the event %s", *e.CloudTrailEvent)
		}
	}

	// Disabled, no more are given; those that were go on being good.
	_, err = s.root.iam.DisableOutboundWebIdentityFederation(ctx, &iam.DisableOutboundWebIdentityFederationInput{})
	s.must(err)
	_, err = s.root.iam.DisableOutboundWebIdentityFederation(ctx, &iam.DisableOutboundWebIdentityFederationInput{})
	s.wantError(err, "FeatureDisabled", "")
	_, err = ask(s.root, &sts.GetWebIdentityTokenInput{})
	s.wantError(err, "OutboundWebIdentityFederationDisabledException", "")
	s.verified(issuer, *out.WebIdentityToken)
	again, err := s.root.iam.EnableOutboundWebIdentityFederation(ctx, &iam.EnableOutboundWebIdentityFederationInput{})
	s.must(err)
	if *again.IssuerIdentifier != issuer {
		t.Errorf("the issuer is now %s", *again.IssuerIdentifier)
	}

	for host, want := range map[string]int{strings.Replace(issuer, ".global.api.aws", ".localhost", 1): http.StatusOK, "https://01234567-89ab-cdef-0123-456789abcdef.tokens.sts.global.api.aws": http.StatusNotFound} {
		var any map[string]any
		if code := s.published(host, "/.well-known/openid-configuration", &any); code != want {
			t.Errorf("%s answers %d, want %d", host, code, want)
		}
	}
}
