package ec2

import (
	"fmt"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
)

// identifier is how EC2 speaks of one kind of id.
type identifier struct {
	prefix    string // "vol-"
	parameter string // how messages name it: "volumeId"
	malformed string // error code for digits that are none
	missing   string // error code where nothing has the id
	// Messages, with one %s for the id or, in the plural, for all of them.
	malformedText, missingText, missingPlural string
}

var (
	volumeIdentifier = identifier{
		prefix: "vol-", parameter: "volumeId",
		malformed: "InvalidVolumeID.Malformed", malformedText: `Invalid id: "%s" (expecting "vol-...")`,
		missing: "InvalidVolume.NotFound", missingText: "The volume '%s' does not exist.",
		missingPlural: "The volumes '%s' do not exist.",
	}
	snapshotIdentifier = identifier{
		prefix: "snap-", parameter: "snapshotId",
		malformed: "InvalidSnapshotID.Malformed", malformedText: `Invalid id: "%s" (expecting "snap-...")`,
		missing: "InvalidSnapshot.NotFound", missingText: "The snapshot '%s' does not exist.",
		missingPlural: "The snapshots '%s' do not exist.",
	}
	// Images have no word for a wrong prefix of their own: every id that is
	// none is malformed.
	imageIdentifier = identifier{
		prefix:    "ami-",
		malformed: "InvalidAMIID.Malformed", malformedText: `Invalid id: "%s" (expecting "ami-...")`,
		missing: "InvalidAMIID.NotFound", missingText: "The image id '[%s]' does not exist",
		missingPlural: "The image ids '[%s]' do not exist",
	}
)

// check tells whether an id can be one, in AWS's words if not. Both lengths
// that AWS ever gave, 8 and 17 digits, are ids (EC2 guide, "Resource IDs").
func (k identifier) check(id string) error {
	digits, ok := strings.CutPrefix(id, k.prefix)
	switch {
	case !ok && k.parameter != "":
		return invalidValue("Value (%s) for parameter %s is invalid. Expected: '%s...'.", id, k.parameter, k.prefix)
	case !ok || !isHexID(digits):
		return api.Error(k.malformed, fmt.Sprintf(k.malformedText, id))
	}
	return nil
}

func (k identifier) notFound(id string) error {
	return api.Error(k.missing, fmt.Sprintf(k.missingText, id))
}

// notFoundAll is notFound for several ids at once, as the Describe operations
// answer.
func (k identifier) notFoundAll(ids []string) error {
	if len(ids) == 1 {
		return k.notFound(ids[0])
	}
	return api.Error(k.missing, fmt.Sprintf(k.missingPlural, strings.Join(ids, ", ")))
}

func isHexID(digits string) bool {
	if len(digits) != 8 && len(digits) != 17 {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == ""
}
