package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// unseen are the members that the SDK fills in by itself when it signs, and
// shows to nobody: no Go type has a field for them.
var unseen = []string{"CopySnapshotRequest.DestinationRegion"}

// Bind makes the plans of the operation's types ahead of the first request. out
// may be nil. The error names the members that the model has and the types have
// not: what a client would send, or be sent, in vain.
func (o *Operation) Bind(in, out reflect.Type) error {
	if in.Kind() != reflect.Struct {
		return fmt.Errorf("wire: %s:%s takes a structure, and %s is none", o.service.name, o.name, in)
	}
	plans := []*plan{o.inputPlan(in)}
	if out != nil {
		plans = append(plans, o.outputPlan(out))
	}
	var missing []string
	seen := make(map[*plan]bool)
	for _, p := range plans {
		missing = p.missing(missing, seen)
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("wire: %s:%s: no field of the types %s and %v is for %s: generate the tables from the models of this SDK's time",
		o.service.name, o.name, in, out, strings.Join(missing, ", "))
}

// missing appends the members of a plan, and of all below it, that have no field.
func (p *plan) missing(names []string, seen map[*plan]bool) []string {
	if p == nil || seen[p] {
		return names
	}
	seen[p] = true
	for _, name := range p.unseen {
		if name = p.shape + "." + name; !slices.Contains(unseen, name) {
			names = append(names, name)
		}
	}
	for i := range p.members {
		names = p.members[i].plan.missing(names, seen)
	}
	return p.key.missing(p.elem.missing(names, seen), seen)
}
