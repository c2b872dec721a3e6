package wire

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"sync"
)

// Decode fills in, a pointer to the operation's input, from a request. The
// error is AWS's.
func (o *Operation) Decode(r *http.Request, body []byte, in any) error {
	v := reflect.ValueOf(in).Elem()
	switch o.service.Protocol() {
	case JSON:
		return o.decodeJSON(body, v)
	case RESTJSON:
		return o.decodeREST(r, body, v)
	default:
		return o.decodeQuery(queryForm(r, body), v)
	}
}

// buffers are reused from answer to answer; none larger than maxBuffer is kept.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxBuffer = 1 << 18

// Encode answers with out, a pointer to the operation's output; nil is an
// output without members. The error is a stream's that could not be read, and
// then nothing has been sent.
func (o *Operation) Encode(w http.ResponseWriter, out any, requestID string) error {
	v := reflect.ValueOf(out)
	if v.Kind() == reflect.Pointer && v.IsNil() {
		v = reflect.New(v.Type().Elem())
	}
	v = v.Elem()
	p := o.outputPlan(v.Type())
	header := w.Header()
	status := http.StatusOK
	buffer := buffers.Get().(*[]byte)
	body := (*buffer)[:0]
	switch o.service.Protocol() {
	case EC2:
		header.Set("Content-Type", "text/xml;charset=UTF-8")
		body = o.encodeEC2(body, p, v, requestID)
	case Query:
		header.Set("Content-Type", "text/xml")
		body = o.encodeQuery(body, p, v, requestID)
	case JSON:
		header.Set("Content-Type", "application/x-amz-json-1.1")
		if o.model.Output != "" {
			body = appendJSON(body, p, v)
		}
	case RESTJSON:
		var err error
		if body, err = o.encodeREST(body, w, p, v); err != nil {
			return fmt.Errorf("wire: %s: %w", o.name, err)
		}
		if o.model.Status != 0 {
			status = o.model.Status
		}
	}
	header.Set("X-Amzn-Requestid", requestID)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	send(w, status, body)
	if cap(body) <= maxBuffer {
		*buffer = body
		buffers.Put(buffer)
	}
	return nil
}

func (o *Operation) encodeEC2(b []byte, p *plan, v reflect.Value, requestID string) []byte {
	w := xmlWriter{b: b, layout: o.service.timeLayout()}
	w.b = append(w.b, xmlHeader...)
	w.b = append(append(append(w.b, '<'), o.name...), `Response xmlns="`...)
	w.text(o.service.table.Meta.Namespace)
	// The model's namespace has no slash at its end, EC2's answers have.
	w.b = append(w.b, `/">`...)
	w.element("requestId", requestID)
	if o.model.Output == "" {
		// Operations without an output say so with one word.
		w.element("return", "true")
	}
	w.members(p, v)
	w.close(o.name + "Response")
	return w.b
}

func (o *Operation) encodeQuery(b []byte, p *plan, v reflect.Value, requestID string) []byte {
	w := xmlWriter{b: b, layout: o.service.timeLayout()}
	w.b = append(append(append(w.b, '<'), o.name...), `Response xmlns="`...)
	w.text(o.service.table.Meta.Namespace)
	w.b = append(w.b, `">`...)
	if o.model.Output != "" {
		wrapper := cmp.Or(o.model.Wrapper, o.name+"Result")
		w.open(wrapper)
		w.members(p, v)
		w.close(wrapper)
	}
	w.open("ResponseMetadata")
	w.element("RequestId", requestID)
	w.close("ResponseMetadata")
	w.close(o.name + "Response")
	return w.b
}

// readBlob gives the bytes of a blob, read to the end and closed where the SDK streams.
func readBlob(v reflect.Value) ([]byte, error) {
	if r, ok := reflect.TypeAssert[io.Reader](v); ok {
		b, err := io.ReadAll(r)
		if c, ok := r.(io.Closer); ok {
			err = errors.Join(err, c.Close())
		}
		return b, err
	}
	return v.Bytes(), nil
}

// appendMilli writes milliseconds as seconds.
func appendMilli(b []byte, ms int64) []byte {
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		b = append(b, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return b
}
