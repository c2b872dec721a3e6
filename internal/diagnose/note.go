package diagnose

import (
	"slices"

	"github.com/keyturn/keyturn/internal/phrase"
)

// addNote adds what people overlook, where a cause has no note of its own: that
// the key is not the one that they looked at, or that the instance's role plays no
// part.
func (e *Evidence) addNote(c *Cause) {
	if !c.Note.IsZero() {
		return
	}
	for _, v := range e.Volumes {
		if !slices.Contains(c.Keys, v.Key) {
			continue
		}
		switch v.KeyFrom {
		case FromDefault:
			c.Note = phrase.Say("The launch names no key for the %s: %s is the account's default key for EBS encryption in the Region.", v.name(), v.Key)
			return
		case FromSnapshot:
			c.Note = phrase.Say("The launch names no key for the %s: %s is that of the snapshot %s.", v.name(), v.Key, v.Snapshot)
			return
		}
	}
	if c.Kind == IdentityMissing && e.Instance.Profile != "" {
		c.Note = phrase.Say("EC2 asks in the name of whoever called it: what the instance's own profile, %s, allows plays no part.", e.Instance.Profile)
	}
}
