package autoscaling

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/adhocore/gronx"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// scheduled is a scheduled action of a group.
type scheduled struct {
	Group, Name, UUID string
	Min, Max, Desired *int32
	// Next is when it runs; zero if never again.
	Next       time.Time
	End        time.Time `json:",omitzero"`
	Recurrence string    `json:",omitempty"`
	Zone       string    `json:",omitempty"` // an IANA time zone
}

var scheduledTable = store.NewTable("autoscaling.scheduled", indexByGroup(func(a scheduled) string { return a.Group }))

func (a scheduled) id() string { return store.Key(a.Group, a.Name) }

func (a scheduled) arn(c *api.Call) string {
	return c.ARN("autoscaling", "scheduledUpdateGroupAction:"+a.UUID+":autoScalingGroupName/"+a.Group+":scheduledActionName/"+a.Name)
}

func (s *Service) scheduleOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutScheduledUpdateGroupAction", putScheduledNeeds, s.putScheduled),
		api.Op("BatchPutScheduledUpdateGroupAction", onGroup("BatchPutScheduledUpdateGroupAction", func(in *autoscaling.BatchPutScheduledUpdateGroupActionInput) *string { return in.AutoScalingGroupName }), s.batchPutScheduled),
		api.Read("DescribeScheduledActions", anywhere[autoscaling.DescribeScheduledActionsInput]("DescribeScheduledActions"), s.describeScheduled),
		api.Op("DeleteScheduledAction", onGroup("DeleteScheduledAction", func(in *autoscaling.DeleteScheduledActionInput) *string { return in.AutoScalingGroupName }), s.deleteScheduled),
		api.Op("BatchDeleteScheduledAction", onGroup("BatchDeleteScheduledAction", func(in *autoscaling.BatchDeleteScheduledActionInput) *string { return in.AutoScalingGroupName }), s.batchDeleteScheduled),
	}
}

func putScheduledNeeds(c *api.Call, in *autoscaling.PutScheduledUpdateGroupActionInput) ([]api.Need, error) {
	n, err := groupNeed(c, "PutScheduledUpdateGroupAction", in.AutoScalingGroupName)
	setNumber(&n.Context, "MinSize", in.MinSize)
	setNumber(&n.Context, "MaxSize", in.MaxSize)
	return []api.Need{n}, err
}

func (s *Service) putScheduled(c *api.Call, in *autoscaling.PutScheduledUpdateGroupActionInput) (*autoscaling.PutScheduledUpdateGroupActionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	start := in.StartTime
	if start == nil {
		start = in.Time // the older name
	}
	return &autoscaling.PutScheduledUpdateGroupActionOutput{}, s.keepScheduled(c, g, types.ScheduledUpdateGroupActionRequest{
		ScheduledActionName: in.ScheduledActionName, MinSize: in.MinSize, MaxSize: in.MaxSize, DesiredCapacity: in.DesiredCapacity,
		StartTime: start, EndTime: in.EndTime, Recurrence: in.Recurrence, TimeZone: in.TimeZone,
	})
}

func (s *Service) batchPutScheduled(c *api.Call, in *autoscaling.BatchPutScheduledUpdateGroupActionInput) (*autoscaling.BatchPutScheduledUpdateGroupActionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if len(in.ScheduledUpdateGroupActions) > maxScheduledBatch {
		return nil, invalid("The number of scheduled actions that may be passed in is limited to %d", maxScheduledBatch)
	}
	out := &autoscaling.BatchPutScheduledUpdateGroupActionOutput{FailedScheduledUpdateGroupActions: []types.FailedScheduledUpdateGroupActionRequest{}}
	for _, r := range in.ScheduledUpdateGroupActions {
		err := s.keepScheduled(c, g, r)
		if err != nil && errorCode(err) == "" {
			return nil, err
		}
		if err != nil {
			out.FailedScheduledUpdateGroupActions = append(out.FailedScheduledUpdateGroupActions, types.FailedScheduledUpdateGroupActionRequest{
				ScheduledActionName: r.ScheduledActionName, ErrorCode: aws.String(errorCode(err)), ErrorMessage: aws.String(errorMessage(err)),
			})
		}
	}
	return out, nil
}

// keepScheduled makes a scheduled action, or replaces the one of that name.
func (s *Service) keepScheduled(c *api.Call, g group, r types.ScheduledUpdateGroupActionRequest) error {
	all, err := allOf(scheduledTable, c, g.Name)
	if err != nil {
		return err
	}
	a := scheduled{
		Group: g.Name, Name: aws.ToString(r.ScheduledActionName), UUID: c.NewUUID(),
		Min: r.MinSize, Max: r.MaxSize, Desired: r.DesiredCapacity, Recurrence: aws.ToString(r.Recurrence), Zone: aws.ToString(r.TimeZone),
	}
	if n := slices.IndexFunc(all, func(other scheduled) bool { return other.Name == a.Name }); n >= 0 {
		a.UUID = all[n].UUID
	} else if len(all) >= maxScheduled {
		return limitExceeded("scheduled actions per Auto Scaling group", maxScheduled)
	}
	if err := a.setTimes(c, r.StartTime, r.EndTime); err != nil {
		return err
	}
	if err := a.checkSizes(); err != nil {
		return err
	}
	if !a.Next.IsZero() && slices.ContainsFunc(all, func(other scheduled) bool { return other.Name != a.Name && other.Next.Equal(a.Next) }) {
		return alreadyExists("Scheduled action with the same start time already exists for the Auto Scaling group")
	}
	if err := scheduledTable.Put(c.Tx, c.Scope(), a.id(), a); err != nil {
		return err
	}
	return s.scheduleNext(c, a)
}

func (a *scheduled) checkSizes() error {
	switch {
	case a.Min == nil && a.Max == nil && a.Desired == nil:
		return invalid("At least one of DesiredCapacity, MinSize or MaxSize must be specified")
	case a.Min != nil && *a.Min < 0 || a.Max != nil && *a.Max < 0 || a.Desired != nil && *a.Desired < 0:
		return invalid("DesiredCapacity, MinSize and MaxSize must be greater than or equal to 0")
	case a.Min != nil && a.Max != nil && *a.Min > *a.Max:
		return invalid("Max bound, %d, must be greater than or equal to min bound, %d", *a.Max, *a.Min)
	}
	return nil
}

func (a *scheduled) setTimes(c *api.Call, start, end *time.Time) error {
	if start == nil && a.Recurrence == "" {
		return invalid("Either StartTime or Recurrence must be specified")
	}
	if start != nil && start.Before(c.Now) {
		return invalid("Given start time is in the past")
	}
	if end != nil {
		if end.Before(c.Now) {
			return invalid("Given end time is in the past")
		}
		a.End = *end
	}
	if start != nil && end != nil && !start.Before(*end) {
		return invalid("StartTime must be earlier than EndTime")
	}
	if a.Zone != "" {
		if _, err := time.LoadLocation(a.Zone); err != nil {
			return invalid("Invalid time zone: %s", a.Zone)
		}
	}
	if a.Recurrence != "" && (len(strings.Fields(a.Recurrence)) != 5 || !gronx.IsValid(a.Recurrence)) {
		return invalid("Given recurrence string: %s is invalid", a.Recurrence)
	}
	if start != nil {
		a.Next = *start
		return nil
	}
	a.advance(c.Now)
	return nil
}

// advance finds the next time of a recurring action after a time.
func (a *scheduled) advance(after time.Time) {
	a.Next = time.Time{}
	if a.Recurrence == "" {
		return
	}
	location := time.UTC
	if a.Zone != "" {
		if l, err := time.LoadLocation(a.Zone); err == nil {
			location = l
		}
	}
	next, err := gronx.NextTickAfter(a.Recurrence, after.In(location), false)
	if err == nil && (a.End.IsZero() || !next.After(a.End)) {
		a.Next = next.UTC()
	}
}

func (s *Service) scheduleNext(c *api.Call, a scheduled) error {
	if a.Next.IsZero() {
		return nil
	}
	return asService(c).Schedule(scheduleTask, a.id(), max(a.Next.Sub(c.Now), time.Millisecond), scheduledPayload{Group: a.Group, Name: a.Name, At: a.Next})
}

// scheduledPayload names an action and its time: one that was changed since
// does not run.
type scheduledPayload struct {
	Group, Name string
	At          time.Time
}

// runScheduled does what an action says, when its time has come.
func (s *Service) runScheduled(c *api.Call, raw json.RawMessage) error {
	payload, err := api.DecodePayload[scheduledPayload](raw)
	if err != nil {
		return err
	}
	a, err := scheduledTable.Get(c.Tx, c.Scope(), scheduled{Group: payload.Group, Name: payload.Name}.id())
	if err != nil || !a.Next.Equal(payload.At) {
		return ignoreNotFound(err)
	}
	g, err := groupTable.Get(c.Tx, c.Scope(), a.Group)
	if err != nil {
		return ignoreNotFound(err)
	}
	if a.advance(c.Now); a.Next.IsZero() {
		// An action that will not run again is gone (Auto Scaling guide,
		// "Scheduled scaling for Amazon EC2 Auto Scaling").
		err = scheduledTable.Delete(c.Tx, c.Scope(), a.id())
	} else if err = scheduledTable.Put(c.Tx, c.Scope(), a.id(), a); err == nil {
		err = s.scheduleNext(c, a)
	}
	if err != nil || g.suspended("ScheduledActions") || g.Deleting {
		return err
	}
	return s.applyScheduled(c, g, a)
}

// applyScheduled sets the sizes that an action names. A desired capacity that
// it does not name follows the limits.
func (s *Service) applyScheduled(c *api.Call, g group, a scheduled) error {
	text := []string{fmt.Sprintf("the scheduled action %s executed", a.Name)}
	was := g
	assign(&g.Min, a.Min)
	assign(&g.Max, a.Max)
	g.Min, g.Max = min(g.Min, g.Max), max(g.Min, g.Max)
	assign(&g.Desired, a.Desired)
	g.Desired = min(max(g.Desired, g.Min), g.Max)
	for _, v := range []struct {
		what    string
		was, is int32
	}{{"min size", was.Min, g.Min}, {"max size", was.Max, g.Max}, {"desired capacity", was.Desired, g.Desired}} {
		if v.was != v.is {
			text = append(text, fmt.Sprintf("Setting %s from %d to %d", v.what, v.was, v.is))
		}
	}
	g.because(c, "%s", strings.Join(text, ". "))
	g.Failures, g.RetryAt = 0, c.Now
	if err := g.put(c); err != nil {
		return err
	}
	return s.soon(c, g)
}

func (s *Service) describeScheduled(c *api.Call, in *autoscaling.DescribeScheduledActionsInput) (*autoscaling.DescribeScheduledActionsOutput, error) {
	if in.AutoScalingGroupName != nil {
		if _, err := getGroup(c, in.AutoScalingGroupName); err != nil {
			return nil, err
		}
	}
	all, err := rows(scheduledTable, c)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(a scheduled) bool {
		return in.AutoScalingGroupName != nil && a.Group != *in.AutoScalingGroupName ||
			len(in.ScheduledActionNames) > 0 && !slices.Contains(in.ScheduledActionNames, a.Name) && !slices.Contains(in.ScheduledActionNames, a.arn(c)) ||
			in.StartTime != nil && a.Next.Before(*in.StartTime) || in.EndTime != nil && a.Next.After(*in.EndTime)
	})
	shown, next, err := page(all, scheduled.id, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeScheduledActionsOutput{NextToken: next, ScheduledUpdateGroupActions: []types.ScheduledUpdateGroupAction{}}
	for _, a := range shown {
		d := types.ScheduledUpdateGroupAction{
			AutoScalingGroupName: aws.String(a.Group), ScheduledActionName: aws.String(a.Name), ScheduledActionARN: aws.String(a.arn(c)),
			MinSize: a.Min, MaxSize: a.Max, DesiredCapacity: a.Desired, Recurrence: nonZero(a.Recurrence), TimeZone: nonZero(a.Zone),
			StartTime: aws.Time(a.Next), Time: aws.Time(a.Next),
		}
		if !a.End.IsZero() {
			d.EndTime = aws.Time(a.End)
		}
		out.ScheduledUpdateGroupActions = append(out.ScheduledUpdateGroupActions, d)
	}
	return out, nil
}

func dropScheduled(c *api.Call, g group, name string) error {
	id := scheduled{Group: g.Name, Name: name}.id()
	if _, err := scheduledTable.Get(c.Tx, c.Scope(), id); err != nil {
		if ignoreNotFound(err) != nil {
			return err
		}
		return invalid("Scheduled action name not found - Scheduled action %s not found", name)
	}
	return scheduledTable.Delete(c.Tx, c.Scope(), id)
}

func (s *Service) deleteScheduled(c *api.Call, in *autoscaling.DeleteScheduledActionInput) (*autoscaling.DeleteScheduledActionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DeleteScheduledActionOutput{}, dropScheduled(c, g, aws.ToString(in.ScheduledActionName))
}

func (s *Service) batchDeleteScheduled(c *api.Call, in *autoscaling.BatchDeleteScheduledActionInput) (*autoscaling.BatchDeleteScheduledActionOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if len(in.ScheduledActionNames) > maxScheduledBatch {
		return nil, invalid("The number of scheduled actions that may be passed in is limited to %d", maxScheduledBatch)
	}
	out := &autoscaling.BatchDeleteScheduledActionOutput{FailedScheduledActions: []types.FailedScheduledUpdateGroupActionRequest{}}
	for _, name := range in.ScheduledActionNames {
		err := dropScheduled(c, g, name)
		if err != nil && errorCode(err) == "" {
			return nil, err
		}
		if err != nil {
			out.FailedScheduledActions = append(out.FailedScheduledActions, types.FailedScheduledUpdateGroupActionRequest{
				ScheduledActionName: aws.String(name), ErrorCode: aws.String(errorCode(err)), ErrorMessage: aws.String(errorMessage(err)),
			})
		}
	}
	return out, nil
}
