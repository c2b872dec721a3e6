package wire

import (
	"cmp"
	"net/http"
	"strings"
)

// cloudTrailTarget is the prefix that some clients send: the CLI and boto3 send
// the other, which is the model's.
const cloudTrailTarget = "CloudTrail_20131101"

// errUnknownOperation is all that the JSON services say.
var errUnknownOperation = &Error{Code: "UnknownOperationException"}

// Route names a request's operation. The request's body must have been read.
func (s *Service) Route(r *http.Request, body []byte) (*Operation, error) {
	switch s.Protocol() {
	case JSON:
		return s.routeJSON(r)
	case RESTJSON:
		return s.routeREST(r)
	default:
		return s.routeQuery(r, body)
	}
}

func (s *Service) routeJSON(r *http.Request) (*Operation, error) {
	if r.Method != http.MethodPost || strings.Contains(r.Header.Get("Content-Type"), "cbor") {
		return nil, errUnknownOperation // none of these services speaks CBOR
	}
	target := r.Header.Get("X-Amz-Target")
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return nil, errUnknownOperation
	}
	prefix, name := target[:dot], target[dot+1:]
	if prefix != s.table.Meta.Target && (s.name != "cloudtrail" || prefix != cloudTrailTarget) {
		return nil, errUnknownOperation
	}
	o, ok := s.Operation(name)
	if !ok {
		return nil, errUnknownOperation
	}
	return o, nil
}

func (s *Service) routeQuery(r *http.Request, body []byte) (*Operation, error) {
	action, version, err := actionAndVersion(queryForm(r, body))
	if err != nil {
		return nil, err
	}
	if action == "" {
		return nil, &Error{Code: "MissingAction", Message: "The request is missing an action or a required parameter."}
	}
	o, ok := s.Operation(action)
	if s.Protocol() == EC2 {
		if !ok {
			return nil, &Error{Code: "InvalidAction", Message: "The action " + printable(action) + " is not valid for this web service."}
		}
		if newest := s.Version(); version > newest {
			return nil, &Error{Code: "NoSuchVersion", Message: "The requested version (" + printable(version) + ") of service AmazonEC2 does not exist"}
		}
		return o, nil
	}
	if !ok || version != s.Version() {
		return nil, &Error{Code: "InvalidAction", Message: "Could not find operation " + printable(action) + " for version " + printable(cmp.Or(version, "NO_VERSION_SPECIFIED"))}
	}
	return o, nil
}

// actionAndVersion are the first Action and Version of a request: those that
// Decode would find.
func actionAndVersion(form string) (action, version string, err error) {
	for pair := range strings.SplitSeq(form, "&") {
		name, value, _ := strings.Cut(pair, "=")
		var found *string
		switch name {
		case "Action":
			found = &action
		case "Version":
			found = &version
		default:
			continue
		}
		if *found != "" {
			continue
		}
		if *found, err = unescapeForm(value); err != nil {
			return "", "", errMalformedQuery
		}
	}
	return action, version, nil
}

// routes are a REST service's operations with the parts of their paths.
type route struct {
	operation *Operation
	method    string
	parts     []string
}

func (s *Service) makeRoutes() []route {
	var all []route
	for _, name := range s.Operations() {
		o, _ := s.Operation(name)
		all = append(all, route{o, cmp.Or(o.model.Method, http.MethodPost), strings.Split(o.model.URI, "/")})
	}
	return all
}

func (s *Service) routeREST(r *http.Request) (*Operation, error) {
	path := r.URL.EscapedPath()
	for _, candidate := range s.routes() {
		if candidate.method != r.Method {
			continue
		}
		if _, ok := matchURI(candidate.parts, path); ok {
			return candidate.operation, nil
		}
	}
	return nil, &Error{Code: "UnknownOperationException", Status: http.StatusNotFound}
}
