package cloud

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/internal/wire"
	"github.com/keyturn/keyturn/internal/wire/sigv4"
)

// authenticate tells who signed a request. Whatever it cannot settle is a refusal.
func (c *Cloud) authenticate(ctx context.Context, r *http.Request, body []byte, s sigv4.Signature, model *wire.Service) (*api.Caller, error) {
	caller, secret, err := c.credential(ctx, s)
	if err != nil {
		return nil, authError(model, err)
	}
	// Clients sign by the time of day. A cloud whose clock was moved on for a test
	// would understand none of them by its own.
	if err := s.Verify(r, body, secret, c.set.now(), c.keys); err != nil {
		return nil, authError(model, err)
	}
	if !caller.Expires.IsZero() && !c.Now().Before(caller.Expires) {
		return nil, authError(model, &sigv4.Error{Kind: sigv4.ExpiredToken, Message: expiredMessage(model)})
	}
	return caller, nil
}

// errUnknownKey refuses an access key that is nobody's.
var errUnknownKey = &sigv4.Error{Kind: sigv4.InvalidAccessKey, Message: "The security token included in the request is invalid."}

// credential finds the secret that an access key signs with, and whose it is.
func (c *Cloud) credential(ctx context.Context, s sigv4.Signature) (*api.Caller, string, error) {
	if strings.HasPrefix(s.AccessKeyID, "ASIA") {
		caller, secret, err := c.sts.Session(s.AccessKeyID, s.SessionToken)
		if errors.Is(err, api.ErrInvalidToken) {
			return nil, "", errUnknownKey
		}
		return &caller, secret, err
	}
	if s.SessionToken != "" {
		// A long-term key comes without a token.
		return nil, "", errUnknownKey
	}
	var found api.Credential
	err := c.store.View(ctx, func(tx store.Tx) error {
		var err error
		found, err = c.iam.Credential(tx, s.AccessKeyID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !found.Active {
		return nil, "", errUnknownKey
	}
	if err != nil {
		return nil, "", err
	}
	return &api.Caller{Principal: found.Principal, AccessKeyID: s.AccessKeyID}, found.Secret, nil
}
