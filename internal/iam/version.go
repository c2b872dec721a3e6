package iam

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) versionOperations() []api.Operation {
	return []api.Operation{
		op("CreatePolicyVersion", onPolicy(func(in *iam.CreatePolicyVersionInput) *string { return in.PolicyArn }), s.createPolicyVersion),
		read("GetPolicyVersion", onPolicy(func(in *iam.GetPolicyVersionInput) *string { return in.PolicyArn }), s.getPolicyVersion),
		read("ListPolicyVersions", onPolicy(func(in *iam.ListPolicyVersionsInput) *string { return in.PolicyArn }), s.listPolicyVersions),
		op("SetDefaultPolicyVersion", onPolicy(func(in *iam.SetDefaultPolicyVersionInput) *string { return in.PolicyArn }), s.setDefaultPolicyVersion),
		op("DeletePolicyVersion", onPolicy(func(in *iam.DeletePolicyVersionInput) *string { return in.PolicyArn }), s.deletePolicyVersion),
	}
}

// putVersion writes a version's document, and its copy if it is the default.
func putVersion(c *api.Call, p managedPolicy, number int, text string) error {
	if number == p.Default {
		if err := c.Tx.Put(defaultKey(c.Global(), p.arn), []byte(text)); err != nil {
			return err
		}
	}
	return c.Tx.Put(versionKey(c.Global(), p.ID, number), []byte(text))
}

// version finds one of a policy's versions by its id, "v3".
func (p managedPolicy) version(id *string) (int, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(value(id), "v"))
	i := slices.IndexFunc(p.Versions, func(v policyVersion) bool { return v.Number == number })
	if err != nil || i < 0 {
		return 0, notFound("Policy %s version %s does not exist or is not attachable.", p.arn, value(id))
	}
	return i, nil
}

// describeVersion is the SDK's form as listings show it: without the document.
func (p managedPolicy) describeVersion(v policyVersion) types.PolicyVersion {
	return types.PolicyVersion{
		VersionId: aws.String(versionID(v.Number)), IsDefaultVersion: v.Number == p.Default, CreateDate: aws.Time(v.Created),
	}
}

func (s *Service) createPolicyVersion(c *api.Call, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	p, err := own(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	text := value(in.PolicyDocument)
	if err := checkManaged(text); err != nil {
		return nil, err
	}
	if len(p.Versions) >= versionsMax {
		return nil, exceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", versionsMax)
	}
	p.Last++
	v := policyVersion{Number: p.Last, Created: c.Now}
	p.Versions = slices.Insert(p.Versions, 0, v)
	p.Updated = c.Now
	if in.SetAsDefault {
		p.Default = v.Number
	}
	if err := putVersion(c, p, v.Number, text); err != nil {
		return nil, err
	}
	if err := policies.Put(c.Tx, c.Global(), rowID(p.Name), p); err != nil {
		return nil, err
	}
	out := p.describeVersion(v)
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &out}, nil
}

func (s *Service) getPolicyVersion(c *api.Call, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, err := existing(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	text, err := p.document(c, p.Versions[i].Number)
	if err != nil {
		return nil, err
	}
	out := p.describeVersion(p.Versions[i])
	out.Document = aws.String(encode(text))
	return &iam.GetPolicyVersionOutput{PolicyVersion: &out}, nil
}

// versionKeyInOrder sorts as listings do: newest first.
func versionKeyInOrder(v policyVersion) string { return fmt.Sprintf("%010d", math.MaxInt32-v.Number) }

func (s *Service) listPolicyVersions(c *api.Call, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, err := existing(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	cut, err := paginate(p.Versions, versionKeyInOrder, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyVersionsOutput{
		Versions: convert(cut.items, p.describeVersion), IsTruncated: cut.truncated, Marker: cut.marker,
	}, nil
}

func (s *Service) setDefaultPolicyVersion(c *api.Call, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	p, err := own(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	p.Default = p.Versions[i].Number
	p.Updated = c.Now
	text, err := p.document(c, p.Default)
	if err != nil {
		return nil, err
	}
	if err := putVersion(c, p, p.Default, text); err != nil {
		return nil, err
	}
	return &iam.SetDefaultPolicyVersionOutput{}, policies.Put(c.Tx, c.Global(), rowID(p.Name), p)
}

func (s *Service) deletePolicyVersion(c *api.Call, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	p, err := own(c, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i, err := p.version(in.VersionId)
	if err != nil {
		return nil, err
	}
	number := p.Versions[i].Number
	if number == p.Default {
		return nil, inUse("Cannot delete the default version of a policy.")
	}
	p.Versions = slices.Delete(p.Versions, i, i+1)
	p.Updated = c.Now
	if err := c.Tx.Delete(versionKey(c.Global(), p.ID, number)); err != nil {
		return nil, err
	}
	return &iam.DeletePolicyVersionOutput{}, policies.Put(c.Tx, c.Global(), rowID(p.Name), p)
}
