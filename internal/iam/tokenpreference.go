package iam

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// tokenPreference is the version of the tokens that the account wants from STS's
// global endpoint: the only row of its table. At AWS those of version 1 are not
// valid in regions that must be enabled; here every region is, for every token.
type tokenPreference struct{ Version int32 }

var tokenPreferences = store.NewTable[tokenPreference]("iam.tokenpreference")

const tokenPreferenceID = "account"

// tokenVersion is the version that the account prefers, 1 if it never said.
func tokenVersion(c *api.Call) (int32, error) {
	p, err := tokenPreferences.Get(c.Tx, c.Global(), tokenPreferenceID)
	return max(p.Version, 1), ignoreNotFound(err)
}

func (s *Service) setTokenPreferences(c *api.Call, in *iam.SetSecurityTokenServicePreferencesInput) (*iam.SetSecurityTokenServicePreferencesOutput, error) {
	p := tokenPreference{Version: 1}
	if in.GlobalEndpointTokenVersion == types.GlobalEndpointTokenVersionV2Token {
		p.Version = 2
	}
	return &iam.SetSecurityTokenServicePreferencesOutput{}, tokenPreferences.Put(c.Tx, c.Global(), tokenPreferenceID, p)
}
