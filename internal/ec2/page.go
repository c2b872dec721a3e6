package ec2

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// pageRule is what an operation allows of MaxResults. AWS refuses a number
// below the least and takes one above the most for the most.
type pageRule struct {
	least, most int32
	// ids names, in messages, the parameter that cannot go with MaxResults;
	// empty where the two may be combined.
	ids string
}

// check refuses a MaxResults that the operation does not allow.
func (r pageRule) check(maxResults *int32, ids []string) error {
	if maxResults == nil {
		return nil
	}
	if *maxResults < r.least {
		return invalidValue("Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", *maxResults, r.least)
	}
	if r.ids != "" && len(ids) > 0 {
		return invalidCombination("The parameter %s cannot be used with the parameter maxResults", r.ids)
	}
	return nil
}

// page cuts rows, sorted by their key, to what a request wants: those after
// its token, no more than its MaxResults. The token that it returns leads to
// the next, and is nil at the end. Without MaxResults and token all are given.
func page[T any](rows []T, key func(T) string, rule pageRule, maxResults *int32, token *string) ([]T, *string, error) {
	if token != nil && *token != "" {
		after, err := readToken(*token)
		if err != nil {
			return nil, nil, err
		}
		from, found := slices.BinarySearchFunc(rows, after, func(row T, after string) int {
			return strings.Compare(key(row), after)
		})
		if found {
			from++
		}
		rows = rows[from:]
	}
	if maxResults == nil {
		return rows, nil, nil
	}
	n := int(min(*maxResults, rule.most))
	if n <= 0 || len(rows) <= n {
		return rows, nil, nil
	}
	next := writeToken(key(rows[n-1]))
	return rows[:n], &next, nil
}

// tokenMark begins every token's content, so that a text which only happens to
// be base64 is not taken for one.
const tokenMark = "after:"

func writeToken(after string) string {
	return base64.URLEncoding.EncodeToString([]byte(tokenMark + after))
}

func readToken(token string) (after string, err error) {
	raw, err := base64.URLEncoding.Strict().DecodeString(token)
	if err == nil {
		if after, ok := strings.CutPrefix(string(raw), tokenMark); ok && after != "" {
			return after, nil
		}
	}
	return "", api.Error("InvalidNextToken", "The specified NextToken is not valid.")
}
