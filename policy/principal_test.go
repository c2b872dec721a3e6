package policy_test

import (
	"fmt"
	"testing"

	"github.com/keyturn/keyturn/policy"
)

// TestPrincipals: IAM guide, "AWS JSON policy elements: Principal". The names
// tell by what the caller is named; 0 is not at all.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	user := policy.Caller{Account: accountA, ARN: "arn:aws:iam::123456789012:user/p/test", ID: "AIDACKCEVSQ6C2EXAMPLE"}
	role := policy.Caller{
		Account: accountA, ARN: "arn:aws:sts::123456789012:assumed-role/r/s", RoleARN: "arn:aws:iam::123456789012:role/p/r", RoleID: "AROACKCEVSQ6C2EXAMPLE",
	}
	federated := policy.Caller{Account: accountA, ARN: "arn:aws:sts::123456789012:federated-user/f", UserARN: user.ARN}
	root := policy.Caller{Account: accountA, ARN: "arn:aws:iam::123456789012:root", Root: true}
	service := policy.Caller{Service: "ec2.amazonaws.com"}
	provider := policy.Caller{Federated: "accounts.google.com"}
	canonical := policy.Caller{Account: accountA, ARN: user.ARN, CanonicalUser: "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}
	for _, c := range []struct {
		rule, principal string
		caller          policy.Caller
		want            policy.Names
	}{
		{"the asterisk is everyone", `"*"`, policy.Caller{}, policy.NamesEveryone},
		{"so is AWS with the asterisk", `{"AWS":"*"}`, service, policy.NamesEveryone},
		{"an account id", `{"AWS":"123456789012"}`, user, policy.NamesAccount},
		{"an account's root ARN is the account", `{"AWS":"arn:aws:iam::123456789012:root"}`, role, policy.NamesAccount},
		{"and its root user", `{"AWS":"123456789012"}`, root, policy.NamesAccount | policy.NamesRoot},
		{"another account", `{"AWS":"210987654321"}`, root, 0},
		{"an account is no service", `{"AWS":"123456789012"}`, service, 0},
		{"a user's ARN with its path", `{"AWS":"arn:aws:iam::123456789012:user/p/test"}`, user, policy.NamesUser},
		{"a user's ARN without its path", `{"AWS":"arn:aws:iam::123456789012:user/test"}`, user, 0},
		{"a user's id", `{"AWS":"AIDACKCEVSQ6C2EXAMPLE"}`, user, policy.NamesUser},
		{"an id of somebody deleted", `{"AWS":"AIDADELETEDDELETEDDEL"}`, user, 0},
		{"a wildcard in an ARN is none", `{"AWS":"arn:aws:iam::123456789012:user/p/*"}`, user, 0},
		{"a role's ARN is its sessions", `{"AWS":"arn:aws:iam::123456789012:role/p/r"}`, role, policy.NamesRole},
		{"a role's id", `{"AWS":"AROACKCEVSQ6C2EXAMPLE"}`, role, policy.NamesRole},
		{"a session's ARN", `{"AWS":"arn:aws:sts::123456789012:assumed-role/r/s"}`, role, policy.NamesSession},
		{"another session of the role", `{"AWS":"arn:aws:sts::123456789012:assumed-role/r/t"}`, role, 0},
		{"all names count", `{"AWS":["123456789012","arn:aws:iam::123456789012:role/p/r"]}`, role, policy.NamesAccount | policy.NamesRole},
		{"a federated session's ARN", `{"AWS":"arn:aws:sts::123456789012:federated-user/f"}`, federated, policy.NamesSession},
		{"the user behind a federated session", `{"AWS":"arn:aws:iam::123456789012:user/p/test"}`, federated, policy.NamesIssuer},
		{"a service", `{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]}`, service, policy.NamesService},
		{"another service", `{"Service":"lambda.amazonaws.com"}`, service, 0},
		{"any service", `{"Service":"*"}`, service, policy.NamesService},
		{"any service is no user", `{"Service":"*"}`, user, 0},
		{"an identity provider", `{"Federated":"accounts.google.com"}`, provider, policy.NamesProvider},
		{"another identity provider", `{"Federated":"www.amazon.com"}`, provider, 0},
		{"an identity provider is no service", `{"Service":"accounts.google.com"}`, provider, 0},
		{"a canonical user", `{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`, canonical, policy.NamesCanonicalUser},
		{"a canonical user's id is no account", `{"AWS":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`, canonical, 0},
		{"an empty name is nobody", `{"AWS":"","Service":"","Federated":"","CanonicalUser":""}`, policy.Caller{}, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			p := parse(t, fmt.Sprintf(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":%s}}`, c.principal))
			env := policy.NewEnv("kms:Decrypt", "*", &c.caller, keys{})
			env.ResourceBased = true
			m := p.Statement(0).Match(&env)
			if m.Names != c.want || (m.Applies == policy.Yes) != (c.want != 0) {
				t.Errorf("names %b and applies: %v; want %b", m.Names, m.Applies, c.want)
			}
		})
	}
}

func TestMismatchInWords(t *testing.T) {
	t.Parallel()
	const statement = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"210987654321"},
		"Action":["kms:Encrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey","kms:CreateGrant"],
		"NotResource":"arn:aws:kms:*:*:key/a","Condition":{
			"StringNotEquals":{"kms:ViaService":["a","b"]},"Bool":{"aws:SecureTransport":true},
			"StringEquals":{"k:u":"x","k:v":"${k:none}","k:w":"${k:unknown}"}}}}`
	p := parse(t, statement)
	env := policy.NewEnv("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/a", &policy.Caller{ARN: "arn:aws:iam::123456789012:user/test"}, conditionKeys{
		"kms:viaservice": {"b"}, "k:u": {unknownValue}, "k:v": {"v"}, "k:w": {"w"}, "k:unknown": {unknownValue},
	})
	var got []string
	for _, f := range p.Statement(0).Explain(&env).Failed {
		got = append(got, f.String())
	}
	want := []string{
		"Principal wanted 210987654321, the request had arn:aws:iam::123456789012:user/test",
		"Action wanted kms:Encrypt, kms:ReEncrypt*, kms:GenerateDataKey*, kms:DescribeKey, …, the request had kms:Decrypt",
		"NotResource excludes arn:aws:kms:*:*:key/a, the request had arn:aws:kms:eu-west-1:123456789012:key/a",
		"Condition StringNotEquals kms:ViaService wanted none of a or b, the request had b",
		"Condition Bool aws:SecureTransport wanted true, the request had no such key",
		"Condition StringEquals k:u wanted x, and the request's value is not known",
		"Condition StringEquals k:v wanted ${k:none}, and the request has no value for ${k:none}",
		"Condition StringEquals k:w wanted ${k:unknown}, and the value of ${k:unknown} is not known",
	}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("\n got %s\nwant %s", got[i], want[i])
		}
	}
}

func TestFitsButAction(t *testing.T) {
	t.Parallel()
	p := parse(t, `{"Statement":[
		{"Effect":"Allow","Action":"ec2:*","Resource":"*"},
		{"Effect":"Allow","Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Action":"ec2:*","Resource":"arn:aws:ec2:*:*:volume/*"},
		{"Effect":"Allow","NotAction":"kms:*","Resource":"*"}]}`)
	env := policy.NewEnv("kms:Decrypt", "*", nil, keys{})
	for i, want := range []string{"Action wanted ec2:*, the request had kms:Decrypt", "", "", "NotAction excludes kms:*, the request had kms:Decrypt"} {
		got := ""
		s := p.Statement(i)
		if f := s.Fit(&env); !f.Action && s.FitsButAction(&env) {
			got = s.Mismatch(&env, &f).String()
		}
		if got != want {
			t.Errorf("statement %d: got %q, want %q", i, got, want)
		}
	}
}

func TestReadsStringsAsJSONDoes(t *testing.T) {
	t.Parallel()
	const id = "\"\\/\b\f\n\r\té😀x"
	if got := parse(t, `{"Id":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00x","Statement":[]}`).ID(); got != id {
		t.Errorf("got %q, want %q", got, id)
	}
	for _, bad := range []string{`"\x"`, `"\u12"`, `"\u12G4"`, `"\ud800\u0041"`, `"\`, `"\u`, "\"\\n\x01\"", "\"\\n\xff\""} {
		if _, err := policy.Parse([]byte(`{"Statement":[],"Id":` + bad)); err == nil {
			t.Errorf("took %q", bad)
		}
	}
	for number, ok := range map[string]bool{"0": true, "-1.5": true, "10e+2": true, "1E-2": true, "-": false, "1.": false, "1e": false, "+1": false, ".5": false} {
		_, err := policy.Parse([]byte(`{"Statement":{"Effect":"Deny","Condition":{"NumericEquals":{"a:b":` + number + `}}}}`))
		if (err == nil) != ok {
			t.Errorf("%s: %v", number, err)
		}
	}
}
