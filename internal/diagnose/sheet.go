package diagnose

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// A sheet is a report in words, in one language: what the text, the Markdown and
// the HTML form show, each in its way.
type sheet struct {
	Language phrase.Language
	Outcome  Outcome
	// Word is the outcome, Summary its sentence.
	Word, Summary string
	Instance      string
	Heads         heads
	// Facts say what it is about.
	Facts  []fact
	Causes []causeSheet
	Fixes  []fixSheet
	Ways   []waySheet
	Proof  *proofSheet
	Unread []unreadSheet
	// Missing is the policy that lets the doctor read it, if permissions are missing.
	Missing []string
	Next    []nextSheet
	Steps   []stepSheet
	Volumes []volumeSheet
	Keys    []keySheet
}

// heads are the headings and labels of a report.
type heads struct {
	Cause, Behind, Fix, Instead, Proof, AllNew, Unread, Next, Steps string
	Requests, Before, After, Documents, Call                        string
	Volumes, Volume, Device, Encrypted, Keys, Key, State, Type      string
	Layer, Checked, Target, Missing                                 string
}

func (t teller) heads() heads {
	return heads{
		Cause: t.say(phrase.Say("Cause")), Behind: t.say(phrase.Say("And behind it")), Fix: t.say(phrase.Say("Fix")),
		Instead: t.say(phrase.Say("Or instead")), Proof: t.say(phrase.Say("Proof")), AllNew: t.say(phrase.Say("All that is new")),
		Unread: t.say(phrase.Say("Could not read")), Next: t.say(phrase.Say("Next")), Steps: t.say(phrase.Say("Step by step")),
		Requests: t.say(phrase.Say("Requests")), Before: t.say(phrase.Say("Before")), After: t.say(phrase.Say("With the fix")),
		Documents: t.say(phrase.Say("Policies")), Call: t.say(phrase.Say("Call")),
		Volumes: t.say(phrase.Say("Volumes")), Volume: t.say(phrase.Say("Volume")), Device: t.say(phrase.Say("Device")),
		Encrypted: t.say(phrase.Say("Encrypted")), Keys: t.say(phrase.Say("Keys")), Key: t.say(phrase.Say("Key")),
		State: t.say(phrase.Say("State")), Type: t.say(phrase.Say("Type")),
		Layer: t.say(phrase.Say("Layer")), Checked: t.say(phrase.Say("Checked")), Target: t.say(phrase.Say("Target")),
		Missing: t.say(phrase.Say("This policy lets the doctor read it")),
	}
}

// volumeSheet and keySheet are rows of tables.
type volumeSheet struct{ ID, Device, Encrypted, Key string }

type keySheet struct{ ARN, Alias, State, Manager string }

func (r *Report) volumeSheets(t teller) []volumeSheet {
	list := make([]volumeSheet, len(r.Volumes))
	for i, v := range r.Volumes {
		encrypted := phrase.Say("no")
		if v.Encrypted {
			encrypted = phrase.Say("yes")
		}
		list[i] = volumeSheet{clean(v.ID), clean(v.Device), t.say(encrypted), clean(v.Key)}
	}
	return list
}

func (r *Report) keySheets(t teller) []keySheet {
	list := make([]keySheet, len(r.Keys))
	for i, k := range r.Keys {
		list[i] = keySheet{clean(k.ARN), clean(strings.Join(k.Aliases, ", ")), t.say(keyStateWords(k.State)), clean(k.Manager)}
	}
	return list
}

// fact is something with a label.
type fact struct {
	Label, Value string
	// Code: the value is AWS's, to be copied and searched for.
	Code bool
}

// causeSheet is a cause and what it stands on.
type causeSheet struct {
	Sentence string
	// Layer and Checked are the kind of policy, and how the evaluation and the
	// event agree.
	Layer, Checked string
	Facts          []fact
	Lines          []quotedLine
	Note           string
}

// proofSheet is what the fixes were proved to be.
type proofSheet struct {
	Verdicts []verdict
	Steps    []checkSheet
	Others   []checkSheet
	Opened   []openedSheet
}

// Checks are all requests of the proof.
func (p *proofSheet) Checks() []checkSheet { return append(slices.Clone(p.Steps), p.Others...) }

// verdict is one claim about the fixes.
type verdict struct {
	// Claim and Word are short: "enough", "yes". Sentence says it in full.
	Claim, Word, Sentence string
	// Because are its reasons, if any.
	Because []string
	// Truth is "yes", "no" or "unknown", in every language.
	Truth string
}

type checkSheet struct {
	What, Before, After string
	// Truth is how it ends, in every language.
	Truth string
}

type openedSheet struct {
	Who      string
	Requests []string
}

type unreadSheet struct {
	What, Call, Why string
	Denied          bool
}

// nextSheet is a command and what it does.
type nextSheet struct{ Command, What string }

// teller says things in a language. What accounts give is hostile: none of its
// control characters gets through.
type teller struct{ language phrase.Language }

func (t teller) say(words phrase.Text) string { return clean(words.In(t.language)) }

// clean takes out what could steer a terminal or turn the direction of a text.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// fact is a labelled fact; nothing where there is none.
func (t teller) fact(list []fact, label phrase.Text, value string, code bool) []fact {
	if value == "" {
		return list
	}
	return append(list, fact{t.say(label), clean(value), code})
}

func (t teller) word(list []fact, label, value phrase.Text) []fact {
	return t.fact(list, label, value.In(t.language), false)
}

// sheet puts the report into words.
func (r *Report) sheet(l phrase.Language) *sheet {
	if l == "" {
		l = phrase.English
	}
	t := teller{l}
	s := &sheet{
		Language: l, Outcome: r.Outcome, Instance: clean(r.Instance.ID), Heads: t.heads(), Word: t.say(r.word()), Summary: t.say(r.Summary), Facts: r.facts(t),
		Volumes: r.volumeSheets(t), Keys: r.keySheets(t), Proof: r.proofSheet(t), Steps: r.walk(t),
	}
	if r.Cause != nil {
		for _, c := range append([]Cause{*r.Cause}, r.Further...) {
			s.Causes = append(s.Causes, t.cause(&c))
		}
	}
	for _, f := range r.chosen() {
		s.Fixes = append(s.Fixes, t.fix(&f))
	}
	s.Ways = r.ways(t)
	for _, u := range r.Unread {
		s.Unread = append(s.Unread, unreadSheet{What: t.say(unreadWords(u.What)), Call: clean(u.Call), Why: t.say(whyWords(u.Why)), Denied: u.Denied})
	}
	if r.Missing != "" {
		s.Missing = strings.Split(flat(clean(r.Missing)), "\n")
	}
	s.Next = r.next(t)
	return s
}

func (r *Report) word() phrase.Text {
	switch r.Outcome {
	case CauseFound:
		return phrase.Say("Cause found")
	case NothingWrong:
		return phrase.Say("Nothing wrong")
	}
	return phrase.Say("No conclusion")
}

// facts say which instance, keys and event it is about.
func (r *Report) facts(t teller) []fact {
	var list []fact
	switch {
	case r.Instance.State != "":
		list = t.word(list, phrase.Say("Instance"), phrase.Say("%s in %s, %s", r.Instance.ID, r.Region, stateWords(r.Instance.State)))
	case r.Target.Kind == MessageTarget:
		list = t.word(list, phrase.Say("Operation"), phrase.Say("%s in %s, by the text of its error", string(r.Operation), r.Region))
	default:
		list = t.word(list, phrase.Say("Operation"), phrase.Say("%s in %s, of %s", string(r.Operation), r.Region, r.Target.Name))
	}
	for i := range r.Keys {
		list = t.word(list, phrase.Say("Key"), keyWords(&r.Keys[i]))
	}
	if r.Caller != nil {
		list = t.fact(list, phrase.Say("Caller"), r.Caller.ARN, true)
	}
	switch {
	case r.Denied != nil && r.Cause != nil && r.Cause.Agreement != "":
		list = t.word(list, phrase.Say("Event"), phrase.Say("%s was refused at %s; %s", r.Denied.Name, stamp(r.Denied.Time), agreementWords[r.Cause.Agreement]))
	case r.Denied != nil:
		list = t.word(list, phrase.Say("Event"), phrase.Say("%s was refused at %s", r.Denied.Name, stamp(r.Denied.Time)))
	case r.Late != nil:
		list = t.word(list, phrase.Say("Event"), phrase.Say("none yet: CloudTrail may show it until %s", stamp(*r.Late)))
	case r.Cause != nil && r.Cause.Agreement != "":
		list = t.word(list, phrase.Say("Event"), agreementWords[r.Cause.Agreement])
	}
	return list
}

// keyWords are a key's name and state.
func keyWords(k *Key) phrase.Text {
	name := k.ARN
	if !k.Foreign {
		name = lastPart(name)
	}
	if len(k.Aliases) > 0 {
		name += " (" + k.Aliases[0] + ")"
	}
	switch {
	case k.Missing:
		return phrase.Say("%s, which does not exist", name)
	case k.State == "":
		return phrase.Plain(name)
	}
	return phrase.Join(", ", phrase.Plain(name), keyStateWords(k.State))
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// agreementWords say how the evaluation and the event agree.
var agreementWords = map[Agreement]phrase.Text{
	Agrees:         phrase.Say("the event names the same"),
	Silent:         phrase.Say("the event names no policy; found by evaluating all of them"),
	EvaluationOnly: phrase.Say("no event was found; found by evaluating the policies"),
	EventOnly:      phrase.Say("by the words of the event; the policies alone leave it open"),
	Differs:        phrase.Say("the event names another reason: something was changed since"),
}

// cause is a cause with what stands behind its sentence.
func (t teller) cause(c *Cause) causeSheet {
	s := causeSheet{
		Sentence: t.say(c.Sentence), Note: t.say(c.Note),
		Layer: t.say(layerWords(access.Layer(c.Layer))), Checked: t.say(agreementWords[c.Agreement]),
	}
	if st := c.Statement; st != nil {
		s.Facts = t.word(s.Facts, phrase.Say("Statement"), st.place())
		s.Facts = t.fact(s.Facts, phrase.Say("Policy"), st.ARN, true)
		s.Facts = t.word(s.Facts, phrase.Say("Failed"), st.Failed)
		for _, l := range st.lines() {
			l.Text = clean(l.Text)
			s.Lines = append(s.Lines, l)
		}
	}
	return s
}

// verdict is a claim about the fixes, and its truth.
func (t teller) verdict(claim phrase.Text, truth string, sentence phrase.Text) verdict {
	word := phrase.Say("not known")
	switch truth {
	case "yes":
		word = phrase.Say("yes")
	case "no":
		word = phrase.Say("no")
	}
	return verdict{Claim: t.say(claim), Word: t.say(word), Sentence: t.say(sentence), Truth: truth}
}

func (r *Report) proofSheet(t teller) *proofSheet {
	p := r.Proof
	if p == nil {
		return nil
	}
	s := &proofSheet{Steps: t.checks(p.Steps), Others: t.checks(p.Others)}
	switch {
	case p.Sufficient:
		s.Verdicts = append(s.Verdicts, t.verdict(phrase.Say("enough"), "yes", phrase.Say("With the fix every request of the start is allowed.")))
	case slices.ContainsFunc(p.Steps, func(c Check) bool { return plainly(c.After) == "denied" || plainly(c.After) == "fails" }):
		s.Verdicts = append(s.Verdicts, t.verdict(phrase.Say("enough"), "no", phrase.Say("The fix alone is not enough.")))
	default:
		s.Verdicts = append(s.Verdicts, t.verdict(phrase.Say("enough"), "unknown", phrase.Say("Whether the fix is enough turns on what could not be read.")))
	}
	if v, ok := t.minimal(p); ok {
		s.Verdicts = append(s.Verdicts, v)
	}
	if len(p.Others) > 0 {
		s.Verdicts = append(s.Verdicts, t.nothingElse(p))
	}
	for _, o := range p.Opened {
		who := phrase.Say("to %s:", o.Who)
		if o.Delegated {
			who = phrase.Say("to %s, if their account's policies allow it:", o.Who)
		}
		opened := openedSheet{Who: t.say(who)}
		for _, request := range o.Requests {
			opened.Requests = append(opened.Requests, t.say(request))
		}
		if !o.Complete {
			opened.Requests = append(opened.Requests, t.say(phrase.Say("and more")))
		}
		s.Opened = append(s.Opened, opened)
	}
	return s
}

func (t teller) nothingElse(p *Proof) verdict {
	claim := phrase.Say("nothing else")
	switch {
	case p.NothingElse:
		return t.verdict(claim, "yes", phrase.Say("The fix allows nothing else: of all requests that can be made directly, none is new."))
	case slices.ContainsFunc(p.Others, func(c Check) bool { return plainly(c.After) == "allowed" && c.Before != c.After }):
		return t.verdict(claim, "no", phrase.Say("The fix allows more than the start needs."))
	}
	return t.verdict(claim, "unknown", phrase.Say("Whether it allows anything else turns on what could not be read."))
}

func (t teller) checks(list []Check) []checkSheet {
	all := make([]checkSheet, len(list))
	for i, c := range list {
		all[i] = checkSheet{t.say(c.What), t.say(plainWords(c.Before)), t.say(plainWords(c.After)), plainly(c.After)}
	}
	return all
}

// plainly words an outcome. What the outcomes are called is for programs; a
// person wants to know whether the request goes through.
func plainly(outcome string) string {
	switch access.Outcome(outcome) {
	case access.Allowed:
		return "allowed"
	case access.ImplicitDeny, access.ExplicitDeny:
		return "denied"
	case access.Depends:
		return "unknown"
	}
	return "fails"
}

// plainWords is plainly, as a text of the catalogue.
func plainWords(outcome string) phrase.Text {
	switch plainly(outcome) {
	case "allowed":
		return phrase.Say("allowed")
	case "denied":
		return phrase.Say("denied")
	case "unknown":
		return phrase.Say("unknown")
	}
	return phrase.Say("fails")
}

// next is what to type next.
func (r *Report) next(t teller) []nextSheet {
	var list []nextSheet
	if r.applicable() && r.Instance.State != "" {
		list = append(list, nextSheet{"keyturn fix " + r.Instance.ID, t.say(phrase.Say("asks, applies it, starts the instance"))})
	}
	if r.Late != nil {
		list = append(list, nextSheet{"keyturn diagnose --wait " + r.Target.argument(), t.say(phrase.Say("waits for the event, and diagnoses with it"))})
	}
	if slices.ContainsFunc(r.Unread, func(u Unread) bool { return u.Denied }) {
		list = append(list, nextSheet{"keyturn diagnose --permissions", t.say(phrase.Say("prints the policy to diagnose with"))})
	}
	return list
}

// applicable tells whether "keyturn fix" would apply the fixes.
func (r *Report) applicable() bool {
	if r.Proof == nil || !r.Proof.Sufficient {
		return false
	}
	return !slices.ContainsFunc(r.chosen(), func(f Fix) bool { return len(f.Calls) == 0 })
}
