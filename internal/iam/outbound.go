package iam

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// outboundIssuer is an account's issuer of web identity tokens (IAM guide,
// "Federating AWS identities to external services"). It is made when outbound
// federation is first enabled, and stays the account's.
type outboundIssuer struct {
	ID      string // the first label of its host
	Enabled bool   `json:",omitempty"`
	RSA, EC []byte // the sealed private keys, PKCS#8
	// Public are the public keys, PKIX.
	PublicRSA, PublicEC []byte
}

var (
	outboundTable = store.NewTable[outboundIssuer]("iam.outbound")
	// outboundAccounts tells whose an issuer is.
	outboundAccounts = store.NewTable[string]("iam.outboundissuer")
)

// outboundID is the id of the only row of an account.
const outboundID = "account"

// outboundPurpose is what the root key seals private keys for.
const outboundPurpose = "iam.outbound"

// OutboundDomain ends the host of every issuer.
const OutboundDomain = ".tokens.sts.global.api.aws"

func (o outboundIssuer) url() string { return "https://" + o.ID + OutboundDomain }

// spareKeys are key pairs that were made ahead of the transaction that wants them.
type spareKeys struct {
	mu   sync.Mutex // covers made; not held while keys are made
	made *outboundKeys
}

type outboundKeys struct {
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
}

// outboundBits is the length of AWS's RSA keys.
const outboundBits = 2048

func newOutboundKeys() (*outboundKeys, error) {
	r, err := rsa.GenerateKey(rand.Reader, outboundBits)
	if err != nil {
		return nil, fmt.Errorf("iam: outbound key: %w", err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("iam: outbound key: %w", err)
	}
	return &outboundKeys{rsa: r, ec: e}, nil
}

func (k *spareKeys) prepare() {
	k.mu.Lock()
	there := k.made != nil
	k.mu.Unlock()
	if there {
		return
	}
	made, err := newOutboundKeys()
	if err != nil {
		return // take tries again, and says so
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made = made
}

// take gives the keys that were prepared, once.
func (k *spareKeys) take() (*outboundKeys, error) {
	k.mu.Lock()
	made := k.made
	k.made = nil
	k.mu.Unlock()
	if made != nil {
		return made, nil
	}
	return newOutboundKeys()
}

func (s *Service) outboundOperations() []api.Operation {
	return []api.Operation{
		api.Ahead(op("EnableOutboundWebIdentityFederation", everywhere, s.enableOutbound),
			func(context.Context, *iam.EnableOutboundWebIdentityFederationInput) { s.spare.prepare() }),
		op("DisableOutboundWebIdentityFederation", everywhere, s.disableOutbound),
		read("GetOutboundWebIdentityFederationInfo", everywhere, s.getOutbound),
	}
}

func (s *Service) enableOutbound(c *api.Call, _ *iam.EnableOutboundWebIdentityFederationInput) (*iam.EnableOutboundWebIdentityFederationOutput, error) {
	o, err := outboundTable.Get(c.Tx, c.Global(), outboundID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if o, err = s.newOutbound(c); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case o.Enabled:
		return nil, &types.FeatureEnabledException{Message: aws.String("Outbound Web Identity Federation is already enabled for your account.")}
	}
	o.Enabled = true
	return &iam.EnableOutboundWebIdentityFederationOutput{IssuerIdentifier: aws.String(o.url())}, outboundTable.Put(c.Tx, c.Global(), outboundID, o)
}

func (s *Service) newOutbound(c *api.Call) (outboundIssuer, error) {
	keys, err := s.spare.take()
	if err != nil {
		return outboundIssuer{}, err
	}
	o := outboundIssuer{ID: c.NewUUID()}
	for _, k := range []struct {
		private         any
		public          any
		sealed, encoded *[]byte
	}{{keys.rsa, &keys.rsa.PublicKey, &o.RSA, &o.PublicRSA}, {keys.ec, &keys.ec.PublicKey, &o.EC, &o.PublicEC}} {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return o, fmt.Errorf("iam: outbound key: %w", err)
		}
		*k.sealed = s.root.Seal(outboundPurpose, der, []byte(o.ID))
		clear(der)
		if *k.encoded, err = x509.MarshalPKIXPublicKey(k.public); err != nil {
			return o, fmt.Errorf("iam: outbound key: %w", err)
		}
	}
	return o, outboundAccounts.Put(c.Tx, outside, o.ID, c.Account)
}

// enabledOutbound is the account's issuer, if tokens can be had of it. The wording
// of the error rests on no source.
func enabledOutbound(tx store.Tx, account string) (outboundIssuer, error) {
	o, err := outboundTable.Get(tx, store.Scope{Account: account, Region: store.Global}, outboundID)
	if errors.Is(err, store.ErrNotFound) || err == nil && !o.Enabled {
		return o, &types.FeatureDisabledException{Message: aws.String("Outbound Web Identity Federation is disabled for your account.")}
	}
	return o, err
}

func (s *Service) disableOutbound(c *api.Call, _ *iam.DisableOutboundWebIdentityFederationInput) (*iam.DisableOutboundWebIdentityFederationOutput, error) {
	o, err := enabledOutbound(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	o.Enabled = false
	return &iam.DisableOutboundWebIdentityFederationOutput{}, outboundTable.Put(c.Tx, c.Global(), outboundID, o)
}

func (s *Service) getOutbound(c *api.Call, _ *iam.GetOutboundWebIdentityFederationInfoInput) (*iam.GetOutboundWebIdentityFederationInfoOutput, error) {
	o, err := enabledOutbound(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	return &iam.GetOutboundWebIdentityFederationInfoOutput{IssuerIdentifier: aws.String(o.url()), JwtVendingEnabled: true}, nil
}

// TokenIssuer returns the issuer of an account's web identity tokens, or
// store.ErrNotFound if outbound federation is not enabled.
func (s *Service) TokenIssuer(tx store.Tx, account string) (api.TokenIssuer, error) {
	o, err := enabledOutbound(tx, account)
	if disabled := new(types.FeatureDisabledException); errors.As(err, &disabled) {
		return api.TokenIssuer{}, store.ErrNotFound
	}
	if err != nil {
		return api.TokenIssuer{}, err
	}
	issuer := api.TokenIssuer{URL: o.url()}
	private := func(sealed []byte) (any, error) {
		der, err := s.root.Open(outboundPurpose, sealed, []byte(o.ID))
		if err != nil {
			return nil, fmt.Errorf("iam: outbound key: %w", err)
		}
		defer clear(der)
		return x509.ParsePKCS8PrivateKey(der)
	}
	r, err := private(o.RSA)
	if err != nil {
		return issuer, err
	}
	e, err := private(o.EC)
	if err != nil {
		return issuer, err
	}
	issuer.RSA, _ = r.(*rsa.PrivateKey)
	issuer.EC, _ = e.(*ecdsa.PrivateKey)
	return issuer, nil
}

// PublishedKeys returns the URL and the public keys of the issuer of that host,
// or store.ErrNotFound. They stay published when outbound federation is disabled:
// tokens that were given out go on being good.
func (s *Service) PublishedKeys(tx store.Tx, host string) (url string, r *rsa.PublicKey, e *ecdsa.PublicKey, err error) {
	id, ok := strings.CutSuffix(host, OutboundDomain)
	if !ok {
		return "", nil, nil, store.ErrNotFound
	}
	account, err := outboundAccounts.Get(tx, outside, id)
	if err != nil {
		return "", nil, nil, err
	}
	o, err := outboundTable.Get(tx, store.Scope{Account: account, Region: store.Global}, outboundID)
	if err != nil {
		return "", nil, nil, err
	}
	first, err := x509.ParsePKIXPublicKey(o.PublicRSA)
	if err != nil {
		return "", nil, nil, fmt.Errorf("iam: outbound key: %w", err)
	}
	second, err := x509.ParsePKIXPublicKey(o.PublicEC)
	if err != nil {
		return "", nil, nil, fmt.Errorf("iam: outbound key: %w", err)
	}
	r, _ = first.(*rsa.PublicKey)
	e, _ = second.(*ecdsa.PublicKey)
	return o.url(), r, e, nil
}
