package iam

import (
	"reflect"
	"regexp"
)

// pathForms are what IAM wants of the parameters that are paths (IAM guide,
// "IAM identifiers", on paths), with its words for what is none.
var pathForms = []struct {
	member, parameter string
	form              *regexp.Regexp
	rule              string
}{
	{"Path", "path", wholePath, "It must begin and end with / and contain only alphanumeric characters and/or / characters."},
	{"NewPath", "newPath", wholePath, "It must begin and end with / and contain only alphanumeric characters and/or / characters."},
	{"PathPrefix", "pathPrefix", pathStart, "It must begin with the / character and contain only alphanumeric characters or / characters."},
}

var (
	wholePath = regexp.MustCompile(`^/([\x21-\x7e]+/)?$`)
	pathStart = regexp.MustCompile(`^/[\x21-\x7e]*$`)
)

// paths are the fields of one input type that are paths, by index: which
// pathForms they are, and where.
type paths []struct{ form, field int }

// pathsOf finds the paths of an input type, once for each operation.
func pathsOf[In any]() paths {
	var found paths
	in := reflect.TypeFor[In]()
	for i, f := range pathForms {
		if field, ok := in.FieldByName(f.member); ok {
			found = append(found, struct{ form, field int }{i, field.Index[0]})
		}
	}
	return found
}

// check refuses an input with a path that is none.
func (p paths) check(in reflect.Value) error {
	for _, at := range p {
		f := pathForms[at.form]
		if v := in.Field(at.field); !v.IsNil() && !f.form.MatchString(v.Elem().String()) {
			return invalid("The specified value for %s is invalid. %s", f.parameter, f.rule)
		}
	}
	return nil
}
