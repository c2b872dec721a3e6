package autoscaling

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// refresh is an instance refresh: a rolling replacement of a group's instances.
type refresh struct {
	ID, Group   string
	Status      types.InstanceRefreshStatus
	Reason      string `json:",omitempty"`
	Start       time.Time
	End         time.Time `json:",omitzero"`
	Preferences types.RefreshPreferences
	Asked       *types.DesiredConfiguration `json:",omitempty"`
	// Target is what the new instances launch from, Before what the group did.
	Target, Before source
	// Total and Left count the instances to replace.
	Total, Left int32
	// Moved is when the last instance was replaced: one that does not get on
	// for an hour fails.
	Moved    time.Time
	Baked    time.Time              `json:",omitzero"`
	Rollback *types.RollbackDetails `json:",omitempty"`
}

var refreshTable = store.NewTable("autoscaling.refresh", indexByGroup(func(r refresh) string { return r.Group }))

func (r refresh) id() string { return store.Key(r.Group, r.ID) }

func (r refresh) put(c *api.Call) error { return refreshTable.Put(c.Tx, c.Scope(), r.id(), r) }

// under reports whether the refresh still goes on.
func (r refresh) under() bool {
	return slices.Contains([]types.InstanceRefreshStatus{
		types.InstanceRefreshStatusPending, types.InstanceRefreshStatusInProgress, types.InstanceRefreshStatusBaking,
		types.InstanceRefreshStatusCancelling, types.InstanceRefreshStatusRollbackInProgress,
	}, r.Status)
}

// The defaults of a refresh's preferences (API reference, "RefreshPreferences").
const (
	defaultMinHealthy = 90
	refreshPatience   = time.Hour
)

func (s *Service) refreshOperations() []api.Operation {
	return []api.Operation{
		api.Op("StartInstanceRefresh", onGroup("StartInstanceRefresh", func(in *autoscaling.StartInstanceRefreshInput) *string { return in.AutoScalingGroupName }), s.startRefresh),
		api.Read("DescribeInstanceRefreshes", anywhere[autoscaling.DescribeInstanceRefreshesInput]("DescribeInstanceRefreshes"), s.describeRefreshes),
		api.Op("CancelInstanceRefresh", onGroup("CancelInstanceRefresh", func(in *autoscaling.CancelInstanceRefreshInput) *string { return in.AutoScalingGroupName }), s.cancelRefresh),
		api.Op("RollbackInstanceRefresh", onGroup("RollbackInstanceRefresh", func(in *autoscaling.RollbackInstanceRefreshInput) *string { return in.AutoScalingGroupName }), s.rollbackRefresh),
	}
}

// refreshUnder finds the refresh of a group that goes on, if there is one.
func refreshUnder(c *api.Call, group string) (refresh, bool, error) {
	all, err := allOf(refreshTable, c, group)
	if err != nil {
		return refresh{}, false, err
	}
	n := slices.IndexFunc(all, refresh.under)
	if n < 0 {
		return refresh{}, false, nil
	}
	return all[n], true, nil
}

// trimRefreshes removes those of a group that are over for six weeks (API
// reference, "DescribeInstanceRefreshes").
func trimRefreshes(c *api.Call, group string) error {
	all, err := allOf(refreshTable, c, group)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.under() || c.Now.Sub(r.End) <= activityLife {
			continue
		}
		if err := refreshTable.Delete(c.Tx, c.Scope(), r.id()); err != nil {
			return err
		}
	}
	return nil
}

func checkPreferences(in *types.RefreshPreferences) (types.RefreshPreferences, error) {
	p := types.RefreshPreferences{}
	if in != nil {
		p = *in
	}
	switch {
	case p.AlarmSpecification != nil:
		return p, notBuilt("Preferences.AlarmSpecification")
	case len(p.CheckpointPercentages) > 0 || p.CheckpointDelay != nil:
		return p, notBuilt("Preferences.CheckpointPercentages")
	case p.MinHealthyPercentage != nil && (*p.MinHealthyPercentage < 0 || *p.MinHealthyPercentage > 100):
		return p, invalid("MinHealthyPercentage must be between 0 and 100")
	case p.MaxHealthyPercentage != nil && (*p.MaxHealthyPercentage < 100 || *p.MaxHealthyPercentage > 200):
		return p, invalid("MaxHealthyPercentage must be between 100 and 200")
	case p.MaxHealthyPercentage != nil && p.MinHealthyPercentage == nil:
		return p, invalid("MinHealthyPercentage must be specified when MaxHealthyPercentage is specified")
	case p.MaxHealthyPercentage != nil && *p.MaxHealthyPercentage-*p.MinHealthyPercentage > 100:
		return p, invalid("The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100")
	}
	if p.MinHealthyPercentage == nil {
		p.MinHealthyPercentage = aws.Int32(defaultMinHealthy)
	}
	if p.SkipMatching == nil {
		p.SkipMatching = aws.Bool(false)
	}
	if p.AutoRollback == nil {
		p.AutoRollback = aws.Bool(false)
	}
	if p.ScaleInProtectedInstances == "" {
		p.ScaleInProtectedInstances = types.ScaleInProtectedInstancesWait
	}
	if p.StandbyInstances == "" {
		p.StandbyInstances = types.StandbyInstancesWait
	}
	return p, nil
}

func (s *Service) startRefresh(c *api.Call, in *autoscaling.StartInstanceRefreshInput) (*autoscaling.StartInstanceRefreshOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if in.Strategy != "" && in.Strategy != types.RefreshStrategyRolling {
		return nil, notBuilt("Strategy")
	}
	if _, under, err := refreshUnder(c, g.Name); err != nil {
		return nil, err
	} else if under {
		return nil, api.Error("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")
	}
	p, err := checkPreferences(in.Preferences)
	if err != nil {
		return nil, err
	}
	r := refresh{ID: c.NewUUID(), Group: g.Name, Status: types.InstanceRefreshStatusPending, Start: c.Now, Moved: c.Now, Preferences: p, Target: g.Source, Before: g.Source}
	if d := in.DesiredConfiguration; d != nil {
		target := g
		if err := s.sourceOf(c, &target, nil, d.LaunchTemplate, d.MixedInstancesPolicy); err != nil {
			return nil, err
		}
		r.Target, r.Asked = target.Source, &types.DesiredConfiguration{LaunchTemplate: target.Source.Template, MixedInstancesPolicy: target.Source.Mixed}
	} else if aws.ToBool(p.AutoRollback) {
		return nil, invalid("AutoRollback is only supported when DesiredConfiguration is specified.")
	}
	if err := errors.Join(trimRefreshes(c, g.Name), r.put(c)); err != nil {
		return nil, err
	}
	return &autoscaling.StartInstanceRefreshOutput{InstanceRefreshId: aws.String(r.ID)}, s.soon(c, g)
}

func (r refresh) percent() int32 {
	if r.Total == 0 {
		if r.Status == types.InstanceRefreshStatusSuccessful {
			return 100
		}
		return 0
	}
	return (r.Total - r.Left) * 100 / r.Total
}

func (s *Service) describeRefreshes(c *api.Call, in *autoscaling.DescribeInstanceRefreshesInput) (*autoscaling.DescribeInstanceRefreshesOutput, error) {
	g, err := getGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	all, err := allOf(refreshTable, c, g.Name)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r refresh) bool {
		return len(in.InstanceRefreshIds) > 0 && !slices.Contains(in.InstanceRefreshIds, r.ID)
	})
	order := func(r refresh) string { return activity{ID: r.ID, Start: r.Start, End: r.Start}.order() }
	slices.SortFunc(all, func(a, b refresh) int { return strings.Compare(order(a), order(b)) })
	shown, next, err := page(all, order, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeInstanceRefreshesOutput{NextToken: next, InstanceRefreshes: []types.InstanceRefresh{}}
	for _, r := range shown {
		p := r.Preferences
		d := types.InstanceRefresh{
			AutoScalingGroupName: aws.String(r.Group), InstanceRefreshId: aws.String(r.ID), Status: r.Status, StatusReason: nonZero(r.Reason),
			StartTime: aws.Time(r.Start), PercentageComplete: aws.Int32(r.percent()), InstancesToUpdate: aws.Int32(r.Left),
			Preferences: &p, DesiredConfiguration: r.Asked, RollbackDetails: r.Rollback, Strategy: types.RefreshStrategyRolling,
		}
		if !r.End.IsZero() {
			d.EndTime = aws.Time(r.End)
		}
		out.InstanceRefreshes = append(out.InstanceRefreshes, d)
	}
	return out, nil
}

// activeRefresh is the refresh that a cancellation or a rollback is about.
func activeRefresh(c *api.Call, name *string) (group, refresh, error) {
	g, err := liveGroup(c, name)
	if err != nil {
		return g, refresh{}, err
	}
	r, under, err := refreshUnder(c, g.Name)
	if err == nil && !under {
		err = api.Error("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto Scaling group "+g.Name)
	}
	return g, r, err
}

func (s *Service) cancelRefresh(c *api.Call, in *autoscaling.CancelInstanceRefreshInput) (*autoscaling.CancelInstanceRefreshOutput, error) {
	g, r, err := activeRefresh(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	r.Status, r.Reason = types.InstanceRefreshStatusCancelling, "Cancelled due to user request."
	if err := r.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.CancelInstanceRefreshOutput{InstanceRefreshId: aws.String(r.ID)}, s.soon(c, g)
}

func (s *Service) rollbackRefresh(c *api.Call, in *autoscaling.RollbackInstanceRefreshInput) (*autoscaling.RollbackInstanceRefreshOutput, error) {
	g, r, err := activeRefresh(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Status == types.InstanceRefreshStatusRollbackInProgress:
		return nil, api.Error("InstanceRefreshInProgress", "The Instance Refresh is already rolling back.")
	case r.Asked == nil || r.Before.moving():
		return nil, api.Error("IrreversibleInstanceRefresh", "The Instance Refresh "+r.ID+" cannot be rolled back.")
	}
	r.rollBack(c, "Rollback due to user request.")
	if err := r.put(c); err != nil {
		return nil, err
	}
	return &autoscaling.RollbackInstanceRefreshOutput{InstanceRefreshId: aws.String(r.ID)}, s.soon(c, g)
}

// moving reports whether a source is one that nobody can go back to: $Latest
// and $Default are not what they were.
func (src source) moving() bool {
	t := src.Template
	if src.Mixed != nil && src.Mixed.LaunchTemplate != nil {
		t = src.Mixed.LaunchTemplate.LaunchTemplateSpecification
	}
	if t == nil {
		return true
	}
	v := aws.ToString(t.Version)
	return v == "" || v == "$Latest" || v == "$Default"
}

func (r *refresh) rollBack(c *api.Call, reason string) {
	r.Status, r.Moved = types.InstanceRefreshStatusRollbackInProgress, c.Now
	r.Rollback = &types.RollbackDetails{
		RollbackReason: aws.String(reason), RollbackStartTime: aws.Time(c.Now),
		PercentageCompleteOnRollback: aws.Int32(r.percent()), InstancesToUpdateOnRollback: aws.Int32(r.Left),
	}
}

// effectiveSource is what the next instance launches from: a refresh that goes
// on has a say in it.
func (w *worker) effectiveSource() (source, error) {
	r, under, err := refreshUnder(w.c, w.g.Name)
	if err != nil || !under || r.Status == types.InstanceRefreshStatusCancelling {
		return w.g.Source, err
	}
	return r.goal(), nil
}

func (r refresh) goal() source {
	if r.Status == types.InstanceRefreshStatusRollbackInProgress {
		return r.Before
	}
	return r.Target
}

// outstanding are the instances that a refresh has still to replace.
func (r refresh) outstanding(members []member) []int {
	since := r.Start
	rolling := r.Status == types.InstanceRefreshStatusRollbackInProgress
	var list []int
	for n, m := range members {
		standby := m.State == types.LifecycleStateStandby && r.Preferences.StandbyInstances != types.StandbyInstancesIgnore
		protected := m.Protected && r.Preferences.ScaleInProtectedInstances == types.ScaleInProtectedInstancesIgnore
		if !m.active() && !standby || protected {
			continue
		}
		matches := m.launchedFrom(r.goal())
		switch {
		case rolling && matches, !rolling && aws.ToBool(r.Preferences.SkipMatching) && matches, !rolling && !m.Launched.Before(since):
			continue
		}
		list = append(list, n)
	}
	return list
}

// refreshStep brings a refresh one step on: it takes as many old instances out
// of service as the healthy percentage allows; balance launches the new ones.
func (w *worker) refreshStep() error {
	r, under, err := refreshUnder(w.c, w.g.Name)
	if err != nil || !under || w.g.suspended("InstanceRefresh") {
		return err
	}
	left := r.outstanding(w.members)
	if n := int32(len(left)); n != r.Left {
		r.Left, r.Moved = n, w.c.Now
	}
	switch {
	case r.Status == types.InstanceRefreshStatusCancelling:
		return w.endRefresh(r, types.InstanceRefreshStatusCancelled)
	case r.Status == types.InstanceRefreshStatusPending:
		r.Status, r.Total = types.InstanceRefreshStatusInProgress, r.Left
	case w.c.Now.Sub(r.Moved) > refreshPatience && len(left) > 0:
		return w.failRefresh(r)
	}
	r.Total = max(r.Total, r.Left)
	w.wakeAfter(5 * stepTime)
	if err := w.refreshPool(r); err != nil {
		return err
	}
	warm, steady := w.warm(r)
	if len(left) == 0 && steady {
		return w.bake(r)
	}
	if err := w.replaceSome(r, left, warm); err != nil {
		return err
	}
	if share := aws.ToInt32(r.Preferences.MaxHealthyPercentage) - 100; share > 0 {
		// New instances come first, one at the least.
		w.extra = min(max(w.g.Desired*share/100, 1), int32(len(r.outstanding(w.members))))
	}
	return r.put(w.c)
}

// refreshPool takes the old instances out of the warm pool: nobody uses them.
func (w *worker) refreshPool(r refresh) error {
	for n := range w.members {
		m := &w.members[n]
		if !m.parked() || !m.Launched.Before(r.Start) && m.launchedFrom(r.goal()) || aws.ToBool(r.Preferences.SkipMatching) && m.launchedFrom(r.goal()) {
			continue
		}
		if err := w.terminate(m, sentence(w.c, "an instance was taken out of service in response to an instance refresh")); err != nil {
			return err
		}
		if err := m.put(w.c); err != nil {
			return err
		}
	}
	return nil
}

// warm counts the instances in service whose warm-up is over; steady tells that
// these are all that are wanted.
func (w *worker) warm(r refresh) (n int32, steady bool) {
	warmup := w.g.Grace
	assign(&warmup, w.g.Warmup)
	assign(&warmup, r.Preferences.InstanceWarmup)
	for _, m := range w.members {
		fresh := !m.Launched.Before(r.Start)
		if m.State == types.LifecycleStateInService && !m.Unhealthy &&
			(!fresh || w.c.Now.Sub(m.InServiceAt) >= time.Duration(warmup)*time.Second) {
			n++
		}
	}
	return n, n >= w.g.Desired
}

// replaceSome takes old instances out of service: never more than leave the
// healthy percentage, but one if that would be none and all are healthy.
func (w *worker) replaceSome(r refresh, left []int, warm int32) error {
	least := int32(math.Ceil(float64(w.g.Desired) * float64(*r.Preferences.MinHealthyPercentage) / 100))
	take := warm - least
	if take <= 0 && warm >= w.g.Desired && aws.ToInt32(r.Preferences.MaxHealthyPercentage) <= 100 {
		take = 1
	}
	for _, n := range left {
		m := &w.members[n]
		wait := m.Protected && r.Preferences.ScaleInProtectedInstances == types.ScaleInProtectedInstancesWait ||
			m.State == types.LifecycleStateStandby && r.Preferences.StandbyInstances == types.StandbyInstancesWait
		if take <= 0 || wait || m.State != types.LifecycleStateInService && m.State != types.LifecycleStateStandby {
			continue
		}
		if m.active() {
			w.g.Replacing = append(w.g.Replacing, "an instance was launched in response to an instance refresh")
		}
		take--
		err := w.terminate(m, sentence(w.c, "an instance was taken out of service in response to an instance refresh")+"  "+
			sentence(w.c, "instance %s was selected for termination", m.ID))
		if err != nil {
			return err
		}
		if err := m.put(w.c); err != nil {
			return err
		}
	}
	return nil
}

// bake ends a refresh that has replaced all, after its bake time.
func (w *worker) bake(r refresh) error {
	if r.Status == types.InstanceRefreshStatusRollbackInProgress {
		return w.endRefresh(r, types.InstanceRefreshStatusRollbackSuccessful)
	}
	if t := aws.ToInt32(r.Preferences.BakeTime); t > 0 {
		if r.Baked.IsZero() {
			r.Status, r.Baked = types.InstanceRefreshStatusBaking, w.c.Now.Add(time.Duration(t)*time.Second)
		}
		if w.c.Now.Before(r.Baked) {
			w.wake(r.Baked)
			return r.put(w.c)
		}
	}
	if !reflect.DeepEqual(w.g.Source, r.Target) {
		w.g.Source = r.Target
	}
	return w.endRefresh(r, types.InstanceRefreshStatusSuccessful)
}

func (w *worker) failRefresh(r refresh) error {
	switch {
	case r.Status == types.InstanceRefreshStatusRollbackInProgress:
		return w.endRefresh(r, types.InstanceRefreshStatusRollbackFailed)
	case aws.ToBool(r.Preferences.AutoRollback) && !r.Before.moving():
		r.rollBack(w.c, "Instances could not be replaced.")
		w.wakeAfter(stepTime)
		return r.put(w.c)
	}
	r.Reason = "Instances could not be replaced."
	return w.endRefresh(r, types.InstanceRefreshStatusFailed)
}

func (w *worker) endRefresh(r refresh, status types.InstanceRefreshStatus) error {
	r.Status, r.End = status, w.c.Now
	return r.put(w.c)
}
