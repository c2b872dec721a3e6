package diagnose

import (
	"slices"
	"strings"
	"time"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
)

// The window around a start in which its requests to KMS are looked for. EC2
// makes them within seconds; a caller's clock plays no part.
const (
	beforeStart = time.Minute
	afterStart  = 15 * time.Minute
)

// reEncrypt is the name of the event of a request that two keys have to allow.
const reEncrypt = string(launch.ReEncrypt)

// lookup asks the trail for events by one attribute, newest first.
func (g *gatherer) lookup(key cttypes.LookupAttributeKey, value string, from, to time.Time) ([]Event, bool) {
	q := Question{Attribute: key, Value: value, From: from, To: to, Account: g.evidence.Site.Account, Region: g.options.Region}
	trail := g.clients.trail()
	g.tell(phrase.Say("looking for %s in the trail", value))
	all, err := once(g.asked, q.String()+from.String()+to.String(), func() ([]Event, error) { return trail.Events(g.ctx, q) })
	if err != nil {
		g.unread(err, q.String(), trail.Call(), "", "")
	}
	return slices.Clone(all), err == nil
}

// instanceEvents finds the last start or launch of the instance and the last
// stop after it. Calls that EC2 refused started nothing.
func (g *gatherer) instanceEvents() {
	e := g.evidence
	events, ok := g.lookup(cttypes.LookupAttributeKeyResourceName, e.Instance.ID, time.Time{}, time.Time{})
	g.takeInstanceEvents(events)
	if e.Start != nil || !ok {
		return
	}
	// Not every event lists its resources.
	name := "StartInstances"
	if e.launching() {
		name = "RunInstances"
	}
	if events, ok = g.lookup(cttypes.LookupAttributeKeyEventName, name, time.Time{}, time.Time{}); ok {
		g.takeInstanceEvents(events)
	}
}

// takeInstanceEvents picks from events, which are newest first.
func (g *gatherer) takeInstanceEvents(events []Event) {
	e := g.evidence
	started, stoppedBefore := false, false
	for i := range events {
		v := &events[i]
		if !v.mentions(e.Instance.ID) {
			continue
		}
		if v.failed() {
			continue
		}
		switch v.Name {
		case "StartInstances", "RunInstances":
			started = true
			switch {
			case e.Start == nil && g.byPrincipal(v):
				e.Start = v
			case e.Start != nil && e.Earlier == nil && stoppedBefore && v.Time.Before(e.Start.Time):
				e.Earlier = v
			}
		case "StopInstances", "TerminateInstances":
			if e.Stop == nil && !started {
				e.Stop = v
			}
			stoppedBefore = stoppedBefore || e.Start != nil
		}
	}
}

// byPrincipal tells whether the event is of the principal that was asked about.
func (g *gatherer) byPrincipal(v *Event) bool {
	p := g.options.Principal
	return p == "" || v.Principal == p || v.identity.Session.Issuer.ARN == p
}

// kmsEvents finds the refused request.
func (g *gatherer) kmsEvents() {
	e := g.evidence
	if e.Denied != nil {
		return // what was asked about tells
	}
	from, to := g.window()
	for _, name := range g.refusable() {
		events, _ := g.lookup(cttypes.LookupAttributeKeyEventName, name, from, to)
		if e.Denied = g.refused(events); e.Denied != nil {
			g.deniedVolume()
			return
		}
	}
	g.startRefused()
}

// startRefused looks for a start that EC2 itself refused after the last that it
// took: then KMS was not asked. Such events do not list their resources.
func (g *gatherer) startRefused() {
	e := g.evidence
	if e.Operation != "" || e.DryRun || e.launching() || e.gone() {
		return
	}
	var from, to time.Time
	if e.Start != nil {
		from, to = e.Start.Time, e.Start.Time.Add(90*24*time.Hour)
	}
	events, _ := g.lookup(cttypes.LookupAttributeKeyEventName, string(StartInstances), from, to)
	for i := range events {
		v := &events[i]
		if !v.mentions(e.Instance.ID) || !g.byPrincipal(v) {
			continue
		}
		switch {
		case v.ErrorCode == unauthorized:
			e.Denied = v
		case plainCode(v.ErrorCode) == "DryRunOperation", plainCode(v.ErrorCode) == "IncorrectInstanceState":
			continue // nothing was tried, or too early, while it was stopping
		case v.failed():
			e.Refused = v
		}
		return // one that EC2 took is newer
	}
}

// refusable are the names of the events among which there may be one that was
// refused, the likeliest first: a launch that fails asks for a data key first, a
// start for a grant.
func (g *gatherer) refusable() []string {
	e := g.evidence
	encrypted := slices.ContainsFunc(e.Volumes, func(v Volume) bool { return v.Key != "" })
	if e.Denied != nil || e.DryRun || e.Operation != "" && e.Start == nil {
		return nil // told already, or nobody has tried
	}
	if f, plain := e.plainReason(); plain && !e.forecast(f.cause.Kind) || !encrypted && !e.launching() && !e.gone() {
		return nil
	}
	again := slices.ContainsFunc(e.Volumes, func(v Volume) bool {
		return v.Snapshot != "" && (v.SnapshotEncrypted == nil || *v.SnapshotEncrypted) && (v.SnapshotKey == "" || v.SnapshotKey != v.Key)
	})
	switch {
	case e.Operation == CreateVolume && again:
		return []string{"GenerateDataKeyWithoutPlaintext", reEncrypt}
	case e.Operation == CreateVolume:
		return []string{"GenerateDataKeyWithoutPlaintext", "CreateGrant"}
	case e.launching() && again:
		return []string{"GenerateDataKeyWithoutPlaintext", reEncrypt, "CreateGrant", "Decrypt"}
	case e.launching():
		return []string{"GenerateDataKeyWithoutPlaintext", "CreateGrant", "Decrypt"}
	}
	return []string{"CreateGrant", "Decrypt"}
}

// askForRefused asks for the likeliest of the events while the keys are being read:
// which of them is the one cannot be told before.
func (g *gatherer) askForRefused(names []string) {
	if len(names) == 0 {
		return
	}
	from, to := g.window()
	g.lookup(cttypes.LookupAttributeKeyEventName, names[0], from, to)
}

// window is the time in which the requests of the last start were made; without
// a known start, all time.
func (g *gatherer) window() (from, to time.Time) {
	e := g.evidence
	switch {
	case e.Start != nil && !e.Start.Time.IsZero():
		from = e.Start.Time
	case e.Instance.Launched != nil:
		from = *e.Instance.Launched
	default:
		return from, to
	}
	return from.Add(-beforeStart), from.Add(afterStart)
}

// refused picks the event of this instance's start: refused, on one of its keys,
// by the same caller or by EC2's role for it. The oldest of them is the first
// that failed.
func (g *gatherer) refused(events []Event) *Event {
	for i := len(events) - 1; i >= 0; i-- {
		if v := &events[i]; v.failed() && g.isOurs(v) {
			return v
		}
	}
	return nil
}

func (g *gatherer) isOurs(v *Event) bool {
	e := g.evidence
	if v.Key != "" && len(e.Keys) > 0 && e.key(v.Key) == nil && v.Name != reEncrypt {
		return false // the snapshot's key of a ReEncrypt need not be known
	}
	if e.Start != nil && v.Time.Before(e.Start.Time) {
		return false
	}
	if strings.Contains(v.Principal, ":assumed-role/aws:ec2-infrastructure/") {
		return strings.HasSuffix(v.Principal, "/"+e.Instance.ID)
	}
	if e.Start != nil && v.Principal != e.Start.Principal || !g.byPrincipal(v) {
		return false
	}
	if !strings.Contains(v.InvokedBy, "amazonaws.com") && v.InvokedBy != "AWS Internal" {
		return false
	}
	if grantee, ok := v.request["granteePrincipal"].(string); ok && strings.Contains(grantee, "/i-") {
		return strings.HasSuffix(grantee, "/"+e.Instance.ID)
	}
	return true
}

// deniedVolume adds what the event tells of a failed launch's volumes: they are
// gone, and the call need not have named a key.
func (g *gatherer) deniedVolume() {
	e := g.evidence
	if e.launching() && e.Denied.Name == reEncrypt {
		g.deniedSource()
		return
	}
	if !e.launching() && !e.gone() || e.Denied.Key == "" {
		return
	}
	id, _ := at(e.Denied.request, "encryptionContext", "aws:ebs:id").(string)
	for i := range e.Volumes {
		v := &e.Volumes[i]
		if v.SnapshotKey == e.Denied.Key {
			return
		}
		if v.Key == e.Denied.Key {
			if v.ID == "" {
				v.ID = id
			}
			return
		}
	}
	for i := range e.Volumes {
		if v := &e.Volumes[i]; v.Encrypted && v.Key == "" {
			v.Key, v.ID = e.Denied.Key, id
			g.keys()
			return
		}
	}
	e.Volumes = append(e.Volumes, Volume{Source: lookupEvents, ID: id, Encrypted: true, Key: e.Denied.Key})
	g.keys()
}
