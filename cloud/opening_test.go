package cloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"pgregory.net/rapid"

	"github.com/keyturn/keyturn/access"
)

// resident is a principal of one of the accounts.
type resident struct {
	access.Principal
	// named is how policies name it, and mayAll whether its own policies allow
	// everything; otherwise they allow nothing.
	named  string
	mayAll bool
}

// opening is what a resource's policy says of somebody: a principal's ARN, or an
// account's.
type opening struct {
	named   string
	actions []string
}

// thing is a key or a role with what its policy says besides that its own
// account's policies decide.
type thing struct {
	account, arn string
	openings     []opening
}

// street is three accounts, each with a key, a role and some residents.
type street struct {
	t           *testing.T
	cloud       *Cloud
	residents   []resident
	keys, roles []*thing
}

// keyUses are operations on a key. The KMS guide's "AWS KMS permissions" says
// which of them a key policy can open to another account.
var keyUses = map[string]struct {
	cross bool
	in    func(arn string) any
}{
	"DescribeKey": {true, func(arn string) any { return &kms.DescribeKeyInput{KeyId: &arn} }},
	"Encrypt":     {true, func(arn string) any { return &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("text")} }},
	"GenerateDataKey": {true, func(arn string) any {
		return &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: kmstypes.DataKeySpecAes256}
	}},
	"GetKeyPolicy":     {false, func(arn string) any { return &kms.GetKeyPolicyInput{KeyId: &arn} }},
	"ListResourceTags": {false, func(arn string) any { return &kms.ListResourceTagsInput{KeyId: &arn} }},
	"UpdateKeyDescription": {false, func(arn string) any {
		return &kms.UpdateKeyDescriptionInput{KeyId: &arn, Description: aws.String("changed")}
	}},
}

// TestPoliciesOpenAccounts: with policies that name principals of other accounts
// at random, exactly what they say crosses an account, to exactly whom they
// name, if their own policies allow it too (IAM guide, "Cross-account policy
// evaluation logic"). Everybody else changes and learns nothing.
func TestPoliciesOpenAccounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		c, err := New(WithClock(func() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s := &street{t: t, cloud: c}
		for _, account := range neighbours {
			s.build(account)
		}
		for range rapid.IntRange(20, 60).Draw(r, "steps") {
			switch rapid.SampledFrom([]string{"key policy", "trust policy", "use", "use", "use", "assume", "assume"}).Draw(r, "step") {
			case "key policy":
				s.openKey(rapid.SampledFrom(s.keys).Draw(r, "key"), s.openings(r, slices.Sorted(maps.Keys(keyUses))))
			case "trust policy":
				s.openRole(rapid.SampledFrom(s.roles).Draw(r, "role"), s.openings(r, []string{"AssumeRole"}))
			case "use":
				s.use(r)
			case "assume":
				s.assume(r)
			}
		}
	})
}

func (s *street) build(account string) {
	mark := secret(account)
	key := inAccount[kms.CreateKeyOutput](s.t, s.cloud, account, "kms", "CreateKey", &kms.CreateKeyInput{Description: &mark}).KeyMetadata
	s.keys = append(s.keys, &thing{account: account, arn: *key.Arn})
	root := rootCall(s.cloud, &operation{}, account).Caller.Principal
	s.residents = append(s.residents, resident{root, root.ARN, true})
	all := aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	for _, name := range []string{"admin", "plain"} {
		u := inAccount[iam.CreateUserOutput](s.t, s.cloud, account, "iam", "CreateUser", &iam.CreateUserInput{UserName: &name}).User
		if name == "admin" {
			inAccount[iam.PutUserPolicyOutput](s.t, s.cloud, account, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: &name, PolicyName: &name, PolicyDocument: all})
		}
		p := access.Principal{Type: access.User, Partition: "aws", Account: account, ARN: *u.Arn, UserID: *u.UserId, Name: name}
		s.residents = append(s.residents, resident{p, *u.Arn, name == "admin"})
	}
	target := &thing{account: account, arn: "arn:aws:iam::" + account + ":role/worker"}
	role := inAccount[iam.CreateRoleOutput](s.t, s.cloud, account, "iam", "CreateRole", &iam.CreateRoleInput{
		RoleName: aws.String("worker"), AssumeRolePolicyDocument: aws.String(target.document("sts", "")),
	}).Role
	inAccount[iam.PutRolePolicyOutput](s.t, s.cloud, account, "iam", "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: role.RoleName, PolicyName: aws.String("all"), PolicyDocument: all})
	s.roles = append(s.roles, target)
	s.residents = append(s.residents, resident{access.Principal{
		Type: access.RoleSession, Partition: "aws", Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/worker/session",
		UserID: *role.RoleId + ":session", Name: "session", RoleARN: *role.Arn, RoleID: *role.RoleId,
	}, *role.Arn, true})
}

// openings are what a policy is to say.
func (s *street) openings(r *rapid.T, actions []string) []opening {
	var out []opening
	for range rapid.IntRange(0, 3).Draw(r, "openings") {
		out = append(out, opening{
			rapid.SampledFrom(s.residents).Draw(r, "named").named,
			rapid.SliceOfNDistinct(rapid.SampledFrom(actions), 1, len(actions), rapid.ID).Draw(r, "actions"),
		})
	}
	return out
}

// document is the policy of a thing: its own account decides, and what is opened.
func (h *thing) document(service, resource string) string {
	own := "*"
	if service == "sts" {
		own = "AssumeRole"
	}
	var statements []map[string]any
	for _, o := range append([]opening{{"arn:aws:iam::" + h.account + ":root", []string{own}}}, h.openings...) {
		actions := make([]string, 0, len(o.actions))
		for _, a := range o.actions {
			actions = append(actions, service+":"+a)
		}
		st := map[string]any{"Effect": "Allow", "Principal": map[string]string{"AWS": o.named}, "Action": actions}
		if resource != "" {
			st["Resource"] = resource
		}
		statements = append(statements, st)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (s *street) openKey(key *thing, to []opening) {
	key.openings = to
	inAccount[kms.PutKeyPolicyOutput](s.t, s.cloud, key.account, "kms", "PutKeyPolicy", &kms.PutKeyPolicyInput{KeyId: &key.arn, Policy: aws.String(key.document("kms", "*"))})
}

func (s *street) openRole(role *thing, to []opening) {
	role.openings = to
	inAccount[iam.UpdateAssumeRolePolicyOutput](s.t, s.cloud, role.account, "iam", "UpdateAssumeRolePolicy", &iam.UpdateAssumeRolePolicyInput{
		RoleName: aws.String("worker"), PolicyDocument: aws.String(role.document("sts", "")),
	})
}

// allows is the rule in short: in one account the caller's own policies or the
// resource's naming of the caller, across accounts both the caller's own
// policies and the resource's naming of the caller or its account.
func (h *thing) allows(who resident, action string) bool {
	account := "arn:aws:iam::" + who.Account + ":root"
	named := func(names ...string) bool {
		return slices.ContainsFunc(h.openings, func(o opening) bool { return slices.Contains(names, o.named) && slices.Contains(o.actions, action) })
	}
	if who.Account == h.account {
		return who.mayAll || named(who.named)
	}
	return who.mayAll && named(who.named, account)
}

func (s *street) use(r *rapid.T) {
	who, key := rapid.SampledFrom(s.residents).Draw(r, "who"), rapid.SampledFrom(s.keys).Draw(r, "key")
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(keyUses))).Draw(r, "operation")
	use := keyUses[name]
	allowed := key.allows(who, name) && (use.cross || who.Account == key.account)
	s.ask(r, who, key, "kms", name, use.in(key.arn), allowed)
}

func (s *street) assume(r *rapid.T) {
	who, role := rapid.SampledFrom(s.residents).Draw(r, "who"), rapid.SampledFrom(s.roles).Draw(r, "role")
	if who.Type == access.Root {
		return // "Roles may not be assumed by root accounts."
	}
	s.ask(r, who, role, "sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: &role.arn, RoleSessionName: aws.String("session")}, role.allows(who, "AssumeRole"))
}

// ask carries an operation out and holds the outcome to what is expected. Who is
// refused changes nothing and learns nothing of other accounts.
func (s *street) ask(r *rapid.T, who resident, of *thing, service, name string, in any, allowed bool) {
	op, ok := s.cloud.lookup(service, name)
	if !ok {
		s.t.Fatalf("%s:%s is not built", service, name)
	}
	call := walkCall(s.cloud, op, who.Principal)
	call.Account = who.Account
	before := s.rows(who.Account)
	out, err := s.cloud.dispatch(call, op, in)
	what := fmt.Sprintf("%s:%s by %s on %s, opened to %+v", service, name, who.ARN, of.arn, of.openings)
	if allowed {
		if err != nil {
			r.Fatalf("%s: %v", what, err)
		}
		return
	}
	if refused := new(deniedError); !errors.As(err, &refused) {
		r.Fatalf("%s is not denied: %v", what, err)
	}
	if after := s.rows(who.Account); !slices.Equal(before, after) {
		r.Fatalf("%s was denied and changed another account:\n%s", what, difference(before, after))
	}
	shown, _ := json.Marshal(out)
	for _, account := range neighbours {
		if text := string(shown) + err.Error(); account != who.Account && strings.Contains(text, secret(account)) {
			r.Fatalf("%s shows what is %s's: %s", what, account, text)
		}
	}
}

// rows are those of the other accounts, but for when something of theirs was
// last used, which is written a little later.
func (s *street) rows(account string) []string {
	return slices.DeleteFunc(othersRows(s.t, s.cloud, account), func(row string) bool {
		key, _, _ := strings.Cut(row, " ")
		return strings.Contains(key, "/iam.roleuse/")
	})
}
