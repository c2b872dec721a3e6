package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// matchURI holds a path against the parts of a template such as
// /snapshots/{snapshotId}/blocks/{blockIndex} and gives the labels.
func matchURI(template []string, path string) (labels map[string]string, ok bool) {
	for i, want := range template {
		got, rest, more := strings.Cut(path, "/")
		if more == (i == len(template)-1) {
			return nil, false
		}
		path = rest
		name, isLabel := strings.CutPrefix(want, "{")
		if !isLabel {
			if want != got {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(got)
		if err != nil || value == "" {
			return nil, false
		}
		if labels == nil {
			labels = make(map[string]string, 2)
		}
		labels[strings.TrimSuffix(name, "}")] = value
	}
	return labels, true
}

// decodeREST reads path, query, headers and body of a REST JSON request.
func (o *Operation) decodeREST(r *http.Request, body []byte, in reflect.Value) error {
	p := o.inputPlan(in.Type())
	labels, _ := matchURI(strings.Split(o.model.URI, "/"), r.URL.EscapedPath())
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
			return serialization("STRING_VALUE can not be converted to " + m.plan.wanted())
		}
	}
	if !inBody || p.model.Payload != "" || len(body) == 0 {
		return nil
	}
	return o.decodeJSON(body, in)
}

// encodeREST writes headers and body of a REST JSON answer.
func (o *Operation) encodeREST(b []byte, w http.ResponseWriter, p *plan, v reflect.Value) ([]byte, error) {
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok || m.Name != p.model.Payload {
			continue
		}
		raw, err := readBlob(x)
		if err != nil {
			return nil, err
		}
		b = append(b, raw...)
	}
	inBody := len(p.members) == 0
	for i := range p.members {
		m := &p.members[i]
		inBody = inBody || m.Location == ""
		if x, ok := m.plan.value(v.Field(m.field)); ok && m.Location == "header" {
			w.Header().Set(m.wire, m.plan.asText(x, http.TimeFormat))
		}
	}
	if p.model.Payload != "" {
		w.Header().Set("Content-Type", "application/octet-stream")
		return b, nil
	}
	if !inBody {
		return b, nil
	}
	w.Header().Set("Content-Type", "application/json")
	return appendJSON(b, p, v), nil
}
