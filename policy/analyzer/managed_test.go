package analyzer_test

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/iam/managed"
	"github.com/keyturn/keyturn/policy"
	"github.com/keyturn/keyturn/policy/analyzer"
)

// knownErrors are the errors in AWS's own managed policies, told by part of their
// details, and why they are there.
var knownErrors = []struct {
	code         analyzer.Code
	part, reason string
}{
	{"INVALID_SERVICE_IN_ACTION", "The service deepcomposer ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service deeplens ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service deepracer ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service elastic-inference ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service iot1click ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service iotroborunner ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service mobilehub ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service sagemaker-groundtruth-synthetic ", "the service is retired"},
	{"INVALID_SERVICE_IN_ACTION", "The service zocalo ", "the old prefix of workdocs"},
	{"INVALID_SERVICE_IN_ACTION", "The service builderid ", "not in the Service Authorization Reference"},
	{"INVALID_SERVICE_IN_ACTION", "The service datazonecontrol ", "not in the Service Authorization Reference"},
	{"INVALID_SERVICE", "The service deepracer ", "the service is retired"},
	{"INVALID_ACTION", "cloudhsm:", "actions of CloudHSM Classic, which is retired"},
	{"INVALID_ACTION", "cloud9:ValidateEnvironmentName", "retired"},
	{"INVALID_ACTION", "qapps:ImportDocumentToQApp", "renamed qapps:ImportDocument"},
	{"INVALID_ACTION", "budgets:", "authorized as budgets:ViewBudget and budgets:ModifyBudget"},
	{"INVALID_ACTION", "organizations:CreateBuilderIdOwnedAccount", "not in the Service Authorization Reference"},
	{"INVALID_ACTION", "payments:", "not in the Service Authorization Reference"},
	{"INVALID_ACTION", "route53-recovery-control-config:DescribeRoutingControlByName", "no such action"},
	{"INVALID_ACTION", "memorydb:ReplicateMultiRegionClusterData", "not in the Service Authorization Reference"},
	{"INVALID_ACTION", "securityagent:", "not in the Service Authorization Reference"},
	{"INVALID_SERVICE_CONDITION_KEY", "lakeformation:GlueARN", "not in the Service Authorization Reference"},
	{"MISSING_QUALIFIER", "events:detail-type", "the reference calls it multivalued; events have one"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key a4b:", "actions that do not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key application-autoscaling:", "reading actions that do not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key aws-marketplace:", "actions that do not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key codestar-connections:ProviderAction", "actions that do not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key deadline:", "deadline:SearchWorkers does not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key ec2:Vpc", "ec2:DescribeSubnets has no keys but the Region"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key glue:", "reading actions that do not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key iottwinmaker:linkedServices", "actions that do not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key nimble:ownedBy", "nimble:ListStreamingSessionBackups does not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key ram:ResourceShareName", "ram:GetResourceShares does not know the key"},
	{"UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "condition key redshift-data:", "actions that do not know the key"},
}

// TestManagedPoliciesHaveNoErrors runs over all that AWS publishes: an error that
// is not known to be AWS's is a false one of ours.
func TestManagedPoliciesHaveNoErrors(t *testing.T) {
	t.Parallel()
	used := make([]bool, len(knownErrors))
	n := 0
	for p := range managed.All() {
		n++
		v, _ := p.Version(p.Default)
		report := analyzer.Analyze([]byte(v.Document()), analyzer.Options{Kind: policy.ManagedPolicy})
	findings:
		for _, f := range report.Findings {
			if f.Type != analyzer.Error {
				continue
			}
			for i, k := range knownErrors {
				if k.code == f.Code && strings.Contains(f.Details, k.part) {
					used[i] = true
					continue findings
				}
			}
			t.Errorf("%s: %s at %s: %s", p.Name, f.Code, f.Locations[0].Path, f.Details)
		}
	}
	for i, k := range knownErrors {
		if !used[i] {
			t.Errorf("no policy has %s of %q any more (%s)", k.code, k.part, k.reason)
		}
	}
	if n < 1500 {
		t.Errorf("%d policies", n)
	}
}
