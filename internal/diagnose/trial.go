package diagnose

import (
	"strconv"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
)

// trial is one request of the start, decided.
type trial struct {
	step     launch.Step
	request  access.Request
	decision access.Decision
	// fault is the state that keeps the key from being used; empty if none.
	fault CauseKind
	// own: the request is EC2's own, not one to KMS.
	own bool
	// nobody: the request is the caller's, and nobody knows the caller.
	nobody bool
}

// fromSource tells whether the request is for the key of the snapshot that the
// volume is made from.
func (t *trial) fromSource() bool { return t.request.Action == "kms:ReEncryptFrom" }

func (t *trial) passes() bool { return t.fault == "" && !t.nobody && t.decision.Allowed() }

// keyARN is the key that is asked for, empty where it is none.
func (t *trial) keyARN() string {
	if t.own {
		return ""
	}
	return t.request.Resource
}

// outcome is the trial's end in a word.
func (t *trial) outcome() string {
	switch {
	case t.nobody:
		return string(access.Depends)
	case t.fault != "" && t.decision.Allowed():
		return string(t.fault)
	}
	return string(t.decision.Outcome)
}

// try decides every request of the start, or of the launch, in order. A grant
// that may be made is there for the requests after it.
func (e *Evidence) try() []trial {
	grants := make(map[string][]access.Grant)
	all := e.ownTrials()
	for _, s := range e.steps() {
		made := true
		for _, r := range s.Requests(e.Site, e.principal()) {
			t := trial{step: s, request: r}
			if s.By == launch.ByCaller && e.Caller == nil {
				t.nobody, t.fault, made = true, e.fault(r.Resource), false
				all = append(all, t)
				continue
			}
			e.complete(&t)
			p := e.policies(&t.request, s.By == launch.ByCaller)
			p.Grants = append(p.Grants, grants[r.Resource]...)
			t.decision = access.Decide(t.request, p)
			if t.decision.Allowed() {
				t.fault = e.fault(r.Resource)
			}
			made = made && t.passes()
			all = append(all, t)
		}
		if g := s.AccessGrant(e.Site); g != nil && made {
			grants[s.Key] = append(grants[s.Key], *g)
		}
	}
	return all
}

// steps are the requests to KMS that the instance's volumes take.
func (e *Evidence) steps() []launch.Step {
	var volumes []launch.Volume
	for _, v := range e.Volumes {
		if v.Encrypted && v.Key != "" {
			volumes = append(volumes, launch.Volume{ID: v.handle(), Key: v.Key, Source: v.source()})
		}
	}
	switch e.operation() {
	case RunInstances:
		return launch.Run(e.Site, e.Instance.ID, volumes)
	case CreateVolume:
		var steps []launch.Step
		for _, v := range volumes {
			steps = append(steps, launch.CreateVolume(e.Site, v)...)
		}
		return steps
	}
	return launch.Start(e.Site, e.Instance.ID, volumes) // to attach asks for the same
}

// source is the snapshot that the volume is made of, as far as it is known; nil for
// a volume that is there, and for an empty one.
func (v *Volume) source() *launch.Source {
	switch {
	case v.SnapshotEncrypted == nil || *v.SnapshotEncrypted && v.SnapshotKey == "":
		return nil
	case !*v.SnapshotEncrypted:
		return &launch.Source{Snapshot: v.Snapshot}
	}
	s := &launch.Source{Snapshot: v.Snapshot, Encrypted: true, Key: v.SnapshotKey}
	if v.SnapshotContext != "" {
		s.Context = map[string]string{launch.ContextKey: v.SnapshotContext}
	}
	return s
}

func (e *Evidence) principal() access.Principal {
	if e.Caller == nil {
		return access.Principal{}
	}
	return e.Caller.Principal
}

// complete adds the condition keys that the evidence tells, and marks those
// that nobody can know from outside.
func (e *Evidence) complete(t *trial) {
	c := &t.request.Context
	if t.step.By == launch.ByCaller {
		c.Merge(e.Caller.Context)
	}
	e.describeKey(c, t.request.Resource)
	if v := e.volume(t.step.Volume); t.step.By == launch.ByCaller && v != nil {
		known := v.ID
		if t.fromSource() {
			known = v.SnapshotContext
		}
		if known == "" {
			c.SetUnknown("kms:EncryptionContext:" + launch.ContextKey)
		}
	}
	if t.step.Grant != nil && e.Instance.ID == "" && t.step.Grant.Grantee != e.Site.ServicePrincipal() {
		c.SetUnknown("kms:GranteePrincipal") // no instance is known yet
	}
	e.placeKeys(c, t.request.Principal.Account, accountOf(t.request.Resource))
	c.SetUnknown("aws:UserAgent") // it comes from the caller's client
}

// describeKey adds the condition keys that tell of a KMS key.
func (e *Evidence) describeKey(c *access.Context, arn string) {
	k := e.key(arn)
	if k == nil {
		return
	}
	k.describeKind(c)
	if len(k.Aliases) > 0 {
		c.Set("kms:ResourceAliases", k.Aliases...)
	}
	for name, value := range k.Tags {
		c.Set("aws:ResourceTag/"+name, value)
	}
	if k.Tags == nil {
		c.SetUnknown("aws:ResourceTag/*")
	}
}

// describeKind adds the keys that tell what kind of key it is; nobody knows them
// of a key that could not be described.
func (k *Key) describeKind(c *access.Context) {
	if k.Spec == "" {
		for _, name := range []string{"kms:KeyOrigin", "kms:KeySpec", "kms:KeyUsage", "kms:MultiRegion", "kms:MultiRegionKeyType"} {
			c.SetUnknown(name)
		}
		return
	}
	c.Set("kms:KeyOrigin", k.Origin)
	c.Set("kms:KeySpec", k.Spec)
	c.Set("kms:KeyUsage", k.Usage)
	c.Set("kms:MultiRegion", strconv.FormatBool(k.MultiRegion != ""))
	if k.MultiRegion != "" {
		c.Set("kms:MultiRegionKeyType", k.MultiRegion)
	}
}

// policies are the documents that bear on a request for a key.
func (e *Evidence) policies(r *access.Request, byCaller bool) access.Policies {
	var p access.Policies
	if k := e.key(r.Resource); k != nil {
		p.Grants = append(p.Grants, k.Grants...)
		p.AWSManaged = k.Manager == string(kmstypes.KeyManagerTypeAws)
		// Of a key whose policy could not be read the kind is known: grants count.
		if !k.Missing {
			p.Resource = &access.ResourcePolicy{Kind: access.KMSKey}
		}
		if k.Policy != nil {
			p.Resource = &access.ResourcePolicy{Kind: access.KMSKey, Document: *k.Policy}
		}
	}
	if byCaller {
		p.Identity = e.Caller.documents()
		p.Boundary = e.Caller.Limit
		p.Session, p.HasSession = e.Caller.Session, e.Caller.HasSession
	}
	e.control(r, &p)
	for _, u := range e.Unread {
		own := u.layer == access.IdentityLayer || u.layer == access.BoundaryLayer || u.layer == access.SessionLayer
		switch {
		case u.layer == "", own && !byCaller, u.key != "" && u.key != r.Resource:
		default:
			p.Unread = append(p.Unread, access.UnreadLayer{Layer: u.layer, What: u.What})
		}
	}
	return p
}

// firstFailing is the first request that does not go through, or nil.
func firstFailing(trials []trial) *trial {
	for i := range trials {
		if !trials[i].passes() {
			return &trials[i]
		}
	}
	return nil
}

// alike selects the trials of the caller that fail as t does.
func alike(trials []trial, t *trial) []trial {
	var same []trial
	for _, o := range trials {
		if !o.passes() && o.own == t.own && o.fault == t.fault && o.step.By == t.step.By &&
			o.decision.Layer == t.decision.Layer && o.decision.Outcome == t.decision.Outcome {
			same = append(same, o)
		}
	}
	return same
}

// keysOf and volumesOf list what trials are about, each once, in order.
func keysOf(trials []trial) []string {
	return distinct(trials, (*trial).keyARN)
}

func volumesOf(trials []trial) []string {
	return distinct(trials, func(t *trial) string { return t.step.Volume })
}

func actionsOf(trials []trial) []string {
	return distinct(trials, func(t *trial) string { return t.request.Action })
}

func distinct(trials []trial, of func(*trial) string) []string {
	seen := make(map[string]bool)
	var all []string
	for i := range trials {
		if s := of(&trials[i]); s != "" && !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}
