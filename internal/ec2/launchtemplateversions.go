package ec2

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// shownVersion is a version with its template.
type shownVersion struct {
	template launchTemplate
	version  templateVersion
}

// key orders versions: those of a template stand together, the newest first.
func (v shownVersion) key() string {
	return fmt.Sprintf("%s %020d", v.template.ID, 1<<62-v.version.Number)
}

var versionFilters = filterTable[shownVersion]{
	"create-time":   func(v shownVersion) []string { return some(filterTime(v.version.Created)) },
	"ebs-optimized": func(v shownVersion) []string { return flag(aws.ToBool(v.version.Data.EbsOptimized)) },
	"iam-instance-profile": func(v shownVersion) []string {
		if p := v.version.Data.IamInstanceProfile; p != nil {
			return some(aws.ToString(p.Arn), aws.ToString(p.Name))
		}
		return nil
	},
	"image-id":           func(v shownVersion) []string { return some(aws.ToString(v.version.Data.ImageId)) },
	"instance-type":      func(v shownVersion) []string { return some(string(v.version.Data.InstanceType)) },
	"is-default-version": func(v shownVersion) []string { return flag(v.version.Number == v.template.Default) },
	"kernel-id":          func(v shownVersion) []string { return some(aws.ToString(v.version.Data.KernelId)) },
	"ram-disk-id":        func(v shownVersion) []string { return some(aws.ToString(v.version.Data.RamDiskId)) },
}.without("network-card-index", "license-configuration-arn")

// versionPages is what DescribeLaunchTemplateVersions allows of MaxResults.
var versionPages = pageRule{least: 1, most: 200}

// describeLaunchTemplateVersions shows versions of one template, or the latest
// or default ones of all (EC2 API reference, "DescribeLaunchTemplateVersions").
func (s *Service) describeLaunchTemplateVersions(c *api.Call, in *ec2.DescribeLaunchTemplateVersionsInput) (*ec2.DescribeLaunchTemplateVersionsOutput, error) {
	if err := versionPages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, versionFilters.known); err != nil {
		return nil, err
	}
	wanted, err := wantedVersions(c, in)
	if err != nil {
		return nil, err
	}
	var found []shownVersion
	for _, v := range wanted {
		ok, err := versionFilters.matches(in.Filters, v, nil)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, v)
		}
	}
	slices.SortFunc(found, func(a, b shownVersion) int { return strings.Compare(a.key(), b.key()) })
	found, next, err := page(found, shownVersion.key, versionPages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: []types.LaunchTemplateVersion{}, NextToken: next}
	for _, v := range found {
		d, err := v.template.describeVersion(v.version)
		if err != nil {
			return nil, err
		}
		out.LaunchTemplateVersions = append(out.LaunchTemplateVersions, d)
	}
	return out, nil
}

func wantedVersions(c *api.Call, in *ec2.DescribeLaunchTemplateVersionsInput) ([]shownVersion, error) {
	if in.LaunchTemplateId == nil && in.LaunchTemplateName == nil {
		return versionsOfAll(c, in.Versions)
	}
	t, err := templateOf(c, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	var wanted []shownVersion
	for _, text := range in.Versions {
		v, err := t.version(text)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, shownVersion{t, v})
	}
	if len(in.Versions) > 0 {
		return wanted, nil
	}
	least, err := bound("MinVersion", in.MinVersion, 1)
	if err != nil {
		return nil, err
	}
	most, err := bound("MaxVersion", in.MaxVersion, t.Last)
	if err != nil {
		return nil, err
	}
	for _, v := range t.Versions {
		if least <= v.Number && v.Number <= most {
			wanted = append(wanted, shownVersion{t, v})
		}
	}
	return wanted, nil
}

// versionsOfAll are one or two of each template: without a template only the
// latest and the default version can be asked for.
func versionsOfAll(c *api.Call, versions []string) ([]shownVersion, error) {
	if len(versions) == 0 {
		return nil, missingParameter("LaunchTemplateId or LaunchTemplateName")
	}
	var wanted []shownVersion
	for t, err := range templateTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		seen := map[int64]bool{}
		for _, text := range versions {
			if text != latestVersion && text != defaultVersion {
				return nil, missingParameter("LaunchTemplateId or LaunchTemplateName")
			}
			v, err := t.version(text)
			if err != nil {
				return nil, err
			}
			if !seen[v.Number] {
				seen[v.Number] = true
				wanted = append(wanted, shownVersion{t, v})
			}
		}
	}
	return wanted, nil
}

func bound(name string, text *string, otherwise int64) (int64, error) {
	if text == nil {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(*text, 10, 64)
	if err != nil {
		return 0, invalidValue("Value (%s) for parameter %s is invalid.", *text, name)
	}
	return n, nil
}
