package sigv4

import "net/http"

// Kind is why a request's signature was refused.
type Kind int

// The kinds of refusal. Each service has its own code for each: see Code.
const (
	MissingToken      Kind = iota + 1 // no signature at all
	Incomplete                        // a signature with parts missing or malformed
	InvalidAccessKey                  // an access key or a session token that is not known
	SignatureMismatch                 // the signature is another's, or of another request
	Expired                           // signed too long ago, or in the future
	ExpiredToken                      // a session that has ended
	InvalidScope                      // signed for another region or service
)

// Error is a refused signature. Its message is AWS's.
type Error struct {
	Kind    Kind
	Message string
}

func (e *Error) Error() string { return "sigv4: " + e.Message }

// The protocols as package wire names them.
const (
	ec2Protocol   = "ec2"
	queryProtocol = "query"
	restProtocol  = "rest-json"
)

// codes are each service's "Common Errors" page: EC2's, those of the query
// services, those of the JSON services.
var codes = map[Kind][3]string{
	MissingToken:      {"MissingAuthenticationToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException"},
	Incomplete:        {"IncompleteSignature", "IncompleteSignature", "IncompleteSignatureException"},
	InvalidAccessKey:  {"AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"},
	SignatureMismatch: {"AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"},
	Expired:           {"RequestExpired", "SignatureDoesNotMatch", "InvalidSignatureException"},
	ExpiredToken:      {"RequestExpired", "ExpiredToken", "ExpiredTokenException"},
	InvalidScope:      {"AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"},
}

// Code is the error code of a kind in a protocol: "ec2", "query", "json", "rest-json".
func (k Kind) Code(protocol string) string {
	switch protocol {
	case ec2Protocol:
		return codes[k][0]
	case queryProtocol:
		return codes[k][1]
	default:
		return codes[k][2]
	}
}

// Status is the HTTP status of a kind in a protocol.
func (k Kind) Status(protocol string) int {
	switch {
	case protocol == ec2Protocol && k == Expired, protocol == ec2Protocol && k == ExpiredToken:
		return http.StatusBadRequest
	case protocol == ec2Protocol && k == InvalidAccessKey, protocol == ec2Protocol && k == SignatureMismatch:
		return http.StatusUnauthorized
	case protocol == ec2Protocol, protocol == queryProtocol, protocol == restProtocol:
		return http.StatusForbidden
	default:
		return http.StatusBadRequest
	}
}
