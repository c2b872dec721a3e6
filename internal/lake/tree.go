package lake

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// tree is a statement as the engine's parser gives it.
type tree struct {
	Error      bool            `json:"error"`
	Message    string          `json:"error_message"`
	Kind       string          `json:"error_type"`
	Statements []treeStatement `json:"statements"`
}

type treeStatement struct {
	Node json.RawMessage `json:"node"`
}

func refuse(message string) error { return &api.StatementError{Message: message} }

// errNotSelect is Lake's rule (CloudTrail guide, "CloudTrail Lake SQL
// constraints"); the wording rests on no source.
var errNotSelect = refuse("Only SELECT statements are allowed.")

// parseTree reads what the parser gave: one SELECT.
func parseTree(raw []byte) (*tree, error) {
	var t tree
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, errors.New("lake: the engine's tree: " + err.Error())
	}
	switch {
	case t.Error && t.Kind == "not implemented":
		return nil, errNotSelect
	case t.Error:
		return nil, refuse(t.Message)
	case len(t.Statements) != 1:
		return nil, refuse("A query must be exactly one statement.")
	}
	return &t, nil
}

// nodes are the kinds of queries that a SELECT is made of, tables what can stand
// behind FROM.
var (
	queryNodes = []string{"SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE"}
	tableNodes = []string{"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST"}
)

// inspection goes through a tree: what is not known to be harmless is refused.
type inspection struct {
	stores []string
	// ctes are the names that the statement gives to queries of its own.
	ctes []string
	// stars: some query asks for all columns.
	stars bool
}

// inspect refuses tables that are not event data stores, functions that are not
// Trino's, and whatever else is not of a SELECT.
func (t *tree) inspect(stores []string) (*inspection, error) {
	var root any
	if err := json.Unmarshal(t.Statements[0].Node, &root); err != nil {
		return nil, errors.New("lake: the engine's tree: " + err.Error())
	}
	in := &inspection{stores: stores}
	in.gather(root)
	return in, in.look(root)
}

// gather finds the statement's own names.
func (in *inspection) gather(v any) {
	switch v := v.(type) {
	case map[string]any:
		if ctes, ok := v["cte_map"].(map[string]any); ok {
			list, _ := ctes["map"].([]any)
			for _, e := range list {
				if entry, ok := e.(map[string]any); ok {
					if name, ok := entry["key"].(string); ok {
						in.ctes = append(in.ctes, strings.ToLower(name))
					}
				}
			}
		}
		for _, e := range v {
			in.gather(e)
		}
	case []any:
		for _, e := range v {
			in.gather(e)
		}
	}
}

func (in *inspection) look(v any) error {
	switch v := v.(type) {
	case map[string]any:
		if err := in.lookAt(v); err != nil {
			return err
		}
		for _, e := range v {
			if err := in.look(e); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := in.look(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *inspection) lookAt(n map[string]any) error {
	kind, _ := n["type"].(string)
	if _, ok := n["cte_map"]; ok && !slices.Contains(queryNodes, kind) {
		return errNotSelect
	}
	for _, from := range []string{"from_table", "left", "right"} {
		table, ok := n[from].(map[string]any)
		if !ok {
			continue
		}
		k, _ := table["type"].(string)
		if kind == "JOIN" || from == "from_table" {
			if !slices.Contains(tableNodes, k) {
				return errNotSelect
			}
		}
	}
	switch {
	case kind == "BASE_TABLE":
		return in.table(n)
	case kind == "TABLE_FUNCTION":
		f, _ := n["function"].(map[string]any)
		if name, _ := f["function_name"].(string); !strings.EqualFold(name, "unnest") {
			return refuse("Table function '" + name + "' not registered")
		}
	case kind == "STAR":
		in.stars = true
	case kind == "COLUMN_REF":
		if name := bareName(n); slices.Contains(strangers, name) {
			return refuse("Function '" + name + "' not registered")
		}
	case n["class"] == "PARAMETER":
		return refuse("Incorrect number of parameters: expected 1 but found 0")
	}
	name, called := n["function_name"].(string)
	if operator, _ := n["is_operator"].(bool); called && name != "" && !operator && !isFunction(name) {
		return refuse("Function '" + name + "' not registered")
	}
	if s, _ := n["schema"].(string); called && s != "" && s != "main" {
		return refuse("Function '" + s + "." + name + "' not registered")
	}
	return nil
}

// bareName is a column's name, in lower case, if nothing stands before it.
func bareName(n map[string]any) string {
	parts, _ := n["column_names"].([]any)
	if len(parts) != 1 {
		return ""
	}
	name, _ := parts[0].(string)
	return strings.ToLower(name)
}

func (in *inspection) table(n map[string]any) error {
	name, _ := n["table_name"].(string)
	schema, _ := n["schema_name"].(string)
	catalog, _ := n["catalog_name"].(string)
	if schema == "" && catalog == "" && (slices.Contains(in.stores, strings.ToLower(name)) || slices.Contains(in.ctes, strings.ToLower(name))) {
		return nil
	}
	return refuse("Table '" + strings.Join(slices.DeleteFunc([]string{catalog, schema, name}, func(s string) bool { return s == "" }), ".") + "' does not exist")
}

// query is a query's own part of the tree.
type query struct {
	Type       string       `json:"type"`
	SelectList []selectItem `json:"select_list"`
	Left       *query       `json:"left"`
	Child      *query       `json:"child"`
}

type selectItem struct {
	Alias       string   `json:"alias"`
	Class       string   `json:"class"`
	ColumnNames []string `json:"column_names"`
}

// headings are the names of the result's columns, of which there are n, as Trino
// gives them: what AS says, or the name of the column or field as it is written
// there, or _col and the column's number. A star's are the engine's.
func (t *tree) headings(engines []string) []string {
	var q query
	if json.Unmarshal(t.Statements[0].Node, &q) != nil {
		return engines
	}
	top := &q
	for top.Type != "SELECT_NODE" {
		switch {
		case top.Left != nil:
			top = top.Left
		case top.Child != nil:
			top = top.Child
		default:
			return engines
		}
	}
	out := slices.Clone(engines)
	items := top.SelectList
	first := slices.IndexFunc(items, isStar)
	if first < 0 {
		first = len(items)
	}
	// What stands before the first star is counted from the front, what stands
	// behind the last one from the back; between two stars nobody can tell.
	for i := 0; i < first && i < len(out); i++ {
		out[i] = items[i].heading(i)
	}
	for i := 1; first+i < len(items) && i <= len(out); i++ {
		item := items[len(items)-i]
		if isStar(item) {
			break
		}
		out[len(out)-i] = item.heading(len(out) - i)
	}
	return out
}

func isStar(i selectItem) bool { return i.Class == "STAR" }

func (i selectItem) heading(at int) string {
	switch {
	case i.Alias != "":
		return i.Alias
	case i.Class == "COLUMN_REF" && len(i.ColumnNames) == 1 && presents[strings.ToLower(i.ColumnNames[0])] != "":
	case i.Class == "COLUMN_REF" && len(i.ColumnNames) > 0:
		return i.ColumnNames[len(i.ColumnNames)-1]
	}
	return "_col" + strconv.Itoa(at)
}

// counting is the statement that counts what a query's conditions let pass: its
// FROM and WHERE without the rest. It is nil for a query that has no such, whose
// rows are then what matched.
func (t *tree) counting() []byte {
	var node map[string]any
	if json.Unmarshal(t.Statements[0].Node, &node) != nil || node["type"] != "SELECT_NODE" {
		return nil
	}
	if from, _ := node["from_table"].(map[string]any); from["type"] != "BASE_TABLE" && from["type"] != "JOIN" {
		return nil
	}
	node["select_list"] = []any{map[string]any{
		"class": "FUNCTION", "type": "FUNCTION", "alias": "", "query_location": 0, "function_name": "count_star", "schema": "", "catalog": "",
		"children": []any{}, "filter": nil, "order_bys": map[string]any{"type": "ORDER_MODIFIER", "orders": []any{}},
		"distinct": false, "is_operator": false, "export_state": false,
	}}
	node["group_expressions"], node["group_sets"], node["modifiers"] = []any{}, []any{}, []any{}
	node["having"], node["qualify"], node["sample"] = nil, nil, nil
	node["aggregate_handling"] = "STANDARD_HANDLING"
	raw, err := json.Marshal(map[string]any{"error": false, "statements": []any{map[string]any{"node": node, "named_param_map": []any{}}}})
	if err != nil {
		return nil
	}
	return raw
}
