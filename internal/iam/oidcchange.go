package iam

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) oidcOperations() []api.Operation {
	return []api.Operation{
		op("CreateOpenIDConnectProvider", createOIDCTarget, s.createOIDCProvider),
		read("GetOpenIDConnectProvider", onOIDC(func(in *iam.GetOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.getOIDCProvider),
		read("ListOpenIDConnectProviders", everywhere[iam.ListOpenIDConnectProvidersInput], s.listOIDCProviders),
		op("DeleteOpenIDConnectProvider", onOIDC(func(in *iam.DeleteOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), s.deleteOIDCProvider),
		op("AddClientIDToOpenIDConnectProvider", onOIDC(func(in *iam.AddClientIDToOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), addClientID),
		op("RemoveClientIDFromOpenIDConnectProvider", onOIDC(func(in *iam.RemoveClientIDFromOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), removeClientID),
		op("UpdateOpenIDConnectProviderThumbprint", onOIDC(func(in *iam.UpdateOpenIDConnectProviderThumbprintInput) *string { return in.OpenIDConnectProviderArn }), updateThumbprints),
		op("TagOpenIDConnectProvider", tagged(onOIDC(func(in *iam.TagOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), withTags(func(in *iam.TagOpenIDConnectProviderInput) []types.Tag { return in.Tags })), tagOIDC),
		op("UntagOpenIDConnectProvider", tagged(onOIDC(func(in *iam.UntagOpenIDConnectProviderInput) *string { return in.OpenIDConnectProviderArn }), withKeys(func(in *iam.UntagOpenIDConnectProviderInput) []string { return in.TagKeys })), untagOIDC),
		read("ListOpenIDConnectProviderTags", onOIDC(func(in *iam.ListOpenIDConnectProviderTagsInput) *string { return in.OpenIDConnectProviderArn }), listOIDCTags),
	}
}

// createOIDCTarget is the provider that is to be. A URL that is none is asked
// for as it stands: who may not create anything learns nothing about it.
func createOIDCTarget(c *api.Call, in *iam.CreateOpenIDConnectProviderInput) (target, error) {
	issuer, err := issuerOf(value(in.Url))
	if err != nil {
		issuer = value(in.Url)
	}
	return creation(oidcARN(c, issuer), in.Tags, "iam:TagOpenIDConnectProvider", ""), nil
}

// onOIDC is the target of an operation on an OIDC provider.
func onOIDC[In any](of func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		// An issuer may end with a slash, which no other name of IAM's does.
		if _, ok := parseARN(strings.TrimSuffix(value(of(in)), "/")); !ok {
			return target{}, errBadARN()
		}
		t := target{resource: value(of(in))}
		p, err := getOIDCProvider(c, of(in))
		if err != nil && !isMissing(err) {
			return t, err
		}
		p.Tags.context(&t.context, "aws:ResourceTag/")
		return t, nil
	}
}

// addClientID has nothing against an id that is there (IAM API reference,
// "AddClientIDToOpenIDConnectProvider").
func addClientID(c *api.Call, in *iam.AddClientIDToOpenIDConnectProviderInput) (*iam.AddClientIDToOpenIDConnectProviderOutput, error) {
	return &iam.AddClientIDToOpenIDConnectProviderOutput{}, changeOIDCProvider(c, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		if slices.Contains(p.ClientIDs, value(in.ClientID)) {
			return nil
		}
		if len(p.ClientIDs) >= clientIDsMax {
			return quota("ClientIdsPerOpenIdConnectProvider", clientIDsMax)
		}
		p.ClientIDs = append(slices.Clone(p.ClientIDs), value(in.ClientID))
		return nil
	})
}

func removeClientID(c *api.Call, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) (*iam.RemoveClientIDFromOpenIDConnectProviderOutput, error) {
	return &iam.RemoveClientIDFromOpenIDConnectProviderOutput{}, changeOIDCProvider(c, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.ClientIDs = slices.DeleteFunc(slices.Clone(p.ClientIDs), func(id string) bool { return id == value(in.ClientID) })
		return nil
	})
}

// updateThumbprints puts the list in the place of the one that was there.
func updateThumbprints(c *api.Call, in *iam.UpdateOpenIDConnectProviderThumbprintInput) (*iam.UpdateOpenIDConnectProviderThumbprintOutput, error) {
	return &iam.UpdateOpenIDConnectProviderThumbprintOutput{}, changeOIDCProvider(c, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.Thumbprints = in.ThumbprintList
		return checkThumbprints(in.ThumbprintList)
	})
}

func tagOIDC(c *api.Call, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	return &iam.TagOpenIDConnectProviderOutput{}, changeOIDCProvider(c, in.OpenIDConnectProviderArn, func(p *oidcProvider) (err error) {
		p.Tags, err = p.Tags.set(in.Tags, false)
		return err
	})
}

func untagOIDC(c *api.Call, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	return &iam.UntagOpenIDConnectProviderOutput{}, changeOIDCProvider(c, in.OpenIDConnectProviderArn, func(p *oidcProvider) error {
		p.Tags = p.Tags.unset(in.TagKeys, false)
		return nil
	})
}

func listOIDCTags(c *api.Call, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	p, err := getOIDCProvider(c, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	found, err := tagPage(p.Tags, in.Marker, in.MaxItems)
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: found.items, IsTruncated: found.truncated, Marker: found.marker}, err
}
