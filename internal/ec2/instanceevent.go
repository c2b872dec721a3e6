package ec2

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// instancesParameters are the ids of a request as CloudTrail records them
// (CloudTrail guide, "Amazon EC2 event examples": StartInstances).
func instancesParameters(ids []string) map[string]any {
	items := []any{}
	for _, id := range ids {
		items = append(items, map[string]any{"instanceId": id})
	}
	return map[string]any{"instancesSet": map[string]any{"items": items}}
}

// recordChanges puts what became of the instances into the event.
func recordChanges(c *api.Call, changes []types.InstanceStateChange) {
	items := []any{}
	for _, change := range changes {
		items = append(items, map[string]any{
			"instanceId":   aws.ToString(change.InstanceId),
			"currentState": stateElement(change.CurrentState), "previousState": stateElement(change.PreviousState),
		})
	}
	c.Event.ResponseElements = map[string]any{"requestId": c.RequestID, "instancesSet": map[string]any{"items": items}}
}

func stateElement(s *types.InstanceState) map[string]any {
	return map[string]any{"code": aws.ToInt32(s.Code), "name": string(s.Name)}
}
