package wire

import (
	"reflect"
	"strings"
	"time"
)

// What stands in an event for a secret parameter, as CloudTrail has it.
const (
	hidden  = "HIDDEN_DUE_TO_SECURITY_REASONS"
	removed = "<sensitiveDataRemoved>" // by EC2
)

// secrets never stand in an event, whether or not the model calls them sensitive.
var secrets = map[string]bool{
	"secretAccessKey": true, "sessionToken": true, "grantToken": true, "plaintext": true,
	"keyMaterial": true, "ciphertextBlob": true, "userData": true,
	"authenticationCode1": true, "authenticationCode2": true,
}

// EventParameters is an input, by pointer, as CloudTrail's requestParameters
// show it; nil if it says nothing.
func (o *Operation) EventParameters(in any) map[string]any {
	v := reflect.ValueOf(in).Elem()
	p := o.inputPlan(v.Type())
	object := o.eventMembers(p, v, o.requestMember)
	if o.service.Protocol() != EC2 || !strings.HasPrefix(o.name, "Describe") {
		return object
	}
	// What a Describe request leaves out, its event shows as an empty set.
	for i := range p.members {
		m := &p.members[i]
		if m.plan.kind != list || v.Field(m.field).Len() > 0 {
			continue
		}
		if object == nil {
			object = make(map[string]any, len(p.members))
		}
		name, _ := m.set()
		object[name] = map[string]any{}
	}
	return object
}

// EventResponse is an output, by pointer, as CloudTrail's responseElements show
// it; nil if it says nothing.
func (o *Operation) EventResponse(out any) map[string]any {
	v := reflect.ValueOf(out)
	if !v.IsValid() || v.IsNil() {
		return nil
	}
	v = v.Elem()
	return o.eventMembers(o.outputPlan(v.Type()), v, o.responseMember)
}

// eventNamer gives a member's name in an event, and the value as it stands there.
type eventNamer func(m *member, v reflect.Value) (name string, value any)

func (o *Operation) eventMembers(p *plan, v reflect.Value, namer eventNamer) map[string]any {
	if p.typ.Kind() == reflect.Interface {
		return nil
	}
	var object map[string]any
	for i := range p.members {
		m := &p.members[i]
		x, ok := m.plan.value(v.Field(m.field))
		if !ok {
			continue
		}
		name, value := namer(m, x)
		if value == nil {
			continue
		}
		if object == nil {
			object = make(map[string]any, len(p.members))
		}
		object[name] = value
	}
	return object
}

func (o *Operation) requestMember(m *member, v reflect.Value) (string, any) {
	name := m.lower
	if secrets[name] || m.plan.model.Sensitive {
		switch {
		case m.plan.kind != text:
			return name, nil
		case o.service.Protocol() == EC2:
			return name, removed
		default:
			return name, hidden
		}
	}
	if o.service.Protocol() == EC2 {
		if m.plan.kind == list {
			return o.requestSet(m, v)
		}
		name = lowerFirst(m.query)
	}
	return name, o.eventValue(m.plan, v, o.requestMember)
}

func (o *Operation) responseMember(m *member, v reflect.Value) (string, any) {
	name := m.lower
	if o.service.Protocol() == EC2 {
		name = m.wire
	}
	if secrets[m.lower] || m.plan.model.Sensitive {
		return name, nil
	}
	if o.service.Protocol() == EC2 && m.plan.kind == list {
		items := o.eventItems(m.plan, v, o.responseMember)
		if len(items) == 0 {
			return name, map[string]any{}
		}
		return name, map[string]any{"items": items}
	}
	return name, o.eventValue(m.plan, v, o.responseMember)
}

// sets are the lists of EC2 requests that CloudTrail names in its own way; the
// second word is what an item is called. Others follow a rule.
var sets = map[string][2]string{
	"InstanceIds":         {"instancesSet", "instanceId"},
	"VolumeIds":           {"volumeSet", "volumeId"},
	"SnapshotIds":         {"snapshotSet", "snapshotId"},
	"ImageIds":            {"imagesSet", "imageId"},
	"Owners":              {"ownersSet", "owner"},
	"OwnerIds":            {"ownersSet", "owner"},
	"ExecutableUsers":     {"executableBySet", "user"},
	"GroupIds":            {"securityGroupIdSet", "groupId"},
	"GroupNames":          {"securityGroupSet", "groupName"},
	"SecurityGroupIds":    {"groupSet", "groupId"},
	"SubnetIds":           {"subnetSet", "subnetId"},
	"VpcIds":              {"vpcSet", "vpcId"},
	"KeyNames":            {"keySet", "keyName"},
	"RegionNames":         {"regionSet", "regionName"},
	"ZoneNames":           {"availabilityZoneSet", "zoneName"},
	"Resources":           {"resourcesSet", "resourceId"},
	"Filters":             {"filterSet", ""},
	"Values":              {"valueSet", "value"},
	"BlockDeviceMappings": {"blockDeviceMapping", ""},
	"Tags":                {"tagSet", ""},
	"TagSpecifications":   {"tagSpecificationSet", ""},
	"IpPermissions":       {"ipPermissions", ""},
	"UserIdGroupPairs":    {"groups", ""},
	"IpRanges":            {"ipRanges", ""},
	"Ipv6Ranges":          {"ipv6Ranges", ""},
	"PrefixListIds":       {"prefixListIds", ""},
}

// set is what the events of EC2 call a list, and an item of it.
func (m *member) set() (name, item string) {
	if known, ok := sets[m.Name]; ok {
		return known[0], known[1]
	}
	item = lowerFirst(m.query)
	name = item
	if !strings.HasSuffix(name, "Set") {
		name += "Set"
	}
	return name, item
}

// requestSet is a list in the way of EC2's events: {"items": […]}.
func (o *Operation) requestSet(m *member, v reflect.Value) (string, any) {
	name, item := m.set()
	items := o.eventItems(m.plan, v, o.requestMember)
	switch m.Name {
	case "TagSpecifications":
		plainTags(items)
	case "IpPermissions":
		wholePermissions(items)
	}
	if len(items) == 0 {
		return name, map[string]any{}
	}
	if m.plan.elem.kind != structure {
		for i, x := range items {
			items[i] = map[string]any{item: x}
		}
	}
	return name, map[string]any{"items": items}
}

// plainTags turns the tags of a new resource into the plain list that events
// have there, and only there.
func plainTags(items []any) {
	for _, x := range items {
		spec, ok := x.(map[string]any)
		if !ok {
			continue
		}
		tags, ok := spec["tagSet"].(map[string]any)
		if !ok {
			continue
		}
		delete(spec, "tagSet")
		spec["tags"] = tags["items"]
	}
}

// wholePermissions has rules of a security group name all kinds of peers, as
// events do.
func wholePermissions(items []any) {
	for _, x := range items {
		permission, ok := x.(map[string]any)
		if !ok {
			continue
		}
		for _, name := range []string{"groups", "ipRanges", "ipv6Ranges", "prefixListIds"} {
			if permission[name] == nil {
				permission[name] = map[string]any{}
			}
		}
	}
}

func (o *Operation) eventItems(p *plan, v reflect.Value, namer eventNamer) []any {
	items := make([]any, 0, v.Len())
	for i := range v.Len() {
		x, ok := p.elem.value(v.Index(i))
		if !ok && x.Kind() != reflect.String {
			continue
		}
		if value := o.eventValue(p.elem, x, namer); value != nil {
			items = append(items, value)
		}
	}
	return items
}

// eventTime is how CloudTrail shows the times of services other than EC2.
const eventTime = "Jan 2, 2006, 3:04:05 PM"

func (o *Operation) eventValue(p *plan, v reflect.Value, namer eventNamer) any {
	if p.model.Sensitive {
		return nil // an item of a list or map: members were looked at before
	}
	switch p.kind {
	case structure:
		if m := o.eventMembers(p, v, namer); m != nil {
			return m
		}
		return map[string]any{}
	case list:
		return o.eventItems(p, v, namer)
	case mapping:
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			if x, ok := p.elem.value(it.Value()); ok {
				m[it.Key().String()] = o.eventValue(p.elem, x, namer)
			}
		}
		return m
	case text:
		return v.String()
	case boolean:
		return v.Bool()
	case integer:
		return v.Int()
	case decimal:
		return v.Float()
	case timestamp:
		t := v.Interface().(time.Time).UTC()
		if o.service.Protocol() == EC2 {
			return t.UnixMilli()
		}
		return t.Format(eventTime)
	default:
		return nil // bytes say nothing to a reader
	}
}
