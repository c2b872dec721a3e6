package autoscaling

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	testAccount = "123456789012"
	testRegion  = "us-east-1"
)

// tester is what a test and a rapid check have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

var (
	_ tester = (*testing.T)(nil)
	_ tester = (*rapid.T)(nil)
)

// world is Auto Scaling over a store in memory, with a small EC2 and a small
// IAM around it, and a clock that only the test moves.
type world struct {
	t       tester
	service *Service
	store   store.Store
	ops     map[string]api.Operation
	now     time.Time
	random  *rand.ChaCha8
	ec2     *fakeEC2
	roles   map[string]bool
	tasks   map[string]scheduledWork
	pending map[string]scheduledWork // of the running transaction
}

type scheduledWork struct {
	api.Task
	caller api.Caller
}

func newWorld(t tester) *world {
	t.Helper()
	w := &world{
		t: t, store: store.Memory(), ops: make(map[string]api.Operation), now: time.Date(2026, 9, 29, 11, 4, 43, 0, time.UTC),
		random: rand.NewChaCha8([32]byte{1}), roles: make(map[string]bool), tasks: make(map[string]scheduledWork),
	}
	w.ec2 = &fakeEC2{world: w, instances: make(map[string]*fakeInstance)}
	w.service = New(w.ec2, w, w)
	for _, op := range w.service.Operations() {
		w.ops[op.Name()] = op
	}
	return w
}

func (w *world) call(tx store.Tx, operation string) *api.Call {
	return &api.Call{
		Context: context.Background(), Tx: tx, Account: testAccount, Region: testRegion, Partition: "aws",
		Service: "autoscaling", Operation: operation, Now: w.now, RequestID: "00000000-0000-4000-8000-000000000000", Rand: w.random, Door: w,
		Caller: api.Caller{Principal: access.Principal{
			Type: access.User, Partition: "aws", Account: testAccount, Name: "test", ARN: "arn:aws:iam::" + testAccount + ":user/test", UserID: "AIDAEXAMPLE",
		}},
	}
}

// run carries an operation out as the cloud does, without asking any policy.
func (w *world) run(operation string, in any) (any, error) {
	w.t.Helper()
	op, ok := w.ops[operation]
	if !ok {
		w.t.Fatalf("there is no operation %s", operation)
	}
	var out any
	err := w.transaction(func(tx store.Tx) error {
		c := w.call(tx, operation)
		needs, err := op.Needs(c, in)
		if err == nil && len(needs) == 0 {
			err = fmt.Errorf("%s authorizes nothing", operation)
		}
		if err == nil {
			out, err = op.Do(c, in)
		}
		return err
	})
	return out, err
}

func (w *world) transaction(do func(store.Tx) error) error {
	w.pending = make(map[string]scheduledWork)
	err := w.store.Update(context.Background(), do)
	if err == nil {
		maps.Copy(w.tasks, w.pending)
	}
	return err
}

// must is run for what has to succeed.
func must[Out any](w *world, operation string, in any) *Out {
	w.t.Helper()
	out, err := w.run(operation, in)
	if err != nil {
		w.t.Fatalf("%s: %v", operation, err)
	}
	return out.(*Out)
}

// refused runs what has to fail, with exactly that code and message.
func (w *world) refused(operation string, in any, code, message string) {
	w.t.Helper()
	_, err := w.run(operation, in)
	if errorCode(err) != code || errorMessage(err) != message {
		w.t.Fatalf("%s: %v\nwant %s: %s", operation, err, code, message)
	}
}

// wait moves the clock and runs the tasks that come due, in their order.
func (w *world) wait(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for n := 0; ; n++ {
		if n > 20000 {
			w.t.Fatal("the work does not end")
		}
		name, due := "", end
		for _, k := range slices.Sorted(maps.Keys(w.tasks)) {
			if at := w.tasks[k].Due; !at.After(due) && (name == "" || at.Before(due)) {
				name, due = k, at
			}
		}
		if name == "" {
			break
		}
		task := w.tasks[name]
		delete(w.tasks, name)
		if task.Due.After(w.now) {
			w.now = task.Due
		}
		w.ec2.move()
		raw, err := json.Marshal(task.Payload)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := w.transaction(func(tx store.Tx) error {
			c := w.call(tx, task.Kind)
			c.Caller = task.caller
			return w.service.Tasks()[task.Kind](c, raw)
		}); err != nil {
			w.t.Fatalf("task %s: %v", task.Kind, err)
		}
	}
	w.now = end
	w.ec2.move()
}

// Schedule implements api.Door.
func (w *world) Schedule(c *api.Call, task api.Task) error {
	w.pending[task.Kind+" "+task.ID] = scheduledWork{Task: task, caller: c.Caller}
	return nil
}

// Invoke implements api.Door: behind it are EC2 and IAM.
func (w *world) Invoke(c *api.Call, service, operation string, in any) (any, error) {
	switch in := in.(type) {
	case *iam.CreateServiceLinkedRoleInput:
		w.roles["arn:aws:iam::"+c.Account+":role/aws-service-role/"+*in.AWSServiceName+"/"+roleName] = true
		return &iam.CreateServiceLinkedRoleOutput{}, nil
	case *ec2.RunInstancesInput:
		if err := w.ec2.template(in.LaunchTemplate); err != nil {
			return nil, err
		}
		if aws.ToBool(in.DryRun) {
			return nil, w.ec2.dryRun(c)
		}
		return w.ec2.run(c, in)
	case *ec2.RequestSpotInstancesInput:
		return &ec2.RequestSpotInstancesOutput{SpotInstanceRequests: []ec2types.SpotInstanceRequest{{SpotInstanceRequestId: aws.String("sir-1")}}}, w.ec2.refusal
	case *ec2.DescribeLaunchTemplateVersionsInput:
		return &ec2.DescribeLaunchTemplateVersionsOutput{LaunchTemplateVersions: []ec2types.LaunchTemplateVersion{{
			LaunchTemplateId: aws.String("lt-1"), LaunchTemplateName: aws.String("web"), VersionNumber: aws.Int64(1),
		}}}, nil
	case *ec2.StopInstancesInput:
		return &ec2.StopInstancesOutput{}, w.ec2.change(in.InstanceIds, "running", "stopping")
	case *ec2.StartInstancesInput:
		return &ec2.StartInstancesOutput{}, w.ec2.change(in.InstanceIds, "stopped", "pending")
	case *ec2.TerminateInstancesInput:
		return w.ec2.terminate(in)
	}
	return nil, fmt.Errorf("%s:%s is not behind this door", service, operation)
}

// LinkedRole implements api.LinkedRoles.
func (w *world) LinkedRole(_ *api.Call, roleARN, session string) (api.Caller, error) {
	if !w.roles[roleARN] {
		return api.Caller{}, store.ErrNotFound
	}
	return api.Caller{Principal: access.Principal{Type: access.RoleSession, Account: testAccount, RoleARN: roleARN, Name: session, ServiceLinked: true}}, nil
}

// InstanceProfile implements api.InstanceProfiles: there is one, "web".
func (w *world) InstanceProfile(_ *api.Call, name string) (api.InstanceProfile, error) {
	if name != "web" {
		return api.InstanceProfile{}, store.ErrNotFound
	}
	arn := "arn:aws:iam::" + testAccount
	return api.InstanceProfile{ARN: arn + ":instance-profile/web", ID: "AIPAEXAMPLE", RoleARN: arn + ":role/web"}, nil
}

// fakeEC2 keeps the rules that a group depends on: a launch is pending first,
// then runs or ends; a termination takes a moment.
type fakeEC2 struct {
	*world
	instances map[string]*fakeInstance
	// refusal is the error of the next launches; broken ends them on their key.
	refusal error
	broken  bool
	// brought are the instances that were launched or started, in that order.
	brought []string
	// stranger may not launch.
	stranger bool
	runs     []*ec2.RunInstancesInput
	serial   int
}

type fakeInstance struct {
	api.Instance
	labels map[string]string
	since  time.Time
	broken bool
}

// template knows one launch template, lt-1, "web".
func (f *fakeEC2) template(t *ec2types.LaunchTemplateSpecification) error {
	if t == nil || aws.ToString(t.LaunchTemplateId) == "lt-1" || aws.ToString(t.LaunchTemplateName) == "web" {
		return nil
	}
	return api.Error("InvalidLaunchTemplateId.NotFound", "The specified launch template, with template ID "+aws.ToString(t.LaunchTemplateId)+", does not exist.")
}

// dryRun asks whether the caller may launch.
func (f *fakeEC2) dryRun(c *api.Call) error {
	if c.Via == nil || f.stranger {
		return api.Error("UnauthorizedOperation", "You are not authorized to perform this operation.")
	}
	return api.Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
}

// change moves instances from one state to another.
func (f *fakeEC2) change(ids []string, from, to string) error {
	for _, id := range ids {
		i := f.instances[id]
		if i == nil || i.State != from {
			return api.Error("IncorrectInstanceState", "The instance '"+id+"' is not in a state from which it can be changed.")
		}
		if i.State, i.since = to, f.now; to == "pending" {
			f.brought = append(f.brought, id)
		}
	}
	return nil
}

// lasts is how long an instance stays between two states.
const lasts = time.Second

func (f *fakeEC2) move() {
	for _, i := range f.instances {
		if f.now.Sub(i.since) < lasts {
			continue
		}
		switch i.State {
		case "pending":
			if i.State = "running"; i.broken {
				i.State, i.Reason, i.since = "shutting-down", "Client.InternalError: Client error on launch", f.now
			}
		case "shutting-down":
			i.State = "terminated"
		case "stopping":
			i.State = "stopped"
		}
	}
}

func (f *fakeEC2) run(c *api.Call, in *ec2.RunInstancesInput) (*ec2.RunInstancesOutput, error) {
	if f.refusal != nil {
		return nil, f.refusal
	}
	f.runs = append(f.runs, in)
	f.serial++
	i := &fakeInstance{since: f.now, broken: f.broken, Instance: api.Instance{
		ID: fmt.Sprintf("i-%017d", f.serial), State: "pending", Subnet: aws.ToString(in.SubnetId), Type: string(in.InstanceType), Launched: f.now,
	}}
	i.Zone = aws.ToString(in.Placement.AvailabilityZone)
	if i.Subnet == "" {
		i.Subnet = "subnet-" + i.Zone[len(i.Zone)-1:]
	}
	f.instances[i.ID] = i
	f.brought = append(f.brought, i.ID)
	return &ec2.RunInstancesOutput{Instances: []ec2types.Instance{{
		InstanceId: aws.String(i.ID), InstanceType: in.InstanceType, ImageId: in.ImageId, SubnetId: aws.String(i.Subnet),
		Placement: &ec2types.Placement{AvailabilityZone: aws.String(i.Zone)},
	}}}, nil
}

// FulfilSpot implements api.Compute.
func (f *fakeEC2) FulfilSpot(c *api.Call, _ string, launch any) (string, error) {
	out, err := f.run(c, launch.(*ec2.RunInstancesInput))
	if err != nil {
		return "", err
	}
	return *out.Instances[0].InstanceId, nil
}

func (f *fakeEC2) terminate(in *ec2.TerminateInstancesInput) (*ec2.TerminateInstancesOutput, error) {
	for _, id := range in.InstanceIds {
		if i := f.instances[id]; i != nil && i.State != "terminated" && i.State != "shutting-down" {
			i.State, i.since, i.Reason = "shutting-down", f.now, "Client.UserInitiatedShutdown: User initiated shutdown"
		}
	}
	return &ec2.TerminateInstancesOutput{}, nil
}

// Instance implements api.Compute.
func (f *fakeEC2) Instance(_ *api.Call, id string) (api.Instance, error) {
	i := f.instances[id]
	if i == nil {
		return api.Instance{}, store.ErrNotFound
	}
	return i.Instance, nil
}

// Subnet implements api.Compute: subnet-a to subnet-c are in zones of the same letter.
func (f *fakeEC2) Subnet(_ *api.Call, id string) (api.Subnet, error) {
	letter, ok := strings.CutPrefix(id, "subnet-")
	if !ok || !slices.Contains([]string{"a", "b", "c", "x"}, letter) {
		return api.Subnet{}, store.ErrNotFound
	}
	if letter == "x" {
		return api.Subnet{ID: id, Zone: testRegion + "a", VPC: "vpc-other"}, nil
	}
	return api.Subnet{ID: id, Zone: testRegion + letter, VPC: "vpc-1"}, nil
}

// Zones implements api.Compute.
func (f *fakeEC2) Zones(*api.Call) map[string]string {
	return map[string]string{testRegion + "a": "use1-az1", testRegion + "b": "use1-az2", testRegion + "c": "use1-az3"}
}

// Label implements api.Compute.
func (f *fakeEC2) Label(_ *api.Call, id string, labels map[string]string) error {
	i := f.instances[id]
	if i.labels == nil {
		i.labels = make(map[string]string)
	}
	maps.Copy(i.labels, labels)
	return nil
}

// configured makes a launch configuration "c" and a group "g" of it.
func (w *world) configured(minSize, maxSize int32, more ...func(*autoscaling.CreateAutoScalingGroupInput)) {
	w.t.Helper()
	must[autoscaling.CreateLaunchConfigurationOutput](w, "CreateLaunchConfiguration", &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("c"), ImageId: aws.String("ami-1"), InstanceType: aws.String("t3.micro"),
	})
	in := &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String("g"), LaunchConfigurationName: aws.String("c"), MinSize: &minSize, MaxSize: &maxSize,
		AvailabilityZones: []string{testRegion + "a", testRegion + "b"},
	}
	for _, m := range more {
		m(in)
	}
	must[autoscaling.CreateAutoScalingGroupOutput](w, "CreateAutoScalingGroup", in)
}

func (w *world) group() types.AutoScalingGroup {
	w.t.Helper()
	out := must[autoscaling.DescribeAutoScalingGroupsOutput](w, "DescribeAutoScalingGroups", &autoscaling.DescribeAutoScalingGroupsInput{})
	if len(out.AutoScalingGroups) != 1 {
		w.t.Fatalf("%d groups", len(out.AutoScalingGroups))
	}
	return out.AutoScalingGroups[0]
}

// states are the lifecycle states of the group's instances, sorted.
func (w *world) states() []string {
	w.t.Helper()
	var list []string
	for _, i := range w.group().Instances {
		list = append(list, string(i.LifecycleState))
	}
	slices.Sort(list)
	return list
}

func (w *world) activities() []types.Activity {
	w.t.Helper()
	return must[autoscaling.DescribeScalingActivitiesOutput](w, "DescribeScalingActivities", &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String("g")}).Activities
}
