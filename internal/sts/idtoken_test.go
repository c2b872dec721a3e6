package sts

import (
	"encoding/json"
	"testing"
)

// TestIssuersSpeakForThemselves: a token's claims are condition keys of its issuer,
// and of nobody else: not of AWS's own keys, whatever the issuer is called.
func TestIssuersSpeakForThemselves(t *testing.T) {
	t.Parallel()
	token := idToken{claims: map[string]json.RawMessage{
		"sub": json.RawMessage(`"repo:example/app"`), "actor": json.RawMessage(`"person"`),
		"RoleSessionName": json.RawMessage(`"chosen"`), "SourceIdentity": json.RawMessage(`"chosen"`), "SourceIp": json.RawMessage(`"203.0.113.1"`),
	}}
	session, request := token.conditionKeys("token.actions.githubusercontent.com", "sts.amazonaws.com")
	if session["token.actions.githubusercontent.com:sub"][0] != "repo:example/app" || request["token.actions.githubusercontent.com:actor"][0] != "person" {
		t.Errorf("a known issuer gives %v and %v", session, request)
	}
	for _, issuer := range []string{"sts", "aws"} {
		if _, request := token.conditionKeys(issuer, "sts.amazonaws.com"); len(request) > 0 {
			t.Errorf("an issuer called %s gives %v", issuer, request)
		}
	}
}

// FuzzIDToken: a token that can be read has the claims that it must have.
func FuzzIDToken(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2V4YW1wbGUuY29tIn0.AA")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseToken(text)
		if err != nil {
			return
		}
		for _, claim := range []string{"iss", "sub", "aud", "exp", "iat"} {
			if _, ok := token.claims[claim]; !ok {
				t.Errorf("no claim %s", claim)
			}
		}
		token.conditionKeys(token.text("iss"), token.audience(nil))
	})
}
