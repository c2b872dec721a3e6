package iam

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// What an OIDC provider may have, and an account (IAM guide, "IAM and AWS STS
// quotas"; IAM API reference, "CreateOpenIDConnectProvider").
const (
	oidcProvidersMax = 100
	clientIDsMax     = 100
	thumbprintsMax   = 5
)

// oidcProvider is a row of its table: an OpenID Connect identity provider. Its
// id is its URL without the scheme, as it was written: a slash at the end or
// another case makes another provider.
type oidcProvider struct {
	URL         string
	Created     time.Time
	ClientIDs   []string `json:",omitempty"`
	Thumbprints []string
	Tags        tags `json:",omitempty"`
}

var oidcProviders = store.NewTable[oidcProvider]("iam.oidcprovider")

func (p oidcProvider) arn(c *api.Call) string { return oidcARN(c, p.URL) }

func (p oidcProvider) put(c *api.Call) error { return oidcProviders.Put(c.Tx, c.Global(), p.URL, p) }

// oidcARN names the provider of an issuer, whose URL is given without scheme.
func oidcARN(c *api.Call, issuer string) string { return arn(c, "oidc-provider", "/", issuer) }

// getOIDCProvider finds a provider of the call's account by its ARN.
func getOIDCProvider(c *api.Call, arn *string) (oidcProvider, error) {
	missing := notFound("OpenIDConnect Provider not found for arn %s", value(arn))
	issuer, ok := strings.CutPrefix(value(arn), oidcARN(c, ""))
	if !ok || issuer == "" {
		return oidcProvider{}, missing
	}
	p, err := oidcProviders.Get(c.Tx, c.Global(), issuer)
	if errors.Is(err, store.ErrNotFound) {
		return oidcProvider{}, missing
	}
	return p, err
}

// OIDCProvider is what STS needs to know of an OpenID Connect provider.
type OIDCProvider = struct {
	ARN                    string
	ClientIDs, Thumbprints []string
}

// OIDCProvider finds an account's OpenID Connect provider by its URL without
// scheme, or returns store.ErrNotFound.
func (s *Service) OIDCProvider(tx store.Tx, partition, account, issuer string) (OIDCProvider, error) {
	p, err := oidcProviders.Get(tx, store.Scope{Account: account, Region: store.Global}, issuer)
	if err != nil {
		return OIDCProvider{}, err
	}
	return OIDCProvider{
		ARN:       "arn:" + partition + ":iam::" + account + ":oidc-provider/" + issuer,
		ClientIDs: append([]string{}, p.ClientIDs...), Thumbprints: p.Thumbprints,
	}, nil
}

// issuerOf is a provider's URL without its scheme.
func issuerOf(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") {
		return "", invalid("Invalid Open ID Connect Provider URL")
	}
	return raw[len("https://"):], nil
}

// checkThumbprints refuses what are no SHA-1 hashes in hexadecimal.
func checkThumbprints(list []string) error {
	if len(list) > thumbprintsMax {
		return invalidInput("Thumbprint list must contain fewer than %d entries.", thumbprintsMax)
	}
	for _, t := range list {
		if strings.Trim(t, "0123456789abcdefABCDEF") != "" {
			return invalidInput("Invalid thumbprint: %s", t)
		}
	}
	return nil
}

// createOIDCProvider needs thumbprints. AWS asks the provider's server for its
// certificate if there are none; a cloud on one's desk may reach nobody, and so
// it answers as AWS does where a provider cannot be reached.
func (s *Service) createOIDCProvider(c *api.Call, in *iam.CreateOpenIDConnectProviderInput) (*iam.CreateOpenIDConnectProviderOutput, error) {
	issuer, err := issuerOf(value(in.Url))
	if err != nil {
		return nil, err
	}
	if err := checkThumbprints(in.ThumbprintList); err != nil {
		return nil, err
	}
	p := oidcProvider{URL: issuer, Created: c.Now, Thumbprints: in.ThumbprintList}
	for _, id := range in.ClientIDList {
		if !slices.Contains(p.ClientIDs, id) {
			p.ClientIDs = append(p.ClientIDs, id)
		}
	}
	if len(p.ClientIDs) > clientIDsMax {
		return nil, quota("ClientIdsPerOpenIdConnectProvider", clientIDsMax)
	}
	if p.Tags, err = newTags(in.Tags, false); err != nil {
		return nil, err
	}
	if _, err := oidcProviders.Get(c.Tx, c.Global(), issuer); err == nil {
		return nil, exists("Provider with url %s already exists.", value(in.Url))
	} else if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	if err := room(c, "iam.oidcprovider", "OpenIdConnectProvidersPerAccount", oidcProvidersMax); err != nil {
		return nil, err
	}
	if len(p.Thumbprints) == 0 {
		return nil, &types.OpenIdIdpCommunicationErrorException{Message: aws.String("Unable to communicate with the OpenID Connect provider. Please specify a thumbprint list.")}
	}
	return &iam.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: aws.String(p.arn(c)), Tags: p.Tags.sorted().describe()}, p.put(c)
}

func (s *Service) getOIDCProvider(c *api.Call, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, err := getOIDCProvider(c, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetOpenIDConnectProviderOutput{
		Url: aws.String(p.URL), CreateDate: aws.Time(p.Created), ClientIDList: p.ClientIDs, ThumbprintList: p.Thumbprints,
		Tags: p.Tags.sorted().describe(),
	}, nil
}

func (s *Service) listOIDCProviders(c *api.Call, _ *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	all, err := collect(oidcProviders.All(c.Tx, c.Global()), nil)
	if err != nil {
		return nil, err
	}
	return &iam.ListOpenIDConnectProvidersOutput{
		OpenIDConnectProviderList: convert(all, func(p oidcProvider) types.OpenIDConnectProviderListEntry {
			return types.OpenIDConnectProviderListEntry{Arn: aws.String(p.arn(c))}
		}),
	}, nil
}

// deleteOIDCProvider asks no role whether it trusts the provider, and has
// nothing against one that is not there (IAM API reference,
// "DeleteOpenIDConnectProvider").
func (s *Service) deleteOIDCProvider(c *api.Call, in *iam.DeleteOpenIDConnectProviderInput) (*iam.DeleteOpenIDConnectProviderOutput, error) {
	p, err := getOIDCProvider(c, in.OpenIDConnectProviderArn)
	if isMissing(err) {
		return &iam.DeleteOpenIDConnectProviderOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	return &iam.DeleteOpenIDConnectProviderOutput{}, oidcProviders.Delete(c.Tx, c.Global(), p.URL)
}

// changeOIDCProvider keeps what change makes of a provider.
func changeOIDCProvider(c *api.Call, arn *string, change func(*oidcProvider) error) error {
	p, err := getOIDCProvider(c, arn)
	if err != nil {
		return err
	}
	if err := change(&p); err != nil {
		return err
	}
	return p.put(c)
}
