package iam

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) serverCertificateOperations() []api.Operation {
	return []api.Operation{
		op("UploadServerCertificate", func(c *api.Call, in *iam.UploadServerCertificateInput) (target, error) {
			return creation(serverCertificateARN(c, pathOr(in.Path), value(in.ServerCertificateName)), in.Tags, "iam:TagServerCertificate", ""), nil
		}, uploadServerCertificate),
		read("GetServerCertificate", onServerCertificate(func(in *iam.GetServerCertificateInput) *string { return in.ServerCertificateName }), describeServerCertificate),
		read("ListServerCertificates", everywhere[iam.ListServerCertificatesInput], listServerCertificates),
		op("UpdateServerCertificate", updateServerCertificateTarget, updateServerCertificate),
		op("DeleteServerCertificate", onServerCertificate(func(in *iam.DeleteServerCertificateInput) *string { return in.ServerCertificateName }), deleteServerCertificate),
		op("TagServerCertificate", tagged(onServerCertificate(func(in *iam.TagServerCertificateInput) *string { return in.ServerCertificateName }), withTags(func(in *iam.TagServerCertificateInput) []types.Tag { return in.Tags })), tagServerCertificate),
		op("UntagServerCertificate", tagged(onServerCertificate(func(in *iam.UntagServerCertificateInput) *string { return in.ServerCertificateName }), withKeys(func(in *iam.UntagServerCertificateInput) []string { return in.TagKeys })), untagServerCertificate),
		read("ListServerCertificateTags", onServerCertificate(func(in *iam.ListServerCertificateTagsInput) *string { return in.ServerCertificateName }), listServerCertificateTags),
	}
}

// onServerCertificate is the target of an operation on a server certificate.
func onServerCertificate[In any](of func(*In) *string) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		v, err := getServerCertificate(c, of(in))
		if isMissing(err) {
			return target{resource: serverCertificateARN(c, "/", value(of(in)))}, nil
		}
		t := target{resource: serverCertificateARN(c, v.Path, v.Name)}
		v.Tags.context(&t.context, "aws:ResourceTag/")
		return t, err
	}
}

// updateServerCertificateTarget needs the permission on the certificate as it is
// and as it will be (IAM API reference, "UpdateServerCertificate").
func updateServerCertificateTarget(c *api.Call, in *iam.UpdateServerCertificateInput) (target, error) {
	t, err := onServerCertificate(func(in *iam.UpdateServerCertificateInput) *string { return in.ServerCertificateName })(c, in)
	if err != nil {
		return t, err
	}
	v, err := getServerCertificate(c, in.ServerCertificateName)
	if isMissing(err) {
		return t, nil
	}
	v.rename(in)
	if next := serverCertificateARN(c, v.Path, v.Name); next != t.resource {
		t.also = []api.Need{{Action: "iam:UpdateServerCertificate", Resource: next, Context: t.context}}
	}
	return t, err
}

func changeCertificateTags(c *api.Call, name *string, change func(tags) (tags, error)) error {
	v, err := getServerCertificate(c, name)
	if err != nil {
		return err
	}
	if v.Tags, err = change(v.Tags); err != nil {
		return err
	}
	return v.put(c)
}

func tagServerCertificate(c *api.Call, in *iam.TagServerCertificateInput) (*iam.TagServerCertificateOutput, error) {
	return &iam.TagServerCertificateOutput{}, changeCertificateTags(c, in.ServerCertificateName, func(t tags) (tags, error) {
		if len(in.Tags) == 0 {
			return nil, invalidInput("The provided tag map must not be null/empty.")
		}
		return t.set(in.Tags, false)
	})
}

func untagServerCertificate(c *api.Call, in *iam.UntagServerCertificateInput) (*iam.UntagServerCertificateOutput, error) {
	return &iam.UntagServerCertificateOutput{}, changeCertificateTags(c, in.ServerCertificateName, func(t tags) (tags, error) {
		if len(in.TagKeys) == 0 {
			return nil, invalidInput("The provided tag keys must not be null/empty.")
		}
		return t.unset(in.TagKeys, false), nil
	})
}

func listServerCertificateTags(c *api.Call, in *iam.ListServerCertificateTagsInput) (*iam.ListServerCertificateTagsOutput, error) {
	v, err := getServerCertificate(c, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	p, err := tagPage(v.Tags, in.Marker, in.MaxItems)
	return &iam.ListServerCertificateTagsOutput{Tags: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}
