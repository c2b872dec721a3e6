package lake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/api"
)

const (
	storeA = "11111111-2222-3333-4444-555555555555"
	storeB = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

var testNow = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// testEvents are those of the two stores.
var testEvents = map[string][]string{
	storeA: {
		event("2026-03-10T11:58:00Z", "ec2.amazonaws.com", "StartInstances", "", `{"instancesSet":{"items":[{"instanceId":"i-0123"}]}}`),
		event("2026-03-10T10:30:00Z", "kms.amazonaws.com", "CreateGrant", "AccessDenied", `null`),
		event("2026-03-09T10:10:00Z", "kms.amazonaws.com", "Decrypt", "", `{"keyId":"k","encryptionContext":{"a":"b"},"dry":true,"n":5}`),
		event("2026-03-01T10:10:00Z", "ec2.amazonaws.com", "StopInstances", "Client.UnauthorizedOperation", `{"force":false}`),
	},
	storeB: {event("2026-03-10T10:30:00Z", "iam.amazonaws.com", "CreateUser", "", `{"userName":"bob"}`)},
}

func event(at, source, name, code, parameters string) string {
	failed := ""
	if code != "" {
		failed = `"errorCode":"` + code + `","errorMessage":"not authorized",`
	}
	return `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROA:session","arn":"arn:aws:sts::123456789012:assumed-role/admin/session",
		"accountId":"123456789012","sessionContext":{"sessionIssuer":{"type":"Role","userName":"admin"},"attributes":{"creationDate":"2026-03-10T10:00:00Z","mfaAuthenticated":"false"}}},
		"eventTime":"` + at + `","eventSource":"` + source + `","eventName":"` + name + `","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.9",` + failed + `
		"requestParameters":` + parameters + `,"eventID":"id-` + name + `","readOnly":false,"managementEvent":true,
		"resources":[{"ARN":"arn:aws:kms:us-east-1:123456789012:key/k","accountId":"123456789012","type":"AWS::KMS::Key"}]}`
}

func eventsOf(id string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, e := range testEvents[id] {
			if !yield([]byte(e), nil) {
				return
			}
		}
	}
}

// answer is a statement's result as one text: a line for the columns, and one
// for each row.
func answer(ctx context.Context, statement string) (string, api.LakeStatistics, error) {
	var b strings.Builder
	if _, err := New().Check(ctx, statement); err != nil {
		return "", api.LakeStatistics{}, err
	}
	statistics, err := New().Run(ctx, api.LakeRun{
		Statement: statement, Now: testNow, Events: eventsOf,
		Columns: func(names []string) error { b.WriteString(strings.Join(names, "|")); return nil },
		Row: func(values []*string) error {
			b.WriteString("\n")
			for i, v := range values {
				if i > 0 {
					b.WriteString("|")
				}
				if v == nil {
					b.WriteString("NULL")
				} else {
					b.WriteString(*v)
				}
			}
			return nil
		},
	})
	return b.String(), statistics, err
}

func needEngine(t *testing.T) {
	t.Helper()
	if !Available {
		t.Skip("built without cgo: there is no engine")
	}
}

// TestStatements asks what people ask CloudTrail Lake.
func TestStatements(t *testing.T) {
	t.Parallel()
	needEngine(t)
	for _, tc := range []struct{ name, statement, want string }{
		{
			"the columns are called as they are written",
			"SELECT eventID, userIdentity.principalId, useridentity.sessionContext.sessionIssuer.userName AS who FROM A WHERE eventName = 'StartInstances'",
			"eventID|principalId|who\nid-StartInstances|AROA:session|admin",
		},
		{
			"an expression without a name is a numbered column",
			"SELECT eventName, count(*), element_at(requestParameters, 'keyId') FROM A WHERE eventName = 'Decrypt' GROUP BY 1, 3",
			"eventName|_col1|_col2\nDecrypt|1|k",
		},
		{
			"times are compared with texts and with literals",
			"SELECT eventTime FROM A WHERE eventTime > '2026-03-10 00:00:00' AND eventTime < timestamp '2026-03-10 11:00:00' AND eventTime >= DATE '2026-03-10'",
			"eventTime\n2026-03-10 10:30:00.000",
		},
		{
			"a parameter that is an object is JSON",
			"SELECT element_at(requestParameters, 'instancesSet') AS s, json_extract_scalar(element_at(requestParameters, 'instancesSet'), '$.items[0].instanceId') AS i, json_array_length(json_extract(requestParameters['instancesSet'], '$.items')) AS n FROM A WHERE element_at(requestParameters, 'instancesSet') LIKE '%i-0123%'",
			"s|i|n\n{\"items\":[{\"instanceId\":\"i-0123\"}]}|i-0123|1",
		},
		{
			"numbers and booleans among the parameters are texts",
			"SELECT element_at(requestParameters, 'dry') AS dry, element_at(requestParameters, 'n') AS n, element_at(requestParameters, 'none') AS none FROM A WHERE eventName = 'Decrypt'",
			"dry|n|none\ntrue|5|NULL",
		},
		{
			"what is denied, by who and what",
			"SELECT useridentity.arn, eventName, errorMessage, COUNT(*) AS denials FROM A WHERE errorCode IN ('AccessDenied') OR errorCode LIKE '%UnauthorizedOperation' GROUP BY useridentity.arn, eventName, errorMessage ORDER BY eventName DESC LIMIT 10",
			"arn|eventName|errorMessage|denials\narn:aws:sts::123456789012:assumed-role/admin/session|StopInstances|not authorized|1\narn:aws:sts::123456789012:assumed-role/admin/session|CreateGrant|not authorized|1",
		},
		{
			"by the hour, since some time ago",
			"SELECT date_trunc('hour', eventTime) AS hour, count(*) AS n FROM A WHERE eventTime > now() - interval '2' day AND eventTime > current_timestamp - INTERVAL '3' DAY AND eventTime >= date_add('day', -2, now()) GROUP BY date_trunc('hour', eventTime) ORDER BY hour",
			"hour|n\n2026-03-09 10:00:00.000|1\n2026-03-10 10:00:00.000|1\n2026-03-10 11:00:00.000|1",
		},
		{
			"cases",
			"SELECT CASE WHEN errorCode IS NULL THEN 'ok' ELSE 'failed' END AS outcome, count(*) FROM A GROUP BY 1 ORDER BY 1",
			"outcome|_col1\nfailed|2\nok|2",
		},
		{
			"without MFA",
			"SELECT DISTINCT userIdentity.sessionContext.attributes.mfaAuthenticated, userIdentity.sessionContext.attributes.creationdate FROM A WHERE userIdentity.sessionContext.attributes.mfaAuthenticated <> 'true'",
			"mfaAuthenticated|creationdate\nfalse|2026-03-10 10:00:00.000",
		},
		{
			"two stores in a union",
			"SELECT eventId, eventName FROM A WHERE eventName = 'Decrypt' UNION SELECT eventId, eventName FROM B ORDER BY eventId LIMIT 10;",
			"eventId|eventName\nid-CreateUser|CreateUser\nid-Decrypt|Decrypt",
		},
		{
			"two stores in a join",
			"SELECT edsA.eventName, edsB.eventName, element_at(edsB.requestParameters, 'userName') FROM A AS edsA LEFT JOIN B AS edsB ON edsA.eventTime = edsB.eventTime WHERE edsA.eventtime >= '2026-03-10' ORDER BY edsB.eventName",
			"eventName|eventName|_col2\nCreateGrant|CreateUser|bob\nStartInstances|NULL|NULL",
		},
		{
			"a query with a name",
			"WITH failed AS (SELECT eventName, errorCode FROM A WHERE errorCode IS NOT NULL) SELECT errorCode, count(*) AS n FROM failed GROUP BY errorCode HAVING count(*) > 0 ORDER BY n DESC, errorCode",
			"errorCode|n\nAccessDenied|1\nClient.UnauthorizedOperation|1",
		},
		{
			"an id in a string or a comment is none",
			"SELECT 'A' AS a /* A */ FROM A -- A\nLIMIT 1",
			"a\n" + storeA,
		},
		{
			"rows, maps and arrays are shown in Trino's way",
			"SELECT useridentity.sessioncontext.sessionissuer, requestparameters, resources, readOnly FROM A WHERE eventName = 'Decrypt'",
			"sessionissuer|requestparameters|resources|readOnly\n{type=Role, principalid=null, arn=null, accountid=null, username=admin}|{keyId=k, encryptionContext={\"a\":\"b\"}, dry=true, n=5}|[{accountid=123456789012, type=AWS::KMS::Key, arn=arn:aws:kms:us-east-1:123456789012:key/k, arnprefix=null}]|false",
		},
		{
			"arrays",
			"SELECT resources[1].arn, element_at(resources, 1).type, cardinality(resources), cardinality(map_keys(requestParameters)), any_match(resources, r -> r.arn LIKE '%key/k'), none_match(resources, r -> r.type = 'x') FROM A WHERE eventName = 'Decrypt'",
			"_col0|_col1|_col2|_col3|_col4|_col5\narn:aws:kms:us-east-1:123456789012:key/k|AWS::KMS::Key|1|4|true|true",
		},
		{
			"unnest",
			"SELECT k, v FROM A CROSS JOIN UNNEST(map_keys(requestParameters)) AS t(k) CROSS JOIN UNNEST(ARRAY[1, 2]) AS u(v) WHERE eventName = 'StopInstances'",
			"k|v\nforce|1\nforce|2",
		},
		{
			"windows and subqueries",
			"SELECT eventName, row_number() OVER (ORDER BY eventTime) AS n FROM A WHERE eventName IN (SELECT eventName FROM A WHERE eventSource = 'kms.amazonaws.com')",
			"eventName|n\nDecrypt|1\nCreateGrant|2",
		},
		{
			"functions that are called otherwise here",
			"SELECT regexp_like('abc', 'b'), regexp_replace('aXbX', 'X', '-'), regexp_extract('abc', 'z'), split('a/b', '/')[2], array_join(ARRAY['a', 'b'], ','), date_diff('hour', timestamp '2026-01-01 00:59:00', timestamp '2026-01-01 01:01:00'), day_of_week(date '2026-03-08'), year(date '2026-03-08'), date_format(timestamp '2026-01-02 03:04:05', '%Y-%m-%d %H:%i:%s'), to_iso8601(from_iso8601_timestamp('2026-01-02T03:04:05+01:00')), date('2026-01-02'), current_date, approx_distinct(1), slice(ARRAY[1, 2, 3], 2, 2)",
			"_col0|_col1|_col2|_col3|_col4|_col5|_col6|_col7|_col8|_col9|_col10|_col11|_col12|_col13\ntrue|a-b-|NULL|b|a,b|0|7|2026|2026-01-02 03:04:05|2026-01-02T02:04:05.000|2026-01-02|2026-03-10|1|[2, 3]",
		},
		{
			"numbers",
			"SELECT 5 / 2, 5 / 2.0e0, avg(1), sum(2), 1e20, 0.5, CAST('7' AS bigint), try_cast('x' AS integer), 1.0e0",
			"_col0|_col1|_col2|_col3|_col4|_col5|_col6|_col7|_col8\n2|2.5|1.0|2|1.0E20|0.5|7|NULL|1.0",
		},
		{
			"filter and count_if",
			"SELECT count(*) FILTER (WHERE errorCode IS NOT NULL) AS f, count_if(errorCode IS NULL) AS c, max_by(eventName, eventTime) AS last, array_agg(DISTINCT eventSource ORDER BY eventSource) AS sources FROM A",
			"f|c|last|sources\n2|2|StartInstances|[ec2.amazonaws.com, kms.amazonaws.com]",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			statement := strings.NewReplacer("FROM A", "FROM "+storeA, "FROM B", "FROM "+storeB, "JOIN B", "JOIN "+storeB, "'A'", "'"+storeA+"'", "/* A */", "/* "+storeB+" */", "-- A", "-- "+storeB).Replace(tc.statement)
			got, _, err := answer(t.Context(), statement)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStarHasAllColumns(t *testing.T) {
	t.Parallel()
	needEngine(t)
	got, statistics, err := answer(t.Context(), "SELECT *, count(*) OVER () FROM "+storeB)
	if err != nil {
		t.Fatal(err)
	}
	head, row, _ := strings.Cut(got, "\n")
	columns := strings.Split(head, "|")
	if len(columns) != len(schema)+1 || columns[0] != "eventversion" || columns[len(schema)] != fmt.Sprintf("_col%d", len(schema)) {
		t.Errorf("columns %q", columns)
	}
	for _, part := range []string{`"userName":"bob"`, "{userName=bob}", "2026-03-10 10:30:00.000", "NULL"} {
		if !strings.Contains(row, part) {
			t.Errorf("no %s in %s", part, row)
		}
	}
	if want := (api.LakeStatistics{EventsScanned: 1, EventsMatched: 1, BytesScanned: int64(len(testEvents[storeB][0]))}); statistics != want {
		t.Errorf("%+v, want %+v", statistics, want)
	}
}

// TestStatisticsTellWhatConditionsLetPass: an aggregate has one row, of many events.
func TestStatisticsTellWhatConditionsLetPass(t *testing.T) {
	t.Parallel()
	needEngine(t)
	_, statistics, err := answer(t.Context(), "SELECT eventSource, count(*) FROM "+storeA+" WHERE eventTime > '2026-03-09 00:00:00' GROUP BY eventSource HAVING count(*) > 1 ORDER BY 2 LIMIT 1")
	if err != nil {
		t.Fatal(err)
	}
	if statistics.EventsScanned != 4 || statistics.EventsMatched != 3 {
		t.Errorf("%+v", statistics)
	}
}

// TestNothingButSelectRuns: what would reach beyond the events is refused before
// anything runs.
func TestNothingButSelectRuns(t *testing.T) {
	t.Parallel()
	needEngine(t)
	secret := t.TempDir() + "/secret.csv"
	for _, statement := range []string{
		"CREATE TABLE x (a int)", "DROP TABLE " + storeA, "DELETE FROM " + storeA, "UPDATE " + storeA + " SET eventName = 'x'",
		"INSERT INTO " + storeA + " (eventName) VALUES ('x')", "ATTACH '" + secret + "' AS x", "DETACH memory", "INSTALL httpfs", "LOAD httpfs",
		"COPY (SELECT 1) TO '" + secret + "'", "COPY " + storeA + " FROM '" + secret + "'", "EXPORT DATABASE '" + secret + "'",
		"PRAGMA database_list", "PRAGMA enable_external_access", "SET enable_external_access = true", "SET memory_limit = '10GB'", "RESET threads",
		"CALL pragma_version()", "SHOW TABLES", "DESCRIBE " + storeA, "SUMMARIZE " + storeA, "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "VACUUM", "CHECKPOINT", "USE memory",
		"SELECT 1; SELECT 2", "SELECT 1; DROP TABLE x", "PREPARE x AS SELECT 1", "EXECUTE x", "BEGIN", "", ";", "-- nothing", "PIVOT " + storeA + " ON eventName",
		"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM read_blob('/etc/passwd')", "SELECT * FROM read_json('/etc/passwd')",
		"SELECT * FROM read_parquet('https://example.com/x')", "SELECT * FROM parquet_scan('x')", "SELECT * FROM glob('/*')", "SELECT * FROM '/etc/passwd'", `SELECT * FROM "/etc/passwd"`,
		"FROM '/etc/passwd'", "SELECT * FROM 'https://example.com/x.csv'", "SELECT * FROM sniff_csv('/etc/passwd')", "SELECT * FROM sqlite_scan('a', 'b')",
		"SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_extensions()", "SELECT * FROM pragma_database_list()",
		"SELECT * FROM information_schema.tables", "SELECT * FROM pg_catalog.pg_tables", "SELECT * FROM sqlite_master", "SELECT * FROM duckdb_tables",
		"SELECT * FROM query('SELECT 1')", "SELECT * FROM query_table('x')", "SELECT * FROM json_execute_serialized_sql('{}')", "SELECT * FROM range(10)",
		"SELECT getenv('HOME')", "SELECT current_setting('memory_limit')", "SELECT set_config('a', 'b')", "SELECT getvariable('x')", "SELECT write_log('x')",
		"SELECT version()", "SELECT pg_sleep(1)", "SELECT nextval('x')", "SELECT current_user", "SELECT json_serialize_sql('SELECT 1')", "SELECT currval('x')", "SELECT system.main.version()",
		"SELECT (SELECT content FROM read_text('/etc/passwd'))", "SELECT 1 WHERE EXISTS (SELECT * FROM glob('*'))", "WITH x AS (SELECT * FROM glob('*')) SELECT * FROM x",
		"SELECT 1 UNION SELECT count(*) FROM glob('*')", "SELECT * FROM " + storeA + " JOIN glob('*') ON true", "SELECT * FROM (SELECT * FROM read_csv('x'))",
		"SELECT * FROM (SHOW TABLES)", "SELECT * FROM (DESCRIBE " + storeA + ")", "SELECT * FROM (VALUES (getenv('x')))", "SELECT * FROM (PIVOT " + storeA + " ON eventName)",
		"SELECT count(*) FROM " + storeA + " ORDER BY getenv('x')", "SELECT sum(1) FILTER (WHERE getenv('x') = '') FROM " + storeA, "SELECT row_number() OVER (ORDER BY getenv('x')) FROM " + storeA,
		"SELECT $$a$$", "SELECT $x$a$x$", "SELECT ?", "SELECT $1", "SELECT $name", "SELECT 1 LIMIT ?",
	} {
		_, err := New().Check(t.Context(), statement)
		if wrong := new(api.StatementError); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestErrorsAreTrinos(t *testing.T) {
	t.Parallel()
	needEngine(t)
	for _, tc := range []struct{ statement, want string }{
		{"SELECT foo FROM " + storeA, "line 1:8: Column 'foo' cannot be resolved"},
		{"SELECT\n  userIdentity.foo FROM " + storeA, "line 2:16: Column 'foo' cannot be resolved"},
		{"SELECT eventName FROM " + storeA + " WHERE", "mismatched input '<EOF>'"},
		{"SELECT eventName FORM FROM IN " + storeA, "line 1:28: mismatched input 'IN'"},
		{"SELECT nosuch(eventName) FROM " + storeA, "line 1:8: Function 'nosuch' not registered"},
		{"SELECT list_transform(resources, x -> x) FROM " + storeA, "line 1:8: Function 'list_transform' not registered"},
		{"SELECT eventName FROM nothing", "Table 'nothing' does not exist"},
		{"SELECT eventName, count(*) FROM " + storeA, "line 1:8: 'eventName' must be an aggregate expression or appear in GROUP BY clause"},
		{"SELECT date_trunc(resources) FROM " + storeA, "Unexpected parameters for function date_trunc(STRUCT"},
		{"DROP TABLE x", "Only SELECT statements are allowed."},
		{"SELECT 1; SELECT 2", "A query must be exactly one statement."},
	} {
		_, err := New().Check(t.Context(), tc.statement)
		if wrong := new(api.StatementError); !errors.As(err, &wrong) || !strings.HasPrefix(wrong.Message, tc.want) {
			t.Errorf("%s\n%v, want %s", tc.statement, err, tc.want)
		}
	}
	// What only shows as it runs.
	if _, _, err := answer(t.Context(), "SELECT CAST(eventName AS integer) FROM "+storeA); err == nil || !strings.Contains(err.Error(), "StartInstances") {
		t.Errorf("%v", err)
	}
}

// TestARunEnds: with the time, and with who takes its rows.
func TestARunEnds(t *testing.T) {
	t.Parallel()
	needEngine(t)
	endless := "SELECT count(*) FROM (SELECT * FROM UNNEST(sequence(1, 100000)) AS a(x)) a, (SELECT * FROM UNNEST(sequence(1, 100000)) AS b(y)) b WHERE (x * y) % 7 = 3"
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := New().Run(ctx, api.LakeRun{Statement: endless, Now: testNow, Events: eventsOf, Columns: func([]string) error { return nil }, Row: func([]*string) error { return nil }}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it ended after %v", took)
	}
	enough := errors.New("enough")
	n := 0
	_, err := New().Run(t.Context(), api.LakeRun{
		Statement: "SELECT x FROM UNNEST(sequence(1, 1000000)) AS t(x)", Now: testNow, Events: eventsOf,
		Columns: func([]string) error { return nil },
		Row: func([]*string) error {
			if n++; n == 10 {
				return enough
			}
			return nil
		},
	})
	if !errors.Is(err, enough) || n != 10 {
		t.Errorf("%v after %d rows", err, n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	needEngine(t)
	_, err := New().Run(t.Context(), api.LakeRun{
		Statement: "SELECT array_agg(lpad('x', 1000, 'y') || CAST(x AS varchar)) FROM UNNEST(sequence(1, 5000000)) AS t(x)", Now: testNow, Events: eventsOf,
		Columns: func([]string) error { return nil }, Row: func([]*string) error { return nil },
	})
	if wrong := new(api.StatementError); !errors.As(err, &wrong) || wrong.Message != "Query exhausted resources at this scale factor" {
		t.Errorf("%v", err)
	}
}

// TestDepthIsBounded: a statement as long as AWS takes, and as deep as one can be,
// must not take the process with it.
func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	needEngine(t)
	const length = 10000
	deep := func(open, middle, end string) string {
		n := length / (len(open) + len(end))
		return "SELECT " + strings.Repeat(open, n) + middle + strings.Repeat(end, n)
	}
	for _, statement := range []string{
		deep("(", "1", ")"), deep("abs(", "1", ")"), deep("NOT ", "true", ""), deep("- ", "1", ""), deep("1+", "1", ""), deep("a.", "a", ""),
		deep("(SELECT ", "1", ")"), deep("CASE WHEN true THEN ", "1", " END"), deep("", "1", " UNION SELECT 1"), deep("ARRAY[", "1", "]"),
		deep("", "1", " AND 1"), deep("", "x", "[1]"), deep("", "1", "::int"), deep("EXISTS(SELECT ", "1", ")"), deep("array[1][", "1", "]"),
		"SELECT * FROM " + strings.Repeat("(SELECT * FROM ", 600) + storeA + strings.Repeat(")", 600),
		"SELECT * FROM " + storeA + strings.Repeat(" NATURAL JOIN "+storeA, 100),
		"SELECT 1 IN (" + strings.Repeat("1,", length/2) + "1)",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := New().Check(ctx, statement)
		if wrong := new(api.StatementError); err != nil && !errors.As(err, &wrong) {
			t.Errorf("%.40s…: %v", statement, err)
		}
		cancel()
	}
}

func TestWithoutEngine(t *testing.T) {
	t.Parallel()
	if Available {
		t.Skip("there is an engine")
	}
	if _, err := New().Check(t.Context(), "SELECT 1"); !errors.Is(err, api.ErrNoLake) {
		t.Errorf("%v", err)
	}
}
