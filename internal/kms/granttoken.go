package kms

import (
	"encoding/base64"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const tokenPurpose = "kms.grant-token"

// grantToken names a grant in a form that only this service can make. At AWS it
// makes a new grant good before it has spread everywhere; here every grant is
// good at once, so a token need only be genuine (KMS guide, "Grant tokens").
func (s *Service) grantToken(t target, grantID string) string {
	text := strings.Join([]string{t.scope.Account, t.scope.Region, t.id, grantID}, "|")
	return base64.StdEncoding.EncodeToString(s.root.Seal(tokenPurpose, []byte(text), nil))
}

// readToken opens a grant token.
func (s *Service) readToken(token string) (scope store.Scope, keyID, grantID string, err error) {
	sealed, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return scope, "", "", invalidGrantToken()
	}
	text, err := s.root.Open(tokenPurpose, sealed, nil)
	if err != nil {
		return scope, "", "", invalidGrantToken()
	}
	parts := strings.Split(string(text), "|")
	if len(parts) != 4 {
		return scope, "", "", invalidGrantToken()
	}
	return store.Scope{Account: parts[0], Region: parts[1]}, parts[2], parts[3], nil
}

// checkTokens refuses grant tokens that are not genuine.
func (s *Service) checkTokens(tokens []string) error {
	for _, token := range tokens {
		if _, _, _, err := s.readToken(token); err != nil {
			return err
		}
	}
	return nil
}

// tokenTarget finds the key and the id of the grant that a token names.
func (s *Service) tokenTarget(c *api.Call, token string) (target, string, error) {
	scope, keyID, grantID, err := s.readToken(token)
	if err != nil {
		return target{}, "", err
	}
	if scope.Region != c.Region {
		return target{}, "", invalidGrantToken()
	}
	t, err := findKey(c, scope, keyID)
	return t, grantID, err
}
