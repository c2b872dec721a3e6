package simulate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/simulate"
)

const (
	user = "arn:aws:iam::123456789012:user/test"
	role = "arn:aws:iam::123456789012:role/service/deploy"
	key  = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	// allow and root are policies that let everything through.
	allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	root  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"kms:*","Resource":"*"}]}`
)

// noFile is for scenarios without files.
func noFile(path string) ([]byte, error) { return nil, errors.New("there is no file " + path) }

// decide reads a scenario's members, without their braces and the version, and
// decides it.
func decide(t *testing.T, members string) *simulate.Report {
	t.Helper()
	s, err := simulate.ReadScenario([]byte(`{"version":1,` + members + `}`))
	if err != nil {
		t.Fatalf("%v\n%s", err, members)
	}
	p, err := simulate.Prepare(s, noFile)
	if err != nil {
		t.Fatalf("%v\n%s", err, members)
	}
	return p.Run()
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const ask = `"principals":["` + user + `"],"actions":["s3:GetObject"]`
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                             {``, "the scenario ends too early"},
		"no JSON":                             {"{\n\"version\": 1,\n x}", "line 3: invalid character 'x'"},
		"text behind the end":                 {`{"version":1} {}`, "text after the end"},
		"no version":                          {`{}`, "the scenario's version is 0; this program knows version 1"},
		"another version":                     {`{"version":2}`, "the scenario's version is 2"},
		"an unknown field":                    {`{"version":1,"action":[]}`, `a scenario has no field "action" there`},
		"an unknown field deep down":          {`{"version":1,"grants":[{"principal":"a"}]}`, `a scenario has no field "principal" there`},
		"an unknown field of a principal":     {`{"version":1,"principals":[{"name":"a"}]}`, `a scenario has no field "name" there`},
		"an unknown field of a policy":        {`{"version":1,"boundary":{"path":"a"}}`, `a scenario has no field "path" there`},
		"a field that stands twice":           {"{\"version\":1,\n\"actions\":[],\n\"actions\":[]}", `the field "actions" stands twice`},
		"a field of the wrong type":           {"{\"version\":1,\n\"actions\":\"s3:GetObject\"}", "line 2: actions cannot be string"},
		"a condition value that is an object": {`{"version":1,"context":{"a:b":{}}}`, "the value of a condition key is"},
		"a policy that is a number":           {`{"version":1,"boundary":1}`, "a policy is a path, a document, or an object"},
		"a policy with file and document":     {`{"version":1,"boundary":{"file":"a","document":{}}}`, "a policy has either a file or a document"},
		"nothing is asked":                    {`{"version":1,"principals":["` + user + `"]}`, "nothing is asked"},
		"nobody asks":                         {`{"version":1,"actions":["s3:GetObject"]}`, "nobody makes the requests"},
		"nobody asks a single request":        {`{"version":1,"requests":[{"action":"s3:GetObject"}]}`, "request 1 has no principal"},
		"resources without an action":         {`{"version":1,"principals":["` + user + `"],"resources":["*"],"requests":[{"action":"a:b"}]}`, "no action on them"},
		"a principal that is none":            {`{"version":1,"principals":["test"],"actions":["a:b"]}`, `"test" is no principal`},
		"a group":                             {`{"version":1,"principals":["arn:aws:iam::123456789012:group/g"],"actions":["a:b"]}`, "is no principal"},
		"a principal of no account":           {`{"version":1,"principals":["arn:aws:iam::12:user/test"],"actions":["a:b"]}`, "is of no account"},
		"a user with a role":                  {`{"version":1,"principals":[{"arn":"` + user + `","roleId":"AROA"}],"actions":["a:b"]}`, "is no session of a role"},
		"a user behind a user":                {`{"version":1,"principals":[{"arn":"` + user + `","userArn":"` + user + `"}],"actions":["a:b"]}`, "only a federated user"},
		"an action without a service":         {`{"version":1,"principals":["` + user + `"],"actions":["GetObject"]}`, `"GetObject" is no action`},
		"an action with a wildcard":           {`{"version":1,"principals":["` + user + `"],"actions":["s3:Get*"]}`, `"s3:Get*" is no action`},
		"a resource that is no ARN":           {`{"version":1,` + ask + `,"resources":["example"]}`, `"example" is no resource`},
		"an outcome that does not exist":      {`{"version":1,` + ask + `,"expect":"denied"}`, `"denied" is no outcome`},
		"an outcome of a request":             {`{"version":1,` + ask + `,"requests":[{"action":"a:b","expect":"no"}]}`, `request 1: "no" is no outcome`},
		"a kind of resource policy":           {`{"version":1,` + ask + `,"resourcePolicies":[{"kind":"bucket","policy":` + root + `}]}`, "of kind ordinary, key or trust"},
		"a layer that does not exist":         {`{"version":1,` + ask + `,"unread":[{"layer":"scp"}]}`, `there is no layer "scp"`},
		"a key without a prefix":              {`{"version":1,` + ask + `,"context":{"SourceIp":"10.0.0.1"}}`, `"SourceIp" is no condition key`},
		"an unknown key without a prefix":     {`{"version":1,` + ask + `,"unknownKeys":["SourceIp"]}`, `"SourceIp" is no condition key`},
		"a key given twice":                   {`{"version":1,` + ask + `,"context":{"aws:SourceIp":"10.0.0.1","AWS:SOURCEIP":"10.0.0.2"}}`, "is given twice"},
		"a grant for nobody":                  {`{"version":1,` + ask + `,"grants":[{"operations":["Decrypt"]}]}`, "grant 1 has no grantee"},
		"an account that is none":             {`{"version":1,` + ask + `,"managementAccount":"o-example"}`, "is no account"},
		"a level without SCPs":                {`{"version":1,` + ask + `,"serviceControlPolicies":[[` + allow + `],[]]}`, "level 2 has no service control policy"},
		"an identity policy that names whom":  {`{"version":1,` + ask + `,"identityPolicies":[` + root + `]}`, "identity-based policy is no identity-based policy: line 1"},
		"a resource policy that names nobody": {`{"version":1,` + ask + `,"resourcePolicies":[{"kind":"ordinary","policy":` + allow + `}]}`, "the statement names no Principal"},
		"a policy that is none, and where":    {"{\"version\":1," + ask + ",\n\"identityPolicies\":[\n{\"Statement\":[{\"Effect\":\"allow\"}]}]}", "line 3, column 25"},
		"a file that is not there":            {`{"version":1,` + ask + `,"identityPolicies":["a.json"]}`, "there is no file a.json"},
		"a launch of no kind":                 {`{"version":1,"principals":["` + user + `"],"launch":{"kind":"stop"}}`, `there is no launch "stop"`},
		"a launch without volumes":            {`{"version":1,"principals":["` + user + `"],"launch":{"kind":"start","instance":"i-1"}}`, "has no encrypted volume"},
		"a launch without an instance":        {`{"version":1,"principals":["` + user + `"],"launch":{"kind":"start","volumes":[{"id":"vol-1","key":"` + key + `"}]}}`, "has no instance id"},
		"a volume's alias":                    {`{"version":1,"principals":["` + user + `"],"launch":{"kind":"start","instance":"i-1","volumes":[{"id":"vol-1","key":"alias/a"}]}}`, "give the key's ARN"},
		"a launch by a service":               {`{"version":1,"principals":["ec2.amazonaws.com"],"launch":{"kind":"start","instance":"i-1","volumes":[{"id":"vol-1","key":"` + key + `"}]}}`, "starts no instances"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := simulate.ReadScenario([]byte(c.text))
			if err == nil {
				_, err = simulate.Prepare(s, noFile)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// TestOutcomes: what a scenario leaves out is not there, or not known.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const (
		asUser = `"principals":["` + user + `"],`
		onKey  = asUser + `"actions":["kms:Decrypt"],"resources":["` + key + `"],"identityPolicies":[` + allow + `]`
		onS3   = asUser + `"actions":["s3:GetObject"],"resources":["arn:aws:s3:::example/a"]`
		keyed  = `"resourcePolicies":[{"kind":"key","policy":` + root + `}]`
		office = `"identityPolicies":[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}]`
		deny   = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	)
	tagged := func(tags string) string {
		return `"principals":[{"arn":"` + user + `"` + tags + `}],"actions":["s3:GetObject"],"identityPolicies":[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}]}]`
	}
	for rule, c := range map[string]struct {
		members string
		want    access.Outcome
		missing []string
	}{
		"no policies allow nothing":                           {onS3, access.ImplicitDeny, nil},
		"an identity policy allows":                           {onS3 + `,"identityPolicies":[` + allow + `]`, access.Allowed, nil},
		"a boundary limits":                                   {onS3 + `,"identityPolicies":[` + allow + `],"boundary":` + deny, access.ExplicitDeny, nil},
		"an empty list of session policies allows nothing":    {onS3 + `,"identityPolicies":[` + allow + `],"sessionPolicies":[]`, access.ImplicitDeny, nil},
		"a resource policy allows":                            {onS3 + `,"resourcePolicies":[{"kind":"ordinary","policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + user + `"},"Action":"s3:*","Resource":"*"}]}}]`, access.Allowed, nil},
		"a resource policy of another resource does not":      {onS3 + `,"resourcePolicies":[{"resource":"arn:aws:s3:::other","kind":"ordinary","policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}}]`, access.ImplicitDeny, nil},
		"a key has a policy that is not known":                {onKey, access.Depends, []string{"key policy of " + key}},
		"a key's policy delegates":                            {onKey + "," + keyed, access.Allowed, nil},
		"a key policy is none of another resource's":          {onS3 + "," + keyed, access.ImplicitDeny, nil},
		"an alias has no policy":                              {asUser + `"actions":["kms:CreateAlias"],"resources":["arn:aws:kms:eu-west-1:123456789012:alias/a"],"identityPolicies":[` + allow + `]`, access.Allowed, nil},
		"an action about no key asks no key policy":           {asUser + `"actions":["kms:CreateKey"],"identityPolicies":[` + allow + `]`, access.Allowed, nil},
		"a role has a trust policy that is not known":         {asUser + `"actions":["sts:AssumeRole"],"resources":["` + role + `"],"identityPolicies":[` + allow + `]`, access.Depends, []string{"trust policy of " + role}},
		"a trust policy names the user":                       {asUser + `"actions":["sts:AssumeRole"],"resources":["` + role + `"],"resourcePolicies":[{"kind":"trust","policy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + user + `"},"Action":"sts:AssumeRole"}]}}]`, access.Allowed, nil},
		"a grant allows":                                      {asUser + `"actions":["kms:Decrypt"],"resources":["` + key + `"],` + keyed + `,"grants":[{"grantee":"` + user + `","operations":["Decrypt"]}]`, access.Allowed, nil},
		"a grant on another key does not":                     {asUser + `"actions":["kms:Decrypt"],"resources":["` + key + `"],` + keyed + `,"grants":[{"key":"arn:aws:kms:eu-west-1:123456789012:key/other","grantee":"` + user + `","operations":["Decrypt"]}]`, access.ImplicitDeny, nil},
		"where a request comes from is not known":             {onS3 + "," + office, access.Depends, []string{"aws:SourceIp"}},
		"unless it is given":                                  {onS3 + "," + office + `,"context":{"AWS:SourceIP":"203.0.113.7"}`, access.Allowed, nil},
		"or the context is complete":                          {onS3 + "," + office + `,"contextComplete":true`, access.ImplicitDeny, nil},
		"a key may be unknown in a complete context":          {onS3 + "," + office + `,"contextComplete":true,"unknownKeys":["aws:SourceIp"]`, access.Depends, []string{"aws:SourceIp"}},
		"tags that nobody gave are not known":                 {tagged(""), access.Depends, []string{"aws:PrincipalTag/team"}},
		"no tags are known":                                   {tagged(`,"tags":{}`), access.ImplicitDeny, nil},
		"tags that were given are known":                      {tagged(`,"tags":{"team":"red"}`), access.Allowed, nil},
		"every level of SCPs must allow":                      {onS3 + `,"identityPolicies":[` + allow + `],"serviceControlPolicies":[[` + allow + `],[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}]]`, access.ImplicitDeny, nil},
		"SCPs do not reach the management account":            {onS3 + `,"identityPolicies":[` + allow + `],"serviceControlPolicies":[[` + deny + `]],"managementAccount":"123456789012"`, access.Allowed, nil},
		"an unread layer leaves it open":                      {onS3 + `,"identityPolicies":[` + allow + `],"unread":[{"layer":"service control policy","what":"SCPs of o-example"}]`, access.Depends, []string{"SCPs of o-example"}},
		"unread SCPs do not reach the management account":     {onS3 + `,"identityPolicies":[` + allow + `],"unread":[{"layer":"service control policy"}],"managementAccount":"123456789012"`, access.Allowed, nil},
		"across accounts both sides must allow":               {onS3 + `,"resourceAccount":"210987654321","identityPolicies":[` + allow + `]`, access.ImplicitDeny, nil},
		"the ARN's account comes before the one given":        {onKey + "," + keyed + `,"resourceAccount":"210987654321"`, access.Allowed, nil},
		"a request of a service is not the caller's own":      {onS3 + `,"identityPolicies":[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:ViaAWSService":"true"}}}]}],"context":{"aws:CalledVia":["athena.amazonaws.com"]}`, access.Allowed, nil},
		"an endpoint's policy must allow":                     {onS3 + `,"identityPolicies":[` + allow + `],"endpointPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ec2:*","Resource":"*"}]}`, access.ImplicitDeny, nil},
		"a federated user has no session policy: nothing":     {`"principals":[{"arn":"arn:aws:sts::123456789012:federated-user/f","userArn":"` + user + `"}],"actions":["s3:GetObject"],"identityPolicies":[` + allow + `]`, access.ImplicitDeny, nil},
		"the instance's session has no identity policies":     {`"principals":["arn:aws:sts::123456789012:assumed-role/aws:ec2-infrastructure/i-0123456789abcdef0"],"actions":["kms:Decrypt"],"resources":["` + key + `"],"identityPolicies":[` + allow + `],` + keyed, access.ImplicitDeny, nil},
		"a role session's policy may turn on the role's path": {`"principals":[{"arn":"arn:aws:sts::123456789012:assumed-role/deploy/s","roleArn":"` + role + `"}],"actions":["s3:GetObject"],"identityPolicies":[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnEquals":{"aws:PrincipalArn":"` + role + `"}}}]}]`, access.Allowed, nil},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := decide(t, c.members)
			if len(r.Results) != 1 {
				t.Fatalf("%d results", len(r.Results))
			}
			d := r.Results[0].Decision
			if d.Outcome != c.want {
				t.Errorf("got %s, want %s\n%s", d.Outcome, c.want, d.Explain())
			}
			if diff := cmp.Diff(c.missing, d.Missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	r := decide(t, `"principals":["`+user+`","ec2.amazonaws.com"],"actions":["a:b","a:c"],"resources":["*","arn:aws:s3:::example"],
		"expect":"implicitDeny","requests":[{"name":"one","principal":"`+role+`","action":"a:d","expect":"allowed"}]`)
	var got []string
	for _, one := range r.Results {
		d := one.Decision
		got = append(got, strings.Join([]string{one.Name, d.Request.Principal.ARN + d.Request.Principal.ServicePrincipal, d.Request.Action, d.Request.Resource, string(one.Expect)}, " "))
	}
	want := []string{
		" " + user + " a:b * implicitDeny", " " + user + " a:b arn:aws:s3:::example implicitDeny",
		" " + user + " a:c * implicitDeny", " " + user + " a:c arn:aws:s3:::example implicitDeny",
		" ec2.amazonaws.com a:b * implicitDeny", " ec2.amazonaws.com a:b arn:aws:s3:::example implicitDeny",
		" ec2.amazonaws.com a:c * implicitDeny", " ec2.amazonaws.com a:c arn:aws:s3:::example implicitDeny",
		"one arn:aws:sts::123456789012:assumed-role/deploy/keyturn a:d * allowed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if r.ExitCode() != simulate.ExitDenied {
		t.Errorf("exit code %d", r.ExitCode())
	}
}

// TestLaunch: the article's question. The decryption stands and falls with the
// grant.
func TestLaunch(t *testing.T) {
	t.Parallel()
	const ask = `"principals":["` + user + `"],"launch":{"kind":"start","instance":"i-0123456789abcdef0","volumes":[{"id":"vol-0123456789abcdef0","key":"` + key + `"}]},
		"resourcePolicies":[{"kind":"key","policy":` + root + `}],"identityPolicies":[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`
	const grant = `,{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}}`
	for name, c := range map[string]struct {
		members string
		want    []access.Outcome
	}{
		"every EC2 permission is not enough": {ask + `]}]`, []access.Outcome{access.ImplicitDeny, access.ImplicitDeny}},
		"the article's statement is":         {ask + grant + `]}]`, []access.Outcome{access.Allowed, access.Allowed}},
		"an SCP reaches the instance's session": {
			ask + grant + `]}],"serviceControlPolicies":[[{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"kms:Decrypt","Resource":"*"}]}]]`,
			[]access.Outcome{access.Allowed, access.ExplicitDeny},
		},
		"a grant that depends leaves the decryption open": {
			ask + grant + `]}],"unread":[{"layer":"permissions boundary"}]`, []access.Outcome{access.Depends, access.Depends},
		},
		"what EC2 sets is as it is": {ask + grant + `]}],"context":{"kms:GrantIsForAWSResource":false}`, []access.Outcome{access.Allowed, access.Allowed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []access.Outcome
			for _, r := range decide(t, c.members).Results {
				got = append(got, r.Decision.Outcome)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzScenario: no scenario breaks anything, and each answer can be written.
func FuzzScenario(f *testing.F) {
	data, err := os.ReadFile("testdata/scenario.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for _, s := range []string{
		`{}`, `{"version":1,"principals":["` + user + `",{"arn":"` + role + `","tags":{"a":"b"}}],"actions":["kms:Decrypt","sts:AssumeRole"],"resources":["*","` + key + `"],"sessionPolicies":[],"unknownKeys":["*"]}`,
		`{"version":1,"requests":[{"principal":"ec2.amazonaws.com","action":"a:b","context":{"a:b":[1,true,"c"]},"expect":"depends"}],"serviceControlPolicies":[[` + allow + `]],"boundary":{"name":"b","file":"x"}}`,
	} {
		f.Add([]byte(s))
	}
	read := func(string) ([]byte, error) { return []byte(allow), nil }
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := simulate.ReadScenario(data)
		if err != nil {
			return
		}
		p, err := simulate.Prepare(s, read)
		if err != nil || len(s.Principals)*len(s.Actions)*max(1, len(s.Resources)) > 1000 {
			return
		}
		r := p.Run()
		if err := r.WriteText(io.Discard, simulate.Style{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		for name, write := range map[string]func(io.Writer) error{"JSON": r.WriteJSON, "AWS": r.WriteAWS} {
			var b bytes.Buffer
			if err := write(&b); err != nil || !json.Valid(b.Bytes()) {
				t.Fatalf("%s: %v\n%s", name, err, b.Bytes())
			}
		}
	})
}
