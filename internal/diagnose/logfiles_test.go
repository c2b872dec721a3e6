package diagnose

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/trailfile"
)

// logFilesOf makes log files of these contents.
func logFilesOf(t *testing.T, files map[string]string) *LogFiles {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := trailfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return NewLogFiles(set)
}

func logged(id, name string, second int, more string) string {
	return fmt.Sprintf(`{"eventID":%q,"eventName":%q,"eventTime":%q,"awsRegion":"eu-west-1"%s}`, id, name, at10(0, second).Format(time.RFC3339), more)
}

func eventsNamed(value string) Question {
	return Question{Attribute: cttypes.LookupAttributeKeyEventName, Value: value}
}

func idsOf(t *testing.T, trail Trail, q Question) []string {
	t.Helper()
	events, err := trail.Events(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return ids(events)
}

func ids(events []Event) []string {
	all := []string{}
	for _, e := range events {
		all = append(all, e.ID)
	}
	return all
}

// TestLogFilesOrder: the newest are first, each once; within a second the later in
// the files is the newer.
func TestLogFilesOrder(t *testing.T) {
	t.Parallel()
	l := logFilesOf(t, map[string]string{
		"a.json": `{"Records":[` + strings.Join([]string{logged("1", "Decrypt", 1, ""), logged("2", "Decrypt", 5, ""), logged("3", "Decrypt", 5, ""), logged("4", "Decrypt", 3, "")}, ",") + `]}`,
		"b.json": `{"Records":[` + strings.Join([]string{logged("5", "Decrypt", 5, ""), logged("2", "Decrypt", 5, ""), logged("6", "CreateGrant", 5, ""), logged("", "Decrypt", 0, ""), logged("", "Decrypt", 0, "")}, ",") + `]}`,
	})
	if diff := cmp.Diff([]string{"2", "5", "3", "4", "1", "", ""}, idsOf(t, l, eventsNamed("Decrypt"))); diff != "" {
		t.Error(diff)
	}
	if missing := l.missing(); len(missing) > 0 {
		t.Errorf("missing: %+v", missing)
	}
}

func TestLogFilesQuestions(t *testing.T) {
	t.Parallel()
	elsewhere := strings.NewReplacer("eu-west-1", "us-east-1")
	l := logFilesOf(t, map[string]string{"a.json": `[` + strings.Join([]string{
		logged("1", "StartInstances", 1, `,"requestParameters":{"instancesSet":{"items":[{"instanceId":"i-0123456789abcdef0"}]}}`),
		elsewhere.Replace(logged("2", "AssumeRole", 2, "")),
		elsewhere.Replace(logged("3", "Decrypt", 3, "")),
		logged("4", "Decrypt", 4, `,"recipientAccountId":"210987654321"`),
	}, ",") + `]`})
	for name, row := range map[string]struct {
		q    Question
		want []string
	}{
		"a resource is anything that is mentioned": {Question{Attribute: cttypes.LookupAttributeKeyResourceName, Value: testInstance}, []string{"1"}},
		"an id":                    {Question{Attribute: cttypes.LookupAttributeKeyEventId, Value: "3"}, []string{"3"}},
		"STS has many Regions":     {Question{Attribute: cttypes.LookupAttributeKeyEventName, Value: "AssumeRole", Region: "eu-west-1"}, []string{"2"}},
		"others have one":          {Question{Attribute: cttypes.LookupAttributeKeyEventName, Value: "Decrypt", Region: "eu-west-1"}, []string{"4"}},
		"another account's":        {Question{Attribute: cttypes.LookupAttributeKeyEventName, Value: "Decrypt", Account: "123456789012"}, []string{"3"}},
		"a time with both ends":    {Question{Attribute: cttypes.LookupAttributeKeyEventName, Value: "Decrypt", From: at10(0, 3), To: at10(0, 3)}, []string{"3"}},
		"names are case-sensitive": {eventsNamed("decrypt"), []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(row.want, idsOf(t, l, row.q)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := l.Events(t.Context(), Question{Attribute: cttypes.LookupAttributeKeyReadOnly, Value: "true"}); err == nil {
		t.Error("whether events only read is answered")
	}
}

// TestLogFilesBound: of very many events the newest are kept, and that there are
// more is said.
func TestLogFilesBound(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 2*maxFileEvents + 5 {
		fmt.Fprintf(&b, `%s{"eventID":"%d","eventName":"Decrypt","eventTime":%q}`, map[bool]string{true: ","}[i > 0], i, at10(0, 0).Add(time.Duration(i)*time.Second).Format(time.RFC3339))
	}
	l := logFilesOf(t, map[string]string{"a.json": `{"Records":[` + b.String() + `]}`})
	found := idsOf(t, l, eventsNamed("Decrypt"))
	if len(found) != maxFileEvents || found[0] != strconv.Itoa(2*maxFileEvents+4) {
		t.Errorf("found %d, the first is %s", len(found), found[0])
	}
	if missing := l.missing(); len(missing) != 1 || missing[0].What != "older events with EventName Decrypt" {
		t.Errorf("missing: %+v", missing)
	}
}

// TestNoLogFiles: a folder that has none is not taken for a trail in which nothing
// happened.
func TestNoLogFiles(t *testing.T) {
	t.Parallel()
	l := logFilesOf(t, map[string]string{"readme.txt": "hello"})
	if missing := l.missing(); len(missing) > 0 {
		t.Errorf("before anything is asked, missing: %+v", missing)
	}
	if found := idsOf(t, l, eventsNamed("Decrypt")); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if missing := l.missing(); len(missing) != 1 || missing[0].What != "log files" || !strings.Contains(missing[0].Why, "no file ends in .json") {
		t.Errorf("missing: %+v", missing)
	}
}

// stub is a trail that answers one thing.
type stub struct {
	events []Event
	err    error
}

func (s stub) Events(context.Context, Question) ([]Event, error) { return s.events, s.err }
func (s stub) Call() string                                      { return "stub" }

func TestWithLogFiles(t *testing.T) {
	t.Parallel()
	l := logFilesOf(t, map[string]string{"a.json": `[` + logged("old", "Decrypt", 1, "") + `,` + logged("both", "Decrypt", 2, "") + `,` + logged("same second", "Decrypt", 3, "") + `]`})
	history := []Event{{ID: "new", Time: at10(0, 4)}, {ID: "third", Time: at10(0, 3)}, {ID: "both", Source: "history", Time: at10(0, 2)}}
	events, err := WithLogFiles(stub{events: history}, l).Events(t.Context(), eventsNamed("Decrypt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"new", "third", "same second", "both", "old"}, ids(events)); diff != "" {
		t.Error(diff)
	}
	if events[3].Source != "history" {
		t.Errorf("of what both tell, %s was taken", events[3].Source)
	}
	broken := errors.New("broken")
	events, err = WithLogFiles(stub{events: history[:1], err: broken}, l).Events(t.Context(), eventsNamed("Decrypt"))
	if !errors.Is(err, broken) || len(events) != 4 {
		t.Errorf("%v, %d events", err, len(events))
	}
}
