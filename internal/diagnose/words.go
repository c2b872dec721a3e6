package diagnose

import (
	"strings"

	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy"
)

// What the engine says, as texts of the catalogue.

// layerWords is a layer in AWS's words.
func layerWords(l access.Layer) phrase.Text {
	switch l {
	case access.IdentityLayer:
		return phrase.Say("identity-based policy")
	case access.ResourceLayer:
		return phrase.Say("resource-based policy")
	case access.BoundaryLayer:
		return phrase.Say("permissions boundary")
	case access.SessionLayer:
		return phrase.Say("session policy")
	case access.ServiceControlLayer:
		return phrase.Say("service control policy")
	case access.ResourceControlLayer:
		return phrase.Say("resource control policy")
	case access.EndpointLayer:
		return phrase.Say("VPC endpoint policy")
	case access.TrustLayer:
		return phrase.Say("role trust policy")
	case access.GrantLayer:
		return phrase.Say("grant")
	}
	return phrase.Plain(string(l))
}

// stateWords is an instance's state as part of a sentence.
func stateWords(state string) phrase.Text {
	switch state {
	case "pending":
		return phrase.Say("pending")
	case "running":
		return phrase.Say("running")
	case "stopping":
		return phrase.Say("stopping")
	case "stopped":
		return phrase.Say("stopped")
	case "shutting-down":
		return phrase.Say("shutting down")
	case "terminated":
		return phrase.Say("terminated")
	}
	return phrase.Plain(state)
}

// keyStateWords is a key's state as part of a sentence (KMS guide, "Key states of
// AWS KMS keys").
func keyStateWords(state string) phrase.Text {
	switch kmstypes.KeyState(state) {
	case kmstypes.KeyStateEnabled:
		return phrase.Say("enabled")
	case kmstypes.KeyStateDisabled:
		return phrase.Say("disabled")
	case kmstypes.KeyStatePendingDeletion:
		return phrase.Say("pending deletion")
	case kmstypes.KeyStatePendingImport:
		return phrase.Say("pending import")
	case kmstypes.KeyStateUnavailable:
		return phrase.Say("unavailable")
	}
	return phrase.Plain(state)
}

// mismatchWords says what policy.Mismatch.String says.
func mismatchWords(m *policy.Mismatch) phrase.Text {
	element := strings.Join(strings.Fields(string(m.Element)+" "+m.Operator+" "+m.Key), " ")
	wanted := valueWords(m.Wanted)
	var words phrase.Text
	switch {
	case m.Element == policy.NotActionElement || m.Element == policy.NotResourceElement || m.Element == policy.NotPrincipalElement:
		words = phrase.Say("%s excludes %s", element, wanted)
	case strings.Contains(m.Operator, "Not"):
		words = phrase.Say("%s wanted none of %s", element, wanted)
	default:
		words = phrase.Say("%s wanted %s", element, wanted)
	}
	switch {
	case m.Variable != "" && m.Unknown:
		return phrase.Say("%s, and the value of ${%s} is not known", words, m.Variable)
	case m.Variable != "":
		return phrase.Say("%s, and the request has no value for ${%s}", words, m.Variable)
	case m.Unknown:
		return phrase.Say("%s, and the request's value is not known", words)
	case m.Absent:
		return phrase.Say("%s, the request had no such key", words)
	}
	return phrase.Say("%s, the request had %s", words, valueWords(m.Saw))
}

// shownValues bounds how many values a text lists, as in package policy.
const shownValues = 4

func valueWords(values []string) phrase.Text {
	switch {
	case len(values) == 0:
		return phrase.Say("nothing")
	case len(values) > shownValues:
		return phrase.Plain(strings.Join(values[:shownValues], ", ") + ", …")
	}
	words := phrase.Plain(values[0])
	for _, v := range values[1:] {
		words = phrase.Say("%s or %s", words, v)
	}
	return words
}
