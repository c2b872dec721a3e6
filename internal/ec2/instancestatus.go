package ec2

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// checkTime is how long after its launch an instance's status checks are
// still initializing. AWS takes minutes.
const checkTime = 3 * time.Second

// check is an instance's status check: its status, and that of reachability.
func (i instance) check(now time.Time) (types.SummaryStatus, types.StatusType) {
	switch {
	case i.State != types.InstanceStateNameRunning:
		return types.SummaryStatusNotApplicable, ""
	case now.Before(i.Launched.Add(checkTime)):
		return types.SummaryStatusInitializing, types.StatusTypeInitializing
	default:
		return types.SummaryStatusOk, types.StatusTypePassed
	}
}

func (i instance) describeCheck(now time.Time) *types.InstanceStatusSummary {
	status, reachability := i.check(now)
	d := &types.InstanceStatusSummary{Status: status}
	if reachability != "" {
		d.Details = []types.InstanceStatusDetails{{Name: types.StatusNameReachability, Status: reachability}}
	}
	return d
}

var statusFilters = filterTable[instanceView]{
	"availability-zone":    func(v instanceView) []string { return some(v.Zone) },
	"availability-zone-id": func(v instanceView) []string { return some(zoneID(v.call, v.Zone)) },
	"instance-state-code":  func(v instanceView) []string { return some(decimal(stateCodes[v.State])) },
	"instance-state-name":  func(v instanceView) []string { return some(string(v.State)) },
	"operator.managed":     func(instanceView) []string { return flag(false) },

	"instance-status.reachability": instanceView.reachability,
	"instance-status.status":       instanceView.status,
	"system-status.reachability":   instanceView.reachability,
	"system-status.status":         instanceView.status,
	"attached-ebs-status.status":   instanceView.status,
}.without("event.code", "event.description", "event.instance-event-id", "event.not-after", "event.not-before",
	"event.not-before-deadline", "operator.principal", "application-status.status")

func (v instanceView) status() []string {
	status, _ := v.check(v.call.Now)
	return some(string(status))
}

func (v instanceView) reachability() []string {
	_, reachability := v.check(v.call.Now)
	return some(string(reachability))
}

var describeInstanceStatusPages = pageRule{least: 5, most: 1000, ids: "instancesSet"}

// describeInstanceStatus shows the checks of running instances; of all, if the
// request wants so (EC2 API reference, "DescribeInstanceStatus").
func (s *Service) describeInstanceStatus(c *api.Call, in *ec2.DescribeInstanceStatusInput) (*ec2.DescribeInstanceStatusOutput, error) {
	shown := func(i instance) bool {
		return aws.ToBool(in.IncludeAllInstances) || i.State == types.InstanceStateNameRunning
	}
	q := query{in.InstanceIds, in.Filters, in.MaxResults, in.NextToken}
	views, next, err := s.findInstances(c, describeInstanceStatusPages, statusFilters, q, shown)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceStatusOutput{InstanceStatuses: []types.InstanceStatus{}, NextToken: next}
	for _, v := range views {
		status, _ := v.check(c.Now)
		d := types.InstanceStatus{
			InstanceId: aws.String(v.ID), AvailabilityZone: aws.String(v.Zone), AvailabilityZoneId: text(zoneID(c, v.Zone)),
			InstanceState: describeState(v.State), InstanceStatus: v.describeCheck(c.Now), SystemStatus: v.describeCheck(c.Now),
			AttachedEbsStatus: &types.EbsStatusSummary{Status: status}, Operator: &types.OperatorResponse{Managed: aws.Bool(false)},
		}
		out.InstanceStatuses = append(out.InstanceStatuses, d)
	}
	return out, nil
}
