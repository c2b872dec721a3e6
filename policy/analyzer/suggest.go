package analyzer

import (
	"slices"
	"strings"
)

// maxSuggested bounds the texts that suggestions are made for.
const maxSuggested = 80

// maxSuggestions bounds how many suggestions are made for a document: whoever
// has more wrong names has another problem.
const maxSuggestions = 200

// didYouMean is a hint with the known names that are most like a name, each
// behind a prefix, or empty.
func (a *analysis) didYouMean(name string, known []string, prefix string) string {
	if a.suggestions++; a.suggestions > maxSuggestions {
		return ""
	}
	return question(nearest(name, known), prefix)
}

// question asks for one of some names.
func question(names []string, prefix string) string {
	if len(names) == 0 {
		return ""
	}
	return "did you mean " + prefix + strings.Join(names, " or "+prefix) + "?"
}

// nearest gives the names within a third of the length of edits, without regard
// to case: the nearest ones, else those that start so; at most three.
func nearest(name string, known []string) []string {
	if name == "" || len(name) > maxSuggested {
		return nil
	}
	limit := max(1, len(name)/3)
	lowered := strings.ToLower(name)
	var best, longer []string
	for _, k := range known {
		if len(name) > 3 && len(k) > len(name) && strings.EqualFold(k[:len(name)], name) {
			longer = append(longer, k)
		}
		d := distance(lowered, strings.ToLower(k), limit)
		switch {
		case d > limit:
		case d < limit:
			limit, best = d, []string{k}
		default:
			best = append(best, k)
		}
	}
	if len(best) == 0 {
		best = longer
	}
	return best[:min(len(best), 3)]
}

// distance is how many bytes must be inserted, deleted, replaced or swapped with
// their neighbour to make one text of the other; more than limit if it is more.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		if slices.Min(next) > limit {
			return limit + 1
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
