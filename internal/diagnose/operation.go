package diagnose

import "github.com/keyturn/keyturn/internal/phrase"

// Operation is an operation of EC2 that asks KMS for keys.
type Operation string

// The operations that a diagnosis is about.
const (
	StartInstances Operation = "StartInstances"
	RunInstances   Operation = "RunInstances"
	CreateVolume   Operation = "CreateVolume"
	AttachVolume   Operation = "AttachVolume"
)

// operation is the one that failed, or that is in question. Of an instance its
// state tells.
func (e *Evidence) operation() Operation {
	switch {
	case e.Operation != "":
		return e.Operation
	case e.launching():
		return RunInstances
	}
	return StartInstances
}

// subject is what it is about: the instance, or else what was asked about.
func (e *Evidence) subject() string {
	if e.Instance.ID != "" && e.Operation != AttachVolume {
		return e.Instance.ID
	}
	return e.Target.Name
}

// deed words the operation: "starting i-…".
func (e *Evidence) deed() phrase.Text {
	if e.subject() == "" {
		switch e.operation() {
		case StartInstances:
			return phrase.Say("the start")
		case RunInstances:
			return phrase.Say("the launch")
		case CreateVolume:
			return phrase.Say("making the volume")
		case AttachVolume:
			return phrase.Say("attaching the volume")
		}
	}
	switch e.operation() {
	case RunInstances:
		if e.Instance.ID == "" {
			return phrase.Say("launching from %s", e.Target.Name)
		}
		return phrase.Say("launching %s", e.subject())
	case CreateVolume:
		return phrase.Say("making %s", e.subject())
	case AttachVolume:
		return phrase.Say("attaching %s to %s", e.subject(), e.Instance.ID)
	}
	return phrase.Say("starting %s", e.subject())
}
