package diagnose

import (
	"maps"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/phrase"
)

// madeBy names the tool that a resource's tags say it was made by, empty if they
// say nothing. CloudFormation tags what it makes by itself (CloudFormation guide,
// "Resource tag"); the other names are what teams and modules write.
func madeBy(tags map[string]string) string {
	if stack := tags["aws:cloudformation:stack-name"]; stack != "" {
		return "CloudFormation (" + stack + ")"
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		name, value := strings.ToLower(key), strings.ToLower(tags[key])
		switch strings.NewReplacer("-", "", "_", "", " ", "").Replace(name) {
		case "terraform", "opentofu", "pulumi":
			if value != "false" && value != "no" {
				return key
			}
		case "managedby", "createdby", "provisioner", "iac", "tool":
			for _, tool := range [...]string{"terraform", "opentofu", "pulumi", "cloudformation", "cdk"} {
				if strings.Contains(value, tool) {
					return tags[key]
				}
			}
		}
	}
	return ""
}

// warn notes at each fix that what it changes is kept as code: the tool's next run
// would take the change back.
func (e *Evidence) warn(f *finding) {
	for _, way := range append([][]Fix{f.fixes}, f.instead...) {
		for i := range way {
			x := &way[i]
			var tags map[string]string
			if k := e.key(x.Target); k != nil {
				tags = k.Tags
			} else if e.Caller != nil && x.Target == e.target() {
				tags = e.Caller.Principal.Tags
			}
			tool := madeBy(tags)
			if tool == "" || x.Kind == GrantFix {
				continue
			}
			drift := phrase.Say("Its tags say that it is kept with %s: make the change there, or the next run takes it back.", tool)
			if x.Note.IsZero() {
				x.Note = drift
			} else {
				x.Note = phrase.Join(" ", x.Note, drift)
			}
		}
	}
}
