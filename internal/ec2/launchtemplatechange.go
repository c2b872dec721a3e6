package ec2

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) templateOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateLaunchTemplate", func(c *api.Call, in *ec2.CreateLaunchTemplateInput) ([]api.Need, error) {
			n := need(c, "CreateLaunchTemplate", types.ResourceTypeLaunchTemplate, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypeLaunchTemplate))
			return append([]api.Need{n}, tagNeeds(c, "CreateLaunchTemplate", in.TagSpecifications)...), nil
		}, s.createLaunchTemplate),
		api.Op("CreateLaunchTemplateVersion", onTemplate("CreateLaunchTemplateVersion", func(in *ec2.CreateLaunchTemplateVersionInput) (*string, *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}), s.createLaunchTemplateVersion),
		api.Op("ModifyLaunchTemplate", onTemplate("ModifyLaunchTemplate", func(in *ec2.ModifyLaunchTemplateInput) (*string, *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}), s.modifyLaunchTemplate),
		api.Op("DeleteLaunchTemplate", onTemplate("DeleteLaunchTemplate", func(in *ec2.DeleteLaunchTemplateInput) (*string, *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}), s.deleteLaunchTemplate),
		api.Op("DeleteLaunchTemplateVersions", onTemplate("DeleteLaunchTemplateVersions", func(in *ec2.DeleteLaunchTemplateVersionsInput) (*string, *string) {
			return in.LaunchTemplateId, in.LaunchTemplateName
		}), s.deleteLaunchTemplateVersions),
		api.Read("DescribeLaunchTemplates", anywhere[ec2.DescribeLaunchTemplatesInput]("DescribeLaunchTemplates"), s.describeLaunchTemplates),
		api.Read("DescribeLaunchTemplateVersions", anywhere[ec2.DescribeLaunchTemplateVersionsInput]("DescribeLaunchTemplateVersions"), s.describeLaunchTemplateVersions),
	}
}

// onTemplate is the descriptor of an operation on a template.
func onTemplate[In any](action string, named func(*In) (id, name *string)) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		id, name := named(in)
		n, err := templateNeed(c, action, id, name)
		return []api.Need{n}, err
	}
}

func templateNeed(c *api.Call, action string, id, name *string) (api.Need, error) {
	key := aws.ToString(id)
	t, err := templateOf(c, id, name)
	switch {
	case err == nil:
		key = t.ID
	case errorCode(err) == "":
		return api.Need{}, err
	case key == "":
		key = "*"
	}
	return existingNeed(c, action, types.ResourceTypeLaunchTemplate, key)
}

// templateName is what a name may be (EC2 API reference, "CreateLaunchTemplate").
var templateName = regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)

func (s *Service) createLaunchTemplate(c *api.Call, in *ec2.CreateLaunchTemplateInput) (*ec2.CreateLaunchTemplateOutput, error) {
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		t, err := templates.get(c, earlier)
		if err != nil {
			return nil, err
		}
		return s.createdTemplate(c, t)
	}
	name := aws.ToString(in.LaunchTemplateName)
	if !templateName.MatchString(name) {
		return nil, api.Error("InvalidLaunchTemplateName.MalformedException", "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _.")
	}
	if _, err := templateOf(c, nil, &name); err == nil {
		return nil, api.Error("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
	} else if errorCode(err) == "" {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypeLaunchTemplate))
	if err != nil {
		return nil, err
	}
	t := launchTemplate{ID: c.NewID("lt-"), Name: name, CreatedBy: c.Caller.Principal.ARN, Created: wholeSecond(c), Default: 1}
	t.add(c, in.VersionDescription, *in.LaunchTemplateData)
	if err := t.put(c); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeLaunchTemplate), t.ID, tags); err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, t.ID); err != nil {
		return nil, err
	}
	return s.createdTemplate(c, t)
}

func (s *Service) createdTemplate(c *api.Call, t launchTemplate) (*ec2.CreateLaunchTemplateOutput, error) {
	tags, err := tagsOf(c, t.ID)
	d := t.describe(tags)
	return &ec2.CreateLaunchTemplateOutput{LaunchTemplate: &d}, err
}

func (s *Service) createLaunchTemplateVersion(c *api.Call, in *ec2.CreateLaunchTemplateVersionInput) (*ec2.CreateLaunchTemplateVersionOutput, error) {
	t, err := templateOf(c, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	var v templateVersion
	if earlier != "" {
		v, err = t.version(earlier)
	} else {
		v, err = t.addFrom(c, in)
	}
	if err != nil {
		return nil, err
	}
	if err := keepToken(c, in.ClientToken, in, strconv.FormatInt(v.Number, 10)); err != nil {
		return nil, err
	}
	d, err := t.describeVersion(v)
	return &ec2.CreateLaunchTemplateVersionOutput{LaunchTemplateVersion: &d}, err
}

// addFrom adds a version, on top of a source version where one is named.
func (t *launchTemplate) addFrom(c *api.Call, in *ec2.CreateLaunchTemplateVersionInput) (templateVersion, error) {
	data := *in.LaunchTemplateData
	if in.SourceVersion != nil {
		source, err := t.version(*in.SourceVersion)
		if err != nil {
			return templateVersion{}, err
		}
		data = override(source.Data, data)
	}
	return t.add(c, in.VersionDescription, data), t.put(c)
}

func (s *Service) modifyLaunchTemplate(c *api.Call, in *ec2.ModifyLaunchTemplateInput) (*ec2.ModifyLaunchTemplateOutput, error) {
	t, err := templateOf(c, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if in.DefaultVersion != nil {
		v, err := t.version(*in.DefaultVersion)
		if err != nil {
			return nil, err
		}
		t.Default = v.Number
	}
	tags, err := tagsOf(c, t.ID)
	if err != nil {
		return nil, err
	}
	d := t.describe(tags)
	return &ec2.ModifyLaunchTemplateOutput{LaunchTemplate: &d}, t.put(c)
}

func (s *Service) deleteLaunchTemplate(c *api.Call, in *ec2.DeleteLaunchTemplateInput) (*ec2.DeleteLaunchTemplateOutput, error) {
	t, err := templateOf(c, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(c, t.ID)
	if err != nil {
		return nil, err
	}
	d := t.describe(tags)
	return &ec2.DeleteLaunchTemplateOutput{LaunchTemplate: &d}, deleteRow(c, templates, types.ResourceTypeLaunchTemplate, t.ID)
}

// deleteLaunchTemplateVersions tells of each version by itself; the default one
// stays (EC2 API reference, "DeleteLaunchTemplateVersions").
func (s *Service) deleteLaunchTemplateVersions(c *api.Call, in *ec2.DeleteLaunchTemplateVersionsInput) (*ec2.DeleteLaunchTemplateVersionsOutput, error) {
	t, err := templateOf(c, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	out := &ec2.DeleteLaunchTemplateVersionsOutput{}
	for _, text := range in.Versions {
		number, _ := strconv.ParseInt(text, 10, 64)
		i := slices.IndexFunc(t.Versions, func(v templateVersion) bool { return v.Number == number })
		if i >= 0 && number != t.Default {
			t.Versions = slices.Delete(t.Versions, i, i+1)
			out.SuccessfullyDeletedLaunchTemplateVersions = append(out.SuccessfullyDeletedLaunchTemplateVersions, types.DeleteLaunchTemplateVersionsResponseSuccessItem{
				LaunchTemplateId: aws.String(t.ID), LaunchTemplateName: aws.String(t.Name), VersionNumber: aws.Int64(number),
			})
			continue
		}
		failed := &types.ResponseError{Code: types.LaunchTemplateErrorCodeLaunchTemplateVersionDoesNotExist, Message: aws.String("Could not find launch template version")}
		if i >= 0 {
			failed = &types.ResponseError{Code: types.LaunchTemplateErrorCodeUnexpectedError, Message: aws.String("Cannot delete default version")}
		}
		out.UnsuccessfullyDeletedLaunchTemplateVersions = append(out.UnsuccessfullyDeletedLaunchTemplateVersions, types.DeleteLaunchTemplateVersionsResponseErrorItem{
			LaunchTemplateId: aws.String(t.ID), LaunchTemplateName: aws.String(t.Name), VersionNumber: aws.Int64(number), ResponseError: failed,
		})
	}
	return out, t.put(c)
}

func (s *Service) describeLaunchTemplates(c *api.Call, in *ec2.DescribeLaunchTemplatesInput) (*ec2.DescribeLaunchTemplatesOutput, error) {
	ids := slices.Clone(in.LaunchTemplateIds)
	for _, name := range in.LaunchTemplateNames {
		t, err := templateOf(c, nil, &name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, t.ID)
	}
	found, next, err := templates.find(c, query{ids, in.Filters, in.MaxResults, in.NextToken})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeLaunchTemplatesOutput{LaunchTemplates: []types.LaunchTemplate{}, NextToken: next}
	for _, t := range found {
		out.LaunchTemplates = append(out.LaunchTemplates, t.row.describe(t.tags))
	}
	return out, nil
}
