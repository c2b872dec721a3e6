package diagnose

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/launch"
	"github.com/keyturn/keyturn/internal/phrase"
)

// maxEvidence bounds a file of evidence, in bytes, unpacked. Ours: the policies of
// one caller are some hundred kilobytes at most.
const maxEvidence = 32 << 20

// What Keyturn has no bound for bounds what a file may claim.
const (
	maxFileVolumes   = 256    // EC2 attaches 128 to the largest instance
	maxFileDocuments = 2000   // of all kinds together
	maxFileGrants    = 50_000 // KMS's quota for a key
)

var errNoEvidence = errors.New("it is no evidence: keyturn collect writes such files")

// ReadEvidence reads what Write wrote, gzipped or not, and when that was collected.
// The file may come from anybody: it is bounded, and an error says what is wrong
// with it. One of another version gives a *VersionError.
func ReadEvidence(r io.Reader) (*Evidence, time.Time, error) {
	text, err := unpackedEvidence(r)
	if err != nil {
		return nil, time.Time{}, err
	}
	var head struct {
		Form    string `json:"form"`
		Version int    `json:"version"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&head); err != nil {
		return nil, time.Time{}, fmt.Errorf("%w (%w)", errNoEvidence, err)
	}
	if head.Form != evidenceForm {
		return nil, time.Time{}, errNoEvidence
	}
	if head.Version != EvidenceVersion {
		return nil, time.Time{}, &VersionError{head.Version}
	}
	var f evidenceFile
	if err := strict(text, &f); err != nil {
		return nil, time.Time{}, fmt.Errorf("the evidence does not keep to its form: %w", err)
	}
	e, err := f.evidence()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the evidence does not keep to its form: %w", err)
	}
	return e, f.Collected, nil
}

func unpackedEvidence(r io.Reader) ([]byte, error) {
	src := bufio.NewReader(r)
	r = src
	if begin, _ := src.Peek(2); bytes.Equal(begin, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(src)
		if err != nil {
			return nil, fmt.Errorf("unpacking the evidence: %w", err)
		}
		r = unpacked
	}
	text, err := io.ReadAll(io.LimitReader(r, maxEvidence+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the evidence: %w", err)
	case len(text) > maxEvidence:
		return nil, fmt.Errorf("the evidence is larger than %d MiB", maxEvidence>>20)
	}
	return text, nil
}

// strict reads JSON of which every field is known, and nothing behind it.
func strict(text []byte, v any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind it")
	}
	return nil
}

// VersionError is the error of evidence of a version that this Keyturn does not
// read.
type VersionError struct{ Version int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the evidence is of version %d, and this keyturn reads version %d", e.Version, EvidenceVersion)
}

// evidence is what was written.
func (f *evidenceFile) evidence() (*Evidence, error) {
	r := &evidenceReader{}
	if len(f.Volumes) > maxFileVolumes || len(f.Keys) > maxFileVolumes {
		return nil, fmt.Errorf("it has more than %d volumes or keys", maxFileVolumes)
	}
	e := &Evidence{
		Site:     launch.Site{Partition: f.Site.Partition, Account: f.Site.Account, Region: f.Site.Region},
		Instance: f.Instance.Instance, Volumes: f.Volumes,
		Start: f.Start.event(), Earlier: f.Earlier.event(), Changed: f.Changed.event(), Denied: f.Denied.event(), Refused: f.Refused.event(), Attempt: f.Attempt.event(), Stop: f.Stop.event(),
		NoOrganization: f.NoOrganization, Forecast: f.Forecast, DryRun: f.DryRun,
		Target: f.Target, Operation: f.Operation, Template: f.Template, Late: f.Late,
	}
	if e.Instance.Tags = f.Instance.Tags; e.Instance.ID == "" && e.Operation == "" {
		return nil, errors.New("it names no instance")
	}
	for i := range f.Keys {
		w := &f.Keys[i]
		k := w.Key
		k.Tags, k.Policy, k.Grants = w.Tags, r.pointer(w.Policy), r.grants(w.Grants)
		e.Keys = append(e.Keys, k)
	}
	if f.Caller != nil {
		e.Caller = r.caller(f.Caller)
	}
	if o := f.Organization; o != nil {
		e.Organization = &Organization{Source: o.Source, ID: o.ID, Management: o.Management, Places: []Place{}}
		for i := range o.Places {
			p := o.Places[i].Place
			p.Policies = filled(p.Policies)
			p.service, p.resource = r.levels(o.Places[i].Service), r.levels(o.Places[i].Resource)
			e.Organization.Places = append(e.Organization.Places, p)
		}
	}
	for _, w := range f.Unread {
		u := w.Unread
		u.layer, u.key = access.Layer(w.Layer), w.Key
		e.Unread = append(e.Unread, u)
	}
	return e, r.err
}

// event is what was written.
func (w *fileEvent) event() *Event {
	if w == nil {
		return nil
	}
	e := w.Event
	if d := w.Decoded; d != nil {
		decoded := d.Decoded
		decoded.Statements, decoded.conditions = filled(decoded.Statements), d.Conditions
		e.Decoded = &decoded
	}
	return &e
}

// evidenceReader makes documents of texts, and keeps the first error.
type evidenceReader struct {
	documents, entries int
	err                error
}

func (r *evidenceReader) document(w fileDocument) access.Document {
	if r.documents++; r.documents > maxFileDocuments && r.err == nil {
		r.err = fmt.Errorf("it has more than %d policies", maxFileDocuments)
	}
	if r.err != nil {
		return access.Document{}
	}
	d, err := parsed(w.Name, w.ARN, w.Text)
	if err != nil {
		r.err = err
	}
	return d
}

func (r *evidenceReader) pointer(w *fileDocument) *access.Document {
	if w == nil {
		return nil
	}
	d := r.document(*w)
	return &d
}

func (r *evidenceReader) all(list []fileDocument) []access.Document {
	var all []access.Document
	for _, w := range list {
		all = append(all, r.document(w))
	}
	return all
}

func (r *evidenceReader) levels(levels [][]fileDocument) [][]access.Document {
	if levels == nil {
		return nil
	}
	all := [][]access.Document{}
	for _, l := range levels {
		all = append(all, filled(r.all(l)))
	}
	return all
}

func (r *evidenceReader) grants(list []fileGrant) []access.Grant {
	if r.entries += len(list); r.entries > maxFileGrants && r.err == nil {
		r.err = fmt.Errorf("it has more than %d grants", maxFileGrants)
	}
	var all []access.Grant
	for _, w := range list {
		all = append(all, access.Grant{
			ID: w.ID, Grantee: w.Grantee, Operations: w.Operations, ContextEquals: w.ContextEquals, ContextSubset: w.ContextSubset,
			Retiring: w.Retiring, Account: w.Account,
		})
	}
	return all
}

func (r *evidenceReader) caller(w *fileCaller) *Caller {
	c := w.Caller
	c.Told = toldWords(c.Told.String())
	c.Policies = filled(c.Policies)
	p := &w.Principal
	c.Principal = access.Principal{
		Type: access.PrincipalType(p.Type), Partition: p.Partition, Account: p.Account, ARN: p.ARN, UserID: p.UserID, Name: p.Name,
		RoleARN: p.RoleARN, RoleID: p.RoleID, ServicePrincipal: p.ServicePrincipal, ServiceLinked: p.ServiceLinked,
		IdentityOnly: p.IdentityOnly, UserARN: p.UserARN, Federated: p.Federated, Tags: p.Tags,
	}
	for _, h := range w.Identity {
		c.Identity = append(c.Identity, Held{Document: r.document(h.Document), Inline: h.Inline, Holder: h.Holder, HolderName: h.HolderName, Policy: h.Policy})
	}
	c.Limit, c.Session, c.HasSession = r.pointer(w.Limit), r.all(w.Session), w.HasSession
	for key, values := range w.Context.Values {
		c.Context.Set(key, values...)
	}
	for _, key := range w.Context.Unknown {
		c.Context.SetUnknown(key)
	}
	return &c
}

// toldWords is what told who the caller is, as Gather says it.
func toldWords(told string) phrase.Text {
	if name, ok := between("the denied ", told, " event"); ok {
		return phrase.Say("the denied %s event", name)
	}
	if name, ok := between("the refused ", told, " event"); ok {
		return phrase.Say("the refused %s event", name)
	}
	if name, ok := between("the ", told, " event"); ok {
		return phrase.Say("the %s event", name)
	}
	if told == "the command line" {
		return phrase.Say("the command line")
	}
	return phrase.Plain(told)
}

func between(before, s, after string) (string, bool) {
	s, ok := strings.CutPrefix(s, before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(s, after)
}
