package diagnose

import (
	"strings"
	"testing"
)

// TestKeptAsCode: who keeps the key's policy or the user as code is told so, and
// nobody else.
func TestKeptAsCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tags map[string]string
		want string
	}{
		{map[string]string{"aws:cloudformation:stack-name": "keys"}, "CloudFormation (keys)"},
		{map[string]string{"ManagedBy": "Terraform"}, "Terraform"},
		{map[string]string{"managed-by": "terraform-aws-modules"}, "terraform-aws-modules"},
		{map[string]string{"terraform": "true"}, "terraform"},
		{map[string]string{"Terraform": "false"}, ""},
		{map[string]string{"team": "terraform"}, ""},
		{nil, ""},
	} {
		if got := madeBy(c.tags); got != c.want {
			t.Errorf("%v: %q, want %q", c.tags, got, c.want)
		}
	}
	e := article()
	e.Caller.Principal.Tags = map[string]string{"ManagedBy": "Terraform"}
	for _, f := range Judge(e).Fixes {
		if got, want := strings.Contains(f.Note.String(), "kept with Terraform"), f.Target == testUser; got != want {
			t.Errorf("%s of %s: %v, the note is %q", f.Title, f.Target, got, f.Note)
		}
	}
}
