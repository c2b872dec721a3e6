package ec2

import (
	"fmt"

	"github.com/keyturn/keyturn/internal/api"
)

// EC2's errors have no types in the SDK, only codes (EC2 API reference, "Error
// codes for the Amazon EC2 API"). The ones that several nouns share are here;
// one that belongs to a single rule stands beside its rule.

func invalidValue(format string, args ...any) error {
	return api.Error("InvalidParameterValue", fmt.Sprintf(format, args...))
}

func invalidCombination(format string, args ...any) error {
	return api.Error("InvalidParameterCombination", fmt.Sprintf(format, args...))
}

func missingParameter(name string) error {
	return api.Error("MissingParameter", "The request must contain the parameter "+name)
}

func incorrectState(format string, args ...any) error {
	return api.Error("IncorrectState", fmt.Sprintf(format, args...))
}

func notPermitted(format string, args ...any) error {
	return api.Error("OperationNotPermitted", fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return api.Error("UnsupportedOperation", fmt.Sprintf(format, args...))
}

// notBuilt refuses a parameter that names something which is not there at all,
// such as an Outpost: to ignore it would be a silent wrong answer.
func notBuilt(parameter string) error {
	return unsupported("The parameter %s is not supported in this Region.", parameter)
}
