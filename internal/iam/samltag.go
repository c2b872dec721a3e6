package iam

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) samlOperations() []api.Operation {
	return []api.Operation{
		op("CreateSAMLProvider", createSAMLTarget, s.createSAMLProvider),
		read("GetSAMLProvider", onSAML(func(in *iam.GetSAMLProviderInput) *string { return in.SAMLProviderArn }), s.getSAMLProvider),
		read("ListSAMLProviders", everywhere[iam.ListSAMLProvidersInput], s.listSAMLProviders),
		op("UpdateSAMLProvider", onSAML(func(in *iam.UpdateSAMLProviderInput) *string { return in.SAMLProviderArn }), s.updateSAMLProvider),
		op("DeleteSAMLProvider", onSAML(func(in *iam.DeleteSAMLProviderInput) *string { return in.SAMLProviderArn }), s.deleteSAMLProvider),
		op("TagSAMLProvider", tagged(onSAML(func(in *iam.TagSAMLProviderInput) *string { return in.SAMLProviderArn }), withTags(func(in *iam.TagSAMLProviderInput) []types.Tag { return in.Tags })), tagSAML),
		op("UntagSAMLProvider", tagged(onSAML(func(in *iam.UntagSAMLProviderInput) *string { return in.SAMLProviderArn }), withKeys(func(in *iam.UntagSAMLProviderInput) []string { return in.TagKeys })), untagSAML),
		read("ListSAMLProviderTags", onSAML(func(in *iam.ListSAMLProviderTagsInput) *string { return in.SAMLProviderArn }), listSAMLTags),
	}
}

func createSAMLTarget(c *api.Call, in *iam.CreateSAMLProviderInput) (target, error) {
	return creation(samlARN(c, value(in.Name)), in.Tags, "iam:TagSAMLProvider", ""), nil
}

// onSAML is the target of an operation on a SAML provider.
func onSAML[In any](of func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		if _, ok := parseARN(value(of(in))); !ok {
			return target{}, errBadARN()
		}
		t := target{resource: value(of(in))}
		p, err := getSAMLProvider(c, of(in))
		if err != nil && !isMissing(err) {
			return t, err
		}
		p.Tags.context(&t.context, "aws:ResourceTag/")
		return t, nil
	}
}

// changeSAMLTags keeps what change makes of a provider's tags.
func changeSAMLTags(c *api.Call, arn *string, change func(tags) (tags, error)) error {
	p, err := getSAMLProvider(c, arn)
	if err != nil {
		return err
	}
	if p.Tags, err = change(p.Tags); err != nil {
		return err
	}
	return p.put(c, nil)
}

func tagSAML(c *api.Call, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	return &iam.TagSAMLProviderOutput{}, changeSAMLTags(c, in.SAMLProviderArn, func(t tags) (tags, error) { return t.set(in.Tags, false) })
}

func untagSAML(c *api.Call, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	return &iam.UntagSAMLProviderOutput{}, changeSAMLTags(c, in.SAMLProviderArn, func(t tags) (tags, error) { return t.unset(in.TagKeys, false), nil })
}

func listSAMLTags(c *api.Call, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	p, err := getSAMLProvider(c, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	found, err := tagPage(p.Tags, in.Marker, in.MaxItems)
	return &iam.ListSAMLProviderTagsOutput{Tags: found.items, IsTruncated: found.truncated, Marker: found.marker}, err
}
