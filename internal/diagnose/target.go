package diagnose

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	astypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/phrase"
)

// TargetKind is a kind of thing that a diagnosis can be about.
type TargetKind string

// The kinds of target.
const (
	InstanceTarget TargetKind = "instance"
	// VolumeTarget: the instance that it is attached to; else how it failed to be
	// made or attached.
	VolumeTarget TargetKind = "volume"
	// GroupTarget is an Auto Scaling group: its last launch that failed.
	GroupTarget TargetKind = "group"
	// TemplateTarget is a launch template, by id or name: whether a principal could
	// launch from it, or its last launch that failed.
	TemplateTarget TargetKind = "launch-template"
	// ImageTarget and SnapshotTarget: whether a principal could launch from it, or
	// make a volume.
	ImageTarget    TargetKind = "image"
	SnapshotTarget TargetKind = "snapshot"
	// EventTarget is a CloudTrail event, by its eventID.
	EventTarget TargetKind = "event"
	// MessageTarget is an error's text.
	MessageTarget TargetKind = "message"
)

// Target is what a diagnosis is about.
type Target struct {
	Kind TargetKind `json:"kind"`
	// Name is the id, or the name of a group or launch template, or the text of a
	// message; a report does not repeat that.
	Name string `json:"name"`
	// Version is a launch template's: a number, $Latest or $Default; empty is $Default.
	Version string `json:"version,omitempty"`
}

// argument is the target as the command takes it.
func (t Target) argument() string {
	switch {
	case t.Kind == GroupTarget:
		return "--group " + quote(t.Name)
	case t.Kind == TemplateTarget && t.Version != "":
		return "--launch-template " + quote(t.Name+":"+t.Version)
	case t.Kind == TemplateTarget:
		return "--launch-template " + quote(t.Name)
	case t.Kind == MessageTarget:
		return "--message …"
	}
	return t.Name
}

var (
	resourceID = regexp.MustCompile(`^(i|vol|lt|snap|ami)-([0-9a-f]{8}|[0-9a-f]{17})$`)
	eventID    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// idKinds are the kinds by the prefix of their ids (EC2 guide, "Resource IDs").
var idKinds = map[string]TargetKind{"i": InstanceTarget, "vol": VolumeTarget, "lt": TemplateTarget, "snap": SnapshotTarget, "ami": ImageTarget}

// ParseTarget is the target of an id: i-…, vol-…, lt-…, snap-…, ami-…, or an
// event's. ok is false for other text.
func ParseTarget(id string) (t Target, ok bool) {
	if m := resourceID.FindStringSubmatch(id); m != nil {
		return Target{Kind: idKinds[m[1]], Name: id}, true
	}
	if id = strings.ToLower(id); eventID.MatchString(id) {
		return Target{Kind: EventTarget, Name: id}, true
	}
	return Target{}, false
}

var instanceInText = regexp.MustCompile(`\bi-([0-9a-f]{17}|[0-9a-f]{8})\b`)

// maxActivities bounds how many activities of a group are looked at: those of
// about a day of failures.
const maxActivities = 500

// failedActivity is the instance of a group's last launch that failed, empty if it
// failed before there was one, and what the activity says (Auto Scaling guide,
// "Verify a scaling activity").
func failedActivity(ctx context.Context, c Clients, group string) (id, message string, err error) {
	seen := 0
	pages := autoscaling.NewDescribeScalingActivitiesPaginator(c.AutoScaling, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &group})
	for pages.HasMorePages() && seen < maxActivities {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", "", phrase.NewError(phrase.Say("reading the activities of group %s (autoscaling:DescribeScalingActivities): %v", group, err), err)
		}
		for _, a := range page.Activities {
			seen++
			if a.StatusCode != astypes.ScalingActivityStatusCodeFailed && a.StatusCode != astypes.ScalingActivityStatusCodeCancelled {
				continue
			}
			if !strings.HasPrefix(aws.ToString(a.Description), "Launching ") {
				continue
			}
			message := aws.ToString(a.StatusMessage)
			return instanceInText.FindString(aws.ToString(a.Description) + " " + message), message, nil
		}
	}
	if seen == 0 {
		return "", "", phrase.NewError(phrase.Say("there is no Auto Scaling group %s with activities in this account and region", group), nil)
	}
	return "", "", phrase.NewError(phrase.Say("no launch of group %s has failed lately", group), nil)
}
