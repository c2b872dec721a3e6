package policy_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/policy"
)

func TestReadJSON(t *testing.T) {
	t.Parallel()
	root, err := policy.ReadJSON("{\"a\\\"b\":\n [1, true, null, \"x\\u0041\"]}")
	if err != nil {
		t.Fatal(err)
	}
	at := func(offset, line, column int) policy.Position {
		return policy.Position{Offset: offset, Line: line, Column: column}
	}
	want := &policy.Node{
		Kind: policy.ObjectNode, Start: at(0, 1, 1), End: at(37, 2, 29),
		Members: []policy.NodeMember{{
			Key: `a"b`, KeyStart: at(1, 1, 2), KeyEnd: at(7, 1, 8),
			Value: &policy.Node{Kind: policy.ArrayNode, Start: at(10, 2, 2), End: at(36, 2, 28), Items: []*policy.Node{
				{Kind: policy.NumberNode, Text: "1", Start: at(11, 2, 3), End: at(12, 2, 4)},
				{Kind: policy.BoolNode, Text: "true", Start: at(14, 2, 6), End: at(18, 2, 10)},
				{Kind: policy.NullNode, Text: "null", Start: at(20, 2, 12), End: at(24, 2, 16)},
				{Kind: policy.StringNode, Text: "xA", Start: at(26, 2, 18), End: at(35, 2, 27)},
			}},
		}},
	}
	if diff := cmp.Diff(want, root); diff != "" {
		t.Error(diff)
	}
	_, err = policy.ReadJSON(`{"a": }`)
	var e *policy.ParseError
	if !errors.As(err, &e) || !e.NotJSON || e.Position != at(6, 1, 7) {
		t.Errorf("error = %v", err)
	}
}
