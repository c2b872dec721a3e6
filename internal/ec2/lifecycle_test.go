package ec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"pgregory.net/rapid"
)

// TestInstanceLife drives instances through whatever order of operations, with
// KMS refusing now and then, and checks after each step what must always hold:
//
//   - a running instance has exactly one grant for each of its encrypted volumes;
//   - one that is stopped or terminated has none;
//   - no grant is without such a volume;
//   - a state changes only along the arrows of the EC2 guide's lifecycle.
func TestInstanceLife(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		life := &life{T: rt, world: w, last: make(map[string]types.InstanceStateName)}
		rt.Repeat(map[string]func(*rapid.T){
			"launch":    life.launch,
			"start":     life.start,
			"stop":      life.stop,
			"terminate": life.terminate,
			"wait":      life.wait,
			"refuse":    life.refuse,
			"":          life.check,
		})
	})
}

type life struct {
	*rapid.T
	world *world
	ids   []string
	last  map[string]types.InstanceStateName
}

// arrows are the changes of state that one step of the test may show.
var arrows = map[types.InstanceStateName][]types.InstanceStateName{
	types.InstanceStateNamePending:      {types.InstanceStateNameRunning, types.InstanceStateNameStopped, types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated},
	types.InstanceStateNameRunning:      {types.InstanceStateNameStopping, types.InstanceStateNameShuttingDown},
	types.InstanceStateNameStopping:     {types.InstanceStateNameStopped, types.InstanceStateNameShuttingDown},
	types.InstanceStateNameStopped:      {types.InstanceStateNamePending, types.InstanceStateNameShuttingDown},
	types.InstanceStateNameShuttingDown: {types.InstanceStateNameTerminated},
}

func (l *life) launch(t *rapid.T) {
	if len(l.ids) >= 3 {
		t.Skip("enough instances")
	}
	var mappings []types.BlockDeviceMapping
	for _, device := range []string{"/dev/xvda", "/dev/sdf", "/dev/sdg"} {
		if rapid.Bool().Draw(t, "encrypt "+device) {
			m := encryptedDevice(device)
			keep := rapid.Bool().Draw(t, "delete "+device)
			m.Ebs.DeleteOnTermination = &keep
			mappings = append(mappings, m)
		}
	}
	l.ids = append(l.ids, l.world.launch(l.world.request(mappings...)))
}

// pick draws an instance.
func (l *life) pick(t *rapid.T) []string {
	if len(l.ids) == 0 {
		t.Skip("no instance")
	}
	return []string{rapid.SampledFrom(l.ids).Draw(t, "instance")}
}

// try runs an operation that may be refused for the instance's state, and for
// nothing else.
func (l *life) try(t *rapid.T, operation string, in any) {
	if _, err := l.world.run(operation, in); err != nil && errorCode(err) != "IncorrectInstanceState" {
		t.Fatalf("%s: %v", operation, err)
	}
}

func (l *life) start(t *rapid.T) {
	l.try(t, "StartInstances", &ec2.StartInstancesInput{InstanceIds: l.pick(t)})
}

func (l *life) stop(t *rapid.T) {
	l.try(t, "StopInstances", &ec2.StopInstancesInput{InstanceIds: l.pick(t)})
}

func (l *life) terminate(t *rapid.T) {
	l.try(t, "TerminateInstances", &ec2.TerminateInstancesInput{InstanceIds: l.pick(t)})
}

func (l *life) wait(t *rapid.T) {
	l.world.wait(time.Duration(rapid.IntRange(1, 15).Draw(t, "tenths of a second")) * time.Second / 10)
}

// refuse changes what KMS refuses. It always lets grants be retired: that
// depends on no policy of the caller's.
func (l *life) refuse(t *rapid.T) {
	clear(l.world.kms.deny)
	operation := rapid.SampledFrom([]string{"", "CreateGrant", "Decrypt", "GenerateDataKeyWithoutPlaintext"}).Draw(t, "operation")
	if operation == "" {
		return
	}
	l.world.kms.deny[operation] = rapid.SampledFrom([]error{accessDenied, &kmstypes.DisabledException{}}).Draw(t, "error")
}

func (l *life) check(t *rapid.T) {
	used := 0
	for _, id := range l.ids {
		state := l.world.describe(id).State.Name
		if from, seen := l.last[id]; seen && from != state {
			allowed := false
			for _, to := range arrows[from] {
				allowed = allowed || to == state
			}
			if !allowed {
				t.Fatalf("%s went from %s to %s", id, from, state)
			}
		}
		l.last[id] = state
		used += l.grantsOf(t, id, state)
	}
	if len(l.world.kms.grants) != used {
		t.Fatalf("KMS has %d grants, the instances %d", len(l.world.kms.grants), used)
	}
}

// grantsOf counts the grants of an instance's volumes and sees that there are as
// many as its state wants.
func (l *life) grantsOf(t *rapid.T, id string, state types.InstanceStateName) int {
	used := 0
	for _, v := range l.world.volumesAt(id) {
		a, _ := v.attachmentOf(id)
		_, exists := l.world.kms.grants[a.Grant]
		switch {
		case a.Grant != "" && !exists:
			t.Fatalf("%s of %s (%s) names a grant that KMS does not have", v.ID, id, state)
		case state == types.InstanceStateNameRunning && v.Encrypted != (a.Grant != ""):
			t.Fatalf("%s of the running %s: encrypted %v, grant %q", v.ID, id, v.Encrypted, a.Grant)
		case (state == types.InstanceStateNameStopped || state == types.InstanceStateNamePending) && a.Grant != "":
			t.Fatalf("%s of %s has a grant while the instance is %s", v.ID, id, state)
		}
		if v.Encrypted && state == types.InstanceStateNameRunning && len(v.DataKey) == 0 {
			t.Fatalf("%s of the running %s has no data key", v.ID, id)
		}
		if a.Grant != "" {
			used++
		}
	}
	if state == types.InstanceStateNameTerminated && len(l.world.volumesAt(id)) != 0 {
		t.Fatalf("the terminated %s still has volumes", id)
	}
	return used
}
