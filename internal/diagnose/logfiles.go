package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/trailfile"
)

// LogFiles is a trail of log files that CloudTrail has delivered, or of answers of
// LookupEvents that somebody has kept. It may be asked by several at once.
type LogFiles struct {
	set *trailfile.Set

	mu     sync.Mutex // guards what follows
	broken map[string]error
	worst  int             // files that could not be read, of the search that met most of them
	cut    map[string]bool // questions that had more answers than are kept
	asked  bool
	seen   bool // there were files that a question could be asked of
}

// NewLogFiles makes a trail of files.
func NewLogFiles(set *trailfile.Set) *LogFiles {
	return &LogFiles{set: set, broken: make(map[string]error), cut: make(map[string]bool)}
}

// Call implements Trail.
func (*LogFiles) Call() string { return "--trail" }

// maxFileEvents bounds how many events one question gets from files: the newest.
const maxFileEvents = 5000

// Events implements Trail. Files that could not be read are no error: what is
// missing by them is told once, at the end.
func (l *LogFiles) Events(ctx context.Context, q Question) ([]Event, error) {
	asked, err := inFiles(q)
	if err != nil {
		return nil, err
	}
	var found []trailfile.Event
	more := false
	tally, err := l.set.Search(ctx, asked, func(e trailfile.Event) {
		if found = append(found, e); len(found) >= 2*maxFileEvents {
			found, more = latest(found), true
		}
	})
	found = latest(found)
	l.note(tally, q, more)
	all := make([]Event, 0, len(found))
	for _, f := range found {
		if e, err := ParseEvent(f.JSON); err == nil { // the search has read it as JSON before
			e.Source = f.File
			all = append(all, e)
		}
	}
	return all, err
}

// inFiles puts a question as files are asked. Where files can tell more than
// LookupEvents they do: every text of an event is looked at for a resource.
func inFiles(q Question) (trailfile.Question, error) {
	asked := trailfile.Question{From: q.From, To: q.To, Account: q.Account, Region: q.Region}
	switch q.Attribute {
	case cttypes.LookupAttributeKeyEventName:
		asked.Names = []string{q.Value}
		if q.Value == "AssumeRole" {
			asked.Region = "" // it is of the Region whose endpoint STS was asked at
		}
	case cttypes.LookupAttributeKeyEventId:
		asked.ID = q.Value
	case cttypes.LookupAttributeKeyResourceName:
		asked.Mentions = q.Value
	default:
		return asked, fmt.Errorf("log files cannot be searched by %s", q.Attribute)
	}
	return asked, nil
}

// latest are the latest of the events, maxFileEvents at most, the latest first and
// each once: a trail may deliver an event twice. Times have no fractions: of those
// of one second the one that is later in the files is taken for the later.
func latest(all []trailfile.Event) []trailfile.Event {
	slices.SortFunc(all, func(a, b trailfile.Event) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.File, a.File), cmp.Compare(b.Number, a.Number))
	})
	all = distinctBy(all, func(e *trailfile.Event) string { return e.ID })
	return all[:min(len(all), maxFileEvents)]
}

func (l *LogFiles) note(t trailfile.Tally, q Question, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.seen = true, l.seen || t.Files+t.Passed > 0
	if more {
		l.cut[q.String()] = true
	}
	for _, p := range t.Problems {
		l.broken[p.File] = p.Err
	}
	l.worst = max(l.worst, t.Broken)
}

// missing implements incomplete.
func (l *LogFiles) missing() []Unread {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 3
	var all []Unread
	if l.asked && !l.seen && l.worst == 0 {
		all = append(all, Unread{What: "log files", Call: l.Call(), Why: "there are none: no file ends in .json or .json.gz, or all are of other accounts and Regions"})
	}
	names := slices.Sorted(maps.Keys(l.broken))
	for _, name := range names[:min(len(names), most)] {
		all = append(all, Unread{What: "log file " + name, Call: l.Call(), Why: l.broken[name].Error()})
	}
	if more := max(l.worst, len(names)) - len(all); more > 0 {
		all = append(all, Unread{What: fmt.Sprintf("%d more of the log files", more), Call: l.Call(), Why: "they are broken as well"})
	}
	for _, question := range slices.Sorted(maps.Keys(l.cut)) {
		all = append(all, Unread{What: "older " + question, Call: l.Call(), Why: fmt.Sprintf("there are more than %d", maxFileEvents)})
	}
	return all
}

// incomplete is a trail of which parts may be missing without an error.
type incomplete interface{ missing() []Unread }

// withFiles is the event history and log files, as one trail.
type withFiles struct {
	history Trail
	files   *LogFiles
}

// WithLogFiles is a trail, the event history as a rule, and log files beside it.
// What both tell of is told once, by the first.
func WithLogFiles(history Trail, files *LogFiles) Trail { return withFiles{history, files} }

// Call implements Trail.
func (t withFiles) Call() string { return t.history.Call() }

// Events implements Trail. An error is the history's; what files have comes with
// it.
func (t withFiles) Events(ctx context.Context, q Question) ([]Event, error) {
	all, historyErr := t.history.Events(ctx, q)
	more, err := t.files.Events(ctx, q)
	if historyErr != nil {
		err = historyErr
	}
	return newest(append(slices.Clone(all), more...)), err
}

func (t withFiles) missing() []Unread { return t.files.missing() }

// newest sorts events, the newest first, and leaves each only once. Of events of
// one second those that came first stay first.
func newest(all []Event) []Event {
	all = distinctBy(all, func(e *Event) string { return e.ID })
	slices.SortStableFunc(all, func(a, b Event) int { return b.Time.Compare(a.Time) })
	return all
}

// distinctBy leaves of those with one name the first, and all that have none.
func distinctBy[T any](all []T, name func(*T) string) []T {
	seen := make(map[string]bool, len(all))
	return slices.DeleteFunc(all, func(v T) bool {
		n := name(&v)
		known := n != "" && seen[n]
		seen[n] = true
		return known
	})
}
