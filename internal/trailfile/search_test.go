package trailfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// event is a small event.
func event(id, name, at, more string) string {
	return fmt.Sprintf(`{"eventID":"%s","eventName":"%s","eventTime":"%s","awsRegion":"eu-west-1","recipientAccountId":"123456789012"%s}`, id, name, at, more)
}

const noon = "2026-03-01T12:00:00Z"

// find finds the ids of the events in a folder that answer, in order.
func find(t *testing.T, q Question, paths ...string) ([]string, Tally) {
	t.Helper()
	set, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	tally, err := set.Search(t.Context(), q, func(e Event) { ids = append(ids, e.ID) })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids, tally
}

func wantFound(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	e := event("1", "StartInstances", noon, `,"requestParameters":{"instanceId":"i-0123456789abcdef0"}`)
	other := event("2", "StopInstances", noon, ``)
	for name, content := range map[string]string{
		"as CloudTrail writes it":                     `{"Records":[` + e + `,` + other + `]}`,
		"white space anywhere":                        " \n{ \"Records\"\t:\r\n[ " + strings.ReplaceAll(e, `":`, "\"\n :\t") + "\n,\n" + other + " ]\n}\n ",
		"other members":                               `{"a":{"Records":[1]},"b":[{"x":"]}"}],"n":-1.5e3,"t":true,"Records":[` + e + `],"c":null}`,
		"byte order mark":                             "\ufeff" + `{"Records":[` + e + `]}`,
		"two files in one":                            `{"Records":[` + other + `]}` + "\n" + `{"Records":[` + e + `]}`,
		"two lists":                                   `{"Records":[` + other + `],"Records":[` + e + `]}`,
		"a list of events":                            `[` + other + `,` + e + `]`,
		"aws cloudtrail lookup-events":                `{"Events":[{"EventId":"1","EventTime":1.7e9,"CloudTrailEvent":` + quoted(e) + `},{"CloudTrailEvent":` + quoted(other) + `}],"NextToken":"x"}`,
		"aws cloudtrail lookup-events --query Events": `[{"CloudTrailEvent":` + quoted(e) + `}]`,
		"escapes in other strings":                    `{"Records":[` + strings.Replace(e, `{`, `{"a\\\"]}":"\\","b":"\\\\\"","policy":"{\"Version\":\"2012-10-17\"}",`, 1) + `]}`,
		"escapes where what is looked for is":         `{"Records":[` + strings.ReplaceAll(e, "i-0123", `\u0069\u002d0123`) + `]}`,
		"escapes in a text in a text":                 `{"Events":[{"CloudTrailEvent":` + quoted(strings.ReplaceAll(e, "i-0123", `\u0069-0123`)) + `}]}`,
		"escapes in names":                            `{"Records":[` + strings.ReplaceAll(strings.ReplaceAll(e, "eventName", `\u0065ventName`), "StartInstances", `St\u0061rtInstances`) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "a.json", []byte(content))
			write(t, dir, "b/c.json.gz", packed(t, []byte(content)))
			write(t, dir, "packed in spite of its name.json", packed(t, []byte(content)))
			for what, q := range map[string]Question{
				"mentioned": {Mentions: "i-0123456789abcdef0"},
				"named":     {Names: []string{"RunInstances", "StartInstances"}},
			} {
				found, tally := find(t, q, dir)
				if !slices.Equal(found, []string{"1", "1", "1"}) || tally.Broken > 0 || tally.Files != 3 {
					t.Errorf("%s: found %v, %+v", what, found, tally)
				}
			}
			found, _ := find(t, Question{ID: "1"}, filepath.Join(dir, "a.json"))
			wantFound(t, found, "1")
		})
	}
}

// quoted writes a text as a JSON string as the AWS CLI does.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.json", []byte(`{"Records":[`+strings.Join([]string{
		event("1", "CreateGrant", "2026-03-01T11:59:59Z", `,"errorMessage":"on resource: arn:aws:kms:eu-west-1:123456789012:key\/k"`),
		event("2", "CreateGrant", "2026-03-01T12:00:00Z", `,"requestParameters":{"a":[{"i-1":1},["x",{"b":"see vol-2 of"}]]}`),
		event("3", "Decrypt", "2026-03-01T13:00:00Z", ``),
		strings.Replace(event("4", "Decrypt", "2026-03-01T13:00:01Z", ``), "eu-west-1", "us-east-1", 1),
		strings.Replace(event("5", "Decrypt", "2026-03-03T13:00:01Z", ``), "123456789012", "210987654321", 1),
		`{"eventID":"6","eventName":"Decrypt","eventTime":"2026-03-04T13:00:01Z","awsRegion":"eu-west-1"}`,
	}, ",")+`]}`))
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, row := range map[string]struct {
		q    Question
		want []string
	}{
		"everything":            {Question{}, []string{"1", "2", "3", "4", "5", "6"}},
		"both ends belong":      {Question{From: at("2026-03-01T12:00:00Z"), To: at("2026-03-01T13:00:00Z")}, []string{"2", "3"}},
		"in another zone":       {Question{From: at("2026-03-01T13:00:00+01:00"), To: at("2026-03-01T14:00:00+01:00")}, []string{"2", "3"}},
		"an open end":           {Question{From: at("2026-03-01T13:00:01Z")}, []string{"4", "5", "6"}},
		"an open beginning":     {Question{To: at("2026-03-01T11:59:59Z")}, []string{"1"}},
		"region":                {Question{Region: "us-east-1"}, []string{"4"}},
		"account, or none told": {Question{Account: "210987654321"}, []string{"5", "6"}},
		"a slash is written so": {Question{Mentions: "123456789012:key/k"}, []string{"1"}},
		"a member's name":       {Question{Mentions: "i-1"}, []string{"2"}},
		"deep within":           {Question{Mentions: "vol-2"}, []string{"2"}},
		"not across strings":    {Question{Mentions: `Decrypt","eventTime`}, []string{}},
		"all must fit":          {Question{Mentions: "vol-2", Names: []string{"Decrypt"}}, []string{}},
		"no such id":            {Question{ID: "7"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, tally := find(t, row.q, dir)
			wantFound(t, found, row.want...)
			if tally.Events != 6 || tally.Broken > 0 {
				t.Errorf("%+v", tally)
			}
		})
	}
}

// TestBroken: what is broken is named, and the rest is read.
func TestBroken(t *testing.T) {
	t.Parallel()
	one := event("1", "Decrypt", noon, "")
	whole := `{"Records":[` + one + `]}`
	long := event("long", "Decrypt", noon, `,"x":"`+strings.Repeat(`\"`, maxEvent/2)+`"`)
	gz := packed(t, []byte(whole))
	for name, row := range map[string]struct {
		content []byte
		found   []string
		says    string
	}{
		"gzip that ends":           {gz[:len(gz)-9], []string{"1"}, "unexpected EOF"},
		"gzip with a flaw":         {append(append(append([]byte{}, gz[:len(gz)-8]...), gz[len(gz)-8]^1), gz[len(gz)-7:]...), []string{"1"}, "checksum"},
		"something behind":         {append(append([]byte{}, gz...), "no more gzip"...), []string{"1"}, "gzip"},
		"text that ends":           {[]byte(`{"Records":[` + one + `,` + one[:50]), []string{"1"}, "ends in the middle"},
		"no text":                  {[]byte{}, nil, "no list of events"},
		"another file":             {[]byte(`{"name":"package"}`), nil, "no list of events"},
		"a text":                   {[]byte("hello"), nil, "no JSON"},
		"not events":               {[]byte(`{"Records":[1,2]}`), nil, "where an event should begin"},
		"an event that is no JSON": {[]byte(`{"Records":[{"eventName":Decrypt},` + one + `]}`), []string{"1"}, "not JSON"},
		"an event of no time":      {[]byte(`{"Records":[` + event("0", "Decrypt", "yesterday", "") + `,` + one + `]}`), []string{"1"}, "yesterday"},
		"an endless event":         {[]byte(`{"Records":[` + long + `,` + one + `]}`), []string{"1"}, "longer than 4 MiB"},
		"an endless name":          {[]byte(`{"` + strings.Repeat("x", maxEvent+1) + `":1,"Records":[` + one + `]}`), []string{"1"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "a.json.gz", row.content)
			write(t, dir, "b.json.gz", packed(t, []byte(`{"Records":[`+event("2", "Decrypt", noon, "")+`]}`)))
			found, tally := find(t, Question{Names: []string{"Decrypt"}}, dir)
			wantFound(t, found, append(row.found, "2")...)
			if row.says == "" {
				if tally.Broken > 0 {
					t.Errorf("%+v", tally)
				}
				return
			}
			if tally.Broken != 1 || len(tally.Problems) != 1 || !strings.HasPrefix(tally.Problems[0].String(), "a.json.gz: ") || !strings.Contains(tally.Problems[0].String(), row.says) {
				t.Errorf("%+v", tally)
			}
		})
	}
}

// TestManyBroken: not all that is broken is named, but all is counted.
func TestManyBroken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range maxProblems + 5 {
		write(t, dir, fmt.Sprintf("%d.json", i), []byte(`{"Records":[{"eventName":x},{"eventName":x}]}`))
	}
	_, tally := find(t, Question{}, dir)
	if tally.Broken != maxProblems+5 || len(tally.Problems) != maxProblems || tally.Events != 2*(maxProblems+5) {
		t.Errorf("%d broken, %d named, %d events", tally.Broken, len(tally.Problems), tally.Events)
	}
}

// TestPruned: files and folders whose path tells that they hold no answer are not
// opened. All are broken, so opening one shows.
func TestPruned(t *testing.T) {
	t.Parallel()
	const day = "AWSLogs/123456789012/CloudTrail/eu-west-1/2026/03/01/"
	file := func(region, stamp string) string {
		return "123456789012_CloudTrail_" + region + "_" + stamp + "_0123456789abcdef.json.gz"
	}
	from := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	to := from.Add(15 * time.Minute)
	hour := Question{Region: "eu-west-1", Account: "123456789012", From: from, To: to}
	for path, opened := range map[string]bool{
		day + file("eu-west-1", "20260301T1205Z"):                                                     true,
		day + file("eu-west-1", "20260301T1155Z"):                                                     true, // clocks differ
		day + file("eu-west-1", "20260301T1145Z"):                                                     false,
		day + file("us-east-1", "20260301T1205Z"):                                                     false,
		day + strings.Replace(file("eu-west-1", "20260301T1205Z"), "123456789012", "210987654321", 1): false,
		day + "anything.json":                                                                         true,
		day + "readme.txt":                                                                            false,
		file("eu-west-1", "20260302T1200Z"):                                                           true, // delivered late
		file("eu-west-1", "20260303T1200Z"):                                                           false,
		"prefix/AWSLogs/o-exampleorgid/123456789012/CloudTrail/eu-west-1/2026/03/02/x.json":           true,
		"prefix/AWSLogs/o-exampleorgid/123456789012/CloudTrail/eu-west-1/2026/03/03/x.json":           false,
		"prefix/AWSLogs/o-exampleorgid/123456789012/CloudTrail/eu-west-1/2026/02/28/x.json":           false,
		"prefix/AWSLogs/o-exampleorgid/123456789012/CloudTrail/eu-west-1/2025/12/31/x.json":           false,
		"prefix/AWSLogs/o-exampleorgid/210987654321/CloudTrail/eu-west-1/2026/03/01/x.json":           false,
		"AWSLogs/123456789012/CloudTrail/us-gov-west-1/2026/03/01/x.json":                             false,
		"AWSLogs/123456789012/CloudTrail-Digest/eu-west-1/2026/03/01/x.json.gz":                       false,
		"123456789012_CloudTrail-Digest_eu-west-1_trail_eu-west-1_20260301T120500Z.json.gz":           false,
		"AWSLogs/123456789012/CloudTrail-Insight/eu-west-1/2026/03/01/x.json.gz":                      false,
		"AWSLogs/123456789012/CloudTrail/eu-west-1/2026/13/01/" + "x.json":                            true,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, path, []byte("broken"))
			if _, tally := find(t, hour, dir); (tally.Broken > 0) != opened {
				t.Errorf("opened: %t, want %t", !opened, opened)
			}
			digest := strings.Contains(path, "CloudTrail-")
			if _, tally := find(t, Question{}, dir); (tally.Broken == 0) != (digest || strings.HasSuffix(path, "txt")) {
				t.Errorf("whoever asks for everything gets %+v", tally)
			}
		})
	}
}

// TestSlowSource: where a read ends changes nothing.
func TestSlowSource(t *testing.T) {
	t.Parallel()
	g := newGenerator(7)
	content := g.file(100<<10, event("x", "PutKeyPolicy", noon, `,"policy":`+quoted(`a \ b \\ c "d" \`)))
	cutUp := func(src io.Reader) (all []string) {
		var s splitter
		s.reset(src)
		for {
			text, err := s.next()
			if errors.Is(err, io.EOF) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(text))
		}
	}
	whole := cutUp(bytes.NewReader(content))
	if n := bytes.Count(content, []byte(`"eventName"`)); len(whole) != n {
		t.Fatalf("found %d events of %d", len(whole), n)
	}
	for name, src := range map[string]io.Reader{
		"one byte": iotest.OneByteReader(bytes.NewReader(content)),
		"half":     iotest.HalfReader(bytes.NewReader(content)),
		"error":    iotest.DataErrReader(bytes.NewReader(content)),
	} {
		if diff := cmp.Diff(whole, cutUp(src)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLargeFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator(3)
	write(t, dir, "large.json.gz", packed(t, g.file(9<<20, g.start("i-0123456789abcdef0"))))
	n := 0
	set, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tally, err := set.Search(t.Context(), Question{Mentions: "i-0123456789abcdef0"}, func(e Event) {
		n++
		if e.Name != "StartInstances" || e.File != "large.json.gz" || !strings.HasPrefix(e.JSON, `{"eventVersion":"1.11"`) || e.Time.IsZero() {
			t.Errorf("found %+v", e)
		}
	})
	if err != nil || n != 1 || tally.Bytes < 9<<20 {
		t.Errorf("found %d, %+v, %v", n, tally, err)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator(5)
	for i := range 20 {
		write(t, dir, fmt.Sprintf("%d.json", i), g.file(1<<20))
	}
	set, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	tally, err := set.Search(ctx, Question{Names: []string{"Decrypt"}}, func(Event) { cancel() })
	if !errors.Is(err, context.Canceled) || tally.Bytes > 10<<20 {
		t.Errorf("%v, read %d bytes all the same", err, tally.Bytes)
	}
	if tally.Broken > 0 {
		t.Errorf("an end is taken for a flaw: %+v", tally)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := Open(filepath.Join(dir, "nowhere"))
	if err == nil || !strings.Contains(err.Error(), "nowhere cannot be read: no such file") {
		t.Errorf("%v", err)
	}
	if _, err := Open(os.DevNull); err == nil || !strings.Contains(err.Error(), "neither a folder nor a file") {
		t.Errorf("%v", err)
	}
	write(t, dir, "real/a.json", []byte(`{"Records":[`+event("1", "Decrypt", noon, "")+`]}`))
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	found, _ := find(t, Question{}, filepath.Join(dir, "link"))
	wantFound(t, found, "1")
	found, _ = find(t, Question{}, filepath.Join(dir, "real"), filepath.Join(dir, "real", "a.json"))
	wantFound(t, found, "1", "1")
}
