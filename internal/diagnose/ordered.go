package diagnose

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ordered is a JSON object with its members in the order in which they were
// written: people read policies in an order.
type ordered []orderedMember

type orderedMember struct {
	name  string
	value any
}

// readOrdered reads a policy's text: objects as ordered, lists as []any, and what
// is none of them as encoding/json does, numbers as they were written.
func readOrdered(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := orderedValue(d)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	return v, nil
}

func orderedValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		object := ordered{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			object = append(object, orderedMember{fmt.Sprint(name), v})
		}
		_, err := d.Token()
		return object, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := orderedValue(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	if _, ok := t.(json.Delim); ok {
		return nil, errors.New("a bracket that opens nothing")
	}
	return t, nil
}
