package cloud

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/store"
)

// issuerLocal ends another name of an issuer's host, which browsers, curl and many
// resolvers take for this machine.
const issuerLocal = ".tokens.sts.localhost"

// issuerHost tells requests for what an issuer of outbound federation publishes
// by their Host, and gives its name at AWS.
func issuerHost(host string) (string, bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if id, ok := strings.CutSuffix(host, issuerLocal); ok {
		host = id + iam.OutboundDomain
	}
	return host, strings.HasSuffix(host, iam.OutboundDomain)
}

// discovery is an issuer's OpenID Connect configuration, as AWS's issuers have it.
type discovery struct {
	Claims     []string `json:"claims_supported"`
	Algorithms []string `json:"id_token_signing_alg_values_supported"`
	Issuer     string   `json:"issuer"`
	Keys       string   `json:"jwks_uri"`
	Subjects   []string `json:"subject_types_supported"`
}

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/.well-known/jwks.json"
)

// serveIssuer answers with what an issuer publishes to everybody.
func (c *Cloud) serveIssuer(w http.ResponseWriter, r *http.Request, host string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	var answer any
	err := c.store.View(r.Context(), func(tx store.Tx) error {
		url, rsa, ec, err := c.iam.PublishedKeys(tx, host)
		if err != nil {
			return err
		}
		switch r.URL.Path {
		case discoveryPath:
			answer = discovery{
				Claims:     []string{"sub", "iss", "aud", "exp", "iat", "jti", "https://sts.amazonaws.com/"},
				Algorithms: []string{"RS256", "ES384"}, Issuer: url, Keys: url + keysPath, Subjects: []string{"public"},
			}
		case keysPath:
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
				{Key: rsa, KeyID: api.RSAKeyID, Use: "sig"},
				{Key: ec, KeyID: api.ECKeyID, Use: "sig", Algorithm: "ES384"},
			}}
		default:
			return store.ErrNotFound
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		http.NotFound(w, r)
		return
	}
	if err != nil {
		c.set.log.Error("an issuer's keys are not published", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		c.set.log.Error("an issuer's keys were not sent", "err", err)
	}
}
