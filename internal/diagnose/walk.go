package diagnose

import (
	"strconv"
	"strings"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// stepSheet is a step of the walk: what was asked, what came back in AWS's own
// words, and what that means.
type stepSheet struct {
	Number      int
	Title, Call string
	Returned    []fact
	Means       string
	// Documents are policies that the step read.
	Documents []documentSheet
}

type documentSheet struct {
	Name  string
	Lines []quotedLine
}

// walker writes the steps down.
type walker struct {
	teller
	report *Report
	steps  []stepSheet
}

// walk is the re:Post article's way from the state reason to the policies, in
// its order, and what this instance answered on it.
func (r *Report) walk(t teller) []stepSheet {
	w := &walker{teller: t, report: r}
	w.stateReason()
	w.refused()
	w.decoded()
	w.changed()
	w.started()
	w.volumes()
	w.keys()
	w.keyTypes()
	w.keyPolicies()
	w.callerPolicies()
	w.organization()
	return w.steps
}

// step begins a step.
func (w *walker) step(title phrase.Text, call string) {
	w.steps = append(w.steps, stepSheet{Number: len(w.steps) + 1, Title: w.say(title), Call: clean(call)})
}

// returned adds a member of an answer under AWS's own name.
func (w *walker) returned(name, value string) {
	s := &w.steps[len(w.steps)-1]
	if value != "" {
		s.Returned = append(s.Returned, fact{name, clean(value), true})
	}
}

func (w *walker) means(t phrase.Text) { w.steps[len(w.steps)-1].Means = w.say(t) }

func (w *walker) document(d *access.Document) {
	if d == nil || d.Policy == nil {
		return
	}
	s := documentSheet{Name: w.say(documentWords(d.Name))}
	mark := 0
	if c := w.report.Cause; c != nil && c.Statement != nil && c.Statement.mark > 0 && c.Statement.Document == d.Name && c.Statement.ARN == d.ARN {
		mark = d.Policy.Statement(c.Statement.Index).Position().Offset + c.Statement.mark
	}
	for _, l := range layOut(d.Policy.Text(), "", 1, mark) {
		l.Text = clean(l.Text)
		s.Lines = append(s.Lines, l)
	}
	at := &w.steps[len(w.steps)-1]
	at.Documents = append(at.Documents, s)
}

func (w *walker) stateReason() {
	i := &w.report.Instance
	if i.State == "" {
		return // the operation left no instance
	}
	w.step(phrase.Say("The state of the instance and its reason"), i.Source)
	w.returned("State.Name", i.State)
	w.returned("StateReason.Code", i.StateReason.Code)
	w.returned("StateReason.Message", i.StateReason.Message)
	w.returned("StateTransitionReason", i.TransitionReason)
	switch {
	case i.Source == lookupEvents:
		w.means(phrase.Say("EC2 has forgotten the instance; the event of its launch tells of it."))
	case i.State == "running":
		w.means(phrase.Say("The instance runs."))
	case keyReasons[i.StateReason.Code]:
		w.means(phrase.Say("A key of an encrypted volume could not be used. Whether for want of a permission or for the key's state, the reason does not tell."))
	case w.report.Cause != nil && w.report.Cause.Layer == "" && w.report.Cause.Action == "":
		w.means(w.report.Cause.Sentence)
	}
}

// keyReasons are the state reasons' codes that tell of keys (EC2 guide,
// "Troubleshoot Amazon EC2 instance launch issues").
var keyReasons = map[string]bool{
	"Client.InternalError": true, "Client.InvalidKMSKey.InvalidState": true, "Client.CustomerKeyHasBeenRevoked": true,
	"Client.UnauthorizedOperation": true,
}

func (w *walker) refused() {
	d := w.report.Denied
	if d == nil {
		w.step(phrase.Say("The request to KMS that was refused"), lookupEvents)
		w.means(phrase.Say("No event of a refused request was found."))
		return
	}
	title := phrase.Say("The request to KMS that was refused")
	if strings.HasPrefix(d.ErrorCode, "Client.") {
		title = phrase.Say("The call that EC2 itself refused")
	}
	w.step(title, d.Source)
	w.event(d)
	w.returned("errorCode", d.ErrorCode)
	message, encoded, _ := strings.Cut(d.ErrorMessage, " "+encodedMark)
	if encoded != "" {
		message += " …" // what is encoded is for STS to read
	}
	w.returned("errorMessage", message)
	denial, worded := ParseDenial(d.ErrorMessage)
	switch {
	case !worded:
		w.means(phrase.Say("It is not a matter of permissions: KMS could not use the key."))
	case denial.Layer == "":
		w.means(phrase.Say("A permission is missing. The message does not tell in which policy."))
	case denial.Explicit:
		w.means(phrase.Say("A Deny statement of the %s stands in the way.", layerWords(denial.Layer)))
	default:
		w.means(phrase.Say("No %s allows the request.", layerWords(denial.Layer)))
	}
}

// decoded tells what was encoded in the message.
func (w *walker) decoded() {
	if w.report.Denied == nil || w.report.Denied.Decoded == nil {
		return
	}
	d := w.report.Denied.Decoded
	w.step(phrase.Say("What is encoded in its message"), d.Source)
	w.returned("action", d.Action)
	w.returned("resource", d.Resource)
	w.returned("explicitDeny", strconv.FormatBool(d.Explicit))
	w.returned("statementId", strings.Join(d.Statements, ", "))
	if d.Explicit {
		w.means(phrase.Say("A statement denies %s.", d.Action))
	} else {
		w.means(phrase.Say("No statement allows %s.", d.Action))
	}
}

// changed tells who changed the key policy.
func (w *walker) changed() {
	v := w.report.Changed
	if v == nil {
		return
	}
	w.step(phrase.Say("The last change of the key policy"), v.Source)
	w.event(v)
	w.means(phrase.Say("The key policy was another before."))
}

func (w *walker) event(v *Event) {
	w.returned("eventName", v.Name)
	w.returned("eventTime", stamp(v.Time))
	w.returned("eventID", v.ID)
	w.returned("userIdentity.arn", v.Principal)
	w.returned("invokedBy", v.InvokedBy)
}

func (w *walker) started() {
	r := w.report
	switch {
	case r.Start != nil:
		w.step(phrase.Say("Who started it"), r.Start.Source)
		w.event(r.Start)
	case r.Caller != nil:
		w.step(phrase.Say("Who started it"), r.Caller.Source)
		w.returned("userIdentity.arn", r.Caller.ARN)
	default:
		w.step(phrase.Say("Who started it"), lookupEvents)
		w.means(phrase.Say("Nobody is known to have started it."))
	}
	if r.Earlier != nil {
		w.event(r.Earlier)
	}
	if v := r.Refused; v != nil {
		w.event(v)
		w.returned("errorCode", v.ErrorCode)
		w.returned("errorMessage", v.ErrorMessage)
	}
	if r.Stop != nil {
		w.event(r.Stop)
	}
	if r.Caller != nil {
		w.means(phrase.Say("EC2 asks KMS in the name of who starts the instance, so it is this principal's permissions that count (known from %s).", r.Caller.Told))
	}
}

func (w *walker) volumes() {
	r := w.report
	source := "ec2:DescribeVolumes"
	encrypted := 0
	for i := range r.Volumes {
		source = r.Volumes[i].Source
		if r.Volumes[i].Encrypted {
			encrypted++
		}
	}
	w.step(phrase.Say("Its volumes"), source)
	for i := range r.Volumes {
		v := &r.Volumes[i]
		w.returned("VolumeId", strings.TrimSpace(v.ID+" "+v.Device))
		w.returned("Encrypted", strconv.FormatBool(v.Encrypted))
		w.returned("KmsKeyId", v.Key)
	}
	switch {
	case len(r.Volumes) == 0:
		w.means(phrase.Say("No volume is known."))
	case encrypted == 0:
		w.means(phrase.Say("None is encrypted: keys are not the matter."))
	default:
		w.means(phrase.Say("Encrypted: %d of %d. EC2 needs the keys of these.", encrypted, len(r.Volumes)))
	}
}

func (w *walker) keys() {
	for i := range w.report.Keys {
		k := &w.report.Keys[i]
		w.step(phrase.Say("The key %s", lastPart(k.ARN)), k.Source)
		w.returned("Arn", k.ARN)
		w.returned("KeyState", k.State)
		w.returned("AliasName", strings.Join(k.Aliases, ", "))
		if k.Deletion != nil {
			w.returned("DeletionDate", stamp(*k.Deletion))
		}
		switch {
		case k.Missing:
			w.means(phrase.Say("KMS has no such key: it was deleted, or it is of another Region or account."))
		case k.State == "":
			w.means(phrase.Say("The key's state could not be read."))
		case k.State == string(kmstypes.KeyStateEnabled):
			w.means(phrase.Say("The key can be used."))
		default:
			w.means(phrase.Say("The key cannot be used: %s.", keyStateWords(k.State)))
		}
	}
}

func (w *walker) keyTypes() {
	for i := range w.report.Keys {
		k := &w.report.Keys[i]
		if k.Missing || k.Manager == "" {
			continue
		}
		w.step(phrase.Say("The type of the key %s", lastPart(k.ARN)), k.Source)
		w.returned("KeyManager", k.Manager)
		w.returned("Description", k.Description)
		w.returned("Origin", k.Origin)
		switch {
		case k.Manager == string(kmstypes.KeyManagerTypeAws):
			w.means(phrase.Say("An AWS managed key: AWS wrote its policy, and nobody can change it."))
		case k.Foreign:
			w.means(phrase.Say("A customer managed key of another account: both accounts' policies have to allow its use."))
		default:
			w.means(phrase.Say("A customer managed key: the account writes its policy."))
		}
	}
}

func (w *walker) keyPolicies() {
	for i := range w.report.Keys {
		k := &w.report.Keys[i]
		if k.Policy == nil {
			continue
		}
		w.step(phrase.Say("The policy of the key %s", lastPart(k.ARN)), k.PolicySource)
		w.statements(k.Policy.Policy)
		w.document(k.Policy)
		switch {
		case w.blames(access.ResourceLayer):
			w.means(w.report.Cause.Sentence)
		case delegates(k.Policy.Policy, w.report.Account):
			w.means(phrase.Say("It lets the account's IAM policies decide."))
		default:
			w.means(phrase.Say("It does not let the account's IAM policies decide: it has to name who may use the key."))
		}
	}
}

// statements tells a policy's statements in short.
func (w *walker) statements(p *policy.Policy) {
	for i := range p.Len() {
		s := p.Statement(i)
		var who []string
		for _, n := range s.Principals() {
			who = append(who, n.Name)
		}
		name := s.Sid()
		if name == "" {
			name = strconv.Itoa(i + 1)
		}
		what := append([]string{string(s.Effect())}, valueWords(append(s.Actions(), s.NotActions()...)).String())
		if len(who) > 0 {
			what = append(what, "←", valueWords(who).String())
		}
		w.returned("Statement", name+": "+strings.Join(what, " "))
	}
}

// blames tells whether the cause is on a layer.
func (w *walker) blames(l access.Layer) bool {
	return w.report.Cause != nil && access.Layer(w.report.Cause.Layer) == l
}

// delegates tells whether a key policy lets an account's IAM policies decide
// about grants (KMS guide, "Default key policy").
func delegates(p *policy.Policy, account string) bool {
	for i := range p.Len() {
		s := p.Statement(i)
		if s.Effect() != policy.Allow || len(s.Conditions()) > 0 || !matchesAny(s.Actions(), "kms:CreateGrant") {
			continue
		}
		for _, n := range s.Principals() {
			if n.Name == account || strings.HasSuffix(n.Name, ":iam::"+account+":root") {
				return true
			}
		}
	}
	return false
}

func (w *walker) callerPolicies() {
	c := w.report.Caller
	if c == nil {
		return
	}
	calls := []string{}
	for _, d := range c.Policies {
		if n := len(calls); n == 0 || calls[n-1] != d.Source {
			calls = append(calls, d.Source)
		}
	}
	w.step(phrase.Say("What %s may do", c.ARN), strings.Join(calls, ", "))
	for _, d := range c.Policies {
		if d.ARN != "" {
			w.returned("PolicyArn", d.ARN)
		} else {
			w.returned("PolicyName", d.Name)
		}
	}
	w.returned("PermissionsBoundaryArn", c.Boundary)
	for i := range c.Identity {
		w.document(&c.Identity[i].Document)
	}
	w.document(c.Limit)
	for i := range c.Session {
		w.document(&c.Session[i])
	}
	cause := w.report.Cause
	switch {
	case !w.blames(access.IdentityLayer) && !w.blames(access.BoundaryLayer) && !w.blames(access.SessionLayer):
		if cause != nil {
			w.means(phrase.Say("They are not what stands in the way."))
		}
	case cause.Statement != nil && cause.Statement.Effect == string(policy.Deny):
		w.means(phrase.Say("One of them denies %s.", cause.Action))
	case len(c.Policies) == 0:
		w.means(phrase.Say("No policy of the caller's was read."))
	default:
		w.means(phrase.Say("They do not let %s through.", cause.Action))
	}
}

func (w *walker) organization() {
	o := w.report.Organization
	if o == nil {
		return
	}
	w.step(phrase.Say("What the organization %s allows", o.ID), o.Source)
	for _, place := range o.Places {
		w.returned("Account", place.Account)
		for _, d := range place.Policies {
			w.returned("Name", d.Name)
		}
	}
	switch {
	case w.blames(access.ServiceControlLayer) || w.blames(access.ResourceControlLayer):
		w.means(w.report.Cause.Sentence)
	case w.report.Cause != nil:
		w.means(phrase.Say("They are not what stands in the way."))
	}
}
