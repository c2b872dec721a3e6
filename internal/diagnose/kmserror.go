package diagnose

import (
	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
)

// refusedOtherwise concludes from a refusal that was no denial, where every
// request would be allowed now and every key is usable (KMS API reference,
// "CreateGrant", Errors).
func (r *Report) refusedOtherwise(e *Evidence) {
	d := e.Denied
	switch d.ErrorCode {
	case "DisabledException", "KMSInvalidStateException", "NotFoundException":
		if e.stateUnread(d.Key) {
			r.thenUnusable(e)
			return
		}
		r.end(NothingWrong, phrase.Say("Nothing is wrong any more: the key could not be used then (%s), and can be now. Try %s again.", d.ErrorCode, e.deed()))
	case "ThrottlingException", "Throttling":
		r.end(NothingWrong, phrase.Say("Nothing is wrong but the moment: KMS was asked too often (%s at %s). Try %s again.", d.ErrorCode, stamp(d.Time), e.deed()))
	case "LimitExceededException":
		f := finding{cause: Cause{
			Kind: GrantLimit, Action: "kms:" + d.Name, Principal: d.Principal, Agreement: EventOnly,
			Sentence: phrase.Say("The key %s has as many grants as a key may have, so EC2 gets no other.", d.Key),
			Note:     phrase.Say("Find grants that nobody needs with aws kms list-grants and revoke them, or encrypt new volumes under another key."),
		}}
		if d.Key != "" {
			f.cause.Keys = []string{d.Key}
		}
		r.conclude(f)
	default:
		r.end(NoConclusion, phrase.Say("KMS refused %s for a reason that the doctor does not know: %s: %s", d.Name, d.ErrorCode, d.ErrorMessage))
	}
}

// stateUnread tells whether a key's state could not be read.
func (e *Evidence) stateUnread(arn string) bool {
	for _, u := range e.Unread {
		if u.Call == "kms:DescribeKey" && (arn == "" || u.key == arn) {
			return true
		}
	}
	return false
}

// unusable are the causes that an error code of KMS tells by itself.
var unusable = map[string]CauseKind{"DisabledException": KeyDisabled, "NotFoundException": KeyDeleted}

// thenUnusable takes the event's word for the state of a key that cannot be read.
func (r *Report) thenUnusable(e *Evidence) {
	d := e.Denied
	kind, told := unusable[d.ErrorCode]
	if !told || d.Key == "" {
		r.end(NoConclusion, phrase.Say("The key could not be used then (%s: %s). How it is now cannot be read: get kms:DescribeKey.", d.ErrorCode, d.ErrorMessage))
		return
	}
	work := e.clone()
	if work.key(d.Key) == nil {
		work.Keys = append(work.Keys, Key{Source: d.Source, ARN: d.Key})
	}
	f := work.keyState(&trial{fault: kind, request: access.Request{Resource: d.Key, Action: "kms:" + d.Name}})
	f.cause.Agreement = EventOnly
	f.cause.Note = phrase.Say("The event tells so; the key's state now could not be read.")
	r.conclude(f)
}
