package diagnose

import (
	"time"

	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// unauthorized is EC2's refusal for want of a permission as CloudTrail writes it.
const unauthorized = "Client.UnauthorizedOperation"

// keyPolicyChange looks for who changed the key policy that denies: the trail has
// every PutKeyPolicy of 90 days. Where another kind of policy denied, it is not
// asked.
func (g *gatherer) keyPolicyChange() {
	e := g.evidence
	d, worded := e.denial()
	if !worded || e.refusedByEC2() || d.Layer != access.ResourceLayer && d.Layer != "" || e.Denied.Key == "" {
		return
	}
	events, _ := g.lookup(cttypes.LookupAttributeKeyEventName, "PutKeyPolicy", time.Time{}, time.Time{})
	for i := range events {
		v := &events[i]
		if !v.failed() && v.Key == e.Denied.Key && !v.Time.After(e.Denied.Time) {
			e.Changed = v
			return
		}
	}
}

// tellChange says who changed the key policy that is the cause.
func (e *Evidence) tellChange(c *Cause) {
	v := e.Changed
	if v == nil || access.Layer(c.Layer) != access.ResourceLayer || len(c.Keys) == 0 || c.Keys[0] != v.Key {
		return
	}
	words := phrase.Say("%s changed the key policy at %s.", v.Principal, stamp(v.Time))
	if e.Earlier != nil && e.Earlier.Time.Before(v.Time) {
		words = phrase.Say("%s changed the key policy at %s; the start before that, at %s, went well.", v.Principal, stamp(v.Time), stamp(e.Earlier.Time))
	}
	if c.Note.IsZero() {
		c.Note = words
		return
	}
	c.Note = phrase.Join(" ", c.Note, words)
}
