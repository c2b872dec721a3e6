package autoscaling

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/api"
)

// invalid is the error of nearly everything that Auto Scaling refuses (API
// reference, "Common errors": ValidationError).
func invalid(format string, args ...any) error {
	return api.Error("ValidationError", fmt.Sprintf(format, args...))
}

func alreadyExists(format string, args ...any) error {
	return api.Error("AlreadyExists", fmt.Sprintf(format, args...))
}

func inUse(format string, args ...any) error {
	return api.Error("ResourceInUse", fmt.Sprintf(format, args...))
}

func activityInProgress(format string, args ...any) error {
	return api.Error("ScalingActivityInProgress", fmt.Sprintf(format, args...))
}

// limitExceeded names the quota (Auto Scaling guide, "Quotas for Auto Scaling
// resources and groups"). AWS documents the code, not the words.
func limitExceeded(what string, limit int) error {
	return api.Error("LimitExceeded", fmt.Sprintf("You have already reached your limit of %d %s.", limit, what))
}

// notBuilt refuses what would need something that is not there at all, such as
// a load balancer: to take it would be a silent wrong answer.
func notBuilt(parameter string) error {
	return invalid("The parameter %s is not supported in this Region.", parameter)
}

// errorCode is the AWS code of an error, empty if it has none.
func errorCode(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.ErrorCode()
}

// errorMessage is the AWS message of an error, empty if it has none.
func errorMessage(err error) string {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.ErrorMessage()
}
