package diagnose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// unwritten are the fields of evidence that no file has, with why.
var unwritten = map[string]string{
	"diagnose.Event.region":   "only while evidence is gathered",
	"diagnose.Event.identity": "only while evidence is gathered",
	"diagnose.Event.request":  "only while evidence is gathered; parameters may hold anything",
	"diagnose.Event.response": "only while evidence is gathered; answers may hold anything",
	"access.Document.File":    "Gather reads no files",
}

// full gives every field of a value a value of its own, so that one that is lost
// shows.
func full(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = at10(0, *n%60)
		return
	case *phrase.Text:
		*x = phrase.Say("the denied %s event", fmt.Sprint("Event", *n))
		return
	case *access.Context:
		x.Set("aws:SourceIdentity", fmt.Sprint("somebody", *n))
		x.SetUnknown("aws:PrincipalTag/*")
		return
	case **policy.Policy:
		*x = must("filled", "", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"S%d","Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"a","aws:ResourceTag/Team":"b","aws:SourceIdentity":"c"}}}]}`, *n)).Policy
		return
	case *map[string][]string:
		*x = map[string][]string{"aws:SourceIdentity": {fmt.Sprint("value", *n)}}
		return
	case *map[string]string:
		*x = map[string]string{"Team": fmt.Sprint("value", *n)}
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprint("text", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		full(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			full(t, v.Index(i), n)
		}
	case reflect.Struct:
		for f := range v.Type().Fields() {
			if _, left := unwritten[v.Type().String()+"."+f.Name]; left {
				continue
			}
			at := v.FieldByIndex(f.Index)
			// Fields that are not exported are evidence, too.
			full(t, reflect.NewAt(at.Type(), unsafe.Pointer(at.UnsafeAddr())).Elem(), n)
		}
	default:
		t.Fatalf("a %s, of which this test makes none: it goes into files how?", v.Type())
	}
}

// fullEvidence is evidence of which no field is empty.
func fullEvidence(t *testing.T) *Evidence {
	t.Helper()
	e, n := new(Evidence), 0
	full(t, reflect.ValueOf(e).Elem(), &n)
	return e
}

func fileOf(t *testing.T, e *Evidence) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Write(&b, at10(0, 0)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestEvidenceWhole: what is written is read again, every field of it. Who adds a
// field to the evidence adds it to the file, or says above why not.
func TestEvidenceWhole(t *testing.T) {
	t.Parallel()
	e := fullEvidence(t)
	back, collected, err := ReadEvidence(bytes.NewReader(fileOf(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	if !collected.Equal(at10(0, 0)) {
		t.Errorf("collected at %s", collected)
	}
	policies := cmp.Comparer(func(a, b *policy.Policy) bool { return a == b || a != nil && b != nil && a.Text() == b.Text() })
	texts := cmp.Comparer(phrase.Text.Equal)
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(e, back, policies, texts, everything); diff != "" {
		t.Error(diff)
	}
}

// TestEvidenceMinimal: values of tags and condition keys are written where a policy
// asks for them, and nowhere else.
func TestEvidenceMinimal(t *testing.T) {
	t.Parallel()
	e := article().asRole()
	e.Keys[0].Tags = map[string]string{"team": "asked-for", "note": "canary-key-tag"}
	e.Caller.Principal.Tags = map[string]string{"Dept": "asked-too", "note": "canary-principal-tag"}
	e.Caller.Context.Set("aws:SourceIp", "198.51.100.7")
	e.Caller.Context.Set("aws:SourceIdentity", "canary-identity")
	e.Caller.Identity = append(e.Caller.Identity, held("tags", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/${aws:PrincipalTag/dept}","Condition":{"StringEquals":{"AWS:ResourceTag/Team":"x"}}}]}`))
	text := string(fileOf(t, e))
	for _, want := range []string{"asked-for", "asked-too"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing, which a policy asks for", want)
		}
	}
	for _, never := range []string{"canary", "198.51.100.7"} {
		if strings.Contains(text, never) {
			t.Errorf("%s is there, which no policy asks for", never)
		}
	}
	e.Caller.Limit = &access.Document{Policy: must("", "", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}}]}`).Policy}
	if text := string(fileOf(t, e)); !strings.Contains(text, "198.51.100.7") {
		t.Error("an address that a condition asks for is missing")
	}
}

// TestEvidenceRefused: what is no evidence, or of another version, or too much, is
// refused with a reason.
func TestEvidenceRefused(t *testing.T) {
	t.Parallel()
	whole := string(fileOf(t, article()))
	volumes := strings.Repeat(`{"source":"","device":"x","root":false,"encrypted":false},`, maxFileVolumes)
	for name, row := range map[string]struct{ text, says string }{
		"nothing":          {"", "no evidence"},
		"no JSON":          {"hello", "no evidence"},
		"other JSON":       {`{"version":1}`, "no evidence"},
		"a report":         {`{"version":1,"outcome":"cause-found"}`, "no evidence"},
		"another version":  {`{"form":"keyturn-evidence","version":99,"new":{}}`, "of version 99, and this keyturn reads version 1"},
		"an unknown field": {strings.Replace(whole, `"forecast"`, `"guess"`, 1), `unknown field "guess"`},
		"something behind": {whole + "{}", "something stands behind it"},
		"a broken policy":  {strings.Replace(whole, `\"Effect\": \"Allow\"`, `\"Effect\": \"Perhaps\"`, 1), `the Effect is "Allow" or "Deny"`},
		"no instance":      {strings.Replace(whole, `"id": "`+testInstance+`"`, `"id": ""`, 1), "names no instance"},
		"too many volumes": {strings.Replace(whole, `"volumes": [`, `"volumes": [`+volumes, 1), "more than 256 volumes"},
		"too long":         {whole + strings.Repeat(" ", maxEvidence), "larger than 32 MiB"},
		"broken gzip":      {"\x1f\x8b\x08\x00", "unpacking the evidence"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ReadEvidence(strings.NewReader(row.text))
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, want %s", err, row.says)
			}
			if version, ok := errors.AsType[*VersionError](err); ok != (name == "another version") || ok && version.Version != 99 {
				t.Errorf("%v", err)
			}
		})
	}
}

// evidencePage is the page that files of evidence keep to.
const evidencePage = "../../docs/evidence-json.md"

// TestEvidenceDocumented holds docs/evidence-json.md against the types, both ways.
func TestEvidenceDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(evidencePage)
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	var order []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+)\\| ([^|]+)\\|$").FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = strings.Contains(m[2], "optional")
		order = append(order, m[1])
	}
	fields := make(map[string]bool)
	for at, typ := range map[string]reflect.Type{"": reflect.TypeFor[evidenceFile](), "event ": reflect.TypeFor[fileEvent](), "policy ": reflect.TypeFor[fileDocument]()} {
		walkFile(typ, at, fields)
	}
	if diff := cmp.Diff(fields, documented); diff != "" {
		t.Errorf("fields (true: optional), - in Go, + in %s:\n%s", evidencePage, diff)
	}
	if len(order) != len(documented) {
		t.Error("a field is documented twice")
	}
}

// walkFile is walk for types with others embedded, and with maps and lists of lists.
func walkFile(typ reflect.Type, prefix string, fields map[string]bool) {
	var own []string
	for f := range typ.Fields() {
		own = append(own, strings.Split(f.Tag.Get("json"), ",")[0])
	}
	for f := range typ.Fields() {
		if f.Anonymous {
			inner := make(map[string]bool)
			walkFile(f.Type, prefix, inner)
			for path, optional := range inner {
				if first, _, _ := strings.Cut(strings.TrimPrefix(path, prefix), "."); !slices.Contains(own, strings.TrimSuffix(first, "[]")) {
					fields[path] = optional
				}
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		path := prefix + name
		fields[path] = strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		t, lists := f.Type, 0
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
			if t.Kind() == reflect.Slice {
				lists++
			}
			t = t.Elem()
		}
		path += strings.Repeat("[]", lists)
		if t.Kind() == reflect.Struct && !slices.Contains(fileApart, t) {
			walkFile(t, path+".", fields)
		}
	}
}

// fileApart are the types with a table of their own, and those that are one text.
var fileApart = []reflect.Type{reflect.TypeFor[fileEvent](), reflect.TypeFor[fileDocument](), reflect.TypeFor[time.Time](), reflect.TypeFor[phrase.Text]()}

// FuzzReadEvidence: a file of evidence may come from anybody. What is read is
// judged and said, whatever it is, and it travels on as it is. The input is what
// is put into a file, where, and in the place of how much: whole files would be
// too long to be varied well.
func FuzzReadEvidence(f *testing.F) {
	var files [][]byte
	for i, row := range causeRows {
		var b bytes.Buffer
		if err := row.evidence().Write(&b, time.Time{}); err != nil {
			f.Fatal(err)
		}
		files = append(files, b.Bytes())
		f.Add(uint8(i), uint16(0), uint8(0), "")
	}
	f.Add(uint8(0), uint16(300), uint8(9), `"\u001b[2J"`)
	f.Fuzz(func(t *testing.T, row uint8, at uint16, instead uint8, put string) {
		text := files[int(row)%len(files)]
		from := int(at) % len(text)
		text = slices.Concat(text[:from], []byte(put), text[min(len(text), from+int(instead)):])
		e, collected, err := ReadEvidence(bytes.NewReader(text))
		if err != nil {
			return
		}
		want, err := json.Marshal(Judge(e))
		if err != nil {
			t.Fatal(err)
		}
		var again, words bytes.Buffer
		if err := Judge(e).WriteText(&words, Style{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(words.String(), '\x1b') {
			t.Errorf("the text has an escape: %q", words.String())
		}
		if err := e.Write(&again, collected); err != nil {
			t.Fatal(err)
		}
		back, _, err := ReadEvidence(&again)
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(Judge(back))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("written and read again it says\n%s\nand before\n%s", got, want)
		}
	})
}
