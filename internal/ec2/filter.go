package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// maxFilterValues is AWS's limit on the values of all filters of one request.
const maxFilterValues = 200

// checkFilters refuses a request's filters as EC2 does: a name that the
// operation does not know, or too many values. It is done before any row is
// looked at, so that an empty account gives the same answer as a full one.
func checkFilters(filters []types.Filter, known func(name string) bool) error {
	total := 0
	for _, f := range filters {
		if f.Name == nil {
			return invalidValue("The filter 'null' is invalid")
		}
		if name := *f.Name; !known(name) && !isTagFilter(name) {
			return invalidValue("The filter '%s' is invalid", name)
		}
		total += len(f.Values)
	}
	if total > maxFilterValues {
		return api.Error("FilterLimitExceeded", "The maximum number of filter values specified on a single call is 200")
	}
	return nil
}

// matches reports whether a row passes all filters; any of a filter's values is
// enough for it (EC2 guide, "List and filter your resources"). get gives the
// row's values under a filter's name; a name that it does not know is the
// request's mistake.
func matches(filters []types.Filter, get func(name string) (values []string, known bool)) (bool, error) {
	for _, f := range filters {
		have, known := get(aws.ToString(f.Name))
		if !known {
			if f.Name == nil {
				return false, invalidValue("The filter 'null' is invalid")
			}
			return false, invalidValue("The filter '%s' is invalid", *f.Name)
		}
		if !anyMatch(f.Values, have) {
			return false, nil
		}
	}
	return true, nil
}

func anyMatch(patterns, values []string) bool {
	for _, p := range patterns {
		for _, v := range values {
			if wildcard(p, v) {
				return true
			}
		}
	}
	return false
}

func isTagFilter(name string) bool {
	return name == "tag-key" || name == "tag-value" || (strings.HasPrefix(name, "tag:") && len(name) > len("tag:"))
}

// tagFilter gives a row's values under the filters on tags: tag:Key, tag-key,
// and the older tag-value.
func tagFilter(tags map[string]string, name string) (values []string, known bool) {
	switch {
	case name == "tag-key":
		for k := range tags {
			values = append(values, k)
		}
		return values, true
	case name == "tag-value":
		for _, v := range tags {
			values = append(values, v)
		}
		return values, true
	case isTagFilter(name):
		if v, ok := tags[name[len("tag:"):]]; ok {
			values = []string{v}
		}
		return values, true
	}
	return nil, false
}

// wildcard matches a filter's value against a row's: * stands for any number
// of characters, ? for exactly one, and a backslash takes the next character
// literally. Case counts.
func wildcard(pattern, value string) bool {
	p, v := []rune(pattern), []rune(value)
	// retry is where to go on after the last star, had it taken one character
	// more; without a star there is nowhere.
	star, retry := -1, 0
	i, j := 0, 0
	for j < len(v) {
		if i < len(p) && p[i] == '*' {
			star, retry = i, j
			i++
			continue
		}
		if n := matchOne(p[i:], v[j]); n > 0 {
			i += n
			j++
			continue
		}
		if star < 0 {
			return false
		}
		retry++
		i, j = star+1, retry
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// matchOne returns how much of the pattern one character uses up; 0 if the
// character does not match.
func matchOne(p []rune, r rune) int {
	switch {
	case len(p) == 0:
		return 0
	case p[0] == '?':
		return 1
	case p[0] == '\\' && len(p) > 1:
		if p[1] == r {
			return 2
		}
		return 0
	case p[0] == r:
		return 1
	}
	return 0
}

// matchesTagged is matches for a row with an id whose tags are read only if a
// filter asks for them: most do not, and the public images are many.
func matchesTagged(c *api.Call, id string, filters []types.Filter, get func(tags map[string]string, name string) ([]string, bool)) (bool, error) {
	var tags map[string]string
	if slices.ContainsFunc(filters, func(f types.Filter) bool { return isTagFilter(aws.ToString(f.Name)) }) {
		var err error
		if tags, err = tagsOf(c, id); err != nil {
			return false, err
		}
	}
	return matches(filters, func(name string) ([]string, bool) { return get(tags, name) })
}

// flag is a boolean as filters write it.
func flag(v bool) []string {
	if v {
		return []string{"true"}
	}
	return []string{"false"}
}

// some is a filter's value that may be absent: an empty text matches nothing,
// not even *.
func some(values ...string) []string {
	var have []string
	for _, v := range values {
		if v != "" {
			have = append(have, v)
		}
	}
	return have
}
