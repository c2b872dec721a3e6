package autoscaling

import (
	"math"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// policy is a scaling policy of a group. No alarm calls it here: ExecutePolicy
// does.
type policy struct {
	UUID  string
	Input autoscaling.PutScalingPolicyInput
}

var policyTable = store.NewTable("autoscaling.policy", indexByGroup(policy.group))

const (
	simpleScaling     = "SimpleScaling"
	stepScaling       = "StepScaling"
	targetTracking    = "TargetTrackingScaling"
	predictiveScaling = "PredictiveScaling"

	changeInCapacity = "ChangeInCapacity"
	exactCapacity    = "ExactCapacity"
	percentChange    = "PercentChangeInCapacity"
)

func (p policy) group() string { return aws.ToString(p.Input.AutoScalingGroupName) }
func (p policy) name() string  { return aws.ToString(p.Input.PolicyName) }
func (p policy) id() string    { return store.Key(p.group(), p.name()) }
func (p policy) kind() string  { return aws.ToString(p.Input.PolicyType) }

func (p policy) arn(c *api.Call) string {
	return c.ARN("autoscaling", "scalingPolicy:"+p.UUID+":autoScalingGroupName/"+p.group()+":policyName/"+p.name())
}

func (s *Service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutScalingPolicy", onGroup("PutScalingPolicy", func(in *autoscaling.PutScalingPolicyInput) *string { return in.AutoScalingGroupName }), s.putPolicy),
		api.Read("DescribePolicies", anywhere[autoscaling.DescribePoliciesInput]("DescribePolicies"), s.describePolicies),
		api.Op("DeletePolicy", onGroup("DeletePolicy", func(in *autoscaling.DeletePolicyInput) *string {
			return policyGroup(in.AutoScalingGroupName, in.PolicyName)
		}), s.deletePolicy),
		api.Op("ExecutePolicy", onGroup("ExecutePolicy", func(in *autoscaling.ExecutePolicyInput) *string {
			return policyGroup(in.AutoScalingGroupName, in.PolicyName)
		}), s.executePolicy),
	}
}

// policyGroup is the group of a request that names a policy by name or ARN.
func policyGroup(groupName, policyName *string) *string {
	if aws.ToString(groupName) != "" {
		return groupName
	}
	_, rest, ok := strings.Cut(aws.ToString(policyName), ":autoScalingGroupName/")
	if !ok {
		return nil
	}
	name, _, _ := strings.Cut(rest, ":policyName/")
	return &name
}

func (s *Service) putPolicy(c *api.Call, in *autoscaling.PutScalingPolicyInput) (*autoscaling.PutScalingPolicyOutput, error) {
	g, err := liveGroup(c, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	p := policy{UUID: c.NewUUID(), Input: *in}
	if p.Input.PolicyType == nil {
		p.Input.PolicyType = aws.String(simpleScaling)
	}
	if p.Input.Enabled == nil {
		p.Input.Enabled = aws.Bool(true)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	all, err := allOf(policyTable, c, g.Name)
	if err != nil {
		return nil, err
	}
	if n := slices.IndexFunc(all, func(other policy) bool { return other.name() == p.name() }); n >= 0 {
		p.UUID = all[n].UUID
	} else if len(all) >= maxPolicies {
		return nil, limitExceeded("scaling policies per Auto Scaling group", maxPolicies)
	}
	if err := policyTable.Put(c.Tx, c.Scope(), p.id(), p); err != nil {
		return nil, err
	}
	return &autoscaling.PutScalingPolicyOutput{PolicyARN: aws.String(p.arn(c)), Alarms: []types.Alarm{}}, nil
}

// check refuses parameters that do not go with the policy's type (API
// reference, "PutScalingPolicy").
func (p policy) check() error {
	in := p.Input
	switch p.kind() {
	case simpleScaling, stepScaling:
	case targetTracking:
		if in.TargetTrackingConfiguration == nil {
			return invalid("TargetTrackingConfiguration must be specified for policy type: %s", targetTracking)
		}
		return p.refuse(targetTracking, map[string]bool{
			"AdjustmentType": in.AdjustmentType != nil, "ScalingAdjustment": in.ScalingAdjustment != nil, "StepAdjustments": len(in.StepAdjustments) > 0, "Cooldown": in.Cooldown != nil,
		})
	case predictiveScaling:
		return notBuilt("PredictiveScalingConfiguration")
	default:
		return invalid("Invalid policy type: %s", p.kind())
	}
	if t := aws.ToString(in.AdjustmentType); t != changeInCapacity && t != exactCapacity && t != percentChange {
		if t == "" {
			return invalid("AdjustmentType must be specified for policy type: %s", p.kind())
		}
		return invalid("Invalid AdjustmentType: %s", t)
	}
	if in.MinAdjustmentMagnitude != nil && *in.AdjustmentType != percentChange {
		return invalid("MinAdjustmentMagnitude is only valid with AdjustmentType %s", percentChange)
	}
	if p.kind() == simpleScaling {
		if in.ScalingAdjustment == nil {
			return invalid("ScalingAdjustment must be specified for policy type: %s", simpleScaling)
		}
		return p.refuse(simpleScaling, map[string]bool{
			"StepAdjustments": len(in.StepAdjustments) > 0, "MetricAggregationType": in.MetricAggregationType != nil,
			"EstimatedInstanceWarmup": in.EstimatedInstanceWarmup != nil, "TargetTrackingConfiguration": in.TargetTrackingConfiguration != nil,
		})
	}
	if len(in.StepAdjustments) == 0 {
		return invalid("At least one StepAdjustment must be specified for policy type: %s", stepScaling)
	}
	if len(in.StepAdjustments) > maxSteps {
		return limitExceeded("step adjustments per step scaling policy", maxSteps)
	}
	if err := checkSteps(in.StepAdjustments); err != nil {
		return err
	}
	return p.refuse(stepScaling, map[string]bool{
		"ScalingAdjustment": in.ScalingAdjustment != nil, "Cooldown": in.Cooldown != nil, "TargetTrackingConfiguration": in.TargetTrackingConfiguration != nil,
	})
}

func (policy) refuse(kind string, given map[string]bool) error {
	for _, name := range sortedKeys(given) {
		if given[name] {
			return invalid("%s is not supported for policy type: %s", name, kind)
		}
	}
	return nil
}

func bounds(a types.StepAdjustment) (lower, upper float64) {
	lower, upper = math.Inf(-1), math.Inf(1)
	assign(&lower, a.MetricIntervalLowerBound)
	assign(&upper, a.MetricIntervalUpperBound)
	return lower, upper
}

// checkSteps: the intervals must not overlap and must have no gap between them.
func checkSteps(steps []types.StepAdjustment) error {
	sorted := slices.Clone(steps)
	slices.SortFunc(sorted, func(a, b types.StepAdjustment) int {
		x, _ := bounds(a)
		y, _ := bounds(b)
		if x < y {
			return -1
		}
		return 1
	})
	for n, a := range sorted {
		lower, upper := bounds(a)
		if lower >= upper {
			return invalid("StepAdjustment lower bound must be less than its upper bound")
		}
		if n == 0 {
			continue
		}
		if _, before := bounds(sorted[n-1]); before > lower {
			return invalid("StepAdjustment intervals can't overlap")
		} else if before < lower {
			return invalid("StepAdjustment intervals can't have gaps between them")
		}
	}
	return nil
}

func (s *Service) describePolicies(c *api.Call, in *autoscaling.DescribePoliciesInput) (*autoscaling.DescribePoliciesOutput, error) {
	if in.AutoScalingGroupName != nil {
		if _, err := getGroup(c, in.AutoScalingGroupName); err != nil {
			return nil, err
		}
	}
	all, err := rows(policyTable, c)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p policy) bool {
		return in.AutoScalingGroupName != nil && p.group() != *in.AutoScalingGroupName ||
			len(in.PolicyNames) > 0 && !slices.Contains(in.PolicyNames, p.name()) && !slices.Contains(in.PolicyNames, p.arn(c)) ||
			len(in.PolicyTypes) > 0 && !slices.Contains(in.PolicyTypes, p.kind())
	})
	shown, next, err := page(all, policy.id, pages100, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribePoliciesOutput{NextToken: next, ScalingPolicies: []types.ScalingPolicy{}}
	for _, p := range shown {
		v := p.Input
		out.ScalingPolicies = append(out.ScalingPolicies, types.ScalingPolicy{
			AutoScalingGroupName: v.AutoScalingGroupName, PolicyName: v.PolicyName, PolicyARN: aws.String(p.arn(c)), PolicyType: v.PolicyType,
			AdjustmentType: v.AdjustmentType, Alarms: []types.Alarm{}, Cooldown: v.Cooldown, Enabled: v.Enabled, EstimatedInstanceWarmup: v.EstimatedInstanceWarmup,
			MetricAggregationType: v.MetricAggregationType, MinAdjustmentMagnitude: v.MinAdjustmentMagnitude, MinAdjustmentStep: v.MinAdjustmentStep,
			ScalingAdjustment: v.ScalingAdjustment, StepAdjustments: v.StepAdjustments, TargetTrackingConfiguration: v.TargetTrackingConfiguration,
		})
	}
	return out, nil
}

// findPolicy finds a policy by its ARN, or by its name and group.
func findPolicy(c *api.Call, groupName, policyName *string) (policy, group, error) {
	g, err := liveGroup(c, policyGroup(groupName, policyName))
	if err != nil {
		return policy{}, g, err
	}
	all, err := allOf(policyTable, c, g.Name)
	if err != nil {
		return policy{}, g, err
	}
	for _, p := range all {
		if p.name() == aws.ToString(policyName) || p.arn(c) == aws.ToString(policyName) {
			return p, g, nil
		}
	}
	return policy{}, g, invalid("PolicyARN or PolicyName not found - %s", aws.ToString(policyName))
}

func (s *Service) deletePolicy(c *api.Call, in *autoscaling.DeletePolicyInput) (*autoscaling.DeletePolicyOutput, error) {
	p, _, err := findPolicy(c, in.AutoScalingGroupName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DeletePolicyOutput{}, policyTable.Delete(c.Tx, c.Scope(), p.id())
}

// executePolicy does what an alarm would have the policy do.
func (s *Service) executePolicy(c *api.Call, in *autoscaling.ExecutePolicyInput) (*autoscaling.ExecutePolicyOutput, error) {
	p, g, err := findPolicy(c, in.AutoScalingGroupName, in.PolicyName)
	if err != nil {
		return nil, err
	}
	adjustment := aws.ToInt32(p.Input.ScalingAdjustment)
	switch p.kind() {
	case simpleScaling:
		if aws.ToBool(in.HonorCooldown) {
			if err := s.checkCooldown(c, g); err != nil {
				return nil, err
			}
		}
		g.CooldownFor = p.Input.Cooldown
	case stepScaling:
		if in.MetricValue == nil || in.BreachThreshold == nil {
			return nil, invalid("MetricValue and BreachThreshold must be specified for policy type: %s", stepScaling)
		}
		if in.HonorCooldown != nil {
			return nil, invalid("HonorCooldown is not supported for policy type: %s", stepScaling)
		}
		step, ok := p.step(*in.MetricValue - *in.BreachThreshold)
		if !ok {
			return nil, invalid("MetricValue %v does not match any step adjustment of the policy", *in.MetricValue)
		}
		adjustment = step
	default:
		return nil, invalid("ExecutePolicy is not supported for policy type: %s", p.kind())
	}
	if !aws.ToBool(p.Input.Enabled) {
		return &autoscaling.ExecutePolicyOutput{}, nil
	}
	want := p.adjust(g.Desired, adjustment)
	want = min(max(want, g.Min), g.Max)
	return &autoscaling.ExecutePolicyOutput{}, s.desire(c, g, want, "a user request executed policy %s", p.name())
}

// step finds the adjustment for a breach. Positive steps include their lower
// bound, negative ones their upper (Auto Scaling guide, "Step adjustments for
// step scaling").
func (p policy) step(breach float64) (int32, bool) {
	for _, a := range p.Input.StepAdjustments {
		lower, upper := bounds(a)
		if breach >= 0 && breach >= lower && breach < upper || breach < 0 && breach > lower && breach <= upper {
			return aws.ToInt32(a.ScalingAdjustment), true
		}
	}
	return 0, false
}

// adjust computes a new capacity (Auto Scaling guide, "Scaling adjustment
// types"): a percentage rounds towards zero, but is one at the least.
func (p policy) adjust(desired, adjustment int32) int32 {
	switch aws.ToString(p.Input.AdjustmentType) {
	case exactCapacity:
		return adjustment
	case percentChange:
		change := float64(desired) * float64(adjustment) / 100
		n := int32(math.Trunc(change))
		if n == 0 && change > 0 {
			n = 1
		} else if n == 0 && change < 0 {
			n = -1
		}
		least := max(aws.ToInt32(p.Input.MinAdjustmentMagnitude), aws.ToInt32(p.Input.MinAdjustmentStep))
		if adjustment > 0 {
			n = max(n, least)
		} else {
			n = min(n, -least)
		}
		return desired + n
	default:
		return desired + adjustment
	}
}
