package trailfile

import (
	"path"
	"regexp"
	"strings"
	"time"
)

// A log file's path tells of which account and Region it is, and when it was
// written (CloudTrail guide, "CloudTrail log file examples"):
//
//	[prefix/]AWSLogs/[o-…/]account/CloudTrail/region/yyyy/mm/dd/
//	account_CloudTrail_region_yyyymmddThhmmZ_unique.json.gz
var (
	fileName   = regexp.MustCompile(`^(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{8}T\d{4}Z)_[A-Za-z0-9]+\.json(\.gz)?$`)
	regionPath = regexp.MustCompile(`(?:^|/)(\d{12})/CloudTrail/([a-z]+(?:-[a-z]+)+-\d+)(?:/(\d{4})(?:/(\d{2})(?:/(\d{2}))?)?)?$`)
	otherName  = regexp.MustCompile(`^\d{12}_CloudTrail-(?:Digest|Insight|NetworkActivity|Aggregated)_`)
	otherPath  = regexp.MustCompile(`(?:^|/)\d{12}/CloudTrail-[A-Za-z]+$`)
)

// late is how long after an event its file may be written. CloudTrail delivers
// within minutes as a rule, and promises nothing (CloudTrail guide, "Finding your
// CloudTrail log files"); a day is ours.
const late = 24 * time.Hour

// early is how far an event may lie behind the minute in its file's name: its
// seconds are cut off, and clocks differ.
const early = 5 * time.Minute

// span is the time of which events may be; zero is no bound.
type span struct{ from, to time.Time }

// meets tells whether a question's events may lie in it.
func (s span) meets(q *Question) bool {
	return (q.From.IsZero() || s.to.IsZero() || !s.to.Before(q.From)) &&
		(q.To.IsZero() || s.from.IsZero() || !s.from.After(q.To))
}

// fits tells whether a name leaves it open that the events are of the Region and
// the account of a question. A Region in us-east-1's folder is never taken for
// another: events of the global services are recorded there, as of that Region.
func (q *Question) fits(account, region string) bool {
	return (q.Region == "" || q.Region == region) && (q.Account == "" || q.Account == account)
}

// mayHold tells by a file's path whether it may hold an answer. A path of any
// other form may.
func (q *Question) mayHold(file string) bool {
	name := path.Base(file)
	if otherName.MatchString(name) {
		return false
	}
	m := fileName.FindStringSubmatch(name)
	if m == nil {
		return true
	}
	written, err := time.Parse("20060102T1504Z", m[3])
	if err != nil {
		return q.fits(m[1], m[2])
	}
	return q.fits(m[1], m[2]) && span{written.Add(-late), written.Add(time.Minute + early)}.meets(q)
}

// mayLead tells by a folder's path whether a file below it may hold an answer.
func (q *Question) mayLead(folder string) bool {
	if otherPath.MatchString(folder) {
		return false
	}
	m := regionPath.FindStringSubmatch(folder)
	if m == nil {
		return true
	}
	if !q.fits(m[1], m[2]) {
		return false
	}
	s, ok := folderSpan(m[3], m[4], m[5])
	return !ok || s.meets(q)
}

// folderSpan is the time of the events below a folder of a year, a month or a
// day.
func folderSpan(year, month, day string) (s span, ok bool) {
	var begin, end time.Time
	var err error
	switch {
	case year == "":
		return s, false
	case month == "":
		begin, err = time.Parse("2006", year)
		end = begin.AddDate(1, 0, 0)
	case day == "":
		begin, err = time.Parse("2006/01", year+"/"+month)
		end = begin.AddDate(0, 1, 0)
	default:
		begin, err = time.Parse("2006/01/02", strings.Join([]string{year, month, day}, "/"))
		end = begin.AddDate(0, 0, 1)
	}
	return span{begin.Add(-late), end.Add(early)}, err == nil
}
