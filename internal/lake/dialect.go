package lake

import (
	"strconv"
	"strings"
)

// kind tells tokens apart, as far as needed to change some and leave the rest.
type kind int

const (
	other  kind = iota // spaces, comments, symbols
	word               // a name or a keyword
	quoted             // a name in double quotes
	text               // a string
	store              // the id of an event data store
)

type token struct {
	kind kind
	text string // as it stands in the statement
	at   int    // where it begins, in bytes
}

// scan cuts a statement into tokens, which together are the statement. It fails
// nothing: what makes no sense, such as a string without an end, the parser will
// refuse.
func scan(statement string) []token {
	var all []token
	for at := 0; at < len(statement); {
		k, n := next(statement[at:])
		all = append(all, token{kind: k, text: statement[at : at+n], at: at})
		at += n
	}
	return all
}

// next is the first token's kind and length.
func next(s string) (kind, int) {
	switch c := s[0]; {
	case strings.HasPrefix(s, "--"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return other, n
		}
		return other, len(s)
	case strings.HasPrefix(s, "/*"):
		return other, commentLength(s)
	case c == '\'':
		return text, closing(s)
	case c == '"':
		return quoted, closing(s)
	case isStoreID(s):
		return store, storeIDLength
	case isWord(c):
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		return word, n
	}
	return other, 1
}

// commentLength is the length of a comment, in which others may stand.
func commentLength(s string) int {
	depth, at := 0, 0
	for at < len(s) {
		switch {
		case strings.HasPrefix(s[at:], "/*"):
			depth++
			at += 2
		case strings.HasPrefix(s[at:], "*/"):
			depth--
			at += 2
			if depth == 0 {
				return at
			}
		default:
			at++
		}
	}
	return at
}

// closing is the length of what begins with a quote, in which two quotes are one.
func closing(s string) int {
	for at := 1; at < len(s); at++ {
		if s[at] != s[0] {
			continue
		}
		if at+1 < len(s) && s[at+1] == s[0] {
			at++
			continue
		}
		return at + 1
	}
	return len(s)
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

const storeIDLength = len("00000000-0000-0000-0000-000000000000")

// isStoreID reports whether s begins with a UUID that nothing continues.
func isStoreID(s string) bool {
	if len(s) < storeIDLength || len(s) > storeIDLength && (isWord(s[storeIDLength]) || s[storeIDLength] == '-') {
		return false
	}
	for i := range storeIDLength {
		c := s[i]
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// tabled is the statement with the ids of event data stores as names of tables,
// and nothing else changed: what the tree is made of that is examined.
func tabled(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		if t.kind == store {
			b.WriteString(`"` + strings.ToLower(t.text) + `"`)
			continue
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// translated is the statement as the engine runs it: Trino's functions by the
// names of those that stand for them.
func translated(tokens []token) string {
	var b strings.Builder
	depth := 0
	// tails are what goes after the parenthesis that closes a depth.
	tails := make(map[int]string)
	for i, t := range tokens {
		name := strings.ToLower(t.text)
		call := t.kind == word && calls(tokens, i) && !filters(tokens, i)
		switch {
		case t.kind == store:
			b.WriteString(`"` + name + `"`)
		case call && wrapped[name] != [2]string{}:
			b.WriteString(wrapped[name][0])
			tails[depth+1] = wrapped[name][1]
		case call && functions[name] != "":
			b.WriteString(functions[name])
		case t.kind == word && !call && !parted(tokens, i) && presents[name] != "":
			b.WriteString(presents[name])
		default:
			b.WriteString(t.text)
		}
		switch {
		case t.kind != other:
		case t.text == "(":
			depth++
		case t.text == ")":
			b.WriteString(tails[depth])
			delete(tails, depth)
			depth--
		}
	}
	return b.String()
}

// wrapped are the functions that take a lambda, which no macro can: what stands
// for them is put around their arguments.
var wrapped = map[string][2]string{
	"any_match":  {"coalesce(list_bool_or(list_transform", "), false)"},
	"all_match":  {"coalesce(list_bool_and(list_transform", "), true)"},
	"none_match": {"coalesce(NOT list_bool_or(list_transform", "), true)"},
}

// presents are the keywords that stand for the present, which is the cloud's.
var presents = map[string]string{
	"current_timestamp": "lake_now()", "localtimestamp": "lake_now()", "current_date": "CAST(lake_now() AS DATE)",
}

// strangers are keywords that stand for something of the engine's own.
var strangers = []string{"current_user", "session_user", "current_catalog", "current_schema", "current_role", "current_database", "current_time", "localtime"}

// calls reports whether a word is followed by a parenthesis.
func calls(tokens []token, i int) bool {
	for _, t := range tokens[i+1:] {
		switch {
		case t.kind != other:
			return false
		case t.text == "(":
			return true
		case strings.TrimSpace(t.text) != "" && !isComment(t.text):
			return false
		}
	}
	return false
}

// filters reports whether a word is the keyword of FILTER (WHERE …), which is no
// call of Trino's filter.
func filters(tokens []token, i int) bool {
	if !strings.EqualFold(tokens[i].text, "filter") {
		return false
	}
	for _, t := range tokens[i+1:] {
		if t.kind == word {
			return strings.EqualFold(t.text, "where")
		}
	}
	return false
}

func isComment(s string) bool { return strings.HasPrefix(s, "--") || strings.HasPrefix(s, "/*") }

// parted reports whether a word is a part of a longer name.
func parted(tokens []token, i int) bool {
	return i > 0 && tokens[i-1].text == "." || i+1 < len(tokens) && tokens[i+1].text == "."
}

// dollar is the first word with a dollar sign, which the engine has for strings
// and parameters and Trino has not.
func dollar(tokens []token) string {
	for _, t := range tokens {
		if t.kind == word && strings.Contains(t.text, "$") {
			return t.text
		}
	}
	return ""
}

// stores are the ids that a statement names, each once.
func stores(tokens []token) []string {
	var ids []string
	seen := make(map[string]bool)
	for _, t := range tokens {
		if id := strings.ToLower(t.text); t.kind == store && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// names are the names and keywords of a statement, in lower case.
func names(tokens []token) map[string]bool {
	all := make(map[string]bool)
	for _, t := range tokens {
		switch t.kind {
		case word:
			all[strings.ToLower(t.text)] = true
		case quoted:
			all[strings.ToLower(strings.Trim(t.text, `"`))] = true
		}
	}
	return all
}

// place is where a name first stands in a statement, as Trino tells it: "line 1:8: ".
// It is empty for a name that is not there.
func place(tokens []token, name string) string {
	line, column := 1, 1
	for _, t := range tokens {
		if strings.EqualFold(strings.Trim(t.text, `"`), name) {
			return "line " + strconv.Itoa(line) + ":" + strconv.Itoa(column) + ": "
		}
		for _, c := range t.text {
			if column++; c == '\n' {
				line, column = line+1, 1
			}
		}
	}
	return ""
}
