package autoscaling

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// activity is one entry of a group's history.
type activity struct {
	ID, Group, GroupID string
	Cause, Description string
	Status             types.ScalingActivityStatusCode
	Message            string `json:",omitempty"`
	Start              time.Time
	End                time.Time `json:",omitzero"`
	Progress           int32
	Zone, Subnet       string `json:",omitempty"`
}

var activityTable = store.NewTable("autoscaling.activity", indexByGroup(func(a activity) string { return a.Group }))

// activityLife is how long activities are described (API reference,
// "DescribeScalingActivities": six weeks).
const activityLife = 6 * 7 * 24 * time.Hour

// key puts activities in the order in which they began.
func (a activity) key() string { return fmt.Sprintf("%020d %s", a.Start.UnixMicro(), a.ID) }

func (a activity) put(c *api.Call) error { return activityTable.Put(c.Tx, c.Scope(), a.key(), a) }

// at is how the texts of activities write the time.
func at(t time.Time) string { return "At " + t.UTC().Format(time.RFC3339) + " " }

// maxCauses bounds the sentences of one Cause; the newest matter.
const maxCauses = 5

// because keeps a sentence for the next activity's Cause.
func (g *group) because(c *api.Call, format string, args ...any) {
	g.Causes = append(g.Causes, at(c.Now.Truncate(time.Second))+fmt.Sprintf(format, args...)+".")
	if n := len(g.Causes) - maxCauses; n > 0 {
		g.Causes = g.Causes[n:]
	}
}

// begin makes an activity of the group that starts now.
func (g *group) begin(c *api.Call, description string, causes ...string) activity {
	a := activity{
		ID: c.NewUUID(), Group: g.Name, GroupID: g.ID, Description: description, Cause: strings.Join(causes, "  "),
		Status: types.ScalingActivityStatusCodeInProgress, Start: c.Now,
	}
	g.LastActivity = a.ID
	return a
}

// sentence is one sentence of a Cause.
func sentence(c *api.Call, format string, args ...any) string {
	return at(c.Now) + fmt.Sprintf(format, args...) + "."
}

// finish ends an activity. What went wrong is the StatusMessage, and the
// Description repeats it.
func (a *activity) finish(c *api.Call, status types.ScalingActivityStatusCode, message string) {
	a.Status, a.Progress, a.End = status, 100, c.Now
	if message != "" {
		a.Message = message
		a.Description += ".  Status Reason: " + message
	}
}

// finishActivity ends the activity that a member is in the middle of.
func (m *member) finishActivity(c *api.Call, status types.ScalingActivityStatusCode, message string) error {
	if m.Activity == "" {
		return nil
	}
	a, err := activityTable.Get(c.Tx, c.Scope(), m.Activity)
	if err != nil {
		return ignoreNotFound(err)
	}
	a.finish(c, status, message)
	m.Activity = ""
	return a.put(c)
}

// progress marks how far a member's activity is.
func (m *member) progress(c *api.Call, status types.ScalingActivityStatusCode, percent int32) error {
	a, err := activityTable.Get(c.Tx, c.Scope(), m.Activity)
	if err != nil {
		return ignoreNotFound(err)
	}
	a.Status, a.Progress = status, percent
	return a.put(c)
}

// activityDetails are an activity's Details, a JSON text in the answer.
type activityDetails struct {
	Subnet string `json:"Subnet ID,omitempty"`
	Zone   string `json:"Availability Zone,omitempty"`
}

func (a activity) describe(c *api.Call, deleted bool) types.Activity {
	details, _ := json.Marshal(activityDetails{Subnet: a.Subnet, Zone: a.Zone}) // texts only
	d := types.Activity{
		ActivityId: aws.String(a.ID), AutoScalingGroupName: aws.String(a.Group), AutoScalingGroupARN: aws.String(groupARN(c, a.GroupID, a.Group)),
		Cause: aws.String(a.Cause), Description: aws.String(a.Description), Details: aws.String(string(details)),
		StartTime: aws.Time(a.Start), Progress: aws.Int32(a.Progress), StatusCode: a.Status, StatusMessage: nonZero(a.Message),
	}
	if !a.End.IsZero() {
		d.EndTime = aws.Time(a.End)
	}
	if deleted {
		d.AutoScalingGroupState = aws.String("Deleted")
	}
	return d
}

func (s *Service) activityOperations() []api.Operation {
	return []api.Operation{
		api.Read("DescribeScalingActivities", anywhere[autoscaling.DescribeScalingActivitiesInput]("DescribeScalingActivities"), s.describeActivities),
	}
}

// describeActivities lists the newest first, and before all those that go on.
func (s *Service) describeActivities(c *api.Call, in *autoscaling.DescribeScalingActivitiesInput) (*autoscaling.DescribeScalingActivitiesOutput, error) {
	match, err := activityFilter(in.Filters, in.AutoScalingGroupName != nil)
	if err != nil {
		return nil, err
	}
	groups := make(map[string]string) // the groups there are: id by name
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		groups[g.Name] = g.ID
	}
	name := aws.ToString(in.AutoScalingGroupName)
	if name != "" && groups[name] == "" && !aws.ToBool(in.IncludeDeletedGroups) {
		_, err := getGroup(c, in.AutoScalingGroupName)
		return nil, err
	}
	all, err := rows(activityTable, c)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a activity) bool {
		deleted := groups[a.Group] != a.GroupID
		return name != "" && a.Group != name || deleted && !aws.ToBool(in.IncludeDeletedGroups) ||
			len(in.ActivityIds) > 0 && !slices.Contains(in.ActivityIds, a.ID) || c.Now.Sub(a.Start) > activityLife || !match(a)
	})
	slices.SortFunc(all, func(a, b activity) int { return strings.Compare(a.order(), b.order()) })
	shown, next, err := page(all, activity.order, pagesOfActivities, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeScalingActivitiesOutput{NextToken: next, Activities: []types.Activity{}}
	for _, a := range shown {
		out.Activities = append(out.Activities, a.describe(c, groups[a.Group] != a.GroupID))
	}
	return out, nil
}

// activityFilter makes a test of filters (API reference,
// "DescribeScalingActivities"): StartTimeLowerBound, StartTimeUpperBound, Status.
func activityFilter(filters []types.Filter, group bool) (func(activity) bool, error) {
	var tests []func(activity) bool
	for _, f := range filters {
		name := aws.ToString(f.Name)
		switch {
		case name == "Status" && !group:
			return nil, invalid("The Status filter can only be used in combination with AutoScalingGroupName")
		case name == "Status":
			tests = append(tests, func(a activity) bool { return slices.Contains(f.Values, string(a.Status)) })
			continue
		case name != "StartTimeLowerBound" && name != "StartTimeUpperBound":
			return nil, invalid("Filter type %s is not correct. Allowed Filter types are: StartTimeLowerBound StartTimeUpperBound Status", name)
		case len(f.Values) != 1:
			return nil, invalid("The filter %s takes one value", name)
		}
		bound, err := time.Parse(time.RFC3339, f.Values[0])
		if err != nil {
			if bound, err = time.Parse("2006-01-02T15:04:05", f.Values[0]); err != nil {
				return nil, invalid("Invalid timestamp: %s", f.Values[0])
			}
		}
		tests = append(tests, func(a activity) bool {
			if name == "StartTimeLowerBound" {
				return !a.Start.Before(bound)
			}
			return !a.Start.After(bound)
		})
	}
	return func(a activity) bool {
		return !slices.ContainsFunc(tests, func(test func(activity) bool) bool { return !test(a) })
	}, nil
}

// order sorts activities as they are described.
func (a activity) order() string {
	over := 1
	if a.End.IsZero() {
		over = 0
	}
	return fmt.Sprintf("%d %020d %s", over, 1<<62-a.Start.UnixMicro(), a.ID)
}

// trimActivities removes those of a group that nobody is shown any more.
func trimActivities(c *api.Call, group string) error {
	for a, err := range activityTable.Find(c.Tx, c.Scope(), byGroup, group) {
		if err != nil || c.Now.Sub(a.Start) <= activityLife {
			return err
		}
		if err := activityTable.Delete(c.Tx, c.Scope(), a.key()); err != nil {
			return err
		}
	}
	return nil
}

// forgetActivities removes what a deleted group has left behind.
func (s *Service) forgetActivities(c *api.Call, raw json.RawMessage) error {
	payload, err := api.DecodePayload[workPayload](raw)
	if err != nil {
		return err
	}
	return trimActivities(c, payload.Group)
}
