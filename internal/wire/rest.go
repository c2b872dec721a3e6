package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// matchURI holds a path against a template such as
// /snapshots/{snapshotId}/blocks/{blockIndex} and gives the labels.
func matchURI(template, path string) (map[string]string, bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	labels := make(map[string]string)
	for i, part := range want {
		name, isLabel := strings.CutPrefix(part, "{")
		if !isLabel {
			if part != got[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(got[i])
		if err != nil || value == "" {
			return nil, false
		}
		labels[strings.TrimSuffix(name, "}")] = value
	}
	return labels, true
}

// decodeREST reads path, query, headers and body of a REST JSON request.
func (o *Operation) decodeREST(r *http.Request, body []byte, in reflect.Value) error {
	p := o.inputPlan(in.Type())
	labels, _ := matchURI(o.model.URI, r.URL.EscapedPath())
	query := r.URL.Query()
	inBody := false
	for i := range p.members {
		m := &p.members[i]
		var value string
		var ok bool
		switch m.Location {
		case "uri":
			value, ok = labels[m.wire]
		case "querystring":
			value, ok = query.Get(m.wire), query.Has(m.wire)
		case "header":
			values := r.Header.Values(m.wire)
			ok = len(values) > 0
			value = strings.Join(values, ",")
		default:
			if m.Name == p.model.Payload {
				m.plan.setBlob(in.Field(m.field), body)
			} else {
				inBody = true
			}
			continue
		}
		if !ok {
			continue
		}
		if err := m.plan.setText(in.Field(m.field), value); err != nil {
			return serialization("the value of " + m.Name + " can not be converted to " + aOrAn(m.plan.wanted()))
		}
	}
	if !inBody || p.model.Payload != "" {
		return nil
	}
	return o.decodeJSON(body, in)
}

// encodeREST writes headers and body of a REST JSON answer.
func (o *Operation) encodeREST(w http.ResponseWriter, p *plan, v reflect.Value) ([]byte, error) {
	var body []byte
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok {
			continue
		}
		switch {
		case m.Location == "header":
			w.Header().Set(m.wire, m.plan.asText(x, RESTJSON))
		case m.Name == p.model.Payload:
			raw, err := readBlob(x)
			if err != nil {
				return nil, err
			}
			w.Header().Set("Content-Type", "application/octet-stream")
			body = raw
		}
	}
	if p.model.Payload != "" {
		return body, nil
	}
	w.Header().Set("Content-Type", "application/json")
	return appendJSON(nil, p, v), nil
}
