package cloud

import (
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/wire"
	"github.com/keyturn/keyturn/internal/wire/sigv4"
)

// maxBody bounds a request's body, in bytes. The largest that the services
// take are policies and user data, far below it.
const maxBody = 1 << 20

// ServeHTTP answers one AWS request.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.set.testing && strings.HasPrefix(r.URL.Path, "/_keyturn/") {
		c.serveTesting(w, r)
		return
	}
	if host, ok := issuerHost(r.Host); ok {
		c.serveIssuer(w, r, host)
		return
	}
	requestID := c.newRequestID()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		model := guessService(r, nil)
		refused := &statusError{status: http.StatusBadRequest, code: "IncompleteBody", message: "The request body ended before it was whole."}
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			refused = &statusError{status: http.StatusRequestEntityTooLarge, code: "RequestEntityTooLarge", message: "The request body exceeds the maximum size."}
		}
		model.EncodeError(w, refused, requestID)
		return
	}
	model, out, op, err := c.serveSafely(r, body, requestID)
	if err == nil {
		err = op.wire.Encode(w, out, requestID)
		if err == nil {
			return
		}
	}
	c.logInternal(r, op, requestID, err)
	model.EncodeError(w, err, requestID)
}

// serveSafely is serve, with a panic as the internal failure that it is: the
// client gets an answer, and the log the place.
func (c *Cloud) serveSafely(r *http.Request, body []byte, requestID string) (model *wire.Service, out any, op *operation, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			model, out, op, err = guessService(r, body), nil, nil, &panicError{cause: cause, stack: debug.Stack()}
		}
	}()
	return c.serve(r, body, requestID)
}

// serve carries a request as far as it goes and returns the service in whose
// words to answer.
func (c *Cloud) serve(r *http.Request, body []byte, requestID string) (*wire.Service, any, *operation, error) {
	through, err := c.arrive(r)
	if err != nil {
		return guessService(r, body), nil, nil, err
	}
	signature, err := sigv4.Parse(r)
	if err != nil {
		model := guessService(r, body)
		if op, ok := c.unsigned(model, r, body); ok {
			return c.serveUnsigned(r, body, requestID, op, through)
		}
		return model, nil, nil, authError(model, err)
	}
	model, ok := wire.Lookup(signature.Service)
	if !ok {
		model = guessService(r, body)
		return model, nil, nil, wrongScope(model)
	}
	partition, ok := partitionOf(signature.Region)
	if !ok {
		return model, nil, nil, wrongRegion(model)
	}
	if err := through.leadsTo(model, signature.Region); err != nil {
		return model, nil, nil, err
	}
	caller, err := c.authenticate(r.Context(), r, body, signature, model)
	if err != nil {
		return model, nil, nil, err
	}
	modelled, err := model.Route(r, body)
	if err != nil {
		return model, nil, nil, err
	}
	op, ok := c.lookup(model.Name(), modelled.Name())
	if !ok {
		return model, nil, nil, notBuilt(model, modelled.Name())
	}
	in := reflect.New(op.in).Interface()
	if err := op.wire.Decode(r, body, in); err != nil {
		return model, nil, op, err
	}
	call := c.newCall(r, requestID, op)
	call.Region, call.Partition, call.Endpoint = signature.Region, partition, through.name
	if !op.Unsigned() {
		call.Caller, call.Account = *caller, caller.Principal.Account
	}
	if model.Name() == "cloudtrail" {
		// What was answered must be found: reads are recorded in groups.
		if err := c.recorder.flush(r.Context()); err != nil {
			return model, nil, op, err
		}
	}
	out, err := c.dispatch(call, op, in)
	return model, out, op, err
}

// newCall is a request's call, of nobody yet.
func (c *Cloud) newCall(r *http.Request, requestID string, op *operation) *api.Call {
	return &api.Call{
		Context: r.Context(), Caller: api.Caller{Principal: access.Principal{Type: access.Anonymous}},
		Service: op.service, Operation: op.Name(), Now: c.Now(), RequestID: requestID,
		SourceIP: sourceIP(r), UserAgent: userAgent(r), Secure: r.TLS != nil,
		Rand: c.set.random,
	}
}

// guessService tells from an unsigned request which service it was for, so that
// the refusal comes in that service's form: by target prefix, or API version.
func guessService(r *http.Request, body []byte) *wire.Service {
	name := "iam"
	target, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case target == "TrentService":
		name = "kms"
	case strings.Contains(r.Header.Get("X-Amz-Target"), "CloudTrail_"):
		name = "cloudtrail"
	case strings.HasPrefix(target, "AWSOrganizations"):
		name = "organizations"
	case strings.HasPrefix(r.URL.Path, "/snapshots"):
		name = "ebs"
	default:
		form := string(body) + "&" + r.URL.RawQuery
		for version, service := range map[string]string{
			"2016-11-15": "ec2", "2011-06-15": "sts", "2011-01-01": "autoscaling",
		} {
			if strings.Contains(form, "Version="+version) {
				name = service
			}
		}
	}
	model, _ := wire.Lookup(name)
	return model
}

func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// maxUserAgent is CloudTrail's limit on userAgent, in bytes (CloudTrail guide,
// "CloudTrail record contents").
const maxUserAgent = 1024

func userAgent(r *http.Request) string {
	ua := r.UserAgent()
	if len(ua) > maxUserAgent {
		ua = ua[:maxUserAgent]
	}
	return ua
}

// logInternal reports an error that the client only sees as an internal failure.
func (c *Cloud) logInternal(r *http.Request, op *operation, requestID string, err error) {
	if _, status := describeError(err); status < http.StatusInternalServerError {
		return
	}
	name := ""
	if op != nil {
		name = op.service + ":" + op.Name()
	}
	c.set.log.ErrorContext(r.Context(), "internal failure", "operation", name, "request", requestID, "err", err)
}
