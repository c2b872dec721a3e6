package requestset

import (
	"github.com/keyturn/keyturn/policy"
)

// candidates are values that stand for all: any other value is to every line
// what one of these is. whole is false if there are too many.
func candidates(about []keyLiteral) (list []string, whole bool) {
	conditions := make([]*policy.Condition, len(about))
	for i, l := range about {
		conditions[i] = l.line.cond
	}
	return policy.Representatives(conditions)
}

// mixedCandidates are candidates of every family that the lines are of, and a
// text for each language.
func mixedCandidates(about []keyLiteral) []string {
	var list []string
	byFamily := make(map[family][]keyLiteral)
	for _, l := range about {
		if l.line.family != textFamily {
			byFamily[l.line.family] = append(byFamily[l.line.family], l)
			continue
		}
		list = append(list, l.line.cond.Values...)
		if f := search(sides{in: []*language{l.line.fits}, out: []*language{noText}}); f.ok {
			list = append(list, f.text)
		}
		if f := search(sides{out: []*language{noText, l.line.fits}}); f.ok {
			list = append(list, f.text)
		}
	}
	for _, f := range [...]family{numberFamily, dateFamily, addressFamily, binaryFamily} {
		more, _ := candidates(byFamily[f])
		list = append(list, more...)
	}
	return list
}
