package cloud_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/keyturn/keyturn/internal/diagnose"
)

// TestScenarios plays every file of testdata/scenarios: something goes wrong in
// the cloud, through its API alone; the doctor says what; the fix is applied, and
// it works. A file's comment says what it is about, its file "script" what happens,
// a command a line:
//
//	key K                         make a customer managed key; $K is its ARN
//	user W [POLICY…]              make an IAM user with managed policies of AWS's
//	role W [POLICY…]              make a role of which W is a session; $W is its ARN
//	session W U R [FILE]          user U assumes role R, with a session policy
//	allow U NAME FILE             put an inline policy on a user; FILE is of the archive
//	call W SERVICE OPERATION IN   call the API; IN is JSON, or a file
//	get V PATH                    $V is a member of the last answer: a.0.b
//	instance I [KEY…]             root makes a stopped instance, with a volume for each key
//	image A I                     root makes an image $A of instance I
//	launchfrom W I STATE A [KEY]  W launches one from image A, its root volume under that key
//	start W I STATE               W starts it, and it ends in that state
//	refused W I                   EC2 itself refuses that W starts it
//	launch W I STATE [KEY…]       W launches one
//	stop W I                      W stops it
//	fails W CODE S OPERATION IN   the call of service S is refused at once, with that code
//	enter W U ARN                 U assumes a role, of whatever account, and is W
//	group G I KEY [ROLE]          an Auto Scaling group launches an instance that fails
//	fleet F I KEY                 a fleet that keeps an instance launches one that fails
//	spotfleet F I KEY             a Spot Fleet does, On-Demand
//	fulfilled F                   it has launched what it is to have
//	endpoint E SERVICE FILE       make a VPC endpoint with that policy
//	through W U E                 W is user U, whose calls go through the endpoint
//	spot W I STATE KEY            W asks for a Spot Instance
//	leads G I                     the doctor finds I by group:G, or a volume's id
//	volume W NAME STATE KEY [SNAP]  W makes a volume, which is available or gone in the end
//	attach W V I [CODE]           W attaches it at /dev/sdf, or is refused
//	event E NAME                  $E is the id of the newest event of that name
//	pasted M FILE                 $M is a file of the archive as a message
//	error M W SERVICE OPERATION IN  a call that fails; $M is the error as a target
//	ends I STATE                  the instance of the last answer settles in that state
//	await I STATE                 it settles in that state
//	forgotten I                   EC2 does not know the instance any more
//	wait DURATION                 time passes
//	diagnose W I [PRINCIPAL]      W asks the doctor about an instance, or another target
//	cause KIND | outcome OUTCOME  what the doctor must say; the rest is of the same report
//	words TEXT, layer TEXT, statement TEXT, agreement TEXT, note TEXT, further KIND
//	organization TYPE…            an organization with those types of policies besides SCPs, and a
//	                              member account $M with its administrator "member"
//	at W                          what follows happens in W's account, by W
//	proved                        the fixes are enough, minimal, and open nothing else
//	wide TEXT                     they are enough and more than that, says the doctor in these words
//	open TEXT                     they are enough; what is not known about them is in these words
//	instead N                     choose the ways of that rank
//	title TEXT                    of the first fix to take
//	byhand                        the fix is a person's to make, and is not applied
//	mend [W]                      apply the fixes, which must be proved, wide or open, as "keyturn fix" does
//	give U                        put the first fix's policy on user or role U, as its title says
//	insert W KEY                  W adds the first fix's statements to the key's policy
//	command TEXT                  a command of the first fix
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenarios/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	m := &matrix{found: make(map[[2]string]int)}
	t.Run("play", func(t *testing.T) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				t.Parallel()
				playScenario(t, file, m)
			})
		}
	})
	m.print(t)
}

// matrix counts which cause was found where which was wanted.
type matrix struct {
	mu    sync.Mutex
	found map[[2]string]int
}

func (m *matrix) add(want, got string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found[[2]string{want, got}]++
}

// print shows the matrix; off its diagonal there must be nothing.
func (m *matrix) print(t *testing.T) {
	kinds := make(map[string]int)
	for pair, n := range m.found {
		if pair[0] != pair[1] {
			t.Errorf("%d of %s were taken for %s", n, pair[0], pair[1])
		}
		kinds[pair[0]] += n
	}
	for _, k := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%-32s %d", k, m.found[[2]string{k, k}])
	}
}

// scenario is one file being played.
type scenario struct {
	*stage
	files  map[string]string
	vars   map[string]string
	people map[string]clients
	answer any
	report *diagnose.Report
	whole  *diagnose.Report // the report of somebody who may read everything
	asked  [2]string        // the instance and the principal of the last diagnosis
	matrix *matrix
	// unproved: the fix is more than the start needs, or may be, as the script says.
	unproved bool
}

func playScenario(t *testing.T, file string, m *matrix) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := txtar.Parse(raw)
	if len(bytes.TrimSpace(archive.Comment)) == 0 {
		t.Error("the scenario does not say what it is about")
	}
	s := &scenario{stage: newStage(t), files: map[string]string{}, vars: map[string]string{"ACCOUNT": "123456789012", "REGION": region}, matrix: m}
	s.people = map[string]clients{"root": s.root}
	s.vars["IMAGE"] = s.image()
	for _, f := range archive.Files {
		s.files[f.Name] = string(f.Data)
	}
	for n, line := range strings.Split(s.files["script"], "\n") {
		line, _, _ = strings.Cut(line, "  #")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		do, ok := commands[words[0]]
		if !ok {
			t.Fatalf("%s:%d: no command %s", file, n+1, words[0])
		}
		rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), words[0]))
		if err := do(s, words[1:], rest); err != nil {
			t.Fatalf("%s: script line %d: %s: %v", file, n+1, strings.TrimSpace(line), err)
		}
	}
}

// expand puts variables in.
func (s *scenario) expand(text string) string {
	return os.Expand(text, func(name string) string {
		v, ok := s.vars[name]
		if !ok {
			s.Fatalf("no variable %s", name)
		}
		return v
	})
}

// file is a file of the archive with its variables put in.
func (s *scenario) file(name string) string {
	text, ok := s.files[name]
	if !ok {
		s.Fatalf("no file %s", name)
	}
	return s.expand(text)
}

func (s *scenario) person(name string) clients {
	c, ok := s.people[name]
	if !ok {
		s.Fatalf("nobody is called %s", name)
	}
	return c
}

func managedARNs(names []string) []string {
	arns := make([]string, len(names))
	for i, n := range names {
		arns[i] = "arn:aws:iam::aws:policy/" + n
	}
	return arns
}

// wanted compares a part of the report.
func wanted(what, got, want string) error {
	if !strings.Contains(got, want) {
		return fmt.Errorf("the %s is %q", what, got)
	}
	return nil
}

var commands map[string]func(s *scenario, words []string, rest string) error

func init() {
	commands = map[string]func(s *scenario, words []string, rest string) error{
		"key": func(s *scenario, w []string, _ string) error { s.vars[w[0]] = s.key(); return nil },
		"user": func(s *scenario, w []string, _ string) error {
			s.people[w[0]] = s.user(w[0], managedARNs(w[1:])...)
			s.vars[w[0]] = "arn:aws:iam::123456789012:user/" + w[0]
			return nil
		},
		"role":    makeRole,
		"session": makeSession,
		"allow": func(s *scenario, w []string, _ string) error {
			s.allow(w[0], w[1], s.file(w[2]))
			return nil
		},
		"call":         call,
		"organization": makeOrganization,
		"at":           func(s *scenario, w []string, _ string) error { s.root = s.person(w[0]); return nil },
		"get": func(s *scenario, w []string, _ string) error {
			at := s.answer
			for step := range strings.SplitSeq(w[1], ".") {
				switch v := at.(type) {
				case map[string]any:
					at = v[step]
				case []any:
					var i int
					if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
						return fmt.Errorf("no element %s", step)
					}
					at = v[i]
				default:
					return fmt.Errorf("nothing at %s", step)
				}
			}
			s.vars[w[0]] = fmt.Sprint(at)
			return nil
		},
		"instance": func(s *scenario, w []string, _ string) error {
			s.vars[w[0]] = s.stopped(s.volumes(w[1:])...)
			return nil
		},
		"image":      makeImage,
		"launchfrom": launchFrom,
		"fails":      failingCall,
		"fleet":      makeFleet,
		"spotfleet":  makeSpotFleet,
		"fulfilled":  fulfilledFleet,
		"endpoint": func(s *scenario, w []string, _ string) error {
			s.vars[w[0]] = *s.stage.endpoint(w[1], s.file(w[2])).DnsEntries[0].DnsName
			return nil
		},
		"through": func(s *scenario, w []string, _ string) error {
			c, err := s.person(w[1]).config.Credentials.Retrieve(s.Context())
			s.people[w[0]] = s.stage.through(s.vars[w[2]], c)
			return err
		},
		"start": func(s *scenario, w []string, _ string) error {
			s.start(s.person(w[0]), s.vars[w[1]])
			s.await(s.vars[w[1]], ec2types.InstanceStateName(w[2]))
			return nil
		},
		"refused": func(s *scenario, w []string, _ string) error {
			_, err := s.person(w[0]).ec2.StartInstances(s.Context(), &ec2.StartInstancesInput{InstanceIds: []string{s.vars[w[1]]}})
			wantCode(s, err, "UnauthorizedOperation")
			return nil
		},
		"launch": func(s *scenario, w []string, _ string) error {
			s.vars[w[1]] = s.run(s.person(w[0]), s.volumes(w[3:])...)
			s.await(s.vars[w[1]], ec2types.InstanceStateName(w[2]))
			return nil
		},
		"enter": func(s *scenario, w []string, _ string) error {
			return s.assume(s.person(w[1]), s.expand(w[2]), w[0], nil)
		},
		"stop": func(s *scenario, w []string, _ string) error {
			if _, err := s.person(w[0]).ec2.StopInstances(s.Context(), &ec2.StopInstancesInput{InstanceIds: []string{s.vars[w[1]]}}); err != nil {
				return err
			}
			s.await(s.vars[w[1]], ec2types.InstanceStateNameStopped)
			return nil
		},
		"group": makeGroup,
		"retry": func(s *scenario, w []string, _ string) error {
			s.retry(w[0])
			s.awaitInService(w[0], 1)
			return nil
		},
		"spot": func(s *scenario, w []string, _ string) error {
			r := s.spot(s.person(w[0]), s.vars[w[3]])
			if r.InstanceId == nil {
				return fmt.Errorf("the request ended without an instance: %s", aws.ToString(r.Status.Message))
			}
			s.vars[w[1]] = *r.InstanceId
			s.stage.await(*r.InstanceId, ec2types.InstanceStateName(w[2]))
			return nil
		},
		"await": func(s *scenario, w []string, _ string) error {
			s.stage.await(s.vars[w[0]], ec2types.InstanceStateName(w[1]))
			return nil
		},
		"forgotten": func(s *scenario, w []string, _ string) error {
			s.until(w[0]+" is forgotten", func() bool {
				_, err := s.root.ec2.DescribeInstances(s.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{s.vars[w[0]]}})
				return err != nil
			})
			return nil
		},
		"wait": func(s *scenario, w []string, _ string) error {
			d, err := time.ParseDuration(w[0])
			s.cloud.Advance(d)
			return err
		},
		"diagnose": func(s *scenario, w []string, _ string) error {
			principal := ""
			if len(w) > 2 {
				principal = s.expand(w[2])
			}
			s.asked = [2]string{s.named(w[1]), principal}
			s.report = s.diagnose(s.person(w[0]), s.asked[0], principal)
			return nil
		},
		"cause": func(s *scenario, w []string, _ string) error {
			got := string(s.report.Outcome)
			if c := s.report.Cause; c != nil {
				got = string(c.Kind)
			}
			s.matrix.add(w[0], got)
			if got != w[0] {
				return fmt.Errorf("the doctor says %s: %s", got, s.report.Summary)
			}
			return s.blind()
		},
		"outcome": func(s *scenario, w []string, _ string) error {
			s.matrix.add(w[0], string(s.report.Outcome))
			return wanted("outcome", string(s.report.Outcome)+": "+s.report.Summary.String(), w[0])
		},
		"words": func(s *scenario, _ []string, rest string) error {
			return wanted("summary", s.report.Summary.String(), s.expand(rest))
		},
		"layer": func(s *scenario, _ []string, rest string) error { return wanted("layer", s.report.Cause.Layer, rest) },
		"note": func(s *scenario, _ []string, rest string) error {
			return wanted("note", s.report.Cause.Note.String(), s.expand(rest))
		},
		"agreement": func(s *scenario, _ []string, rest string) error {
			return wanted("agreement", string(s.report.Cause.Agreement), rest)
		},
		"statement": func(s *scenario, _ []string, rest string) error {
			st := s.report.Cause.Statement
			if st == nil {
				return errors.New("no statement")
			}
			return wanted("statement", fmt.Sprintf("%s %s %d %s", st.Effect, st.Document, st.Index, st.Sid), s.expand(rest))
		},
		"further": func(s *scenario, w []string, _ string) error {
			for _, c := range s.report.Further {
				if string(c.Kind) == w[0] {
					return nil
				}
			}
			return fmt.Errorf("behind it are %+v", s.report.Further)
		},
		"proved": func(s *scenario, _ []string, _ string) error { return s.proved() },
		"wide": func(s *scenario, _ []string, rest string) error {
			p := s.report.Proof
			if p == nil || !p.Sufficient || p.Minimal != diagnose.NotMinimal {
				return fmt.Errorf("the proof is %+v", p)
			}
			s.unproved = true
			return wanted("surplus", fmt.Sprint(p.Surplus), s.expand(rest))
		},
		"open": func(s *scenario, _ []string, rest string) error {
			p := s.report.Proof
			if p == nil || !p.Sufficient || p.Minimal != diagnose.MinimalityOpen {
				return fmt.Errorf("the proof is %+v", p)
			}
			s.unproved = true
			return wanted("surplus", fmt.Sprint(p.Surplus), s.expand(rest))
		},
		"instead": func(s *scenario, w []string, _ string) error {
			rank, err := strconv.Atoi(w[0])
			if err == nil && !s.report.Choose(rank) {
				err = errors.New("there is no such way")
			}
			return err
		},
		"title": func(s *scenario, _ []string, rest string) error {
			for _, f := range s.report.Fixes {
				if f.Rank == 1 {
					return wanted("title", f.Title.String(), s.expand(rest))
				}
			}
			return errors.New("there is no fix")
		},
		"byhand": func(s *scenario, _ []string, _ string) error {
			if _, err := diagnose.NewRepair(s.Context(), diagnose.Configs{Account: s.root.config}, s.report); !errors.Is(err, diagnose.ErrByHand) {
				return fmt.Errorf("the repair is refused with %w", err)
			}
			return nil
		},
		"give": func(s *scenario, w []string, _ string) error {
			f := s.report.Fixes[0]
			if strings.Contains(f.Target, ":role/") {
				_, err := s.root.iam.PutRolePolicy(s.Context(), &iam.PutRolePolicyInput{RoleName: &w[0], PolicyName: aws.String("fix"), PolicyDocument: &f.Document})
				return err
			}
			s.allow(w[0], "fix", f.Document)
			return nil
		},
		"insert": func(s *scenario, w []string, _ string) error { return s.insert(s.person(w[0]), s.vars[w[1]]) },
		"command": func(s *scenario, _ []string, rest string) error {
			return wanted("command", strings.Join(s.report.Fixes[0].Commands, "\n"), s.expand(rest))
		},
		"mend": func(s *scenario, w []string, _ string) error {
			with := diagnose.Configs{Account: s.root.config, Organization: s.management().config}
			if err := s.proved(); err != nil && !s.unproved {
				return err
			}
			if len(w) > 0 {
				with.Account = s.person(w[0]).config
			}
			repair, err := diagnose.NewRepair(s.Context(), with, s.report)
			if err != nil {
				return err
			}
			return repair.Apply(s.Context(), with, func([]diagnose.Call) error { return nil })
		},
	}
}

// proved tells whether the fixes to take have passed the three proofs.
func (s *scenario) proved() error {
	if p := s.report.Proof; p == nil || !p.Sufficient || !p.NothingElse || p.Minimal != diagnose.Minimal {
		return fmt.Errorf("the proof is %+v", p)
	}
	return nil
}

// volumes are those of the keys that words name: the root volume's, then others'.
// A dash is a volume that is not encrypted, an asterisk the default key's.
func (s *scenario) volumes(words []string) []volume {
	devices := []string{"/dev/xvda", "/dev/sdf", "/dev/sdg"}
	var all []volume
	for i, w := range words {
		v := volume{device: devices[i]}
		switch w {
		case "-":
		case "*":
			v.encrypted = true
		default:
			v.key, v.encrypted = s.vars[w], true
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		all = []volume{{device: devices[0]}}
	}
	return all
}

// insert adds the statements of the report's first fix to a key's policy, as the
// fix says to people.
func (s *scenario) insert(by clients, key string) error {
	ctx := s.Context()
	out, err := by.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &key, PolicyName: aws.String("default")})
	if err != nil {
		return err
	}
	var whole struct {
		Version   string
		Statement []json.RawMessage
	}
	if err := json.Unmarshal([]byte(*out.Policy), &whole); err != nil {
		return err
	}
	for _, f := range s.report.Fixes {
		if f.Alternative || f.Kind != diagnose.KeyPolicyFix {
			continue
		}
		var more []json.RawMessage
		if strings.HasPrefix(f.Document, "{") {
			more = []json.RawMessage{json.RawMessage(f.Document)}
		} else if err := json.Unmarshal([]byte(f.Document), &more); err != nil {
			return err
		}
		whole.Statement = append(whole.Statement, more...)
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	_, err = by.kms.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: &key, PolicyName: aws.String("default"), Policy: aws.String(string(text))})
	return err
}

// assume opens a session of a role, of the first account or named by its ARN, for
// somebody.
func (s *scenario) assume(by clients, role, name string, policy *string) error {
	arn := "arn:aws:iam::123456789012:role/" + role
	if strings.HasPrefix(role, "arn:") {
		arn = role
	}
	in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("session"), Policy: policy}
	if arn != role { // a role that was made for the scenario: while the doctor asks, hours pass
		in.DurationSeconds = aws.Int32(longest)
	}
	out, err := by.sts.AssumeRole(s.Context(), in)
	if err != nil {
		return err
	}
	s.people[name] = s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return nil
}

// makeOrganization makes an organization of the first account and a member.
func makeOrganization(s *scenario, w []string, _ string) error {
	k := &company{stage: s.stage}
	k.admin = s.user("admin", "arn:aws:iam::aws:policy/AdministratorAccess")
	ctx := s.Context()
	if _, err := k.admin.org.CreateOrganization(ctx, &organizations.CreateOrganizationInput{}); err != nil {
		return err
	}
	roots, err := k.admin.org.ListRoots(ctx, &organizations.ListRootsInput{})
	if err != nil {
		return err
	}
	s.vars["R"] = *roots.Roots[0].Id
	for _, kind := range w {
		if _, err := k.admin.org.EnablePolicyType(ctx, &organizations.EnablePolicyTypeInput{RootId: roots.Roots[0].Id, PolicyType: orgtypes.PolicyType(kind)}); err != nil {
			return err
		}
	}
	s.people["admin"] = k.admin
	s.vars["M"] = k.account("member")
	s.people["member"] = k.enter(s.vars["M"])
	return nil
}

// longest is how long a session of a role may be, in seconds.
const longest = 12 * 60 * 60

func makeRole(s *scenario, w []string, _ string) error {
	ctx := s.Context()
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}}`
	made, err := s.root.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &w[0], AssumeRolePolicyDocument: &trust, MaxSessionDuration: aws.Int32(longest)})
	if err != nil {
		return err
	}
	for _, arn := range managedARNs(w[1:]) {
		if _, err := s.root.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &w[0], PolicyArn: &arn}); err != nil {
			return err
		}
	}
	s.vars[w[0]] = *made.Role.Arn
	if _, there := s.people["assumer"]; !there {
		s.people["assumer"] = s.user("assumer")
		s.allow("assumer", "assume", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)
	}
	return s.assume(s.people["assumer"], w[0], w[0], nil)
}

func makeSession(s *scenario, w []string, _ string) error {
	var policy *string
	if len(w) > 3 {
		policy = aws.String(s.file(w[3]))
	}
	return s.assume(s.person(w[1]), w[2], w[0], policy)
}

// call makes any call of an SDK client: its answer is kept as JSON has it.
func call(s *scenario, w []string, rest string) error {
	c := s.person(w[0])
	client := map[string]any{"iam": c.iam, "sts": c.sts, "kms": c.kms, "ec2": c.ec2, "organizations": c.org, "autoscaling": c.scaling}[w[1]]
	if client == nil {
		return fmt.Errorf("no service %s", w[1])
	}
	method := reflect.ValueOf(client).MethodByName(w[2])
	if !method.IsValid() {
		return fmt.Errorf("no operation %s", w[2])
	}
	_, text, _ := strings.Cut(rest, w[2])
	if text = strings.TrimSpace(text); text == "" {
		text = "{}"
	} else if text[0] != '{' {
		text = s.files[text]
	}
	in := reflect.New(method.Type().In(1).Elem())
	decoder := json.NewDecoder(strings.NewReader(s.expand(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(in.Interface()); err != nil {
		return err
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(s.Context()), in})
	if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
		return err
	}
	raw, err := json.Marshal(out[0].Interface())
	if err != nil {
		return err
	}
	s.answer = nil
	return json.Unmarshal(raw, &s.answer)
}

// makeGroup makes an Auto Scaling group whose launches fail, and remembers the
// instance that failed first.
func makeGroup(s *scenario, w []string, _ string) error {
	s.configuration(w[0], s.vars[w[2]])
	s.group(s.root, w[0], w[0], 1, 2, func(in *autoscaling.CreateAutoScalingGroupInput) {
		if len(w) > 3 {
			in.ServiceLinkedRoleARN = aws.String("arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/" + w[3])
		}
	})
	failed := s.awaitDenied(w[0])
	_, after, ok := strings.Cut(*failed.Description, "Launching a new EC2 instance: ")
	if !ok {
		return fmt.Errorf("the activity names no instance: %s", *failed.Description)
	}
	s.vars[w[1]], _, _ = strings.Cut(after, ".")
	_, err := s.root.scaling.SuspendProcesses(s.Context(), &autoscaling.SuspendProcessesInput{AutoScalingGroupName: &w[0]})
	return err
}
