package diagnose

import (
	"fmt"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// plain are the state reasons that speak for themselves (EC2 API reference,
// "StateReason"). Those that tell of a launch that failed within EC2 say nothing
// reliable about keys and are not among them.
var plain = []struct {
	code     string
	kind     CauseKind
	sentence func(instance string, state, by phrase.Text) phrase.Text
	note     phrase.Text
}{
	{"Client.UserInitiatedShutdown", StoppedByUser, func(instance string, state, by phrase.Text) phrase.Text {
		return phrase.Say("%s was %s by %s.", instance, state, by)
	}, phrase.Text{}},
	{"Client.UserInitiatedHibernate", StoppedByUser, func(instance string, state, by phrase.Text) phrase.Text {
		return phrase.Say("%s was put into hibernation (%s) by %s.", instance, state, by)
	}, phrase.Text{}},
	{
		"Client.InstanceInitiatedShutdown", StoppedBySystem, func(instance string, state, _ phrase.Text) phrase.Text {
			return phrase.Say("%s was %s by its own operating system.", instance, state)
		},
		phrase.Say("Look at aws ec2 get-console-output, and at what the user data and the system's services do at boot."),
	},
	{"Client.InstanceTerminated", StoppedByUser, func(instance string, state, by phrase.Text) phrase.Text {
		return phrase.Say("%s was %s while an image was made of it, by %s.", instance, state, by)
	}, phrase.Text{}},
	{
		"Client.VolumeLimitExceeded", VolumeLimit, func(instance string, state, _ phrase.Text) phrase.Text {
			return phrase.Say("%s was %s because the account's limit of EBS volumes is reached.", instance, state)
		},
		phrase.Say("Delete volumes that nobody needs, or ask for a higher quota of EBS storage."),
	},
	{
		"Client.InvalidSnapshot.NotFound", SnapshotGone, func(instance string, state, _ phrase.Text) phrase.Text {
			return phrase.Say("%s was %s because a snapshot of its volumes does not exist.", instance, state)
		},
		phrase.Say("Use another image, or another snapshot in the block device mapping."),
	},
	{
		"Server.InsufficientInstanceCapacity", NoCapacity, func(instance string, state, _ phrase.Text) phrase.Text {
			return phrase.Say("%s was %s because AWS has no capacity for its type in the zone.", instance, state)
		},
		phrase.Say("Try again later, in another zone, or with another instance type."),
	},
	{
		"Server.ScheduledStop", StoppedByAWS, func(instance string, state, _ phrase.Text) phrase.Text {
			return phrase.Say("%s was %s by AWS: its hardware is to be retired.", instance, state)
		},
		phrase.Say("Start it again: it comes up on other hardware."),
	},
	{"Server.SpotInstanceShutdown", StoppedByAWS, interrupted, phrase.Text{}},
	{"Server.SpotInstanceTermination", StoppedByAWS, interrupted, phrase.Text{}},
}

func interrupted(instance string, state, _ phrase.Text) phrase.Text {
	return phrase.Say("%s was %s by AWS: a Spot interruption.", instance, state)
}

// plainReason finds the cause that the state reason itself tells. The code may
// differ from the code at the front of the message, which is the more exact.
func (e *Evidence) plainReason() (finding, bool) {
	reason := e.Instance.StateReason
	for _, p := range plain {
		if !strings.HasPrefix(reason.Message, p.code) && (reason.Code != p.code || knownReason(reason.Message)) {
			continue
		}
		state := e.Instance.State
		if state == "shutting-down" {
			state = "terminated"
		}
		c := Cause{Kind: p.kind, Note: p.note}
		c.Sentence = p.sentence(e.Instance.ID, stateWords(state), e.stopper())
		f := finding{cause: c}
		if p.kind == StoppedByUser && e.Stop != nil {
			f.cause.Principal = e.Stop.Principal
		}
		if e.Instance.State == "stopped" {
			f.fixes = []Fix{{Kind: CommandFix, Title: phrase.Say("Start the instance again"), Target: e.instanceARN(), Commands: []string{e.again()}}}
		}
		return f, true
	}
	return finding{}, false
}

// knownReason tells whether a message starts with a reason's code of its own.
func knownReason(message string) bool {
	return strings.HasPrefix(message, "Client.") || strings.HasPrefix(message, "Server.")
}

// stopper says who stopped the instance, and when.
func (e *Evidence) stopper() phrase.Text {
	if e.Stop == nil {
		return phrase.Say("somebody through the API (the trail has no event of it)")
	}
	return phrase.Say("%s (%s at %s)", e.Stop.Principal, e.Stop.Name, e.Stop.Time.Format("2006-01-02 15:04:05 MST"))
}

func (e *Evidence) instanceARN() string {
	return fmt.Sprintf("arn:%s:ec2:%s:%s:instance/%s", e.Site.Partition, e.Site.Region, e.Site.Account, e.Instance.ID)
}

// accountOf is the account of an ARN.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
