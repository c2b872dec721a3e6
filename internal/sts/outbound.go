package sts

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/go-jose/go-jose/v4"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// outboundLifetime is how long a token is good if nobody says (API reference,
// "GetWebIdentityToken").
const outboundLifetime = 5 * time.Minute

// The bounds on a token's lifetime, in seconds (API reference,
// "GetWebIdentityToken").
const (
	minOutbound = 60
	maxOutbound = 3600
)

// outboundMax is how large a token's claims may be, in bytes. AWS has such a
// limit, and documents no figure.
const outboundMax = 16 << 10

// outboundAlgorithms are how tokens are signed.
var outboundAlgorithms = map[string]jose.SignatureAlgorithm{"RS256": jose.RS256, "ES384": jose.ES384}

func outboundSeconds(in *sts.GetWebIdentityTokenInput) int32 {
	if in.DurationSeconds != nil {
		return *in.DurationSeconds
	}
	return int32(outboundLifetime / time.Second)
}

// getWebIdentityTokenNeeds are the permission to get a token of that kind, and to
// put tags into it.
func (s *Service) getWebIdentityTokenNeeds(_ *api.Call, in *sts.GetWebIdentityTokenInput) ([]api.Need, error) {
	need := api.Need{Action: "sts:GetWebIdentityToken", Resource: "*"}
	requestTags(&need.Context, in.Tags)
	need.Context.Set("sts:IdentityTokenAudience", in.Audience...)
	need.Context.Set("sts:SigningAlgorithm", aws.ToString(in.SigningAlgorithm))
	need.Context.Set("sts:DurationSeconds", strconv.Itoa(int(outboundSeconds(in))))
	needs := []api.Need{need}
	if len(in.Tags) > 0 {
		tag := api.Need{Action: "sts:TagGetWebIdentityToken", Resource: "*"}
		requestTags(&tag.Context, in.Tags)
		needs = append(needs, tag)
	}
	return needs, nil
}

// awsClaims are the claims of AWS's own (IAM guide, "Understanding token claims").
// Those of compute environments that are not here are left out.
type awsClaims struct {
	Account            string            `json:"aws_account"`
	Region             string            `json:"source_region"`
	Organization       string            `json:"org_id,omitempty"`
	Path               string            `json:"ou_path,omitempty"`
	PrincipalTags      map[string]string `json:"principal_tags,omitempty"`
	OriginalSessionExp string            `json:"original_session_exp,omitempty"`
	FederatedProvider  string            `json:"federated_provider,omitempty"`
	SourceIdentity     string            `json:"source_identity,omitempty"`
	RequestTags        map[string]string `json:"request_tags,omitempty"`
}

type outboundClaims struct {
	Issuer   string    `json:"iss"`
	Audience any       `json:"aud"` // a text, or a list if there are several
	Subject  string    `json:"sub"`
	IssuedAt int64     `json:"iat"`
	Expires  int64     `json:"exp"`
	ID       string    `json:"jti"`
	AWS      awsClaims `json:"https://sts.amazonaws.com/"`
}

// getWebIdentityToken signs a token that says who the caller is, for services
// outside of AWS.
func (s *Service) getWebIdentityToken(c *api.Call, in *sts.GetWebIdentityTokenInput) (*sts.GetWebIdentityTokenOutput, error) {
	algorithm, ok := outboundAlgorithms[aws.ToString(in.SigningAlgorithm)]
	if !ok {
		return nil, invalid("SigningAlgorithm must be RS256 or ES384.")
	}
	seconds := outboundSeconds(in)
	if seconds < minOutbound || seconds > maxOutbound {
		return nil, invalid("DurationSeconds must be between %d and %d.", minOutbound, maxOutbound)
	}
	if len(in.Audience) == 0 {
		return nil, invalid("Audience must have at least one member.")
	}
	tags := limits{tags: in.Tags}
	if err := tags.checkTags(); err != nil {
		return nil, err
	}
	issuer, err := s.iam.TokenIssuer(c.Tx, c.Account)
	if errors.Is(err, store.ErrNotFound) {
		// The wording of this and of the next two rests on no source.
		return nil, &types.OutboundWebIdentityFederationDisabledException{Message: aws.String("Outbound Web Identity Federation is disabled for your account.")}
	}
	if err != nil {
		return nil, err
	}
	issued := c.Now.Truncate(time.Second)
	expires := issued.Add(time.Duration(seconds) * time.Second)
	if end := c.Caller.Expires; !end.IsZero() && expires.After(end) {
		return nil, &types.SessionDurationEscalationException{Message: aws.String("The requested token duration would extend the session beyond its original expiration time.")}
	}
	claims := outboundClaims{
		Issuer: issuer.URL, Audience: in.Audience, Subject: c.Caller.Principal.PrincipalARN(),
		IssuedAt: issued.Unix(), Expires: expires.Unix(), ID: c.NewUUID(),
	}
	if len(in.Audience) == 1 {
		claims.Audience = in.Audience[0]
	}
	if claims.AWS, err = s.describeCaller(c, tags.tagged); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("sts: outbound token: %w", err)
	}
	if len(payload) > outboundMax {
		return nil, &types.JWTPayloadSizeExceededException{Message: aws.String("The requested token payload size exceeds the maximum allowed size.")}
	}
	token, err := signOutbound(issuer, algorithm, payload)
	if err != nil {
		return nil, err
	}
	return &sts.GetWebIdentityTokenOutput{WebIdentityToken: &token, Expiration: &expires}, nil
}

func (s *Service) describeCaller(c *api.Call, tags map[string]string) (awsClaims, error) {
	a := awsClaims{
		Account: c.Account, Region: c.Region, PrincipalTags: c.Caller.Principal.Tags,
		SourceIdentity: c.Caller.SourceIdentity, RequestTags: tags,
	}
	if c.Caller.Federation != nil {
		a.FederatedProvider = c.Caller.Federation.Provider
	}
	if c.Caller.Principal.Type == access.RoleSession && !c.Caller.Expires.IsZero() {
		a.OriginalSessionExp = c.Caller.Expires.UTC().Format(time.RFC3339)
	}
	if s.organizations == nil {
		return a, nil
	}
	m, err := s.organizations.Membership(c.Tx, c.Account)
	if m != nil {
		a.Organization, a.Path = m.Organization, m.Path
	}
	return a, err
}

func signOutbound(issuer api.TokenIssuer, algorithm jose.SignatureAlgorithm, payload []byte) (string, error) {
	key := jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: issuer.RSA, KeyID: api.RSAKeyID}}
	if algorithm == jose.ES384 {
		key.Key = jose.JSONWebKey{Key: issuer.EC, KeyID: api.ECKeyID}
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sts: outbound token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sts: outbound token: %w", err)
	}
	return signed.CompactSerialize()
}
