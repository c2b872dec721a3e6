package diagnose

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/keyturn/keyturn/access"
)

// EvidenceVersion is the version of the form in which evidence is written
// (docs/evidence-json.md). It changes with every field: who knows fewer fields
// would judge without a part of the evidence.
const EvidenceVersion = 1

// evidenceForm tells a file of evidence from other JSON.
const evidenceForm = "keyturn-evidence"

// evidenceFile is evidence as it is written: what stands here is written and
// nothing else. There are no credentials, no user data, no parameters of events,
// and a condition key's value, such as a tag's or an address, only where a policy
// of the evidence asks for that key.
type evidenceFile struct {
	Form      string    `json:"form"`
	Version   int       `json:"version"`
	Collected time.Time `json:"collected"`
	Forecast  bool      `json:"forecast"`
	DryRun    bool      `json:"dryRun"`

	Target    Target    `json:"target"`
	Operation Operation `json:"operation"`
	// Template is the id of the launch template in question.
	Template string     `json:"template"`
	Late     *time.Time `json:"late"`

	Site         fileSite          `json:"site"`
	Instance     fileInstance      `json:"instance"`
	Volumes      []Volume          `json:"volumes"`
	Keys         []fileKey         `json:"keys"`
	Start        *fileEvent        `json:"start"`
	Earlier      *fileEvent        `json:"earlier"`
	Changed      *fileEvent        `json:"changed"`
	Denied       *fileEvent        `json:"denied"`
	Refused      *fileEvent        `json:"refused"`
	Attempt      *fileEvent        `json:"attempt"`
	Stop         *fileEvent        `json:"stop"`
	Caller       *fileCaller       `json:"caller"`
	Organization *fileOrganization `json:"organization"`
	// NoOrganization: the account is in none.
	NoOrganization bool         `json:"noOrganization"`
	Unread         []fileUnread `json:"unread"`
}

type fileSite struct {
	Partition string `json:"partition"`
	Account   string `json:"account"`
	Region    string `json:"region"`
}

// fileInstance is the instance, as the report has it and more.
type fileInstance struct {
	Instance

	// Tags are null where they are not known.
	Tags map[string]string `json:"tags"`
}

// fileEvent is an event, as the report has it and more.
type fileEvent struct {
	Event

	Decoded *fileDecoded `json:"decoded,omitempty"`
}

// fileDecoded is a decoded message, as the report has it and more.
type fileDecoded struct {
	Decoded

	Conditions map[string][]string `json:"conditions"`
}

// fileKey is a key, as the report has it and more.
type fileKey struct {
	Key

	// Tags are null where they could not be read.
	Tags   map[string]string `json:"tags"`
	Policy *fileDocument     `json:"policy"`
	Grants []fileGrant       `json:"grants"`
}

type fileDocument struct {
	Name string `json:"name"`
	ARN  string `json:"arn,omitempty"`
	// Text is the policy as it was written: places in it are told by line.
	Text string `json:"text"`
}

type fileGrant struct {
	ID            string            `json:"id"`
	Grantee       string            `json:"grantee"`
	Operations    []string          `json:"operations"`
	ContextEquals map[string]string `json:"contextEquals"`
	ContextSubset map[string]string `json:"contextSubset"`
	Retiring      string            `json:"retiring,omitempty"`
	Account       string            `json:"account,omitempty"`
}

// fileCaller is the caller, as the report has them and more.
type fileCaller struct {
	Caller

	Principal filePrincipal `json:"principal"`
	Identity  []fileHeld    `json:"identity"`
	Limit     *fileDocument `json:"limit"`
	// Session are the session policies; HasSession tells a session whose policy is
	// not known from one that has none.
	Session    []fileDocument `json:"session"`
	HasSession bool           `json:"hasSession"`
	Context    fileContext    `json:"context"`
}

type filePrincipal struct {
	Type             string            `json:"type"`
	Partition        string            `json:"partition"`
	Account          string            `json:"account"`
	ARN              string            `json:"arn"`
	UserID           string            `json:"userId,omitempty"`
	Name             string            `json:"name,omitempty"`
	RoleARN          string            `json:"roleArn,omitempty"`
	RoleID           string            `json:"roleId,omitempty"`
	ServicePrincipal string            `json:"servicePrincipal,omitempty"`
	ServiceLinked    bool              `json:"serviceLinked,omitempty"`
	IdentityOnly     bool              `json:"identityOnly,omitempty"`
	UserARN          string            `json:"userArn,omitempty"`
	Federated        string            `json:"federated,omitempty"`
	Tags             map[string]string `json:"tags"`
}

type fileHeld struct {
	Document   fileDocument `json:"document"`
	Inline     bool         `json:"inline"`
	Holder     string       `json:"holder"`
	HolderName string       `json:"holderName"`
	Policy     string       `json:"policy"`
}

// fileContext is condition keys with their values, and those of which nobody
// knows.
type fileContext struct {
	Values  map[string][]string `json:"values"`
	Unknown []string            `json:"unknown"`
}

type fileOrganization struct {
	Source     string      `json:"source"`
	ID         string      `json:"id"`
	Management string      `json:"management"`
	Places     []filePlace `json:"places"`
}

// filePlace is a place, as the report has it and more.
type filePlace struct {
	Place

	// Service and Resource are the policies of every level, from the root down; null
	// where the organization has not enabled the type.
	Service  [][]fileDocument `json:"service"`
	Resource [][]fileDocument `json:"resource"`
}

// fileUnread is what could not be read, as the report has it and more.
type fileUnread struct {
	Unread

	// Layer is the kind of policy that decisions lack by it, and Key the one key of
	// which they do.
	Layer string `json:"layer,omitempty"`
	Key   string `json:"key,omitempty"`
}

// Write writes the evidence, collected at a time, in the form of
// docs/evidence-json.md. Judge says of what ReadEvidence reads of it what it says
// of the evidence itself.
func (e *Evidence) Write(w io.Writer, collected time.Time) error {
	asked := e.askedKeys()
	f := evidenceFile{
		Form: evidenceForm, Version: EvidenceVersion, Collected: collected.UTC(), Forecast: e.Forecast, DryRun: e.DryRun,
		Target: e.Target, Operation: e.Operation, Template: e.Template, Late: e.Late,
		Site:     fileSite{e.Site.Partition, e.Site.Account, e.Site.Region},
		Instance: fileInstance{e.Instance, asked.tags(e.Instance.Tags, "aws:ResourceTag/", "ec2:ResourceTag/")}, Volumes: filled(e.Volumes), Keys: []fileKey{},
		Start: asked.event(e.Start), Earlier: asked.event(e.Earlier), Changed: asked.event(e.Changed), Denied: asked.event(e.Denied), Refused: asked.event(e.Refused), Attempt: asked.event(e.Attempt), Stop: asked.event(e.Stop),
		NoOrganization: e.NoOrganization, Unread: []fileUnread{},
	}
	for i := range e.Keys {
		k := &e.Keys[i]
		f.Keys = append(f.Keys, fileKey{Key: *k, Tags: asked.tags(k.Tags, "aws:ResourceTag/"), Policy: writtenPointer(k.Policy), Grants: writtenGrants(k.Grants)})
	}
	if e.Caller != nil {
		f.Caller = writtenCaller(e.Caller, asked)
	}
	if o := e.Organization; o != nil {
		f.Organization = &fileOrganization{Source: o.Source, ID: o.ID, Management: o.Management, Places: []filePlace{}}
		for i := range o.Places {
			p := &o.Places[i]
			f.Organization.Places = append(f.Organization.Places, filePlace{Place: *p, Service: writtenLevels(p.service), Resource: writtenLevels(p.resource)})
		}
	}
	for _, u := range e.Unread {
		f.Unread = append(f.Unread, fileUnread{u, string(u.layer), u.key})
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(f); err != nil {
		return fmt.Errorf("writing the evidence: %w", err)
	}
	return nil
}

// event is an event as it is written, with the condition keys that are asked for.
func (a askedKeys) event(e *Event) *fileEvent {
	if e == nil {
		return nil
	}
	f := &fileEvent{Event: *e}
	if d := e.Decoded; d != nil {
		f.Decoded = &fileDecoded{Decoded: *d, Conditions: map[string][]string{}}
		f.Decoded.Statements = filled(d.Statements)
		for key, values := range d.conditions {
			if a.has(key) {
				f.Decoded.Conditions[key] = filled(values)
			}
		}
	}
	return f
}

func written(d access.Document) fileDocument {
	return fileDocument{Name: d.Name, ARN: d.ARN, Text: d.Policy.Text()}
}

func writtenPointer(d *access.Document) *fileDocument {
	if d == nil {
		return nil
	}
	w := written(*d)
	return &w
}

func writtenAll(all []access.Document) []fileDocument {
	list := []fileDocument{}
	for _, d := range all {
		list = append(list, written(d))
	}
	return list
}

func writtenLevels(levels [][]access.Document) [][]fileDocument {
	if levels == nil {
		return nil
	}
	all := [][]fileDocument{}
	for _, l := range levels {
		all = append(all, writtenAll(l))
	}
	return all
}

func writtenGrants(grants []access.Grant) []fileGrant {
	all := []fileGrant{}
	for _, g := range grants {
		all = append(all, fileGrant{g.ID, g.Grantee, filled(g.Operations), g.ContextEquals, g.ContextSubset, g.Retiring, g.Account})
	}
	return all
}

func writtenCaller(c *Caller, asked askedKeys) *fileCaller {
	p := &c.Principal
	f := &fileCaller{
		Caller: *c,
		Principal: filePrincipal{
			Type: string(p.Type), Partition: p.Partition, Account: p.Account, ARN: p.ARN, UserID: p.UserID, Name: p.Name,
			RoleARN: p.RoleARN, RoleID: p.RoleID, ServicePrincipal: p.ServicePrincipal, ServiceLinked: p.ServiceLinked,
			IdentityOnly: p.IdentityOnly, UserARN: p.UserARN, Federated: p.Federated, Tags: asked.tags(p.Tags, "aws:PrincipalTag/"),
		},
		Identity: []fileHeld{}, Limit: writtenPointer(c.Limit), Session: writtenAll(c.Session), HasSession: c.HasSession,
		Context: fileContext{Values: map[string][]string{}, Unknown: filled(c.Context.Unknown())},
	}
	f.Policies = filled(f.Policies)
	for _, h := range c.Identity {
		f.Identity = append(f.Identity, fileHeld{written(h.Document), h.Inline, h.Holder, h.HolderName, h.Policy})
	}
	for key, values := range c.Context.All() {
		if asked.has(key) {
			f.Context.Values[key] = filled(values)
		}
	}
	return f
}
