//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package lake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/keyturn/keyturn/internal/api"
)

// Engine runs statements. It holds nothing between two, and is safe for
// concurrent use; each run takes up to memoryLimit.
type Engine struct{}

var _ api.Lake = Engine{}

// Available reports whether there is an engine in this build.
const Available = true

// memoryLimit bounds what one run may take, and settings keep it in: nothing
// outside of its own memory is within its reach. Both are ours.
const (
	memoryLimit = "512MB"
	settings    = "SET threads = 1; SET memory_limit = '" + memoryLimit + "'; SET temp_directory = ''; SET max_temp_directory_size = '0B';" +
		"SET autoinstall_known_extensions = false; SET autoload_known_extensions = false; SET allow_community_extensions = false;" +
		"SET enable_external_access = false; SET TimeZone = 'UTC'; SET integer_division = true;"
)

// New returns the engine.
func New() Engine { return Engine{} }

// session is a database of its own, with one connection.
type session struct {
	db   *sql.DB
	conn *sql.Conn
}

func open(ctx context.Context) (*session, error) {
	connector, err := duckdb.NewConnector("?threads=1", nil)
	if err != nil {
		return nil, fmt.Errorf("lake: %w", err)
	}
	s := &session{db: sql.OpenDB(connector)}
	if s.conn, err = s.db.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("lake: %w", err), s.db.Close())
	}
	if _, err := s.conn.ExecContext(ctx, settings); err != nil {
		return nil, errors.Join(fmt.Errorf("lake: settings: %w", err), s.close())
	}
	return s, nil
}

func (s *session) close() error { return errors.Join(s.conn.Close(), s.db.Close()) }

// prepare makes the tables and functions that a statement may use, and then
// lets no setting be changed any more.
func (s *session) prepare(ctx context.Context, stores []string, now time.Time, load func(table string) error) error {
	var b strings.Builder
	b.WriteString(macros)
	b.WriteString("CREATE MACRO lake_now() AS TIMESTAMP '" + now.UTC().Format("2006-01-02 15:04:05.000") + "';")
	for _, id := range stores {
		b.WriteString(`CREATE TABLE "` + id + `" (` + declare(schema) + ");")
	}
	if _, err := s.conn.ExecContext(ctx, b.String()); err != nil {
		return fmt.Errorf("lake: prepare: %w", err)
	}
	for _, id := range stores {
		if err := load(id); err != nil {
			return err
		}
	}
	if _, err := s.conn.ExecContext(ctx, "SET lock_configuration = true"); err != nil {
		return fmt.Errorf("lake: prepare: %w", err)
	}
	return nil
}

// parse has the engine's parser make the tree of a statement.
func (s *session) parse(ctx context.Context, statement string) (*tree, error) {
	var raw string
	if err := s.conn.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR)) AS VARCHAR)", statement).Scan(&raw); err != nil {
		return nil, fmt.Errorf("lake: parse: %w", err)
	}
	return parseTree([]byte(raw))
}

// examine refuses what may not run.
func (s *session) examine(ctx context.Context, tokens []token) (*tree, *inspection, error) {
	if at := dollar(tokens); at != "" {
		return nil, nil, refuse("mismatched input '" + at + "'")
	}
	t, err := s.parse(ctx, tabled(tokens))
	if err != nil {
		return nil, nil, err
	}
	in, err := t.inspect(stores(tokens))
	return t, in, err
}

// Check implements api.Lake.
func (Engine) Check(ctx context.Context, statement string) (out api.LakeStatement, err error) {
	s, err := open(ctx)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	tokens := scan(statement)
	if _, _, err := s.examine(ctx, tokens); err != nil {
		return out, told(err, tokens)
	}
	out.Stores = stores(tokens)
	if err := s.prepare(ctx, out.Stores, time.Unix(0, 0), func(string) error { return nil }); err != nil {
		return out, err
	}
	bound, err := s.conn.PrepareContext(ctx, translated(tokens))
	if err != nil {
		return out, told(err, tokens)
	}
	defer func() { err = errors.Join(err, bound.Close()) }()
	return out, nil
}

// Run implements api.Lake.
func (Engine) Run(ctx context.Context, run api.LakeRun) (statistics api.LakeStatistics, err error) {
	s, err := open(ctx)
	if err != nil {
		return statistics, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	tokens := scan(run.Statement)
	t, in, err := s.examine(ctx, tokens)
	if err != nil {
		return statistics, told(err, tokens)
	}
	named := names(tokens)
	wanted := func(column string) bool { return in.stars || named[column] }
	err = s.prepare(ctx, in.stores, run.Now, func(id string) error {
		return s.load(ctx, id, run, wanted, &statistics)
	})
	if err != nil {
		return statistics, ended(ctx, err)
	}
	rows, err := s.result(ctx, t, translated(tokens), run)
	if err != nil {
		return statistics, ended(ctx, told(err, tokens))
	}
	statistics.EventsMatched = s.matched(ctx, translated(tokens), rows)
	return statistics, nil
}

// ended is the context's error, where that is why something failed.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// load fills an event data store's table with what the statement needs of its events.
func (s *session) load(ctx context.Context, id string, run api.LakeRun, wanted func(string) bool, statistics *api.LakeStatistics) error {
	return s.conn.Raw(func(c any) (err error) {
		a, err := duckdb.NewAppenderFromConn(c.(driver.Conn), "", id)
		if err != nil {
			return fmt.Errorf("lake: load: %w", err)
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		args := make([]driver.Value, len(schema))
		for event, err := range run.Events(id) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			values, err := rowOf(event, wanted)
			if err != nil {
				return err
			}
			for i, v := range values {
				args[i] = engines(v)
			}
			if err := a.AppendRow(args...); err != nil {
				return fmt.Errorf("lake: load: %w", err)
			}
			statistics.EventsScanned++
			statistics.BytesScanned += int64(len(event))
		}
		return nil
	})
}

// engines is a value in the driver's types.
func engines(v any) any {
	switch v := v.(type) {
	case strMap:
		var m duckdb.OrderedMap
		for i, k := range v.keys {
			if v.values[i] == nil {
				m.Set(k, nil)
				continue
			}
			m.Set(k, *v.values[i])
		}
		return m
	case map[string]any:
		for k, e := range v {
			v[k] = engines(e)
		}
	case []any:
		for i, e := range v {
			v[i] = engines(e)
		}
	}
	return v
}

// result runs the statement and gives its rows away; it returns how many there were.
func (s *session) result(ctx context.Context, t *tree, statement string, run api.LakeRun) (n int64, err error) {
	rows, err := s.conn.QueryContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, fmt.Errorf("lake: result: %w", err)
	}
	names, kinds := make([]string, len(columns)), make([]typeName, len(columns))
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		names[i], kinds[i], into[i] = c.Name(), readType(c.DatabaseTypeName()), &values[i]
	}
	if err := run.Columns(t.headings(names)); err != nil {
		return 0, err
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, fmt.Errorf("lake: result: %w", err)
		}
		texts := make([]*string, len(values))
		for i, v := range values {
			if v != nil {
				texts[i] = new(render(kinds[i], v))
			}
		}
		if err := run.Row(texts); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// matched counts the events that the statement's conditions let pass; of a
// statement of another form its rows.
func (s *session) matched(ctx context.Context, statement string, rows int64) int64 {
	t, err := s.parse(ctx, statement)
	if err != nil {
		return rows
	}
	counting := t.counting()
	var n int64
	if counting == nil || s.conn.QueryRowContext(ctx, "SELECT * FROM json_execute_serialized_sql(CAST(? AS VARCHAR))", string(counting)).Scan(&n) != nil {
		return rows
	}
	return n
}

// What the engine says of the commonest mistakes, to be said as Trino does.
var (
	unknownColumn  = regexp.MustCompile(`Referenced (?:column|table) "([^"]+)" not found|does not have a column named "([^"]+)"|Could not find key "([^"]+)" in struct`)
	syntaxError    = regexp.MustCompile(`syntax error at (?:or near "([^"]+)"|end of input)|^mismatched input '(.+)'$`)
	noFunction     = regexp.MustCompile(`Function '([^']+)' not registered`)
	notSuchTypes   = regexp.MustCompile(`No function matches the given name and argument types '([^']+)'`)
	notInGroupBy   = regexp.MustCompile(`column "?([^" ]+)"? must appear in the GROUP BY clause`)
	noConversion   = regexp.MustCompile(`(?s)Could not convert string '(.*)' to (?:\w+)`)
	outOfMemory    = regexp.MustCompile(`Out of Memory|could not allocate|failed to (?:allocate|offload|pin)`)
	renamedToTrino = regexp.MustCompile(`\blake_`)
)

// told makes the engine's error one for who wrote the statement, without the
// engine's own ways of drawing it.
func told(err error, tokens []token) error {
	var message string
	if e, ok := errors.AsType[*duckdb.Error](err); ok {
		message = e.Msg
	} else if e, ok := errors.AsType[*api.StatementError](err); ok {
		message = e.Message
	} else {
		return err
	}
	for _, p := range []struct {
		pattern *regexp.Regexp
		say     func(of string) string
	}{
		{unknownColumn, func(n string) string {
			return place(tokens, n) + "Column '" + strings.ToLower(n) + "' cannot be resolved"
		}},
		{syntaxError, func(n string) string {
			if n == "" {
				n = "<EOF>"
			}
			return place(tokens, n) + "mismatched input '" + n + "'"
		}},
		{noFunction, func(n string) string {
			return place(tokens, n) + "Function '" + strings.ToLower(n) + "' not registered"
		}},
		{notSuchTypes, func(n string) string {
			return "Unexpected parameters for function " + renamedToTrino.ReplaceAllString(n, "")
		}},
		{notInGroupBy, func(n string) string {
			return place(tokens, n) + "'" + n + "' must be an aggregate expression or appear in GROUP BY clause"
		}},
		{noConversion, func(n string) string { return "Cannot cast '" + n + "' to the type that is asked for" }},
		{outOfMemory, func(string) string { return "Query exhausted resources at this scale factor" }},
	} {
		if m := p.pattern.FindStringSubmatch(message); m != nil {
			return refuse(p.say(strings.Join(m[1:], "")))
		}
	}
	message, _, _ = strings.Cut(message, "\n")
	if _, after, ok := strings.Cut(message, " Error: "); ok {
		message = after
	}
	return refuse(renamedToTrino.ReplaceAllString(message, ""))
}
