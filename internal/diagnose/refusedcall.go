package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// refusal is an error code with which AWS refuses a call at once, and what it
// means (EC2 API reference, "Error codes for the Amazon EC2 API").
type refusal struct {
	code string
	// has is a part of the message, where the code alone does not tell.
	has  string
	kind CauseKind
	// sentence says it of a call, by its name, and of who made it.
	sentence func(call, by string) phrase.Text
	note     phrase.Text
}

// refusals are the codes that speak for themselves, but for those of a denial.
// The first that fits counts.
var refusals = []refusal{
	{code: "InsufficientInstanceCapacity", kind: NoCapacity, sentence: noCapacity, note: elsewhere},
	{code: "InsufficientHostCapacity", kind: NoCapacity, sentence: noCapacity, note: elsewhere},
	{code: "InsufficientCapacity", kind: NoCapacity, sentence: noCapacity, note: elsewhere},
	{code: "InsufficientReservedInstanceCapacity", kind: NoCapacity, sentence: noCapacity, note: elsewhere},
	{code: "UnfulfillableCapacity", kind: NoCapacity, sentence: noCapacity, note: elsewhere},
	{
		code: "ReservationCapacityExceeded", kind: NoCapacity,
		sentence: func(call, by string) phrase.Text {
			return phrase.Say("%s by %s was refused because the Capacity Reservation has no room.", call, by)
		},
		note: phrase.Say("Make the reservation larger, or let the instance run outside it: aws ec2 modify-instance-capacity-reservation-attributes."),
	},
	{code: "InstanceLimitExceeded", kind: InstanceLimit, sentence: instanceLimit, note: askForMore},
	{code: "VcpuLimitExceeded", kind: InstanceLimit, sentence: instanceLimit, note: askForMore},
	{code: "MaxSpotInstanceCountExceeded", kind: InstanceLimit, sentence: instanceLimit, note: askForMore},
	{code: "VolumeLimitExceeded", kind: VolumeLimit, sentence: volumeLimit, note: fewerVolumes},
	{code: "MaxIOPSLimitExceeded", kind: VolumeLimit, sentence: volumeLimit, note: fewerVolumes},
	{
		code: "InsufficientFreeAddressesInSubnet", kind: NoAddresses,
		sentence: func(call, by string) phrase.Text {
			return phrase.Say("%s by %s was refused because the subnet has no free address.", call, by)
		},
		note: phrase.Say("Use another subnet, or delete network interfaces that nobody needs."),
	},
	{
		code: "InvalidParameterValue", has: "does not have a volume attached at root", kind: RootVolumeMissing,
		sentence: func(call, by string) phrase.Text {
			return phrase.Say("%s by %s was refused because the instance has no root volume: it was detached.", call, by)
		},
		note: phrase.Say("Attach the volume again with aws ec2 attach-volume, under the device name that the error gives."),
	},
	{
		code: "ServiceLinkedRoleCreationNotPermitted", kind: RoleNotCreated,
		sentence: func(call, by string) phrase.Text {
			return phrase.Say("%s by %s was refused because the service-linked role is not there, and %s may not create it.", call, by, by)
		},
		note: phrase.Say("Somebody who may call iam:CreateServiceLinkedRole creates it once: aws iam create-service-linked-role."),
	},
	{code: "OptInRequired", kind: AccountNotReady, sentence: notReady, note: signUp},
	{code: "PendingVerification", kind: AccountNotReady, sentence: notReady, note: signUp},
	{code: "Blocked", kind: AccountNotReady, sentence: notReady, note: signUp},
	{has: "can't be shared", kind: UnshareableKey, sentence: unshareable, note: copyFirst},
	{has: "cannot be shared", kind: UnshareableKey, sentence: unshareable, note: copyFirst},
	{
		code: "MalformedPolicyDocumentException", has: "invalid principals", kind: InvalidPrincipal,
		sentence: func(call, by string) phrase.Text {
			return phrase.Say("%s by %s was refused because the key policy names a user or role that does not exist.", call, by)
		},
		note: phrase.Say("A service-linked role has to be created before a key policy can name it: aws iam create-service-linked-role, or the first use of the service."),
	},
}

// The texts that several codes share.
var (
	elsewhere    = phrase.Say("Try again later, in another zone, or with another instance type.")
	askForMore   = phrase.Say("Terminate or stop instances that nobody needs, or ask for a higher quota.")
	fewerVolumes = phrase.Say("Delete volumes that nobody needs, or ask for a higher quota of EBS storage.")
	signUp       = phrase.Say("It is a matter of the account and the Region, not of keys: see the message, and AWS Support.")
	copyFirst    = phrase.Say("Copy it under a customer managed key, and share the copy and that key.")
)

func noCapacity(call, by string) phrase.Text {
	return phrase.Say("%s by %s was refused because AWS has no capacity for the instance there.", call, by)
}

func instanceLimit(call, by string) phrase.Text {
	return phrase.Say("%s by %s was refused because the account's quota of instances is reached.", call, by)
}

func volumeLimit(call, by string) phrase.Text {
	return phrase.Say("%s by %s was refused because the account's quota of EBS storage is reached.", call, by)
}

func notReady(call, by string) phrase.Text {
	return phrase.Say("%s by %s was refused because the account may not use this yet.", call, by)
}

func unshareable(call, by string) phrase.Text {
	return phrase.Say("%s by %s was refused because a snapshot is encrypted under an AWS managed key, which no other account can use.", call, by)
}

// refusedAtOnce names the cause in a call that a service refused before anything
// began: no request to KMS was made of it.
func (e *Evidence) refusedAtOnce(v *Event) finding {
	code := plainCode(v.ErrorCode)
	c := Cause{Principal: v.Principal, Agreement: EventOnly}
	for _, r := range refusals {
		if r.code != "" && r.code != code && !strings.HasSuffix(code, "."+r.code) || !strings.Contains(v.ErrorMessage, r.has) {
			continue
		}
		c.Kind, c.Sentence, c.Note = r.kind, r.sentence(v.Name, v.Principal), r.note
		return finding{cause: c, fixes: []Fix{e.seeTo()}}
	}
	c.Kind = CallRefused
	c.Sentence = phrase.Say("%s by %s was refused: %s: %s", v.Name, v.Principal, code, v.ErrorMessage)
	c.Note = phrase.Say("It is not a matter of keys: no request to KMS was made.")
	return finding{cause: c, fixes: []Fix{e.seeTo()}}
}

// seeTo stands for what people have to do before anything else can help.
func (e *Evidence) seeTo() Fix {
	f := Fix{Kind: CommandFix, Title: phrase.Say("See first to what the call was refused for"), Commands: []string{"# then make the call again"}}
	if e.Operation == "" {
		f.Target, f.Commands = e.instanceARN(), []string{e.again()}
	}
	return f
}

// refusedAtOnce tells whether a service refused the event's call before anything
// began, and not for want of a permission. A start is its instance's to tell of; of
// a key that an attachment could not use EC2 says at once.
func (e *Event) refusedAtOnce() bool {
	code := plainCode(e.ErrorCode)
	return e.failed() && e.InvokedBy == "" && !denials[code] && code != "DryRunOperation" &&
		e.Name != string(StartInstances) && e.Name != string(AttachVolume)
}

// plainCode is an error code without the side to blame, which CloudTrail puts
// before EC2's.
func plainCode(code string) string {
	code = strings.TrimPrefix(code, "Client.")
	return strings.TrimPrefix(code, "Server.")
}
