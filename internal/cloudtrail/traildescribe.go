package cloudtrail

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) describeOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeTrails", api.Anywhere[cloudtrail.DescribeTrailsInput]("cloudtrail:DescribeTrails"), s.describeTrails),
		api.Read("GetTrail", on(s, "GetTrail", func(in *cloudtrail.GetTrailInput) *string { return in.Name }), s.getTrail),
		api.Read("ListTrails", api.Anywhere[cloudtrail.ListTrailsInput]("cloudtrail:ListTrails"), s.listTrails),
	}
}

// describe gives the trail in the SDK's shape.
func (t trail) describe() types.Trail {
	d := types.Trail{
		Name: aws.String(t.Name), TrailARN: aws.String(t.arn()), HomeRegion: aws.String(t.Region), S3BucketName: aws.String(t.Bucket),
		IncludeGlobalServiceEvents: aws.Bool(t.GlobalEvents), IsMultiRegionTrail: aws.Bool(t.MultiRegion),
		IsOrganizationTrail: aws.Bool(t.Organization), LogFileValidationEnabled: aws.Bool(t.Validation),
		HasCustomEventSelectors: aws.Bool(t.Basic != nil || t.Advanced != nil), HasInsightSelectors: aws.Bool(false),
	}
	if t.Prefix != "" {
		d.S3KeyPrefix = aws.String(t.Prefix)
	}
	if t.Key != "" {
		d.KmsKeyId = aws.String(t.Key)
	}
	return d
}

// describeTrails answers for the trails of the region, and those that shadow it
// there, or for those that are named. A name that means none is passed over.
func (s *Service) describeTrails(c *api.Call, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	var named []reference
	for _, ref := range in.TrailNameList {
		r, err := parseReference(c, ref)
		if err != nil {
			return nil, err
		}
		named = append(named, r)
	}
	all, err := s.visible(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	shadows := in.IncludeShadowTrails == nil || *in.IncludeShadowTrails
	out := &cloudtrail.DescribeTrailsOutput{TrailList: []types.Trail{}}
	for _, t := range all {
		home := t.Account == c.Account && t.Region == c.Region
		switch {
		case !home && !shadows:
		case named == nil && t.in(c.Region),
			slices.ContainsFunc(named, func(r reference) bool { return r.means(t) }):
			out.TrailList = append(out.TrailList, t.describe())
		}
	}
	return out, nil
}

func (s *Service) getTrail(c *api.Call, in *cloudtrail.GetTrailInput) (*cloudtrail.GetTrailOutput, error) {
	t, err := s.find(c, aws.ToString(in.Name), byGiven)
	if err != nil {
		return nil, err
	}
	d := t.describe()
	return &cloudtrail.GetTrailOutput{Trail: &d}, nil
}

// trailsPerPage is our own size of a page of ListTrails: AWS documents none.
const trailsPerPage = 100

// listTrails names the account's trails of all regions.
func (s *Service) listTrails(c *api.Call, in *cloudtrail.ListTrailsInput) (*cloudtrail.ListTrailsOutput, error) {
	all, err := s.visible(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b trail) int { return strings.Compare(a.arn(), b.arn()) })
	from := ""
	if in.NextToken != nil {
		if from, err = readToken(*in.NextToken, "arn:"); err != nil {
			return nil, err
		}
	}
	out := &cloudtrail.ListTrailsOutput{Trails: []types.TrailInfo{}}
	for _, t := range all {
		if t.arn() < from {
			continue
		}
		if len(out.Trails) == trailsPerPage {
			out.NextToken = aws.String(newToken(t.arn()))
			break
		}
		out.Trails = append(out.Trails, types.TrailInfo{Name: aws.String(t.Name), TrailARN: aws.String(t.arn()), HomeRegion: aws.String(t.Region)})
	}
	return out, nil
}
