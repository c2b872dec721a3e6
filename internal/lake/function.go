package lake

import (
	"slices"
	"strings"
)

// functions are Trino's functions that can be called, by the names of the
// engine's that do as they do (Trino documentation, "Functions and operators").
// Those whose names begin with lake_ are macros.
var functions = functionTable(
	// Aggregates.
	`count sum min max avg any_value arbitrary array_agg bool_and bool_or every=bool_and count_if=lake_count_if
	max_by min_by approx_distinct=approx_count_distinct approx_percentile=approx_quantile listagg histogram=lake_histogram
	stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp geometric_mean skewness kurtosis`,
	// Windows.
	`row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value`,
	// Conditions and conversions.
	`coalesce nullif if try greatest least typeof cast try_cast grouping`,
	// Texts.
	`lower upper length trim ltrim rtrim lpad rpad reverse replace substr substring concat concat_ws strpos position
	split=string_split split_part starts_with chr codepoint=lake_codepoint levenshtein_distance=levenshtein translate
	hamming_distance=hamming regexp_like=regexp_matches regexp_extract=lake_regexp_extract regexp_extract_all
	regexp_replace=lake_regexp_replace regexp_split=string_split_regex to_hex=hex from_hex=unhex md5 sha256`,
	// Times.
	`now=lake_now date=lake_date date_trunc date_diff=lake_date_diff date_add=lake_date_add date_format=lake_date_format
	from_iso8601_timestamp=lake_timestamp from_iso8601_date=lake_date to_iso8601=lake_to_iso8601
	from_unixtime=lake_from_unixtime to_unixtime=epoch last_day_of_month=last_day extract
	year quarter month week week_of_year=week day day_of_month=day day_of_week=isodow dow=isodow day_of_year=dayofyear doy=dayofyear
	hour minute second=lake_second millisecond=lake_millisecond year_of_week=isoyear yow=isoyear`,
	// Maps and arrays.
	`element_at=lake_element_at cardinality=lake_cardinality map map_keys map_values map_entries map_concat map_from_entries
	contains array_contains array_distinct array_max=list_max array_min=list_min array_sort=list_sort array_join=array_to_string
	array_position array_intersect=list_intersect arrays_overlap=list_has_any array_remove=lake_array_remove
	slice=lake_slice flatten sequence=generate_series transform=list_transform filter=list_filter
	any_match all_match none_match unnest row`,
	// JSON.
	`json_parse=lake_json_parse json_format=lake_json_format json_extract=lake_json_extract json_extract_scalar=lake_json_extract_scalar
	json_array_get=lake_json_array_get json_array_length=lake_json_array_length json_array_contains=lake_json_array_contains
	json_size=lake_json_array_length is_json_scalar=lake_is_json_scalar`,
	// Numbers.
	`abs ceil ceiling floor round sign sqrt cbrt power pow=power exp ln log2 log10 mod truncate=trunc rand=random random pi
	degrees radians sin cos tan asin acos atan atan2 is_nan=isnan is_infinite=isinf is_finite=isfinite
	bitwise_and=lake_bitwise_and bitwise_or=lake_bitwise_or`,
)

// grammatical are the functions that the engine's parser puts for syntax that
// is Trino's, too: ARRAY[…], EXTRACT, INTERVAL, LIKE … ESCAPE.
var grammatical = strings.Fields(`count_star date_part list_value struct_pack row array_extract array_slice struct_extract
	like_escape not_like_escape to_years to_months to_days to_hours to_minutes to_seconds to_milliseconds trunc
	substring position timezone unnest construct_array main`)

func functionTable(lists ...string) map[string]string {
	table := make(map[string]string)
	for _, list := range lists {
		for f := range strings.FieldsSeq(list) {
			name, engines, renamed := strings.Cut(f, "=")
			if !renamed {
				engines = name
			}
			table[name] = engines
		}
	}
	return table
}

func isFunction(name string) bool {
	name = strings.ToLower(name)
	return functions[name] != "" || slices.Contains(grammatical, name)
}

// macros are Trino's functions in the engine's terms.
const macros = `
CREATE MACRO lake_count_if(x) AS CAST(count_if(x) AS BIGINT);
CREATE MACRO lake_histogram(x) AS histogram(x);
CREATE MACRO lake_codepoint(x) AS unicode(x);
CREATE MACRO lake_regexp_extract(s, p) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p) END, (s, p, g) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END;
CREATE MACRO lake_regexp_replace(s, p) AS regexp_replace(s, p, '', 'g'), (s, p, r) AS regexp_replace(s, p, replace(r, '$', '\'), 'g');
CREATE MACRO lake_date(x) AS CAST(x AS DATE);
CREATE MACRO lake_date_diff(u, a, b) AS date_sub(u, CAST(a AS TIMESTAMP), CAST(b AS TIMESTAMP));
CREATE MACRO lake_date_add(u, v, t) AS t + CASE lower(u)
	WHEN 'millisecond' THEN to_milliseconds(v) WHEN 'second' THEN to_seconds(v) WHEN 'minute' THEN to_minutes(v) WHEN 'hour' THEN to_hours(v)
	WHEN 'day' THEN to_days(CAST(v AS INTEGER)) WHEN 'week' THEN to_weeks(CAST(v AS INTEGER)) WHEN 'month' THEN to_months(CAST(v AS INTEGER))
	WHEN 'quarter' THEN to_months(3 * CAST(v AS INTEGER)) WHEN 'year' THEN to_years(CAST(v AS INTEGER)) ELSE error('''' || u || ''' is not a valid TIMESTAMP field') END;
CREATE MACRO lake_mysql_format(f) AS replace(replace(replace(replace(replace(replace(f, '%M', '%B'), '%i', '%M'), '%s', '%S'), '%T', '%H:%M:%S'), '%h', '%I'), '%k', '%-H');
CREATE MACRO lake_date_format(t, f) AS strftime(t, lake_mysql_format(f));
CREATE MACRO lake_timestamp(s) AS CAST(CAST(s AS TIMESTAMPTZ) AS TIMESTAMP);
CREATE MACRO lake_to_iso8601(t) AS CASE WHEN typeof(t) = 'DATE' THEN strftime(t, '%Y-%m-%d') ELSE strftime(t, '%Y-%m-%dT%H:%M:%S.%g') END;
CREATE MACRO lake_from_unixtime(s) AS make_timestamp(CAST(CAST(s AS DOUBLE) * 1000000 AS BIGINT));
CREATE MACRO lake_second(t) AS date_part('second', t);
CREATE MACRO lake_millisecond(t) AS date_part('millisecond', t) % 1000;
CREATE MACRO lake_element_at(m, k) AS m[k];
CREATE MACRO lake_cardinality(x) AS CAST(CASE WHEN typeof(x) LIKE 'MAP%' THEN json_array_length(json_keys(to_json(x))) ELSE json_array_length(to_json(x)) END AS BIGINT);
CREATE MACRO lake_array_remove(a, x) AS list_filter(a, lambda e: e <> x);
CREATE MACRO lake_slice(a, s, l) AS a[s:s + l - 1];
CREATE MACRO lake_json_parse(x) AS CAST(json(x) AS VARCHAR);
CREATE MACRO lake_json_format(x) AS CAST(x AS VARCHAR);
CREATE MACRO lake_json_extract(j, p) AS CASE WHEN json_valid(j) THEN CAST(json_extract(j, p) AS VARCHAR) END;
CREATE MACRO lake_json_extract_scalar(j, p) AS CASE WHEN json_valid(j) AND json_type(j, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(j, p) END;
CREATE MACRO lake_json_array_get(j, i) AS CASE WHEN json_valid(j) THEN CAST(json_extract(j, '$[' || CASE WHEN i < 0 THEN '#' ELSE '' END || i || ']') AS VARCHAR) END;
CREATE MACRO lake_json_array_length(j) AS CASE WHEN json_valid(j) AND json_type(j) = 'ARRAY' THEN CAST(json_array_length(j) AS BIGINT) END,
	(j, p) AS CASE WHEN json_valid(j) THEN CASE json_type(j, p) WHEN 'ARRAY' THEN CAST(json_array_length(j, p) AS BIGINT) WHEN 'OBJECT' THEN len(json_keys(j, p)) ELSE 0 END END;
CREATE MACRO lake_json_array_contains(j, v) AS CASE WHEN json_valid(j) AND json_type(j) = 'ARRAY' THEN list_contains(json_extract(j, '$[*]'), to_json(v)) END;
CREATE MACRO lake_is_json_scalar(j) AS json_type(j) NOT IN ('OBJECT', 'ARRAY');
CREATE MACRO lake_bitwise_and(a, b) AS a & b;
CREATE MACRO lake_bitwise_or(a, b) AS a | b;
`
