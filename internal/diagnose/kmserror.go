package diagnose

import "fmt"

// refusedOtherwise concludes from a refusal that was no denial, where every
// request would be allowed now and every key is usable (KMS API reference,
// "CreateGrant", Errors).
func (r *Report) refusedOtherwise(e *Evidence) {
	d := e.Denied
	switch d.ErrorCode {
	case "DisabledException", "KMSInvalidStateException", "NotFoundException":
		r.end(NothingWrong, fmt.Sprintf("Nothing is wrong any more: the key could not be used then (%s), and can be now. Start %s again.", d.ErrorCode, e.Instance.ID))
	case "ThrottlingException", "Throttling":
		r.end(NothingWrong, fmt.Sprintf("Nothing is wrong but the moment: KMS was asked too often (%s at %s). Start %s again.", d.ErrorCode, stamp(d.Time), e.Instance.ID))
	case "LimitExceededException":
		f := finding{cause: Cause{
			Kind: GrantLimit, Action: "kms:" + d.Name, Principal: d.Principal, Agreement: EventOnly,
			Sentence: fmt.Sprintf("The key %s has as many grants as a key may have, so EC2 gets no other.", d.Key),
			Note:     "Find grants that nobody needs with aws kms list-grants and revoke them, or encrypt new volumes under another key.",
		}}
		if d.Key != "" {
			f.cause.Keys = []string{d.Key}
		}
		r.conclude(f)
	default:
		r.end(NoConclusion, fmt.Sprintf("KMS refused %s for a reason that the doctor does not know: %s: %s", d.Name, d.ErrorCode, d.ErrorMessage))
	}
}
