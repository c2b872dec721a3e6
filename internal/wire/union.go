package wire

import (
	"cmp"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// unions are the SDK's interfaces for shapes of which one member is set, with
// the struct that stands for each member. The services have this one.
var unions = map[reflect.Type]map[string]reflect.Type{
	reflect.TypeFor[types.PolicyIdentifier](): {
		"InlinePolicyIdentifier": reflect.TypeFor[types.PolicyIdentifierMemberInlinePolicyIdentifier](),
		"PolicyArn":              reflect.TypeFor[types.PolicyIdentifierMemberPolicyArn](),
		"PolicyType":             reflect.TypeFor[types.PolicyIdentifierMemberPolicyType](),
	},
}

// buildUnion makes the plans of a union's members: each is the Value of its struct.
func (s *Service) buildUnion(p *plan, building map[planKey]*plan) {
	for _, m := range p.model.Members {
		t, ok := unions[p.typ][m.Name]
		if !ok {
			continue
		}
		f, _ := t.FieldByName("Value")
		p.add(member{
			Member: m, field: f.Index[0], plan: s.build(planKey{m.Shape, m.Time, f.Type}, building),
			wire: cmp.Or(m.Wire, m.Name), query: s.queryName(m, s.table.Shape(m.Shape)), lower: lowerFirst(m.Name), union: t,
		})
	}
}

// union fills in the member of a union that a request has: one of them.
func (q queryReader) union(p *plan, n node, v reflect.Value) error {
	set := false
	for child := range n.children {
		i, ok := p.byQuery[child.part()]
		if !ok {
			continue
		}
		if set {
			return q.malformed(n.name(), "")
		}
		set = true
		m := &p.members[i]
		x := reflect.New(m.union)
		if err := q.value(m.plan, child, x.Elem().Field(m.field), m.flat); err != nil {
			return err
		}
		v.Set(x)
	}
	if !set {
		return q.malformed(n.name(), "")
	}
	return nil
}
