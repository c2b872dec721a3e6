package lake

import (
	"strings"
	"testing"
)

// FuzzScan: the tokens are the statement, whatever it is.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"", "SELECT 'a''b', \"c\"\"d\" FROM " + storeA + " -- x\n/* /* */ y */ WHERE a.b = 1", "'", "\"", "/*", "--", "\x00\xff", "a" + storeA, storeA + "-",
		"any_match(r, x -> f(x) > (1)) + filter(a, b) FILTER (WHERE c)", ")))", "(((",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, statement string) {
		tokens := scan(statement)
		var b strings.Builder
		for _, tok := range tokens {
			if tok.at != b.Len() || tok.text == "" {
				t.Fatalf("token %q at %d of %q", tok.text, tok.at, statement)
			}
			b.WriteString(tok.text)
		}
		if b.String() != statement {
			t.Errorf("%q became %q", statement, b.String())
		}
		translated(tokens)
		place(tokens, "x")
		names(tokens)
		for _, id := range stores(tokens) {
			if !strings.Contains(tabled(tokens), `"`+id+`"`) {
				t.Errorf("%q has no table %s", tabled(tokens), id)
			}
		}
	})
}

func FuzzReadType(f *testing.F) {
	for _, s := range []string{
		"VARCHAR", `STRUCT("a" VARCHAR, "b ""c" INTEGER[])`, "MAP(VARCHAR, VARCHAR)", "DECIMAL(18,3)", "STRUCT(", "MAP(A)", "X[", "[]", `STRUCT("a" MAP(VARCHAR, STRUCT("b" DATE)[]))[3]`,
		"TIMESTAMP WITH TIME ZONE", `STRUCT("`, `STRUCT("a`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := readType(s); got.name == "" && s != "" {
			t.Errorf("%q has no name", s)
		}
	})
}

// FuzzRow: an event of any form makes a row, or an error.
func FuzzRow(f *testing.F) {
	for _, list := range testEvents {
		for _, e := range list {
			f.Add([]byte(e))
		}
	}
	for _, s := range []string{"", "{}", "null", "[]", `{"userIdentity":[],"resources":{},"requestParameters":"x","eventTime":5}`, `{"a":`, `{"resources":[1,null,{"ARN":null}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		values, err := rowOf(event, func(string) bool { return true })
		if err == nil && len(values) != len(schema) {
			t.Errorf("%d values", len(values))
		}
	})
}

// FuzzTree: what the parser gives is examined without a panic.
func FuzzTree(f *testing.F) {
	for _, s := range []string{
		`{"error":false,"statements":[{"node":{"type":"SELECT_NODE","select_list":[{"class":"STAR","type":"STAR"}],"from_table":{"type":"BASE_TABLE","table_name":"x"},"cte_map":{"map":[{"key":"x"}]}}}]}`,
		`{"error":true,"error_type":"parser","error_message":"no"}`, `{"statements":[{"node":null}]}`, `{"statements":[{"node":{"type":"SET_OPERATION_NODE","left":{"type":"SELECT_NODE"}}}]}`, `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, raw []byte) {
		t, err := parseTree(raw)
		if err != nil {
			return
		}
		_, _ = t.inspect([]string{storeA})
		t.headings([]string{"a", "b"})
		t.counting()
	})
}
