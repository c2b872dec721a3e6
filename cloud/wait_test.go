package cloud_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/diagnose"
	"github.com/keyturn/keyturn/internal/phrase"
)

// slowTrail shows events as late as CloudTrail does.
type slowTrail struct {
	diagnose.Trail
	clock diagnose.Clock
	delay time.Duration
}

// Events implements diagnose.Trail.
func (s slowTrail) Events(ctx context.Context, q diagnose.Question) ([]diagnose.Event, error) {
	all, err := s.Trail.Events(ctx, q)
	now := s.clock.Now()
	return slices.DeleteFunc(all, func(e diagnose.Event) bool { return e.Time.Add(s.delay).After(now) }), err
}

// cloudClock is the cloud's own time; nobody else lets it pass.
type cloudClock struct {
	s   *stage
	now *time.Time
}

// Now implements diagnose.Clock.
func (c cloudClock) Now() time.Time { return *c.now }

// Sleep implements diagnose.Clock.
func (c cloudClock) Sleep(ctx context.Context, d time.Duration) error {
	*c.now = c.now.Add(d)
	c.s.cloud.Advance(d)
	return ctx.Err()
}

// TestDiagnoseWaits: the trail shows a refused request minutes later. Until then the
// report says so; a diagnosis that waits has the event in the end, or ends in time.
func TestDiagnoseWaits(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	id := s.deniedStart()
	now := s.events("CreateGrant")[0].EventTime.Add(10 * time.Second)
	clock := cloudClock{s, &now}
	clients := diagnose.NewClients(s.root.config)
	clients.Trail = slowTrail{diagnose.NewHistory(clients.CloudTrail), clock, 2 * time.Minute}
	var told []string
	options := diagnose.Options{Instance: id, Region: region, Clock: clock, Progress: func(t phrase.Text) { told = append(told, t.String()) }}
	waited := func() int {
		return len(slices.DeleteFunc(slices.Clone(told), func(s string) bool { return !strings.HasPrefix(s, "waiting for CloudTrail") }))
	}
	run := func(wait time.Duration) *diagnose.Report {
		t.Helper()
		options.Wait = wait
		stop := s.hurry()
		defer stop()
		r, err := diagnose.Run(t.Context(), clients, options)
		s.must(err)
		return r
	}

	r := run(0)
	if r.Denied != nil || r.Late == nil || r.Late.Sub(now) > 15*time.Minute || !strings.Contains(r.Summary.String(), "--wait") {
		t.Errorf("late %v, denied %v: %s", r.Late, r.Denied, r.Summary)
	}
	r = run(time.Minute)
	if r.Denied != nil || waited() != 4 {
		t.Errorf("after a minute, denied %v, %d polls", r.Denied, waited())
	}
	r = run(15 * time.Minute)
	if r.Denied == nil || r.Late != nil || r.Cause == nil || r.Cause.Agreement != diagnose.Agrees {
		t.Errorf("in the end: %s: %s, denied %v", r.Outcome, r.Summary, r.Denied)
	}
	if waited() > 12 {
		t.Errorf("%d polls: it did not stop at the event", waited())
	}

	// An instance that started well awaits nothing.
	s.start(s.root, id)
	s.await(id, ec2types.InstanceStateNameRunning)
	if r = run(time.Minute); r.Late != nil || r.Outcome != diagnose.NothingWrong {
		t.Errorf("running: late %v, %s", r.Late, r.Outcome)
	}
}
