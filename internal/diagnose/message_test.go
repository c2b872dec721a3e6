package diagnose

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/keyturn/keyturn/access"
)

// TestParseMessage: what people paste.
func TestParseMessage(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		name, text string
		want       func(m Message) bool
		no         bool
	}{
		{
			name: "the AWS CLI's, broken over lines",
			text: "\nAn error occurred (UnauthorizedOperation) when calling the StartInstances operation: You are not authorized to perform\nthis operation. User: arn:aws:iam::123456789012:user/test is not\nauthorized to perform: ec2:StartInstances on resource: arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0 because no\nidentity-based policy allows the ec2:StartInstances action. Encoded authorization failure message: aBc-_9",
			want: func(m Message) bool {
				return m.Denial != nil && m.Denial.Action == "ec2:StartInstances" && m.Denial.Layer == access.IdentityLayer && m.Encoded == "aBc-_9" && m.Instance == "i-0123456789abcdef0"
			},
		},
		{
			name: "Terraform's, with its bars and colours",
			text: "\x1b[31m╷\x1b[0m\n\x1b[31m│\x1b[0m Error: AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/deploy/ci is not authorized to perform: kms:CreateGrant on resource: " + testKey + " with an explicit deny in a service control\n│ policy\n╵",
			want: func(m Message) bool {
				return m.Denial != nil && m.Denial.Explicit && m.Denial.Layer == access.ServiceControlLayer && m.Key == testKey && m.Code == "AccessDeniedException"
			},
		},
		{
			name: "an Auto Scaling activity's",
			text: "Launching a new EC2 instance: i-0123456789abcdef0. Status Reason: Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state",
			want: func(m Message) bool {
				return m.Denial == nil && m.Instance == "i-0123456789abcdef0" && m.Code == "Client.InvalidKMSKey.InvalidState"
			},
		},
		{
			name: "a refused attachment's",
			text: "An error occurred (CustomerKeyHasBeenRevoked) when calling the AttachVolume operation: Volume vol-0123456789abcdef0 cannot be attached. The encrypted volume was unable to access the KMS key.",
			want: func(m Message) bool {
				return m.Volume == "vol-0123456789abcdef0" && m.Code == "CustomerKeyHasBeenRevoked"
			},
		},
		{
			name: "a key's state",
			text: "DisabledException: " + testKey + " is disabled.",
			want: func(m Message) bool { return m.Key == testKey && m.Code == "DisabledException" },
		},
		{
			name: "an old encoded one",
			text: "You are not authorized to perform this operation. Encoded authorization failure message: XYZ",
			want: func(m Message) bool { return m.Denial == nil && m.Encoded == "XYZ" },
		},
		{name: "nothing", text: "it does not work", no: true},
		{name: "nothing at all", no: true},
	} {
		m, ok := ParseMessage(v.text)
		if ok == v.no || v.want != nil && !v.want(m) {
			t.Errorf("%s: %v %+v, denial %+v", v.name, ok, m, m.Denial)
		}
	}
}

// TestDenialWords: a denial reads back what it says.
func TestDenialWords(t *testing.T) {
	t.Parallel()
	base := Denial{Principal: testUser, Action: "kms:CreateGrant", Resource: testKey}
	hidden := Denial{Principal: testUser, Action: "kms:CreateGrant", Hidden: true, Layer: access.ResourceLayer}
	all := []Denial{base, hidden}
	for _, l := range layerNames {
		d := base
		d.Layer = l.layer
		all = append(all, d)
		d.Explicit, d.Policy = true, "arn:aws:organizations::123456789012:policy/o-abc/service_control_policy/p-def"
		all = append(all, d)
	}
	for _, d := range all {
		if back, ok := ParseDenial(d.String()); !ok || back != d {
			t.Errorf("%s\nreads %+v, want %+v", d.String(), back, d)
		}
	}
}

// FuzzParseMessage: any text is read without harm, and what is found stands in it.
func FuzzParseMessage(f *testing.F) {
	f.Add("User: arn:aws:iam::123456789012:user/test is not authorized to perform: kms:CreateGrant on resource: " + testKey)
	f.Add("\x1b[31m│\x1b[0m i-0123456789abcdef0 vol-01234567\n" + encodedMark + "abc")
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := ParseMessage(text)
		if len(text) > maxMessage || !utf8.ValidString(text) {
			return
		}
		line := unbroken(text)
		for _, s := range []string{m.Instance, m.Volume, m.Key, m.Encoded, m.Code} {
			if !strings.Contains(line, s) {
				t.Errorf("%q is not in %q", s, line)
			}
		}
		if ok != (m.Denial != nil || m.Instance+m.Volume+m.Key+m.Encoded != "") {
			t.Errorf("%v for %+v", ok, m)
		}
	})
}

// TestParseTarget: ids of the kinds that can be diagnosed, old and new.
func TestParseTarget(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]TargetKind{
		"i-0123456789abcdef0": InstanceTarget, "i-01234567": InstanceTarget, "vol-0123456789abcdef0": VolumeTarget,
		"lt-0123456789abcdef0": TemplateTarget, "snap-0123456789abcdef0": SnapshotTarget, "ami-0123456789abcdef0": ImageTarget,
		"3f1c1d0e-0000-4000-8000-000000000001": EventTarget, "3F1C1D0E-0000-4000-8000-000000000001": EventTarget,
		"i-0123456789ABCDEF0": "", "eni-0123456789abcdef0": "", "i-012345678": "", "": "", "web": "",
	} {
		if got, ok := ParseTarget(id); got.Kind != want || ok != (want != "") {
			t.Errorf("%s: %s, want %s", id, got.Kind, want)
		}
	}
}

// TestParseDecoded: the form that people have shown of DecodeAuthorizationMessage.
func TestParseDecoded(t *testing.T) {
	t.Parallel()
	d, err := ParseDecoded(`{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":[{"statementId":"NobodyAtNight","effect":"DENY","principals":{"items":[{"value":"AIDAEXAMPLE"}]}}]},"failures":{"items":[]},
		"context":{"principal":{"id":"AIDAEXAMPLE","name":"test","arn":"arn:aws:iam::123456789012:user/test"},"action":"ec2:StartInstances","resource":"arn:aws:ec2:eu-west-1:123456789012:instance/i-0123456789abcdef0",
		"conditions":{"items":[{"key":"ec2:ResourceTag/tier","values":{"items":[{"value":"night"}]}}]}}}`)
	if err != nil || !d.Explicit || len(d.Statements) != 1 || d.Statements[0] != "NobodyAtNight" || d.Action != "ec2:StartInstances" || d.conditions["ec2:ResourceTag/tier"][0] != "night" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := ParseDecoded("nonsense"); err == nil {
		t.Error("nonsense is read")
	}
}

// FuzzParseDecoded: whatever STS answers does no harm.
func FuzzParseDecoded(f *testing.F) {
	f.Add(`{"context":{"conditions":{"items":[{"key":"aws:Region","values":{"items":[{"value":"us-east-2"}]}}]}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDecoded(text); err == nil && d.Statements == nil {
			t.Error("a list is null")
		}
	})
}
