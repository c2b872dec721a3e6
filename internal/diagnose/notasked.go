package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// asked tells whether a denied request is one of those that were decided.
func (e *Evidence) asked(d Denial) bool {
	for _, t := range e.try() {
		if strings.EqualFold(t.request.Action, d.Action) && (e.Denied.Key == "" || e.Denied.Key == t.request.Resource) {
			return true
		}
	}
	return false
}

// notAsked concludes where the denied request could not be decided: it is one for
// the key of a snapshot that nobody shows here.
func (r *Report) notAsked(e *Evidence, d Denial) {
	from := e.hiddenSource()
	if !d.Hidden || from == nil || e.Caller == nil {
		r.end(NoConclusion, phrase.Say("The event tells that %s was denied, for a key that could not be made out: nothing shows the snapshots of the launch.", d.Action))
		return
	}
	c := Cause{
		Kind: KeyPolicyMissing, Layer: string(d.Layer), Action: d.Action, Principal: d.Principal, Agreement: EventOnly, Volumes: []string{from.handle()},
		Sentence: phrase.Say("The snapshot %s of the image %s is encrypted under another account's key, which does not let %s call %s.", from.Snapshot, e.Instance.Image, e.who(), d.Action),
		Note:     phrase.Say("The image's owner has to let your account use the key of its snapshots, or to share an image under a key that may be used."),
	}
	if e.Caller.Principal.ServiceLinked {
		c.Kind = GrantMissing
		c.Note = phrase.Say("The image's owner has to let your account use the key of its snapshots and make grants on it; then somebody of your account makes a grant on it to the role.")
	}
	let := statement{
		Effect: "Allow", Principal: map[string]string{"AWS": e.target()}, Action: []string{d.Action}, Resource: "*",
		Condition: operators{"StringEquals": {"kms:ViaService": e.Site.ServicePrincipal()}},
	}
	r.conclude(finding{cause: c, fixes: []Fix{{
		Kind: KeyPolicyFix, Title: phrase.Say("Add this statement to the policy of the snapshot's key"), Target: e.Instance.Image,
		Document: render(let), Commands: []string{e.again()},
	}}})
}

// hiddenSource is the volume that is made from an encrypted snapshot whose key
// nobody shows, nil if there is none.
func (e *Evidence) hiddenSource() *Volume {
	for i := range e.Volumes {
		if v := &e.Volumes[i]; v.Snapshot != "" && v.Encrypted && v.SnapshotKey == "" {
			return v
		}
	}
	return nil
}
