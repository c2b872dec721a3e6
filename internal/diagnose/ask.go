package diagnose

import (
	"fmt"

	"github.com/keyturn/keyturn/internal/phrase"
)

// Ask has evidence that was collected before answer for a principal: whether they
// could start the instance, whoever stopped it. It fails where the evidence is not
// of that principal's policies.
func (e *Evidence) Ask(principal string) error {
	if namedCaller(principal) == nil {
		return noStarter(principal)
	}
	if c := e.Caller; c == nil || principal != c.ARN && principal != c.Principal.ARN && principal != c.Role {
		about := phrase.Say("nobody")
		if c != nil {
			about = phrase.Plain(c.ARN)
		}
		return phrase.NewError(phrase.Say("the evidence has the policies of %s, not those of %s", about, principal), nil)
	}
	e.Forecast = true
	return nil
}

func noStarter(principal string) error {
	return fmt.Errorf("%q is no principal that can start an instance: give the ARN of a user, a role or a role session", principal)
}
