package diagnose

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/phrase"
)

// fault is the cause in a key's state, which DescribeKey tells; an instance's
// state reason does not (KMS guide, "Key states of AWS KMS keys").
func (e *Evidence) fault(arn string) CauseKind {
	k := e.key(arn)
	if k == nil {
		return ""
	}
	if k.Missing && e.named(arn) {
		return KeyNotFound
	}
	return k.Fault()
}

// byDefault tells whether a launch took a key because it is the account's default.
func (e *Evidence) byDefault(arn string) bool {
	return slices.ContainsFunc(e.Volumes, func(v Volume) bool { return v.Key == arn && v.KeyFrom == FromDefault })
}

// resetDefault makes alias/aws/ebs the default key again. Whether it should be that
// one is for people to say.
func (e *Evidence) resetDefault() Fix {
	return Fix{
		Kind: CommandFix, Title: phrase.Say("Make AWS's own key the default for EBS encryption again, or another of yours"), Target: e.instanceARN(),
		Commands: []string{e.aws("ec2", "reset-ebs-default-kms-key-id"), e.again()},
		Note:     phrase.Say("Another key: aws ec2 modify-ebs-default-kms-key-id."),
	}
}

// named tells whether a launch's request or template names a key: nobody knows
// that there ever was one.
func (e *Evidence) named(arn string) bool {
	for _, v := range e.Volumes {
		if v.Key == arn && (v.KeyFrom == FromRequest || v.KeyFrom == FromTemplate) {
			return true
		}
	}
	return false
}

// keyState finds what the state of a key calls for.
func (e *Evidence) keyState(t *trial) finding {
	k := e.key(t.request.Resource)
	f := finding{cause: Cause{Kind: t.fault, Keys: []string{k.ARN}, Action: t.request.Action}}
	for _, v := range e.Volumes {
		if v.Key == k.ARN || v.SnapshotKey == k.ARN {
			f.cause.Volumes = append(f.cause.Volumes, v.handle())
		}
	}
	concerned := e.volumeWords(f.cause.Volumes)
	switch t.fault {
	case KeyDisabled:
		f.cause.Sentence = phrase.Say("The key of the %s, %s, is disabled.", concerned, k.ARN)
		f.fixes = []Fix{e.enableKey(k.ARN)}
	case KeyPendingDeletion:
		f.cause.Sentence = phrase.Say("The key of the %s, %s, is pending deletion.", concerned, k.ARN)
		if k.Deletion != nil {
			f.cause.Note = phrase.Say("KMS deletes the key on %s; what it encrypted is lost then.", k.Deletion.UTC().Format("2006-01-02 15:04 MST"))
		}
		f.fixes = []Fix{e.keepKey(k.ARN)}
	case KeyPendingImport:
		f.cause.Sentence = phrase.Say("The key of the %s, %s, waits for its key material to be imported.", concerned, k.ARN)
		f.cause.Note = phrase.Say("It must be the same material as before: what it encrypted can be read with no other.")
		f.fixes = []Fix{e.importMaterial(k.ARN)}
	case KeyUnavailable:
		f.cause.Sentence = phrase.Say("The key of the %s, %s, is unavailable: its key store is not connected.", concerned, k.ARN)
		f.cause.Note = phrase.Say("Find the store with aws kms describe-key and connect it with aws kms connect-custom-key-store.")
	case KeyNotFound:
		f.cause.Sentence = phrase.Say("The launch names the key %s for the %s, which KMS does not know in %s.", k.ARN, concerned, e.Site.Region)
		f.cause.Note = phrase.Say("Correct the key in the request or in the launch template: a key's id, its ARN or its alias, of this Region.")
	case KeyUnsuitable:
		f.cause.Sentence = phrase.Say("The key of the %s, %s, is a key of the kind %s: EBS takes symmetric encryption keys alone.", concerned, k.ARN, k.Spec)
		f.cause.Note = phrase.Say("Name another key: one of the kind SYMMETRIC_DEFAULT.")
	case KeyDeleted:
		f.cause.Sentence = phrase.Say("The key of the %s, %s, does not exist: it was deleted.", concerned, k.ARN)
		f.cause.Note = phrase.Say("What it encrypted is lost. Make the volume again from a snapshot under another key, and attach that.")
		if e.byDefault(k.ARN) {
			f.cause.Note = phrase.Say("It is the account's default key for EBS encryption in the Region: every launch that names no key fails.")
			f.fixes = []Fix{e.resetDefault()}
		}
	}
	return f
}

func (e *Evidence) enableKey(arn string) Fix {
	f := Fix{Kind: CommandFix, Title: phrase.Say("Enable the key"), Target: arn, effects: []effect{setState(arn, kmstypes.KeyStateEnabled)}}
	e.do(&f, enable(arn))
	e.then(&f)
	return f
}

func (e *Evidence) keepKey(arn string) Fix {
	f := Fix{
		Kind: CommandFix, Title: phrase.Say("Cancel the deletion of the key and enable it"), Target: arn,
		effects: []effect{setState(arn, kmstypes.KeyStateDisabled), setState(arn, kmstypes.KeyStateEnabled)},
	}
	e.do(&f, Call{"kms", "CancelKeyDeletion", &kms.CancelKeyDeletionInput{KeyId: &arn}}, enable(arn))
	e.then(&f)
	return f
}

func (e *Evidence) importMaterial(arn string) Fix {
	return Fix{
		Kind: CommandFix, Title: phrase.Say("Import the same key material again"), Target: arn,
		Commands: []string{
			e.aws("kms", "get-parameters-for-import", "--key-id", arn, "--wrapping-algorithm", "RSAES_OAEP_SHA_256", "--wrapping-key-spec", "RSA_4096"),
			e.aws("kms", "import-key-material", "--key-id", arn, "--import-token", "fileb://token.bin",
				"--encrypted-key-material", "fileb://material.bin", "--expiration-model", "KEY_MATERIAL_DOES_NOT_EXPIRE"),
			e.again(),
		},
		effects: []effect{setState(arn, kmstypes.KeyStateEnabled)},
		Note:    phrase.Say("Between the two, wrap the material with the public key that the first command returns."),
	}
}

// setState is what these fixes do to the evidence. A key that is pending deletion
// cannot be enabled before that is cancelled, which leaves it disabled (KMS guide,
// "Key states of AWS KMS keys").
func setState(arn string, state kmstypes.KeyState) effect {
	what := phrase.Say("enabling the key")
	if state == kmstypes.KeyStateDisabled {
		what = phrase.Say("cancelling the deletion of the key")
	}
	return whole{what, func(e *Evidence) {
		k := e.key(arn)
		if k == nil || state == kmstypes.KeyStateEnabled && e.fault(arn) == KeyPendingDeletion {
			return
		}
		k.State, k.Deletion = string(state), nil
	}}
}
