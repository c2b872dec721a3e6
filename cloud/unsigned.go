package cloud

import (
	"net"
	"net/http"
	"reflect"
	"strings"

	"github.com/keyturn/keyturn/internal/wire"
)

// unsigned finds the operation of a request without a signature, if it is one
// that AWS takes so.
func (c *Cloud) unsigned(model *wire.Service, r *http.Request, body []byte) (*operation, bool) {
	if r.Header.Get("Authorization") != "" {
		return nil, false
	}
	modelled, err := model.Route(r, body)
	if err != nil {
		return nil, false
	}
	op, ok := c.lookup(model.Name(), modelled.Name())
	return op, ok && op.Unsigned()
}

// serveUnsigned carries out a request of somebody who has no credentials yet.
func (c *Cloud) serveUnsigned(r *http.Request, body []byte, requestID string, op *operation, through arrival) (*wire.Service, any, *operation, error) {
	in := reflect.New(op.in).Interface()
	if err := op.wire.Decode(r, body, in); err != nil {
		return op.wire.Service(), nil, op, err
	}
	call := c.newCall(r, requestID, op)
	call.Region, call.Endpoint = addressedRegion(r), through.name
	if err := through.leadsTo(op.wire.Service(), call.Region); err != nil {
		return op.wire.Service(), nil, op, err
	}
	call.Partition, _ = partitionOf(call.Region)
	out, err := c.dispatch(call, op, in)
	return op.wire.Service(), out, op, err
}

// addressedRegion is the region in the name of a regional endpoint,
// "sts.eu-west-1.amazonaws.com". Everybody else speaks to the global one, which
// is in us-east-1 (IAM guide, "Manage AWS STS in an AWS Region").
func addressedRegion(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	for label := range strings.SplitSeq(host, ".") {
		if _, ok := partitionOf(label); ok {
			return label
		}
	}
	return "us-east-1"
}
