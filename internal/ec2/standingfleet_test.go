package ec2

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// everyRole has every service-linked role.
type everyRole struct{}

func (everyRole) LinkedRole(c *api.Call, roleARN, session string) (api.Caller, error) {
	return api.Caller{Principal: access.Principal{
		Type: access.RoleSession, Partition: c.Partition, Account: c.Account, Name: session, RoleARN: roleARN, ServiceLinked: true,
	}}, nil
}

// fleetLife drives one fleet.
type fleetLife struct {
	*rapid.T
	world *world
	id    string
	// most is the greatest weight of an instance, target what is wanted.
	most, target float64
	broken       bool
	deleted      bool
}

// TestFleetLife drives a fleet through whatever its owner, its instances' owner
// and KMS do to it, and checks what must always hold:
//
//   - left alone with a key that works, it has its target, and less than one
//     instance more;
//   - with a key that does not, it makes a bounded number of tries;
//   - its members are instances that live and know their fleet;
//   - deleted with its instances, it leaves none.
func TestFleetLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.service.WithRoles(everyRole{})
		life := &fleetLife{T: rt, world: w}
		life.create(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"modify":    life.modify,
			"terminate": func(t *rapid.T) { life.take(t, "TerminateInstances") },
			"stop":      func(t *rapid.T) { life.take(t, "StopInstances") },
			"break":     life.toggle,
			"wait":      func(t *rapid.T) { w.wait(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second) },
			"settle":    life.settle,
			"delete":    life.end,
			"":          life.check,
		})
	})
}

func (l *fleetLife) create(t *rapid.T) {
	w := l.world
	m := encryptedDevice("/dev/xvda")
	must[ec2.CreateLaunchTemplateOutput](w, "CreateLaunchTemplate", &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: aws.String("node"), LaunchTemplateData: &types.RequestLaunchTemplateData{
			ImageId: w.request().ImageId, InstanceType: types.InstanceTypeT3Micro,
			BlockDeviceMappings: []types.LaunchTemplateBlockDeviceMappingRequest{{DeviceName: m.DeviceName, Ebs: &types.LaunchTemplateEbsBlockDeviceRequest{
				VolumeSize: aws.Int32(8), Encrypted: aws.Bool(true), KmsKeyId: aws.String(keyARN(testKeyID)),
			}}},
		},
	})
	var overrides []types.FleetLaunchTemplateOverridesRequest
	for _, kind := range []types.InstanceType{types.InstanceTypeT3Micro, types.InstanceTypeT3Small, types.InstanceTypeT3Medium}[:rapid.IntRange(1, 3).Draw(t, "ways")] {
		weight := float64(rapid.IntRange(1, 3).Draw(t, "weight"))
		l.most = max(l.most, weight)
		overrides = append(overrides, types.FleetLaunchTemplateOverridesRequest{InstanceType: kind, WeightedCapacity: &weight})
	}
	l.target = float64(rapid.IntRange(0, 6).Draw(t, "target"))
	made := must[ec2.CreateFleetOutput](w, "CreateFleet", &ec2.CreateFleetInput{
		LaunchTemplateConfigs: []types.FleetLaunchTemplateConfigRequest{{
			LaunchTemplateSpecification: &types.FleetLaunchTemplateSpecificationRequest{LaunchTemplateName: aws.String("node"), Version: aws.String("1")}, Overrides: overrides,
		}},
		SpotOptions: &types.SpotOptionsRequest{AllocationStrategy: rapid.SampledFrom([]types.SpotAllocationStrategy{
			types.SpotAllocationStrategyLowestPrice, types.SpotAllocationStrategyDiversified, types.SpotAllocationStrategyCapacityOptimized,
		}).Draw(t, "strategy")},
		TargetCapacitySpecification: l.spec(t),
	})
	l.id = *made.FleetId
}

// spec splits the target: all of it of one kind, so that it can be met exactly
// but for one instance.
func (l *fleetLife) spec(t *rapid.T) *types.TargetCapacitySpecificationRequest {
	kind := types.DefaultTargetCapacityTypeOnDemand
	if rapid.Bool().Draw(t, "spot") {
		kind = types.DefaultTargetCapacityTypeSpot
	}
	return &types.TargetCapacitySpecificationRequest{TotalTargetCapacity: aws.Int32(int32(l.target)), DefaultTargetCapacityType: kind}
}

func (l *fleetLife) shown() types.FleetData {
	return must[ec2.DescribeFleetsOutput](l.world, "DescribeFleets", &ec2.DescribeFleetsInput{FleetIds: []string{l.id}}).Fleets[0]
}

func (l *fleetLife) members() []types.ActiveInstance {
	return must[ec2.DescribeFleetInstancesOutput](l.world, "DescribeFleetInstances", &ec2.DescribeFleetInstancesInput{FleetId: &l.id}).ActiveInstances
}

// launched counts the instances that the fleet ever launched.
func (l *fleetLife) launched() int {
	n := 0
	for _, r := range must[ec2.DescribeFleetHistoryOutput](l.world, "DescribeFleetHistory", &ec2.DescribeFleetHistoryInput{FleetId: &l.id, StartTime: aws.Time(time.Unix(0, 0))}).HistoryRecords {
		if *r.EventInformation.EventSubType == "launched" {
			n++
		}
	}
	return n
}

func (l *fleetLife) modify(t *rapid.T) {
	if l.deleted {
		t.Skip("it is deleted")
	}
	if s := l.shown().FleetState; s != types.FleetStateCodeActive && s != types.FleetStateCodeSubmitted {
		t.Skip("it cannot be modified")
	}
	l.target = float64(rapid.IntRange(0, 6).Draw(t, "target"))
	must[ec2.ModifyFleetOutput](l.world, "ModifyFleet", &ec2.ModifyFleetInput{FleetId: &l.id, TargetCapacitySpecification: l.spec(t)})
}

// take takes an instance away from the fleet.
func (l *fleetLife) take(t *rapid.T, operation string) {
	if l.deleted {
		t.Skip("it is deleted")
	}
	members := l.members()
	if len(members) == 0 {
		t.Skip("it has none")
	}
	id := *members[rapid.IntRange(0, len(members)-1).Draw(t, "member")].InstanceId
	var in any = &ec2.TerminateInstancesInput{InstanceIds: []string{id}}
	if operation == "StopInstances" {
		in = &ec2.StopInstancesInput{InstanceIds: []string{id}}
	}
	if _, err := l.world.run(operation, in); err != nil && errorCode(err) == "" {
		t.Fatal(err)
	}
}

func (l *fleetLife) toggle(*rapid.T) {
	if l.broken = !l.broken; l.broken {
		l.world.kms.deny["GenerateDataKeyWithoutPlaintext"] = accessDenied
	} else {
		delete(l.world.kms.deny, "GenerateDataKeyWithoutPlaintext")
	}
}

// settle leaves the fleet alone for an hour.
func (l *fleetLife) settle(t *rapid.T) {
	if l.deleted {
		t.Skip("it is deleted")
	}
	before := l.launched()
	l.world.wait(time.Hour)
	tried := l.launched() - before
	l.check(t)
	f := l.shown()
	// Three tries of each of three ways, then one each thirteen minutes; one try
	// launches at most six instances.
	if bound := 6 * 3 * (fleetTries + 60/13 + 1); l.broken && tried > bound {
		t.Fatalf("in an hour it launched %d instances that could not live", tried)
	}
	if l.broken {
		return
	}
	if got := *f.FulfilledCapacity; got < l.target || got >= l.target+l.most {
		t.Fatalf("it has %v units, wants %v, and an instance is at most %v", got, l.target, l.most)
	}
	if f.FleetState != types.FleetStateCodeActive || f.ActivityStatus != types.FleetActivityStatusFulfilled {
		t.Fatalf("it is %s, %s", f.FleetState, f.ActivityStatus)
	}
}

func (l *fleetLife) end(t *rapid.T) {
	if l.deleted {
		t.Skip("it is deleted")
	}
	members := l.members()
	must[ec2.DeleteFleetsOutput](l.world, "DeleteFleets", &ec2.DeleteFleetsInput{FleetIds: []string{l.id}, TerminateInstances: aws.Bool(true)})
	l.deleted = true
	l.world.wait(time.Minute)
	for _, m := range members {
		if i := l.world.shown(*m.InstanceId); i.State.Name != types.InstanceStateNameTerminated && i.State.Name != types.InstanceStateNameStopped {
			t.Fatalf("%s is %s", *m.InstanceId, i.State.Name)
		}
	}
	if f := l.shown(); f.FleetState != types.FleetStateCodeDeleted {
		t.Fatalf("it is %s", f.FleetState)
	}
	l.world.wait(49 * time.Hour)
	l.world.refused("DescribeFleets", &ec2.DescribeFleetsInput{FleetIds: []string{l.id}}, "InvalidFleetId.NotFound", "")
}

func (l *fleetLife) check(t *rapid.T) {
	if l.deleted {
		return
	}
	err := l.world.store.View(context.Background(), func(tx store.Tx) error {
		c := l.world.call(tx, "check")
		f, _, err := standing(c, l.id)
		if err != nil {
			return err
		}
		for _, m := range f.Members {
			i, err := instanceTable.Get(tx, c.Scope(), m.ID)
			if err != nil {
				return err
			}
			if i.Fleet != l.id || m.Spot != (i.Spot != "") {
				t.Errorf("%s is of the fleet %q and of the Spot request %q", m.ID, i.Fleet, i.Spot)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
