package wire

import (
	"net/http"
	"strings"
)

// cloudTrailTarget is the prefix that some clients send: the CLI and boto3 send
// the other, which is the model's.
const cloudTrailTarget = "CloudTrail_20131101"

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
	target := r.Header.Get("X-Amz-Target")
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return nil, &Error{Code: "UnknownOperationException"}
	}
	prefix, name := target[:dot], target[dot+1:]
	if prefix != s.table.Meta.Target && (s.name != "cloudtrail" || prefix != cloudTrailTarget) {
		return nil, &Error{Code: "UnknownOperationException"}
	}
	o, ok := s.Operation(name)
	if !ok {
		return nil, &Error{Code: "UnknownOperationException"}
	}
	return o, nil
}

func (s *Service) routeQuery(r *http.Request, body []byte) (*Operation, error) {
	var action, version string
	for pair := range strings.SplitSeq(queryForm(r, body), "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "Action":
			action = value
		case "Version":
			version = value
		}
	}
	var err error
	if action, err = unescapeForm(action); err != nil {
		return nil, errMalformedQuery
	}
	if action == "" {
		return nil, &Error{Code: "MissingAction", Message: "The request is missing an action or a required parameter."}
	}
	o, ok := s.Operation(action)
	if s.Protocol() == EC2 {
		if !ok {
			return nil, &Error{Code: "InvalidAction", Message: "The action " + printable(action) + " is not valid for this web service."}
		}
		return o, nil
	}
	if !ok || version != "" && version != s.Version() {
		return nil, &Error{Code: "InvalidAction", Message: "Could not find operation " + printable(action) + " for version " + printable(or(version, "NO_VERSION_SPECIFIED"))}
	}
	return o, nil
}

func (s *Service) routeREST(r *http.Request) (*Operation, error) {
	for name := range s.table.Operations() {
		m, _ := s.table.Operation(name)
		if or(m.Method, http.MethodPost) != r.Method {
			continue
		}
		if _, ok := matchURI(m.URI, r.URL.EscapedPath()); ok {
			o, _ := s.Operation(name)
			return o, nil
		}
	}
	return nil, &Error{Code: "UnknownOperationException", Status: http.StatusNotFound}
}
