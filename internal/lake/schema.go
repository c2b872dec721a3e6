package lake

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// shape is a type of the schema.
type shape struct {
	kind   shapeKind
	fields []column // of a struct
	of     *shape   // of an array
}

type shapeKind int

const (
	varchar shapeKind = iota
	boolean
	timestamp
	mapping // map<string,string>
	structure
	array
)

// column is a column of a table, or a field of a struct.
type column struct {
	name  string
	shape shape
}

func strs(names ...string) []column {
	all := make([]column, 0, len(names))
	for _, n := range names {
		all = append(all, column{name: n})
	}
	return all
}

func row(fields ...[]column) shape {
	s := shape{kind: structure}
	for _, f := range fields {
		s.fields = append(s.fields, f...)
	}
	return s
}

func one(name string, s shape) []column { return []column{{name, s}} }

// schema are the columns of an event data store in AWS's order (CloudTrail guide,
// "Supported SQL schemas for event data stores"), their names in lower case as
// they are there. A member of an event's JSON is the column of its name in lower
// case. The guide misspells inScopeOf's credentialsIssuedTo, and a table of ours
// does not.
var schema = []column{
	{name: "eventversion"},
	{name: "useridentity", shape: row(
		strs("type", "principalid", "arn", "accountid", "accesskeyid", "username"),
		one("sessioncontext", row(
			one("attributes", row(one("creationdate", shape{kind: timestamp}), strs("mfaauthenticated"))),
			one("sessionissuer", row(strs("type", "principalid", "arn", "accountid", "username"))),
			one("webidfederationdata", row(strs("federatedprovider"), one("attributes", shape{kind: mapping}))),
			strs("sourceidentity", "ec2roledelivery", "ec2issuedinvpc"),
		)),
		one("onbehalfof", row(strs("userid", "identitystorearn"))),
		one("inscopeof", row(strs("sourcearn", "sourceaccount", "issuertype", "credentialsissuedto"))),
		strs("invokedby", "identityprovider"),
	)},
	{name: "eventtime", shape: shape{kind: timestamp}},
	{name: "eventsource"},
	{name: "eventname"},
	{name: "awsregion"},
	{name: "sourceipaddress"},
	{name: "useragent"},
	{name: "errorcode"},
	{name: "errormessage"},
	{name: "requestparameters", shape: shape{kind: mapping}},
	{name: "responseelements", shape: shape{kind: mapping}},
	{name: "additionaleventdata", shape: shape{kind: mapping}},
	{name: "requestid"},
	{name: "eventid"},
	{name: "readonly", shape: shape{kind: boolean}},
	{name: "resources", shape: shape{kind: array, of: new(row(strs("accountid", "type", "arn", "arnprefix")))}},
	{name: "eventtype"},
	{name: "apiversion"},
	{name: "managementevent", shape: shape{kind: boolean}},
	{name: "recipientaccountid"},
	{name: "sharedeventid"},
	{name: "annotation"},
	{name: "vpcendpointid"},
	{name: "vpcendpointaccountid"},
	{name: "serviceeventdetails", shape: shape{kind: mapping}},
	{name: "addendum", shape: shape{kind: mapping}},
	{name: "edgedevicedetails", shape: shape{kind: mapping}},
	{name: "insightdetails", shape: shape{kind: mapping}},
	{name: "eventcategory"},
	{name: "tlsdetails", shape: row(strs("tlsversion", "ciphersuite", "clientprovidedhostheader"))},
	{name: "sessioncredentialfromconsole"},
	{name: "eventjson"},
	{name: "eventjsonchecksum"},
}

// sql is the type in the engine's words.
func (s shape) sql() string {
	switch s.kind {
	case boolean:
		return "BOOLEAN"
	case timestamp:
		return "TIMESTAMP"
	case mapping:
		return "MAP(VARCHAR, VARCHAR)"
	case array:
		return s.of.sql() + "[]"
	case structure:
		return "STRUCT(" + declare(s.fields) + ")"
	}
	return "VARCHAR"
}

func declare(columns []column) string {
	parts := make([]string, 0, len(columns))
	for _, c := range columns {
		parts = append(parts, `"`+c.name+`" `+c.shape.sql())
	}
	return strings.Join(parts, ", ")
}

// strMap is a map<string,string> in the order of the event; a value that is null
// is nil.
type strMap struct {
	keys   []string
	values []*string
}

// rowOf makes a table's row of an event: a value for each column of the schema,
// nil for those that are not wanted. Values are string, bool, time.Time, strMap,
// map[string]any (a struct), []any and nil.
func rowOf(event []byte, wanted func(column string) bool) ([]any, error) {
	members, err := object(event)
	if err != nil {
		return nil, fmt.Errorf("lake: event: %w", err)
	}
	values := make([]any, len(schema))
	for i, c := range schema {
		if !wanted(c.name) {
			continue
		}
		switch c.name {
		case "eventjson":
			values[i] = string(event)
		case "eventjsonchecksum":
			sum := sha256.Sum256(event)
			values[i] = base64.StdEncoding.EncodeToString(sum[:])
		default:
			if values[i], err = c.shape.value(members.get(c.name)); err != nil {
				return nil, fmt.Errorf("lake: event: %s: %w", c.name, err)
			}
		}
	}
	return values, nil
}

// members are an object's, in their order.
type members struct {
	names  []string
	values []json.RawMessage
}

func object(raw []byte) (members, error) {
	var m members
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return m, fmt.Errorf("not an object: %w", err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return m, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return m, err
		}
		m.names, m.values = append(m.names, name.(string)), append(m.values, value)
	}
	_, err := decoder.Token()
	return m, err
}

// get finds a member by its name in lower case.
func (m members) get(name string) json.RawMessage {
	for i, n := range m.names {
		if strings.EqualFold(n, name) {
			return m.values[i]
		}
	}
	return nil
}

// value reads a value of the type; what is not of the type is nil, since a row
// of events has it as NULL.
func (s shape) value(raw json.RawMessage) (any, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	switch s.kind {
	case boolean:
		return strings.Trim(string(raw), `"`) == "true", nil
	case timestamp:
		at, err := time.Parse(time.RFC3339, scalar(raw))
		if err != nil {
			return nil, nil //nolint:nilerr // a time in another form is none
		}
		return at.UTC(), nil
	case mapping:
		if raw[0] != '{' {
			return nil, nil
		}
		m, err := object(raw)
		if err != nil {
			return nil, err
		}
		out := strMap{keys: m.names}
		for _, v := range m.values {
			if string(v) == "null" {
				out.values = append(out.values, nil)
				continue
			}
			out.values = append(out.values, new(scalar(v)))
		}
		return out, nil
	case array:
		if raw[0] != '[' {
			return nil, nil
		}
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		out := make([]any, 0, len(list))
		for _, v := range list {
			e, err := s.of.value(v)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	case structure:
		if raw[0] != '{' {
			return nil, nil
		}
		m, err := object(raw)
		if err != nil {
			return nil, err
		}
		out := make(map[string]any, len(s.fields))
		for _, f := range s.fields {
			if out[f.name], err = f.shape.value(m.get(f.name)); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return scalar(raw), nil
}

// scalar is a value as text: a string as it is, anything else as its JSON.
func scalar(raw json.RawMessage) string {
	var s string
	if raw[0] == '"' && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}
