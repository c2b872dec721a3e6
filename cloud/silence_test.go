package cloud

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withoutEffect are members of inputs that change nothing here, and why.
var withoutEffect = map[string]string{
	"IamUserAccessToBilling":        "there is no billing",
	"SkipZonalShiftValidation":      "there are no zonal shifts",
	"TrafficSourceType":             "no traffic source can be attached",
	"WaitForTransitioningInstances": "what is under way when a refresh is cancelled goes on either way",
	"AllAvailabilityZones":          "every zone is opted in",
	"AllRegions":                    "every region is enabled",
	"IncludeManagedResources":       "no resource is managed by another service",
	"IncludeUnsupportedInRegion":    "every type that is known is offered",
	"NoReboot":                      "instances run nothing that could be interrupted",
	"SkipOsShutdown":                "as NoReboot",
	"PresignedUrl":                  "the SDK makes it; the source region is in the same cloud",
	"ResolveAlias":                  "a template names no parameters of Systems Manager",
	"ProductDescriptions":           "there are no prices",
	"InsightsDestination":           "insights are refused as a whole",
	"ResourceHandlingOption":        "a simulation takes the resources that it is given",
}

// TestNoInputIsPassedOver: a member of an operation's input is looked at somewhere
// in its service, if only to be refused. Names that several operations share may
// hide one; that is the limit of reading the source.
func TestNoInputIsPassedOver(t *testing.T) {
	t.Parallel()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	common := []string{"DryRun", "Marker", "MaxItems", "NextToken", "MaxResults"} // read by reflection or by the page
	used := make(map[string]bool)
	for service, ops := range c.operations {
		files, err := filepath.Glob("../internal/" + service + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no source of %s: %v", service, err)
		}
		var source strings.Builder
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(b)
		}
		for name, op := range ops {
			for f := range op.in.Fields() {
				m := f.Name
				switch {
				case !f.IsExported() || slices.Contains(common, m):
				case strings.Contains(source.String(), "."+m) || strings.Contains(source.String(), `"`+m+`"`):
				case withoutEffect[m] != "":
					used[m] = true
				default:
					t.Errorf("%s:%s passes over %s", service, name, m)
				}
			}
		}
	}
	for m := range withoutEffect {
		if !used[m] {
			t.Errorf("%s is looked at: the exception can go", m)
		}
	}
}
