package cloud

import (
	"maps"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// wrapped are EC2's operations whose parameters and answer stand in CloudTrail
// under the name of their message, with the names of the API.
var wrapped = map[string]bool{"ModifyVolume": true}

// ec2Namespace is what a wrapped answer says it is of.
const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// shapeEC2 turns the event of a call to EC2 into what EC2 writes: each change
// names its request, and one without an answer says that it was done (CloudTrail
// guide, "CloudTrail log file examples").
func (e *event) shapeEC2(call *api.Call) {
	if e.ErrorCode == "" && !e.ReadOnly {
		elements := maps.Clone(e.ResponseElements)
		if elements == nil {
			elements = map[string]any{"return": true}
		}
		if done, ok := elements["return"]; ok {
			delete(elements, "return")
			elements["_return"] = done
		}
		elements["requestId"] = call.RequestID
		e.ResponseElements = elements
	}
	if !wrapped[e.EventName] {
		return
	}
	parameters := make(map[string]any, len(e.RequestParameters))
	for name, value := range e.RequestParameters {
		parameters[strings.ToUpper(name[:1])+name[1:]] = value
	}
	e.RequestParameters = map[string]any{e.EventName + "Request": parameters}
	if e.ResponseElements != nil {
		e.ResponseElements["xmlns"] = ec2Namespace
		e.ResponseElements = map[string]any{e.EventName + "Response": e.ResponseElements}
	}
}
