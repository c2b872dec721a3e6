package diagnose

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyturn/keyturn/access"
)

// kmsEvent is a CreateGrant event as CloudTrail writes it.
func kmsEvent(t *testing.T, second int, identity, code, message, request string) Event {
	t.Helper()
	e, err := ParseEvent(fmt.Sprintf(`{"eventName": "CreateGrant", "eventID": "e-%d", "eventTime": %q, "userIdentity": %s, "errorCode": %q, "errorMessage": %q, "requestParameters": %s}`,
		second, at10(0, second).Format(time.RFC3339), identity, code, message, request))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const (
	byTest    = `{"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/test", "invokedBy": "ec2-frontend-api.amazonaws.com"}`
	byOther   = `{"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/other", "invokedBy": "ec2-frontend-api.amazonaws.com"}`
	directly  = `{"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/test"}`
	byEC2Role = `{"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/%s"}`
	onKey     = denied + " on resource: " + testKey
)

// TestRefusedEventIsOurs: of all refusals around the start, only one of this
// instance's start counts (KMS and EC2 records share no id).
func TestRefusedEventIsOurs(t *testing.T) {
	t.Parallel()
	grantee := func(id string) string {
		return `{"granteePrincipal": "arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/` + id + `"}`
	}
	for _, row := range []struct {
		name                             string
		second                           int
		identity, code, message, request string
		want                             bool
	}{
		{"denied, no parameters", 2, byTest, "AccessDenied", onKey, "null", true},
		{"denied, for this instance", 2, byTest, "AccessDenied", onKey, grantee(testInstance), true},
		{"key disabled", 2, byTest, "DisabledException", testKey + " is disabled.", "null", true},
		{"message without a key", 2, byTest, "AccessDenied", denied + " on this resource", "null", true},
		{"by EC2's role for this instance", 2, fmt.Sprintf(byEC2Role, testInstance), "AccessDenied", onKey, "null", true},
		{"went through", 2, byTest, "", "", grantee(testInstance), false},
		{"for another instance", 2, byTest, "AccessDenied", onKey, grantee("i-0fffffffffffffff0"), false},
		{"by EC2's role for another instance", 2, fmt.Sprintf(byEC2Role, "i-0fffffffffffffff0"), "AccessDenied", onKey, "null", false},
		{"by another user", 2, byOther, "AccessDenied", onKey, "null", false},
		{"asked directly, not through EC2", 2, directly, "AccessDenied", onKey, "null", false},
		{"another key", 2, byTest, "AccessDenied", denied + " on resource: " + otherKey, "null", false},
	} {
		g := &gatherer{evidence: article()}
		v := kmsEvent(t, row.second, row.identity, row.code, row.message, row.request)
		if got := g.refused([]Event{v}) != nil; got != row.want {
			t.Errorf("%s: ours is %v", row.name, got)
		}
	}
	g := &gatherer{evidence: article()}
	g.evidence.Start.Time = at10(0, 5)
	events := []Event{ // newest first
		kmsEvent(t, 8, byTest, "AccessDenied", onKey, "null"),
		kmsEvent(t, 6, byTest, "AccessDenied", onKey, "null"),
		kmsEvent(t, 2, byTest, "AccessDenied", onKey, "null"),
	}
	if got := g.refused(events); got == nil || got.ID != "e-6" {
		t.Errorf("picked %+v, want the first refusal after the start", got)
	}
}

// TestInstanceEvents: the last start counts, and a stop only if it came after.
func TestInstanceEvents(t *testing.T) {
	t.Parallel()
	event := func(name string, minute int, code string) Event {
		return Event{Name: name, Time: at10(minute, 0), ErrorCode: code, Principal: testUser, request: map[string]any{"instanceId": testInstance}}
	}
	for _, row := range []struct {
		name        string
		events      []Event // newest first
		start, stop int     // minutes; -1: none
	}{
		{"stopped, then started", []Event{event("StartInstances", 9, ""), event("StopInstances", 5, ""), event("RunInstances", 1, "")}, 9, -1},
		{"started, then stopped", []Event{event("StopInstances", 9, ""), event("StartInstances", 5, "")}, 5, 9},
		{"a start that EC2 refused", []Event{event("StartInstances", 9, "Client.UnauthorizedOperation"), event("RunInstances", 1, "")}, 1, -1},
		{"another instance", []Event{{Name: "StartInstances", request: map[string]any{"instanceId": "i-0fffffffffffffff0"}}}, -1, -1},
	} {
		g := &gatherer{evidence: article()}
		g.evidence.Start = nil
		g.takeInstanceEvents(row.events)
		if got := minuteOf(g.evidence.Start); got != row.start {
			t.Errorf("%s: the start is of minute %d, want %d", row.name, got, row.start)
		}
		if got := minuteOf(g.evidence.Stop); got != row.stop {
			t.Errorf("%s: the stop is of minute %d, want %d", row.name, got, row.stop)
		}
	}
}

func minuteOf(e *Event) int {
	if e == nil {
		return -1
	}
	return e.Time.Minute()
}

// TestNamedCaller: the ARNs that --principal takes.
func TestNamedCaller(t *testing.T) {
	t.Parallel()
	for arn, want := range map[string]access.PrincipalType{
		testUser: access.User,
		"arn:aws:iam::123456789012:user/path/test": access.User,
		testRole:                                     access.RoleSession,
		testSession:                                  access.RoleSession,
		"arn:aws:iam::123456789012:root":             access.Root,
		"arn:aws-cn:iam::123456789012:user/test":     access.User,
		"arn:aws:iam::123456789012:group/test":       "",
		"arn:aws:iam::123456789012:user/":            "",
		"arn:aws:sts::123456789012:assumed-role/one": "",
		"test": "",
		"":     "",
	} {
		c := namedCaller(arn)
		if c == nil {
			if want != "" {
				t.Errorf("%q is refused", arn)
			}
			continue
		}
		if c.Principal.Type != want || c.Principal.Account != "123456789012" {
			t.Errorf("%q is %+v, want %q", arn, c.Principal, want)
		}
	}
}
