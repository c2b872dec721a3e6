package autoscaling

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func TestWarmPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.configured(1, 3)
	g := aws.String("g")
	w.refused("DeleteWarmPool", &autoscaling.DeleteWarmPoolInput{AutoScalingGroupName: g}, "ValidationError", "No warm pool found for Auto Scaling group g")
	must[autoscaling.PutWarmPoolOutput](w, "PutWarmPool", &autoscaling.PutWarmPoolInput{AutoScalingGroupName: g})
	w.wait(15 * time.Second)
	warm := w.warm()
	if len(warm) != 2 || *w.group().WarmPoolSize != 2 {
		t.Fatalf("the pool has %d instances, want 2", len(warm))
	}
	for _, i := range warm {
		if i.LifecycleState != types.LifecycleStateWarmedStopped || w.ec2.instances[*i.InstanceId].State != "stopped" {
			t.Errorf("%s is %s", *i.InstanceId, i.LifecycleState)
		}
	}
	w.activity("Launching a new EC2 instance into warm pool: i-")

	runs := len(w.ec2.runs)
	must[autoscaling.SetDesiredCapacityOutput](w, "SetDesiredCapacity", &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: g, DesiredCapacity: aws.Int32(2)})
	w.wait(15 * time.Second)
	w.wantStates("InService", "InService")
	w.activity("Launching a new EC2 instance from warm pool: i-")
	if len(w.ec2.runs) != runs || len(w.warm()) != 1 {
		t.Errorf("%d launches, the pool has %d", len(w.ec2.runs)-runs, len(w.warm()))
	}

	must[autoscaling.DeleteWarmPoolOutput](w, "DeleteWarmPool", &autoscaling.DeleteWarmPoolInput{AutoScalingGroupName: g})
	w.wait(15 * time.Second)
	if c := w.group().WarmPoolConfiguration; c != nil || len(w.warm()) != 0 {
		t.Errorf("the pool is still there: %v", c)
	}
	w.wantStates("InService", "InService")
}
