package ec2

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// fill launches what the fleet lacks, On-Demand Instances first.
func (w *fleetWork) fill() error {
	f := w.f
	if f.State != types.FleetStateCodeActive {
		return nil
	}
	for _, spot := range []bool{false, true} {
		left := fleetBatch
		for f.lack(spot) > 0 && left > 0 {
			picked := w.pick(spot)
			if len(picked) == 0 {
				w.byUnbarred()
				break
			}
			launched, err := w.launchAll(picked, spot, min(left, fleetBatch))
			if err != nil {
				return err
			}
			left -= launched // or a way that failed is barred
		}
		if f.lack(spot) > 0 && left <= 0 {
			w.by(w.c.Now)
		}
	}
	return nil
}

// byUnbarred has the fleet look again when it may next launch.
func (w *fleetWork) byUnbarred() {
	for i := range w.f.Ways {
		w.by(w.f.Ways[i].Barred)
	}
}

// pick chooses the ways to launch by the allocation strategy. There are no prices
// and no capacity here, so what these would decide is decided by the order in
// which the ways were given (EC2 guide, "Use allocation strategies to determine
// how EC2 Fleet or Spot Fleet fulfills Spot and On-Demand capacity").
func (w *fleetWork) pick(spot bool) []int {
	p := w.f.share(spot)
	var able []int
	for i := range w.f.Ways {
		if !w.c.Now.Before(w.f.Ways[i].Barred) {
			able = append(able, i)
		}
	}
	switch p.Strategy {
	case "prioritized", "capacity-optimized-prioritized":
		slices.SortStableFunc(able, func(a, b int) int { return cmp.Compare(w.f.Ways[a].rank(), w.f.Ways[b].rank()) })
	case "diversified":
		return able
	}
	return able[:min(len(able), max(p.Pools, 1))]
}

// rank is the way's priority: the lowest number comes first, none comes last.
func (y fleetWay) rank() float64 {
	if y.Priority == nil {
		return math.Inf(1)
	}
	return *y.Priority
}

// launchAll launches what is lacking by the ways that were picked, so that these
// get to hold as much as each other, and returns how many instances that were.
func (w *fleetWork) launchAll(ways []int, spot bool, most int) (int, error) {
	held := make(map[int]float64)
	for _, m := range w.f.Members {
		if m.Spot == spot {
			held[m.Way] += m.Units
		}
	}
	counts := make(map[int]int)
	lack := w.f.lack(spot)
	for n := 0; lack > 0 && n < most; n++ {
		least := slices.MinFunc(ways, func(a, b int) int { return cmp.Compare(held[a], held[b]) })
		counts[least]++
		held[least] += w.f.Ways[least].Weight
		lack -= w.f.Ways[least].Weight
	}
	launched := 0
	for _, i := range slices.Sorted(maps.Keys(counts)) {
		n, err := w.launch(i, spot, counts[i])
		if err != nil {
			return launched, err
		}
		launched += n
	}
	return launched, nil
}

// launch launches instances one way: as the fleet's role, Spot Instances as
// Spot's.
func (w *fleetWork) launch(i int, spot bool, count int) (int, error) {
	f, way := w.f, &w.f.Ways[i]
	role := f.role()
	if spot {
		role = spotService
	}
	as, err := w.actor(spot)
	if errors.Is(err, store.ErrNotFound) {
		return 0, w.refused(way, spot, "The service-linked role "+role.name+" does not exist.")
	}
	if err != nil {
		return 0, err
	}
	given, err := w.given()
	if code := errorCode(err); code != "" || errors.Is(err, store.ErrNotFound) {
		return 0, w.refused(way, spot, "The role "+aws.ToString(f.SpotFleet.IamFleetRole)+" cannot be assumed. "+errorMessage(err))
	}
	if err != nil {
		return 0, err
	}
	in := way.Launch
	in.MinCount, in.MaxCount = aws.Int32(1), aws.Int32(int32(count))
	if spot {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
	}
	out, err := api.Invoke[ec2.RunInstancesOutput](as, "ec2", "RunInstances", &in)
	if code := errorCode(err); code != "" {
		if code == "UnauthorizedOperation" {
			return 0, w.refused(way, spot, errorMessage(err))
		}
		return 0, w.failed(way, spot, errorMessage(err))
	}
	if err != nil {
		return 0, err
	}
	if err := w.took(out.Instances, i, spot, in); err != nil {
		return 0, err
	}
	return len(out.Instances), w.label(given, way, out.Instances)
}

// given is the call in the name of the role that a Spot Fleet was given; nil for
// other fleets.
func (w *fleetWork) given() (*api.Call, error) {
	if !w.f.isSpotFleet() {
		return nil, nil
	}
	return w.s.givenRole(w.c, aws.ToString(w.f.SpotFleet.IamFleetRole))
}

// label gives instances the tags of their launch specification. Without the
// permission they stay without, and the history says so.
func (w *fleetWork) label(given *api.Call, way *fleetWay, made []types.Instance) error {
	if given == nil || len(way.Tags) == 0 {
		return nil
	}
	in := &ec2.CreateTagsInput{Tags: describeTags(way.Tags)}
	for _, i := range made {
		in.Resources = append(in.Resources, *i.InstanceId)
	}
	_, err := api.Invoke[ec2.CreateTagsOutput](given, "ec2", "CreateTags", in)
	if errorCode(err) != "" {
		return w.f.tell(w.c, fleetErred, "iamFleetRoleInvalid", errorMessage(err), "")
	}
	return err
}

// actor is the call in the name of the role that launches. The fleet's has
// Spot's come into being when it is first needed.
func (w *fleetWork) actor(spot bool) (*api.Call, error) {
	as, err := w.s.as(w.c, w.f.role())
	if err != nil || !spot {
		return as, err
	}
	if err := w.s.ensureRole(as, spotService); err != nil && errorCode(err) == "" {
		return nil, err
	}
	return w.s.as(w.c, spotService)
}

// took makes instances the fleet's.
func (w *fleetWork) took(made []types.Instance, way int, spot bool, in ec2.RunInstancesInput) error {
	f, c := w.f, w.c
	for n, shown := range made {
		i, err := w.s.getInstance(c, *shown.InstanceId)
		if err != nil {
			return err
		}
		i.Fleet = f.ID
		if spot {
			r := newSpotRequest(c, &in)
			r.Shown.ImageId, r.Shown.InstanceType = aws.String(i.Image), types.InstanceType(i.Type)
			r.Price, r.Until, r.Interruption = f.Ways[way].MaxPrice, f.Until, f.Spot.Interruption
			r.Instance, r.Zone = i.ID, i.Zone
			r.turn(c, types.SpotInstanceStateActive, "fulfilled", "Your Spot request is fulfilled.")
			if err := r.put(c); err != nil {
				return err
			}
			i.Spot = r.ID
		}
		if err := w.s.putInstance(c, i); err != nil {
			return err
		}
		if err := w.s.Label(c, i.ID, map[string]string{f.tag(): f.ID}); err != nil {
			return err
		}
		f.Members = append(f.Members, fleetMember{ID: i.ID, Spot: spot, Way: way, Units: f.Ways[way].Weight})
		f.share(spot).Placed += f.Ways[way].Weight
		if n == 0 {
			if err := f.tell(c, fleetChanged, "progress", specification(i), ""); err != nil {
				return err
			}
		}
		if err := f.tell(c, memberChanged, "launched", launchedText(i), i.ID); err != nil {
			return err
		}
	}
	w.by(c.Now.Add(fleetTime))
	return nil
}

// specification is a way to launch as events tell it: "c5.large, ami-…, Linux/UNIX, us-east-1a".
func specification(i instance) string {
	return i.Type + ", " + i.Image + ", " + i.PlatformDetails + ", " + i.Zone
}

// launchedText describes a launch in an event.
func launchedText(i instance) string {
	raw, err := json.Marshal(struct {
		Type    string `json:"instanceType"`
		Image   string `json:"image"`
		Product string `json:"productDescription"`
		Zone    string `json:"availabilityZone"`
	}{i.Type, i.Image, i.PlatformDetails, i.Zone})
	if err != nil {
		panic("ec2: four texts that are no JSON: " + err.Error())
	}
	return string(raw)
}

// refused is a launch that the role may not make.
func (w *fleetWork) refused(way *fleetWay, spot bool, message string) error {
	if err := w.f.tell(w.c, fleetErred, "iamFleetRoleInvalid", message, ""); err != nil {
		return err
	}
	return w.failed(way, spot, message)
}

// failed counts a launch that failed, and leaves the way alone for a while once
// too many have.
func (w *fleetWork) failed(way *fleetWay, spot bool, message string) error {
	way.Failures++
	told := way.Failures > fleetTries && w.c.Now.Before(way.Barred)
	if way.Failures < fleetTries {
		way.Barred = w.c.Now.Add(fleetRetry)
		w.by(way.Barred)
		return nil
	}
	way.Barred = w.c.Now.Add(fleetBarred)
	w.by(way.Barred)
	if told {
		return nil // with another instance of the same launch
	}
	// The text is EC2's, seen for a Spot Instance.
	text := fmt.Sprintf("Repeated errors have occurred processing the launch specification \"%s while launching %s instance\". It will not be retried for at least %d minutes. Error message: %s",
		w.wayText(*way), map[bool]string{false: "on-demand", true: "spot"}[spot], int(fleetBarred/time.Minute), message)
	if err := w.f.tell(w.c, fleetInformed, "launchSpecTemporarilyBlacklisted", text, ""); err != nil {
		return err
	}
	if slices.ContainsFunc(w.f.Ways, func(y fleetWay) bool { return y.Failures < fleetTries }) {
		return nil
	}
	return w.f.tell(w.c, fleetErred, "allLaunchSpecsTemporarilyBlacklisted", "Several attempts to launch instances have failed. Error message: "+message, "")
}

// wayText is a way as events tell it, as far as it can be told before it launches.
func (w *fleetWork) wayText(y fleetWay) string {
	in := &y.Launch
	if from, err := withTemplate(w.c, in); err == nil {
		in = from.RunInstancesInput
	}
	zone := ""
	if in.Placement != nil {
		zone = aws.ToString(in.Placement.AvailabilityZone)
	}
	if n, err := subnets.get(w.c, aws.ToString(in.SubnetId)); err == nil {
		zone = n.Zone
	}
	parts := []string{string(in.InstanceType), aws.ToString(in.ImageId), "Linux/UNIX"}
	if im, err := w.s.image(w.c, aws.ToString(in.ImageId)); err == nil {
		parts[2] = im.PlatformDetails
	}
	return strings.Join(append(parts, some(zone)...), ", ")
}

// terminate begins the end of an instance as the fleet's role. One that may not
// be terminated stays, and the history says why.
func (w *fleetWork) terminate(m fleetMember) (bool, error) {
	as, err := w.s.as(w.c, w.f.role())
	message := "The service-linked role " + w.f.role().name + " does not exist."
	if err == nil {
		_, err = api.Invoke[ec2.TerminateInstancesOutput](as, "ec2", "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: []string{m.ID}})
		message = errorMessage(err)
	}
	if err != nil && errorCode(err) == "" && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if err != nil {
		w.by(w.c.Now.Add(fleetBarred))
		return false, w.f.tell(w.c, fleetErred, "iamFleetRoleInvalid", message, m.ID)
	}
	if w.f.State != types.FleetStateCodeActive {
		return true, nil
	}
	w.f.Members = slices.DeleteFunc(w.f.Members, func(o fleetMember) bool { return o.ID == m.ID })
	return true, w.f.tell(w.c, memberChanged, "terminated", "", m.ID)
}
