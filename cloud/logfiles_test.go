package cloud_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/trailfile"
)

// logFiles is the bucket as a trail.
func (a *archive) logFiles() *diagnose.LogFiles {
	a.Helper()
	set, err := trailfile.Open(filepath.Join(a.buckets, bucket))
	a.must(err)
	return diagnose.NewLogFiles(set)
}

// askWith is ask with a trail.
func (a *archive) askWith(by clients, trail diagnose.Trail, id, principal string) *diagnose.Report {
	a.Helper()
	defer a.hurry()()
	r, err := diagnose.Run(a.Context(), diagnose.Clients{EC2: by.ec2, KMS: by.kms, IAM: by.iam, CloudTrail: by.trail, STS: by.sts, Organizations: by.org, Trail: trail},
		diagnose.Options{Instance: id, Region: region, Principal: principal})
	a.must(err)
	return r
}

// deliverAll waits until all that has happened has been delivered.
func (a *archive) deliverAll() {
	a.Helper()
	_, err := a.root.kms.ListKeys(a.Context(), &kms.ListKeysInput{}) // nobody else asks for them
	a.must(err)
	a.delivered("the last event", func() bool { return slices.Contains(names(a.records("")), "ListKeys") })
}

// doctor is somebody who may read all that a diagnosis makes use of, but for some.
func (s *stage) doctor(name string, without ...string) clients {
	s.Helper()
	c := s.user(name)
	s.allow(name, "read", diagnose.PermissionsPolicy())
	if len(without) > 0 {
		s.allow(name, "blind", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":["`+strings.Join(without, `","`)+`"],"Resource":"*"}}`)
	}
	return c
}

// sameReport compares all but where facts are from, and what could not be read.
func (a *archive) sameReport(want, got *diagnose.Report) {
	a.Helper()
	plain := func(r *diagnose.Report) (v map[string]any) {
		var b bytes.Buffer
		a.must(r.WriteJSON(&b))
		a.must(json.Unmarshal(b.Bytes(), &v))
		delete(v, "unread")
		delete(v, "missing")
		return v
	}
	source := cmpopts.IgnoreMapEntries(func(name string, _ any) bool { return name == "source" })
	if diff := cmp.Diff(plain(want), plain(got), source); diff != "" {
		a.Error(diff)
	}
}

// TestDiagnoseFromLogFiles: with files in the place of LookupEvents the report is
// the same, and so it is with both.
func TestDiagnoseFromLogFiles(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(a *archive) string{
		"start": func(a *archive) string { return a.deniedStart() },
		"launch": func(a *archive) string {
			key := a.key()
			id := a.run(a.user("test", fullAccess), volume{"/dev/xvda", key, true})
			a.await(id, ec2types.InstanceStateNameTerminated)
			return id
		},
		"session": func(a *archive) string {
			key := a.key()
			id := a.stopped(volume{"/dev/xvda", key, true})
			a.start(a.session(key, `{"Version": "2012-10-17", "Statement": {"Sid": "OnlyEC2", "Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}`), id)
			a.await(id, ec2types.InstanceStateNameStopped)
			return id
		},
		"stopped": func(a *archive) string {
			id := a.stopped(volume{"/dev/xvda", a.key(), true})
			a.start(a.root, id)
			a.await(id, ec2types.InstanceStateNameRunning)
			_, err := a.root.ec2.StopInstances(a.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
			a.must(err)
			a.await(id, ec2types.InstanceStateNameStopped)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newArchive(t)
			a.logging(cloudtrail.CreateTrailInput{})
			id := prepare(a)
			want := a.diagnose(a.root, id, "")
			blind := a.doctor("blind", "cloudtrail:LookupEvents")
			a.deliverAll()

			got := a.askWith(blind, a.logFiles(), id, "")
			a.sameReport(want, got)
			if want.Cause == nil || len(got.Unread) > 0 && name != "session" {
				t.Errorf("%s: %s; unread %+v", got.Outcome, got.Summary, got.Unread)
			}
			if start := got.Start; !strings.HasPrefix(start.Source, "AWSLogs/123456789012/CloudTrail/eu-west-1/") {
				t.Errorf("the start is from %s", start.Source)
			}

			both := a.askWith(blind, diagnose.WithLogFiles(history(blind), a.logFiles()), id, "")
			a.sameReport(want, both)
			if !slices.ContainsFunc(both.Unread, func(u diagnose.Unread) bool { return u.Call == "cloudtrail:LookupEvents" && u.Denied }) {
				t.Errorf("that LookupEvents is denied is not said: %+v", both.Unread)
			}
			seeing := a.doctor("seeing")
			a.cloud.Advance(5 * time.Second)
			both = a.askWith(seeing, diagnose.WithLogFiles(history(seeing), a.logFiles()), id, "")
			a.sameReport(want, both)
			if both.Start.Source != "cloudtrail:LookupEvents" {
				t.Errorf("of what both tell, %s was taken", both.Start.Source)
			}
		})
	}
}

// TestDiagnoseOffline: the files alone tell who was denied what by which kind of
// policy, with nobody to ask.
func TestDiagnoseOffline(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{})
	started := a.deniedStart()
	launched := a.run(a.user("other", fullAccess), volume{"/dev/xvda", a.key(), true})
	a.await(launched, ec2types.InstanceStateNameTerminated)
	stopped := a.stopped(volume{"/dev/xvda", a.key(), true})
	a.deliverAll()
	ask := func(id string) *diagnose.Report {
		r, err := diagnose.Run(t.Context(), diagnose.Offline(a.logFiles()), diagnose.Options{Instance: id})
		a.must(err)
		return r
	}
	for id, action := range map[string]string{started: "kms:CreateGrant", launched: "kms:GenerateDataKeyWithoutPlaintext"} {
		r := ask(id)
		if r.Cause == nil || r.Cause.Kind != diagnose.IdentityMissing || r.Cause.Agreement != diagnose.EventOnly || r.Cause.Action != action || r.Region != region {
			t.Errorf("%s: %s: %s\n%+v", id, r.Outcome, r.Summary, r.Cause)
		}
	}
	if r := ask(stopped); r.Cause == nil || r.Cause.Kind != diagnose.StoppedByUser || !strings.Contains(r.Summary.String(), "was stopped: arn:aws:iam::123456789012:root called StopInstances") {
		t.Errorf("%s: %s", r.Outcome, r.Summary)
	}
	_, err := diagnose.Run(t.Context(), diagnose.Offline(a.logFiles()), diagnose.Options{Instance: "i-0123456789abcdef0"})
	if err == nil || !strings.Contains(err.Error(), "no event in the log files tells of its launch") {
		t.Errorf("of an instance that there is not: %v", err)
	}
}

// history is the event history, asked again at once where it was too often.
func history(by clients) diagnose.Trail {
	return diagnose.NewHistory(cloudtrail.NewFromConfig(impatient(by.config)))
}

// TestDiagnoseLongGone: files go back farther than LookupEvents, which has 90 days.
func TestDiagnoseLongGone(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{})
	id := a.run(a.user("test", fullAccess), volume{"/dev/xvda", a.key(), true})
	a.await(id, ec2types.InstanceStateNameTerminated)
	a.deliverAll()
	a.cloud.Advance(100 * 24 * time.Hour)
	a.until("it is forgotten", func() bool {
		out, err := a.root.trail.LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{})
		a.cloud.Advance(time.Second)
		return err == nil && !slices.ContainsFunc(out.Events, func(e cttypes.Event) bool { return aws.ToString(e.EventName) == "RunInstances" })
	})
	if _, err := a.ask(a.root, id, ""); err == nil {
		t.Error("without the files it is still known")
	}
	_, err := diagnose.Run(t.Context(), diagnose.Offline(a.logFiles()), diagnose.Options{Instance: "i-0123456789abcdef0"})
	if err == nil || !strings.Contains(err.Error(), "and no event in the log files tells of") {
		t.Errorf("of an instance that there never was: %v", err)
	}
	r := a.askWith(a.root, diagnose.WithLogFiles(history(a.root), a.logFiles()), id, "")
	a.wantCause(r, diagnose.IdentityMissing, "kms:GenerateDataKeyWithoutPlaintext")
}

// TestDiagnoseBrokenFiles: files that cannot be read are named, and do not keep
// the others from being read.
func TestDiagnoseBrokenFiles(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.logging(cloudtrail.CreateTrailInput{})
	id := a.deniedStart()
	a.deliverAll()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		a.must(os.WriteFile(filepath.Join(a.buckets, bucket, name+".json.gz"), []byte("broken"), 0o600))
	}
	r := a.askWith(a.root, a.logFiles(), id, "")
	if r.Cause == nil || r.Cause.Agreement != diagnose.Agrees {
		t.Errorf("%s: %s", r.Outcome, r.Summary)
	}
	var said []string
	for _, u := range r.Unread {
		said = append(said, u.What)
	}
	if diff := cmp.Diff([]string{"log file a.json.gz", "log file b.json.gz", "log file c.json.gz", "2 more of the log files"}, said); diff != "" {
		t.Error(diff)
	}
}
