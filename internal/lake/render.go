//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package lake

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// render is a value as CloudTrail Lake shows it, in Trino's way: a row
// {type=IAMUser, arn=…}, a map {k=v}, an array [a, b].
func render(t typeName, v any) string {
	part := func(i int) typeName {
		if i < len(t.of) {
			return t.of[i]
		}
		return typeName{}
	}
	if t.name == "JSON" {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprint(v)
		}
		return string(raw)
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return v
	case []byte:
		return hex.EncodeToString(v)
	case float64:
		return double(v)
	case float32:
		return double(float64(v))
	case time.Time:
		return moment(t.name, v)
	case duckdb.OrderedMap:
		pairs := make([]string, 0, v.Len())
		values := v.Values()
		for i, k := range v.Keys() {
			pairs = append(pairs, render(part(0), k)+"="+render(part(1), values[i]))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	case map[string]any:
		pairs := make([]string, 0, len(v))
		for i, f := range t.fields {
			pairs = append(pairs, f+"="+render(part(i), v[f]))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			list = append(list, render(part(0), e))
		}
		return "[" + strings.Join(list, ", ") + "]"
	case duckdb.Interval:
		return interval(v)
	}
	// Integers of all sizes, decimals, booleans.
	return fmt.Sprint(v)
}

// moment is a time as Trino writes it.
func moment(kind string, at time.Time) string {
	switch kind {
	case "DATE":
		return at.Format(time.DateOnly)
	case "TIME":
		return at.Format("15:04:05.000")
	case "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		return at.UTC().Format("2006-01-02 15:04:05.000") + " UTC"
	}
	return at.Format("2006-01-02 15:04:05.000")
}

// double is a number as Java writes it.
func double(f float64) string {
	if f != f || f > 1.7976931348623157e308 || f < -1.7976931348623157e308 {
		return strings.NewReplacer("+Inf", "Infinity", "-Inf", "-Infinity").Replace(strconv.FormatFloat(f, 'g', -1, 64))
	}
	abs := max(f, -f)
	if abs != 0 && (abs >= 1e7 || abs < 1e-3) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return mantissa
		}
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// interval is a span of time as Trino writes it: "1 00:00:00.000", "2-6".
func interval(v duckdb.Interval) string {
	if v.Months != 0 {
		return fmt.Sprintf("%d-%d", v.Months/12, v.Months%12)
	}
	d := time.Duration(v.Micros) * time.Microsecond
	return fmt.Sprintf("%d %02d:%02d:%02d.%03d", v.Days, int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, d.Milliseconds()%1000)
}
