package diagnose

import (
	"context"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/phrase"
)

// trailDelay is how late the event history shows an event at most (CloudTrail
// guide, "Working with CloudTrail event history").
const trailDelay = 15 * time.Minute

// pollEvery is how often the trail is asked again. LookupEvents takes two calls a
// second from the whole account.
const pollEvery = 15 * time.Second

// Clock tells the time and lets it pass.
type Clock interface {
	Now() time.Time
	// Sleep returns after a time, or with ctx's error as soon as that has ended.
	Sleep(ctx context.Context, d time.Duration) error
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Options) clock() Clock {
	if o.Clock == nil {
		return wallClock{}
	}
	return o.Clock
}

// late finds out until when an event of the failed request may still come, where
// there is none yet and the start is recent. It is zero where nothing is awaited.
func (g *gatherer) late() time.Time {
	e := g.evidence
	var began time.Time
	switch {
	case e.Denied != nil || g.options.DryRun || len(e.refusableSteps()) == 0 || e.trailDenied():
		return began
	case e.Start != nil:
		began = e.Start.Time
	case e.Forecast:
		return began // nobody may have tried
	}
	if l := e.Instance.Launched; l != nil && l.After(began) {
		began = *l // its start may not be in the trail yet
	}
	if began.IsZero() || g.options.clock().Now().After(began.Add(trailDelay)) {
		return time.Time{}
	}
	return began.Add(trailDelay)
}

// refusableSteps are the names of the events of which one is awaited.
func (e *Evidence) refusableSteps() []string {
	if f, plain := e.plainReason(); plain && !e.forecast(f.cause.Kind) {
		return nil
	}
	var names []string
	for _, s := range e.steps() {
		if n := string(s.Operation); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// await asks the trail again until the awaited event is there, its time is over, or
// as long as the options say. It reports whether it is there.
func await(ctx context.Context, c Clients, o Options, e *Evidence) (bool, error) {
	clock := o.clock()
	end := clock.Now().Add(o.Wait)
	if e.Late.Before(end) {
		end = *e.Late
	}
	for {
		left := end.Sub(clock.Now())
		if left <= 0 {
			return false, nil
		}
		if o.Progress != nil {
			o.Progress(phrase.Say("waiting for CloudTrail to show the refused request, until %s", stamp(end)))
		}
		if err := clock.Sleep(ctx, min(left, pollEvery)); err != nil {
			return false, err
		}
		again := e.clone()
		again.Denied, again.Unread = nil, nil
		g := newGatherer(ctx, c, o, again)
		if e.Operation == "" {
			again.Start, again.Stop, again.Earlier = nil, nil, nil
			g.instanceEvents()
		}
		g.kmsEvents()
		if again.Denied != nil {
			return true, nil
		}
	}
}
