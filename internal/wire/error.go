package wire

import (
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/keyturn/keyturn/internal/wire/model"
)

// Error is an AWS error that the wire itself finds.
type Error struct {
	Code, Message string
	Status        int // HTTP status; 0 means 400
}

var _ smithy.APIError = (*Error)(nil)

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode is the AWS code.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage is the AWS message.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault is always the client's.
func (e *Error) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

// HTTPStatus is the answer's status.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

var errMalformedQuery = &Error{Code: "MalformedQueryString", Message: "The query string contains a syntax error."}

// printable keeps what a client sent short and harmless in a message.
func printable(s string) string {
	const most = 256
	s = strings.ToValidUTF8(s, "?")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// Code is the code and message that an error is answered with. One that is not
// AWS's is an internal failure, and says no more.
func Code(err error) (code, message string) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode(), e.ErrorMessage()
	}
	return "InternalFailure", "The request processing has failed because of an unknown error, exception or failure."
}

// internalCode is what each protocol calls an internal failure.
func (s *Service) internalCode() string {
	switch {
	case s.Protocol() == EC2:
		return "InternalError"
	case s.name == "kms":
		return "KMSInternalException"
	default:
		return "InternalFailure"
	}
}

// statuses are those of errors that no model lists: the services' "Common
// Errors" pages.
var statuses = map[string]int{
	"AccessDenied":               http.StatusForbidden,
	"AuthFailure":                http.StatusForbidden, // somebody else's resource; a bad signature has its own 401
	"UnauthorizedOperation":      http.StatusForbidden,
	"OptInRequired":              http.StatusForbidden,
	"ExpiredToken":               http.StatusForbidden,
	"InvalidClientTokenId":       http.StatusForbidden,
	"SignatureDoesNotMatch":      http.StatusForbidden,
	"MissingAuthenticationToken": http.StatusForbidden,
	"DryRunOperation":            http.StatusPreconditionFailed,
	"DryRunOperationException":   http.StatusPreconditionFailed,
	"IdempotentCallInProgress":   http.StatusInternalServerError,
	"InternalError":              http.StatusInternalServerError,
	"InternalFailure":            http.StatusInternalServerError,
	"KMSInternalException":       http.StatusInternalServerError,
	"DependencyTimeoutException": http.StatusServiceUnavailable,
	"KeyUnavailableException":    http.StatusInternalServerError,
	"RequestLimitExceeded":       http.StatusServiceUnavailable,
	"ServiceUnavailable":         http.StatusServiceUnavailable,
	"Unavailable":                http.StatusServiceUnavailable,
}

// status is an error's HTTP status: its own word, the model's, the common ones',
// and 400 for the rest.
func (s *Service) status(err error, code string) int {
	var own interface{ HTTPStatus() int }
	if errors.As(err, &own) {
		return own.HTTPStatus()
	}
	e, ok := s.table.Error(code)
	if ok && e.Status != 0 {
		return e.Status
	}
	if n, ok := statuses[code]; ok {
		return n
	}
	if ok && e.Fault {
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// EncodeError answers with an error, in the service's protocol.
func (s *Service) EncodeError(w http.ResponseWriter, err error, requestID string) {
	code, message := Code(err)
	var modelled smithy.APIError
	if !errors.As(err, &modelled) {
		code = s.internalCode()
		modelled = nil
	}
	status := s.status(err, code)
	if modelled == nil {
		status = http.StatusInternalServerError
	}
	switch s.Protocol() {
	case EC2:
		s.writeEC2Error(w, status, code, message, requestID)
	case Query:
		s.writeQueryError(w, status, code, message, requestID)
	default:
		s.writeJSONError(w, status, code, message, requestID, modelled)
	}
}

const xmlHeader = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func (s *Service) writeEC2Error(w http.ResponseWriter, status int, code, message, requestID string) {
	x := xmlWriter{b: []byte(xmlHeader)}
	x.b = append(x.b, "<Response><Errors><Error>"...)
	x.element("Code", code)
	x.element("Message", message)
	x.b = append(x.b, "</Error></Errors>"...)
	x.element("RequestID", requestID)
	x.b = append(x.b, "</Response>"...)
	header := w.Header()
	header.Set("Content-Type", "text/xml;charset=UTF-8")
	header.Set("X-Amzn-Requestid", requestID)
	send(w, status, x.b)
}

func (s *Service) writeQueryError(w http.ResponseWriter, status int, code, message, requestID string) {
	var x xmlWriter
	x.b = append(x.b, `<ErrorResponse xmlns="`...)
	x.text(s.table.Meta.Namespace)
	x.b = append(x.b, `"><Error>`...)
	blame := "Sender"
	if status >= http.StatusInternalServerError {
		blame = "Receiver"
	}
	x.element("Type", blame)
	x.element("Code", code)
	if message != "" { // IAM leaves it out where it says nothing
		x.element("Message", message)
	}
	x.b = append(x.b, "</Error>"...)
	x.element("RequestId", requestID)
	x.b = append(x.b, "</ErrorResponse>"...)
	header := w.Header()
	header.Set("Content-Type", "text/xml")
	header.Set("X-Amzn-Requestid", requestID)
	send(w, status, x.b)
}

func (s *Service) writeJSONError(w http.ResponseWriter, status int, code, message, requestID string, e smithy.APIError) {
	b := []byte{'{'}
	header := w.Header()
	header.Set("X-Amzn-Requestid", requestID)
	if s.Protocol() == RESTJSON {
		header.Set("Content-Type", "application/json")
		header.Set("X-Amzn-Errortype", code)
	} else {
		header.Set("Content-Type", "application/x-amz-json-1.1")
		b = append(b, `"__type":`...)
		b = appendJSONString(b, code)
		b = append(b, ',')
	}
	m, modelled := s.table.Error(code)
	var shape model.Shape
	if modelled {
		shape = s.table.Shape(m.Shape)
	}
	if message != "" {
		b = append(append(append(b, '"'), s.messageName(code, shape)...), `":`...)
		b = appendJSONString(b, message)
		b = append(b, ',')
	}
	if modelled && e != nil {
		b = s.appendErrorMembers(b, m.Shape, e)
	}
	if last := len(b) - 1; b[last] == ',' {
		b = b[:last]
	}
	send(w, status, append(b, '}'))
}

// messageName is what the message of an error is called: the model knows, and
// the services' framework has a way of its own.
func (s *Service) messageName(code string, shape model.Shape) string {
	for _, m := range shape.Members {
		if strings.EqualFold(m.Name, "message") {
			return m.Name
		}
	}
	if s.Protocol() == JSON && (code == "AccessDeniedException" || code == "SerializationException") {
		return "Message"
	}
	return "message"
}

// appendErrorMembers adds what a modelled exception has beside its message.
func (s *Service) appendErrorMembers(b []byte, shape string, e smithy.APIError) []byte {
	v := reflect.ValueOf(e)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct || v.Elem().Type().Name() != shape {
		return b
	}
	v = v.Elem()
	p := s.plan(shape, "", v.Type())
	for i := range p.members {
		x, ok := p.members[i].plan.value(v.Field(p.members[i].field))
		if !ok || strings.EqualFold(p.members[i].Name, "message") {
			continue
		}
		b = append(b, '"')
		b = append(b, p.members[i].wire...)
		b = append(b, `":`...)
		b = appendJSON(b, p.members[i].plan, x)
		b = append(b, ',')
	}
	return b
}

func (w *xmlWriter) element(name, value string) {
	w.open(name)
	w.text(value)
	w.close(name)
}

// send writes an answer. A client that has gone is nobody's error.
func send(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
