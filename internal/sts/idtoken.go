package sts

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy/serviceref"
)

// algorithms are those that a token may be signed with (IAM guide, "Create an
// OpenID Connect (OIDC) identity provider in IAM", prerequisites).
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}

// The claims in which a token asks for session tags and a source identity (IAM
// guide, "Passing session tags in AWS STS" and "Monitor and control actions
// taken with assumed roles").
const (
	tagsClaim       = "https://aws.amazon.com/tags"
	tagClaim        = tagsClaim + "/principal_tags/"
	transitiveClaim = tagsClaim + "/transitive_tag_keys"
	identityClaim   = "https://aws.amazon.com/source_identity"
)

// idToken is a JSON Web Token with its claims, before anything is verified.
type idToken struct {
	signed *jose.JSONWebSignature
	claims map[string]json.RawMessage
}

// parseToken reads a token in its compact form.
func parseToken(text string) (idToken, error) {
	bad := badToken("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return idToken{}, bad
	}
	t := idToken{signed: signed}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &t.claims); err != nil || t.claims == nil {
		return idToken{}, bad
	}
	for _, required := range []string{"iss", "sub", "aud", "exp", "iat"} {
		if _, ok := t.claims[required]; !ok {
			return idToken{}, badToken("Missing a required claim: %s", required)
		}
	}
	return t, nil
}

// text is a claim that is a string; empty if it is none.
func (t idToken) text(claim string) string {
	var s string
	if json.Unmarshal(t.claims[claim], &s) != nil {
		return ""
	}
	return s
}

// texts is a claim that is a string, a number or a boolean, or a list of these.
func (t idToken) texts(claim string) []string {
	raw, ok := t.claims[claim]
	if !ok {
		return nil
	}
	list := []json.RawMessage{raw}
	if strings.HasPrefix(string(raw), "[") && json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []string
	for _, item := range list {
		var value any
		if json.Unmarshal(item, &value) != nil {
			continue
		}
		switch v := value.(type) {
		case string:
			out = append(out, v)
		case bool, float64:
			out = append(out, string(item))
		}
	}
	return out
}

// seconds is a claim that is a time, in seconds since 1970.
func (t idToken) seconds(claim string) (int64, bool) {
	var n float64
	if err := json.Unmarshal(t.claims[claim], &n); err != nil || n < 0 || n > 1<<53 {
		return 0, false
	}
	return int64(n), true
}

// openToken verifies a token for the call's account: that the account knows the
// provider, that the provider signed it, for one of the clients that the account
// takes it from, and not too long ago.
func (s *Service) openToken(c *api.Call, text string) (*api.Federation, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	issuer, provider, err := s.issuer(c, t.text("iss"))
	if err != nil {
		return nil, err
	}
	if err := s.verify(c, t, "https://"+issuer, provider.Thumbprints); err != nil {
		return nil, err
	}
	if err := t.current(c); err != nil {
		return nil, err
	}
	audience := t.audience(provider.ClientIDs)
	if audience == "" {
		return nil, badToken("Incorrect token audience")
	}
	f := &api.Federation{Provider: provider.ARN, Issuer: issuer, Subject: t.text("sub"), Audience: audience}
	f.Keys, f.RequestKeys = t.conditionKeys(issuer, audience)
	if err := t.session(f); err != nil {
		return nil, err
	}
	return f, nil
}

// issuer finds the account's provider for an issuer, whose URL it returns
// without scheme.
func (s *Service) issuer(c *api.Call, url string) (string, OIDCProvider, error) {
	name := strings.TrimPrefix(url, "https://")
	if name == url && name != "accounts.google.com" { // which leaves its scheme out at times
		return "", OIDCProvider{}, badToken("No OpenIDConnect provider found in your account for %s", url)
	}
	p, err := s.iam.OIDCProvider(c.Tx, c.Partition, c.Account, name)
	if errors.Is(err, store.ErrNotFound) {
		if publicProviders[name] {
			return name, OIDCProvider{ARN: name}, nil
		}
		return "", OIDCProvider{}, badToken("No OpenIDConnect provider found in your account for %s", url)
	}
	return name, p, err
}

// verify checks the token's signature against the provider's keys of today.
func (s *Service) verify(c *api.Call, t idToken, issuer string, thumbprints []string) error {
	raw, err := s.issuers.Keys(c.Context, issuer, thumbprints)
	switch {
	case errors.Is(err, api.ErrThumbprint):
		return badToken("OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	case errors.Is(err, api.ErrIssuer):
		return badToken("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	case err != nil:
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(raw, &set); err != nil {
		return badToken("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	keys := set.Keys
	if id := t.signed.Signatures[0].Header.KeyID; id != "" {
		keys = set.Key(id)
	}
	for _, k := range keys {
		if !k.IsPublic() {
			continue
		}
		if _, err := t.signed.Verify(k); err == nil {
			return nil
		}
	}
	// The text rests on no source.
	return badToken("The ID Token provided is not signed by a key of its identity provider.")
}

// current reports whether the token is of now.
func (t idToken) current(c *api.Call) error {
	now := c.Now.Unix()
	expires, ok := t.seconds("exp")
	if !ok {
		return badToken("Missing a required claim: exp")
	}
	if now >= expires {
		return expired("Token expired: current date/time %d must be before the expiration date/time %d", now, expires)
	}
	// Providers' clocks differ: five minutes are what others allow them.
	const skew = 5 * 60
	for _, claim := range []string{"nbf", "iat"} {
		if from, ok := t.seconds(claim); ok && from > now+skew {
			return badToken("Token is not valid yet: current date/time %d must be after the %s date/time %d", now, claim, from)
		}
	}
	return nil
}

// audience is the client that the token was made for, if it is one of those
// allowed: the authorized party if there is one (IAM guide, "IAM and AWS STS
// condition context keys", aud). Providers without an entity take any.
func (t idToken) audience(allowed []string) string {
	candidates := t.texts("aud")
	if azp := t.text("azp"); azp != "" {
		candidates = []string{azp}
	}
	for _, a := range candidates {
		if a != "" && (allowed == nil || slices.Contains(allowed, a)) {
			return a
		}
	}
	return ""
}

// conditionKeys are the condition keys that a token gives: those for the whole
// session, and those for the request alone, which are an issuer's own claims
// that AWS knows (IAM guide, "IAM and AWS STS condition context keys", AWS OIDC
// federation).
func (t idToken) conditionKeys(issuer, audience string) (session, request map[string][]string) {
	session = map[string][]string{issuer + ":aud": {audience}, issuer + ":sub": {t.text("sub")}}
	if t.text("azp") != "" {
		session[issuer+":oaud"] = t.texts("aud")
	}
	for _, claim := range []string{"amr", "email"} {
		if values := t.texts(claim); values != nil {
			session[issuer+":"+claim] = values
		}
	}
	action, ok := serviceref.LookupAction("sts:AssumeRoleWithWebIdentity")
	if !ok || !strings.Contains(issuer, ".") {
		// An issuer at https://sts or https://aws must not speak for AWS's own keys.
		return session, nil
	}
	request = make(map[string][]string)
	for claim := range t.claims {
		key := issuer + ":" + claim
		if _, set := session[key]; set || !action.HasKey(key) {
			continue
		}
		if values := t.texts(claim); values != nil {
			request[key] = values
		}
	}
	return session, request
}

// session reads what the token asks for its session: nested, or each tag in a
// claim of its own.
func (t idToken) session(f *api.Federation) error {
	bad := badToken("The claims that ask for session tags are not in the form that is documented.")
	f.SourceIdentity = t.text(identityClaim)
	f.Tags = make(map[string]string)
	if raw, ok := t.claims[tagsClaim]; ok {
		var nested struct {
			Tags       map[string][]string `json:"principal_tags"`
			Transitive []string            `json:"transitive_tag_keys"`
		}
		if json.Unmarshal(raw, &nested) != nil {
			return bad
		}
		for k, values := range nested.Tags {
			if len(values) != 1 {
				return bad
			}
			f.Tags[k] = values[0]
		}
		f.Transitive = nested.Transitive
	}
	for claim := range t.claims {
		key, ok := strings.CutPrefix(claim, tagClaim)
		if !ok {
			continue
		}
		values := t.texts(claim)
		if len(values) != 1 {
			return bad
		}
		f.Tags[key] = values[0]
	}
	f.Transitive = append(f.Transitive, t.texts(transitiveClaim)...)
	return nil
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
