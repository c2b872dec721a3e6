package serviceref

import (
	"slices"
	"strings"
)

// Type is the type of a condition key's values, in the words of the Service
// Authorization Reference.
type Type string

// The types. Those that start with ArrayOf are multivalued: their condition
// needs ForAllValues or ForAnyValue (IAM guide, "Single-valued vs. multivalued
// context keys").
const (
	String           Type = "String"
	ARN              Type = "ARN"
	Bool             Type = "Bool"
	Date             Type = "Date"
	Numeric          Type = "Numeric"
	IPAddress        Type = "IPAddress"
	Binary           Type = "Binary"
	ArrayOfString    Type = "ArrayOfString"
	ArrayOfARN       Type = "ArrayOfARN"
	ArrayOfBool      Type = "ArrayOfBool"
	ArrayOfDate      Type = "ArrayOfDate"
	ArrayOfNumeric   Type = "ArrayOfNumeric"
	ArrayOfIPAddress Type = "ArrayOfIPAddress"
)

// Multivalued reports whether a request can have several values.
func (t Type) Multivalued() bool { return strings.HasPrefix(string(t), "ArrayOf") }

// Single is the type of one value.
func (t Type) Single() Type { return Type(strings.TrimPrefix(string(t), "ArrayOf")) }

// Key is a condition key.
type Key struct {
	// Name is as AWS writes it. A variable part is written
	// "aws:ResourceTag/${TagKey}".
	Name string
	Type Type
	// Deprecated: AWS says so of the key.
	Deprecated bool
	// Global: the key is of all services, not of one (IAM guide, "AWS global
	// condition context keys").
	Global bool
	// Always: every signed request has the key. Others depend on the request, the
	// caller or the resource; for the keys of services nothing is known.
	Always bool
}

// always are the keys that are in the context of every signed request by their
// "Availability" in the IAM guide's "AWS global condition context keys".
var always = []string{
	"aws:CurrentTime", "aws:EpochTime", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalType",
	"aws:RequestedRegion", "aws:SecureTransport", "aws:UserAgent", "aws:userid",
}

// LookupKey finds a condition key by its name in a policy, such as
// "kms:GrantIsForAWSResource", "aws:resourcetag/team" or
// "kms:EncryptionContext:AppName": global keys first, then those of the service
// that the prefix names, then those that services define for others, such as
// "saml:aud" and the keys of identity providers, which are at STS.
func LookupKey(name string) (*Key, bool) {
	t := table()
	if k, ok := findKey(t.global(), name); ok {
		return k, true
	}
	prefix, _, found := strings.Cut(name, ":")
	if !found || strings.EqualFold(prefix, "aws") {
		return nil, false
	}
	if s, ok := Lookup(prefix); ok {
		if k, ok := s.Key(name); ok {
			return k, true
		}
	}
	for stray, owner := range t.strays {
		if (&Key{Name: stray}).Fits(name) {
			s, _ := Lookup(owner)
			return s.Key(name)
		}
	}
	return nil, false
}

// GlobalKeys lists the keys that are of no single service.
func GlobalKeys() []*Key { return table().global() }

// Key finds one of the condition keys that the service lists.
func (s *Service) Key(name string) (*Key, bool) { return findKey(s.Keys, name) }

func findKey(list []*Key, name string) (*Key, bool) {
	if i, ok := slices.BinarySearchFunc(list, name, func(k *Key, name string) int { return compareFold(k.Name, name) }); ok {
		return list[i], true
	}
	for _, k := range list {
		if strings.Contains(k.Name, "${") && k.Fits(name) {
			return k, true
		}
	}
	return nil, false
}

// Variable reports whether the name has a variable part, and gives what stands
// before it: "aws:ResourceTag/".
func (k *Key) Variable() (before string, ok bool) {
	before, _, ok = strings.Cut(k.Name, "${")
	return before, ok
}

// Fits reports whether a name in a policy is this key's. A variable part is any
// text that is not empty.
func (k *Key) Fits(name string) bool {
	format, atLeast := k.Name, 0
	for {
		before, rest, found := strings.Cut(format, "${")
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			return len(name)-len(format) >= atLeast && compareFold(name[len(name)-len(format):], format) == 0 && (atLeast > 0 || len(name) == len(format))
		}
		at := indexFold(name, before, atLeast)
		if at < 0 || atLeast == 0 && at > 0 {
			return false
		}
		name = name[at+len(before):]
		format, atLeast = after, 1
	}
}

// indexFold is where text stands in s, at or behind from, without regard to
// ASCII case, or -1.
func indexFold(s, text string, from int) int {
	for i := from; i+len(text) <= len(s); i++ {
		if compareFold(s[i:i+len(text)], text) == 0 {
			return i
		}
	}
	return -1
}

// KeysFor lists the condition keys that a statement about the action can use, by
// name: the action's, those of the resource types that it is checked on, and the
// global ones. AWS names for a type all keys that any action supports with it;
// those that this action has are in its Resources.
func KeysFor(a *Action) []*Key {
	var list []*Key
	list = append(list, GlobalKeys()...)
	list = append(list, a.Keys...)
	for i := range a.Resources {
		list = append(list, a.Resources[i].Keys...)
		list = append(list, a.Resources[i].Type.Keys...)
	}
	slices.SortStableFunc(list, func(x, y *Key) int { return compareFold(x.Name, y.Name) })
	return slices.CompactFunc(list, func(x, y *Key) bool { return compareFold(x.Name, y.Name) == 0 })
}

// HasKey reports whether a statement about the action can use the key of that
// name.
func (a *Action) HasKey(name string) bool {
	if _, ok := findKey(GlobalKeys(), name); ok {
		return true
	}
	fits := func(k *Key) bool { return k.Fits(name) }
	if slices.ContainsFunc(a.Keys, fits) {
		return true
	}
	for i := range a.Resources {
		if slices.ContainsFunc(a.Resources[i].Keys, fits) || slices.ContainsFunc(a.Resources[i].Type.Keys, fits) {
			return true
		}
	}
	return false
}
