package ec2

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/policy"
)

// The policies of endpoints that are given none: full access. AWS writes them
// differently for the two kinds (EC2 CLI reference, "describe-vpc-endpoints",
// example).
const (
	defaultGatewayPolicy   = `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`
	defaultInterfacePolicy = "{\n  \"Statement\": [\n    {\n      \"Action\": \"*\", \n      \"Effect\": \"Allow\", \n      \"Principal\": \"*\", \n      \"Resource\": \"*\"\n    }\n  ]\n}"
)

func defaultEndpointPolicy(gateway bool) string {
	if gateway {
		return defaultGatewayPolicy
	}
	return defaultInterfacePolicy
}

// checkEndpointPolicy refuses what is no policy of an endpoint. The code and the
// words for a syntax error are AWS's, observed; that they are the same for a
// document that is too long is an assumption.
func checkEndpointPolicy(text string) error {
	if utf8.RuneCountInString(text) > policy.MaxEndpoint {
		return api.Error("InvalidPolicyDocument", fmt.Sprintf("The Policy Document is not valid. It is longer than %d characters.", policy.MaxEndpoint))
	}
	_, err := policy.Load([]byte(text), policy.EndpointPolicy)
	if violation, ok := errors.AsType[*policy.Violation](err); ok {
		at := violation.Position
		return api.Error("InvalidPolicyDocument", fmt.Sprintf("The Policy Document is not valid. Syntax error at position (%d,%d)", max(at.Line, 1), max(at.Column, 1)))
	}
	return err
}
