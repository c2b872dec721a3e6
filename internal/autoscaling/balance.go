package autoscaling

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// balance brings the number of instances nearer to the desired capacity.
func (w *worker) balance() error {
	n, target := countActive(w.members), w.g.Desired+w.extra
	switch {
	case w.g.Deleting:
		return nil
	case n > target:
		return w.scaleIn(n)
	case n < target:
		return w.scaleOut(n, target)
	case w.extra > 0:
		return nil
	}
	w.g.Causes, w.g.Replacing = nil, nil
	return w.rebalance()
}

// scaleOut launches what is missing, each in the zone that has the fewest.
func (w *worker) scaleOut(n, target int32) error {
	if w.g.suspended("Launch") {
		return nil
	}
	if w.c.Now.Before(w.g.RetryAt) {
		w.wake(w.g.RetryAt)
		return nil
	}
	causes := slices.Concat(w.g.Causes, []string{sentence(w.c,
		"an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d", n, target)})
	for range min(target-n, launchBatch) {
		why := causes
		if len(w.g.Replacing) > 0 && len(w.g.Causes) == 0 {
			why = []string{sentence(w.c, "%s", w.g.Replacing[0])}
			w.g.Replacing = w.g.Replacing[1:]
		}
		launched, err := w.launchNext(why)
		if err != nil {
			return err
		}
		if !launched {
			w.g.Causes = nil // what was asked for is told once, not with every retry
			w.wake(w.g.RetryAt)
			return nil
		}
	}
	w.g.Causes = nil
	w.wakeAfter(stepTime)
	return nil
}

// launchNext takes an instance of the warm pool, or launches one.
func (w *worker) launchNext(causes []string) (launched bool, err error) {
	for n := range w.members {
		if m := &w.members[n]; m.parked() && w.as != nil && (w.g.Pool == nil || !w.g.Pool.Deleting) {
			return w.fromPool(m, causes)
		}
	}
	return w.launch(causes, false)
}

// place chooses where the next instance launches: the zone with the fewest,
// there the subnet with the fewest. If launches fail, the next zone has its
// turn, unless the group is to be balanced at any price.
func (w *worker) place() (zone, subnet string, err error) {
	inZone, inSubnet := make(map[string]int), make(map[string]int)
	for _, m := range w.members {
		if m.active() || m.Warm {
			inZone[m.Zone]++
			inSubnet[m.Subnet]++
		}
	}
	zones := slices.Clone(w.g.Zones)
	slices.SortStableFunc(zones, func(a, b string) int { return cmp.Compare(inZone[a], inZone[b]) })
	zone = zones[0]
	if d := w.g.Distribution; d == nil || d.CapacityDistributionStrategy != types.CapacityDistributionStrategyBalancedOnly {
		zone = zones[w.g.Failures%len(zones)]
	}
	for _, id := range w.g.Subnets {
		n, err := w.compute.Subnet(w.c, id)
		if ignoreNotFound(err) != nil {
			return "", "", err
		}
		if n.Zone == zone && (subnet == "" || inSubnet[id] < inSubnet[subnet]) {
			subnet = id
		}
	}
	if subnet == "" && len(w.g.Subnets) > 0 {
		subnet = w.g.Subnets[0] // EC2 will say that it does not exist
	}
	return zone, subnet, nil
}

// scaleIn ends what is too many: instances in service, unless they are protected.
func (w *worker) scaleIn(n int32) error {
	if w.g.suspended("Terminate") {
		return nil
	}
	if slices.ContainsFunc(w.members, func(m member) bool {
		return m.State == types.LifecycleStatePending || m.State == types.LifecycleStatePendingProceed
	}) {
		w.wakeAfter(stepTime) // what is coming up counts, but cannot be chosen yet
		return nil
	}
	causes := w.g.Causes
	for ; n > w.g.Desired; n-- {
		victim := w.choose()
		if victim == nil {
			break // those under way come first, protected ones stay
		}
		why := slices.Concat(causes, []string{
			sentence(w.c, "an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from %d to %d", n, n-1),
			sentence(w.c, "instance %s was selected for termination", victim.ID),
		})
		if err := w.terminate(victim, strings.Join(why, "  ")); err != nil {
			return err
		}
		if err := victim.put(w.c); err != nil {
			return err
		}
		w.g.ScaledAt = w.c.Now
		w.g.Causes = nil
	}
	return nil
}

// choose picks the instance to end first (Auto Scaling guide, "Termination
// policies"): in the zone that has the most, by the group's policies in order.
func (w *worker) choose() *member {
	inZone := make(map[string]int)
	var able []*member
	for n := range w.members {
		m := &w.members[n]
		if m.active() {
			inZone[m.Zone]++
		}
		if m.State == types.LifecycleStateInService && !m.Protected {
			able = append(able, m)
		}
	}
	if len(able) == 0 {
		return nil
	}
	most := 0
	for _, m := range able {
		most = max(most, inZone[m.Zone])
	}
	able = slices.DeleteFunc(able, func(m *member) bool { return inZone[m.Zone] < most })
	return slices.MinFunc(able, func(a, b *member) int {
		if a.Unhealthy != b.Unhealthy {
			if a.Unhealthy {
				return -1
			}
			return 1
		}
		for _, p := range w.g.Termination {
			if order := w.byPolicy(p, a, b); order != 0 {
				return order
			}
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// byPolicy orders two instances by a termination policy: the first goes first.
func (w *worker) byPolicy(policy string, a, b *member) int {
	switch policy {
	case "OldestInstance":
		return a.Launched.Compare(b.Launched)
	case "NewestInstance":
		return b.Launched.Compare(a.Launched)
	case "ClosestToNextInstanceHour":
		return cmp.Compare(w.untilHour(a), w.untilHour(b))
	case "OldestLaunchConfiguration", "OldestLaunchTemplate":
		return cmp.Compare(w.outdated(b), w.outdated(a))
	default: // Default and AllocationStrategy
		if order := cmp.Compare(w.outdated(b), w.outdated(a)); order != 0 {
			return order
		}
		return cmp.Compare(w.untilHour(a), w.untilHour(b))
	}
}

func (w *worker) untilHour(m *member) time.Duration {
	return time.Hour - w.c.Now.Sub(m.Launched)%time.Hour
}

// outdated is 1 for an instance that was launched from what the group no longer
// launches from.
func (w *worker) outdated(m *member) int {
	if m.launchedFrom(w.g.Source) {
		return 0
	}
	return 1
}

// rebalance evens out the zones: a new instance where there are fewest, and the
// difference from the desired capacity takes one away where there are most. It
// needs room below the maximum; AWS goes beyond it for a moment.
func (w *worker) rebalance() error {
	if len(w.g.Zones) < 2 || w.g.Desired >= w.g.Max || w.g.suspended("AZRebalance") || w.g.suspended("Launch") || w.g.suspended("Terminate") || w.c.Now.Before(w.g.RetryAt) {
		return nil
	}
	counts := make(map[string]int)
	for _, m := range w.members {
		if m.active() && m.State != types.LifecycleStateInService {
			return nil // not while anything is under way
		}
		if m.active() {
			counts[m.Zone]++
		}
	}
	least, most := 1<<30, 0
	for _, z := range w.g.Zones {
		least = min(least, counts[z])
	}
	for _, n := range counts {
		most = max(most, n)
	}
	if most-least < 2 {
		return nil
	}
	n := countActive(w.members)
	_, err := w.launchNext([]string{sentence(w.c,
		"an instance was launched to balance instances across Availability Zones, increasing the capacity from %d to %d", n, n+1)})
	w.wakeAfter(stepTime)
	return err
}
