package ec2

import (
	"cmp"
	"iter"
	"slices"
)

// selectRows returns the rows that a Describe operation starts from, sorted by
// id: those with the ids, each once, or all where no id is given. All ids that
// belong to nothing are named in one error.
func selectRows[T any](ids []string, all iter.Seq2[T, error], get func(id string) (T, error), idOf func(T) string, kind identifier) ([]T, error) {
	var rows []T
	if len(ids) == 0 {
		for row, err := range all {
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	for _, id := range ids {
		if err := kind.check(id); err != nil {
			return nil, err
		}
	}
	var missing []string
	for _, id := range ids {
		row, err := get(id)
		switch {
		case errorCode(err) == kind.missing:
			missing = append(missing, id)
		case err != nil:
			return nil, err
		default:
			rows = append(rows, row)
		}
	}
	if len(missing) > 0 {
		return nil, kind.notFoundAll(missing)
	}
	slices.SortFunc(rows, func(a, b T) int { return cmp.Compare(idOf(a), idOf(b)) })
	return slices.CompactFunc(rows, func(a, b T) bool { return idOf(a) == idOf(b) }), nil
}
