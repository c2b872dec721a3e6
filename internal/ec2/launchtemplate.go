package ec2

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// launchTemplate keeps the parameters of launches, in numbered versions (EC2
// guide, "Store instance launch parameters in Amazon EC2 launch templates").
type launchTemplate struct {
	ID, Name, CreatedBy string
	Created             time.Time
	Default             int64
	Last                int64             // the greatest number ever given
	Versions            []templateVersion // by number; the default one is always there
}

// templateVersion is one version; it never changes.
type templateVersion struct {
	Number                 int64
	Description, CreatedBy string
	Created                time.Time
	Data                   types.RequestLaunchTemplateData
}

var templateTable = store.NewTable("ec2.launchtemplate", store.Index[launchTemplate]{
	Name: "name", Keys: func(_ string, t launchTemplate) []string { return []string{t.Name} },
})

var templates = listing[launchTemplate]{
	table: templateTable,
	kind: identifier{
		prefix:    "lt-",
		malformed: "InvalidLaunchTemplateId.Malformed", malformedText: "The specified launch template ID, %s, is malformed.",
		missing: "InvalidLaunchTemplateId.NotFound", missingText: "The specified launch template, with template ID %s, does not exist.",
	},
	id:    func(t launchTemplate) string { return t.ID },
	pages: pageRule{least: 1, most: 200, ids: "LaunchTemplateIds"},
	filters: filterTable[launchTemplate]{
		"create-time":          func(t launchTemplate) []string { return some(filterTime(t.Created)) },
		"launch-template-name": func(t launchTemplate) []string { return some(t.Name) },
	},
}

// The words for versions that are not numbers.
const (
	latestVersion  = "$Latest"
	defaultVersion = "$Default"
)

// templateOf finds the template that a request names by id or by name.
func templateOf(c *api.Call, id, name *string) (launchTemplate, error) {
	switch {
	case id != nil && name != nil:
		return launchTemplate{}, invalidCombination("You must specify either a launch template ID or a launch template name, but not both.")
	case id != nil:
		return templates.get(c, *id)
	case name == nil:
		return launchTemplate{}, missingParameter("LaunchTemplateId or LaunchTemplateName")
	}
	for t, err := range templateTable.Find(c.Tx, c.Scope(), "name", *name) {
		return t, err
	}
	return launchTemplate{}, api.Error("InvalidLaunchTemplateName.NotFoundException", fmt.Sprintf("The specified launch template, with template name %s, does not exist.", *name))
}

// version finds a version by its number or word; the default one if none is given.
func (t launchTemplate) version(text string) (templateVersion, error) {
	number := t.Default
	switch text {
	case "", defaultVersion:
	case latestVersion:
		number = t.latest()
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 {
			return templateVersion{}, api.Error("InvalidLaunchTemplateId.VersionNotFound", fmt.Sprintf("Could not find the specified version %s for the launch template with ID %s.", text, t.ID))
		}
		number = n
	}
	i := slices.IndexFunc(t.Versions, func(v templateVersion) bool { return v.Number == number })
	if i < 0 {
		return templateVersion{}, api.Error("InvalidLaunchTemplateId.VersionNotFound", fmt.Sprintf("Could not find the specified version %s for the launch template with ID %s.", text, t.ID))
	}
	return t.Versions[i], nil
}

// latest is the number of the newest version that is left.
func (t launchTemplate) latest() int64 { return t.Versions[len(t.Versions)-1].Number }

// add gives the template another version.
func (t *launchTemplate) add(c *api.Call, description *string, data types.RequestLaunchTemplateData) templateVersion {
	t.Last++
	v := templateVersion{
		Number: t.Last, Description: aws.ToString(description), CreatedBy: c.Caller.Principal.ARN, Created: wholeSecond(c), Data: data,
	}
	t.Versions = append(t.Versions, v)
	return v
}

func (t launchTemplate) put(c *api.Call) error {
	return templateTable.Put(c.Tx, c.Scope(), t.ID, t)
}

func (t launchTemplate) describe(tags map[string]string) types.LaunchTemplate {
	return types.LaunchTemplate{
		LaunchTemplateId: aws.String(t.ID), LaunchTemplateName: aws.String(t.Name), CreatedBy: aws.String(t.CreatedBy),
		CreateTime: aws.Time(t.Created), DefaultVersionNumber: aws.Int64(t.Default), LatestVersionNumber: aws.Int64(t.latest()),
		Operator: &types.OperatorResponse{Managed: aws.Bool(false)}, Tags: describeTags(tags),
	}
}

func (t launchTemplate) describeVersion(v templateVersion) (types.LaunchTemplateVersion, error) {
	out := types.LaunchTemplateVersion{
		LaunchTemplateId: aws.String(t.ID), LaunchTemplateName: aws.String(t.Name), VersionNumber: aws.Int64(v.Number),
		CreatedBy: aws.String(v.CreatedBy), CreateTime: aws.Time(v.Created), DefaultVersion: aws.Bool(v.Number == t.Default),
		LaunchTemplateData: new(types.ResponseLaunchTemplateData), Operator: &types.OperatorResponse{Managed: aws.Bool(false)},
	}
	if v.Description != "" {
		out.VersionDescription = aws.String(v.Description)
	}
	return out, sameMembers(v.Data, out.LaunchTemplateData)
}

// sameMembers copies the members that two of the SDK's types share by name: what
// a template is given, what it answers and what RunInstances takes are three
// types with the same members.
func sameMembers(from, to any) error {
	raw, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		return fmt.Errorf("ec2: %T from %T: %w", to, from, err)
	}
	return nil
}

// override replaces the members that are given, each as a whole (EC2 API
// reference, "CreateLaunchTemplateVersion", on SourceVersion).
func override(base, given types.RequestLaunchTemplateData) types.RequestLaunchTemplateData {
	into, from := reflect.ValueOf(&base).Elem(), reflect.ValueOf(given)
	for i := range from.NumField() {
		if f := from.Field(i); into.Type().Field(i).IsExported() && !f.IsZero() {
			into.Field(i).Set(f)
		}
	}
	return base
}
