//go:build awscli

package awscli

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestWebIdentity: a pipeline that has a token and no access key assumes its
// role, with the CLI's own command.
func TestWebIdentity(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	root := s.root()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var issuer *httptest.Server
	issuer = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = map[string]any{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"}
		if r.URL.Path == "/keys" {
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256"}}}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(issuer.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := func(subject string) string {
		claims, err := json.Marshal(map[string]any{
			"iss": issuer.URL, "sub": subject, "aud": "sts.amazonaws.com", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		})
		if err != nil {
			t.Fatal(err)
		}
		signed, err := signer.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		text, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}

	thumbprint := sha1.Sum(issuer.Certificate().Raw)
	provider := root.does("aws iam create-open-id-connect-provider --url " + issuer.URL + " --client-id-list sts.amazonaws.com --thumbprint-list " + hex.EncodeToString(thumbprint[:]) + " --query OpenIDConnectProviderArn --output text")
	role := root.does(`aws iam create-role --role-name pipeline --query Role.Arn --output text --assume-role-policy-document '{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
		"Principal": {"Federated": "` + provider + `"}, "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"` + strings.TrimPrefix(issuer.URL, "https://") + `:sub": "repo:example/app:ref:refs/heads/main"}}}}'`)

	nobody := s.person()
	ask := "aws sts assume-role-with-web-identity --role-arn " + role + " --role-session-name build --web-identity-token "
	nobody.fails(ask+token("repo:example/app:ref:refs/heads/other"), "AccessDenied")
	got := strings.Fields(nobody.does(ask + token("repo:example/app:ref:refs/heads/main") + " --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text"))
	if len(got) != 3 {
		t.Fatalf("the CLI prints %d words, want 3", len(got))
	}
	pipeline := nobody.with(got[0], got[1], got[2])
	if arn := pipeline.does("aws sts get-caller-identity --query Arn --output text"); arn != "arn:aws:sts::123456789012:assumed-role/pipeline/build" {
		t.Errorf("the pipeline is %s", arn)
	}
	pipeline.fails("aws iam list-users", "AccessDenied")
}
