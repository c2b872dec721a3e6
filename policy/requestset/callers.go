package requestset

import (
	"slices"
	"strings"

	"github.com/keyturn/keyturn/policy"
)

// namedCaller is one caller who stands for all whom the documents treat alike.
type namedCaller struct {
	name   string
	caller policy.Caller
	// exact: the caller is the very one whom a document names.
	exact bool
	// others are the ARNs of those whom the documents name, for a caller who is
	// none of them.
	others []string
}

// elsewhere is an account that the documents do not name, for everybody else.
const elsewhere = "999999999999"

// callersIn lists a caller for each class that the Principal elements tell apart.
func callersIn(documents []Document) []namedCaller {
	var list []namedCaller
	seen := make(map[string]bool)
	add := func(name string, c policy.Caller, exact bool) {
		if !seen[name] {
			seen[name] = true
			list = append(list, namedCaller{name: name, caller: c, exact: exact})
		}
	}
	for _, d := range documents {
		for i := range d.Policy.Len() {
			s := d.Policy.Statement(i)
			for _, p := range slices.Concat(s.Principals(), s.NotPrincipals()) {
				if name, c, ok := callerNamed(p); ok {
					add(name, c, c.Account != elsewhere)
				}
			}
		}
	}
	// Those who are named come first, then the others of the accounts.
	for _, account := range accountsIn(documents) {
		add("the root user of account "+account, policy.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":root", Root: true}, true)
		add("the other users of account "+account, policy.Caller{Account: account, ARN: "arn:aws:iam::" + account + ":user/example-other", ID: "AIDAEXAMPLEEXAMPLEOTHER"}, false)
		add("the other roles of account "+account, session(account, "arn:aws:iam::"+account+":role/example-other", "AROAEXAMPLEEXAMPLEOTHER"), false)
	}
	var named []string
	for _, n := range list {
		if n.exact && n.caller.RoleARN != "" {
			named = append(named, n.caller.RoleARN)
		} else if n.exact {
			named = append(named, n.caller.ARN)
		}
	}
	for i := range list {
		if !list[i].exact {
			list[i].others = named
		}
	}
	add("everybody else with an account", policy.Caller{Account: elsewhere, ARN: "arn:aws:iam::" + elsewhere + ":user/example", ID: "AIDAEXAMPLEELSEWHEREEX"}, false)
	add("anonymous callers", policy.Caller{}, false)
	return list
}

// callerNamed is who a Principal value names.
func callerNamed(p policy.PrincipalName) (name string, c policy.Caller, ok bool) {
	switch p.Type {
	case policy.ServicePrincipal:
		return "the service " + p.Name, policy.Caller{Service: p.Name}, p.Name != "*"
	case policy.FederatedPrincipal:
		return "those who come through " + p.Name, policy.Caller{Federated: p.Name}, p.Name != "*"
	case policy.CanonicalUserPrincipal:
		return "the canonical user " + p.Name, policy.Caller{CanonicalUser: p.Name, Account: elsewhere}, true
	case policy.AWSPrincipal:
		return awsCaller(p.Name)
	}
	return "", c, false
}

func awsCaller(text string) (name string, c policy.Caller, ok bool) {
	if isAccount(text) {
		text = "arn:aws:iam::" + text + ":root"
	}
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 {
		switch {
		case strings.HasPrefix(text, "AIDA"):
			return "the user with id " + text, policy.Caller{Account: elsewhere, ARN: "arn:aws:iam::" + elsewhere + ":user/deleted", ID: text}, true
		case strings.HasPrefix(text, "AROA"):
			return "the role with id " + text, session(elsewhere, "arn:aws:iam::"+elsewhere+":role/deleted", text), true
		}
		return "", c, false
	}
	account := parts[4]
	kind, rest, _ := strings.Cut(parts[5], "/")
	switch parts[2] + ":" + kind {
	case "iam:root":
		return "the root user of account " + account, policy.Caller{Account: account, ARN: text, Root: true}, true
	case "iam:user":
		return "the user " + text, policy.Caller{Account: account, ARN: text, ID: "AIDAEXAMPLEEXAMPLENAMED"}, true
	case "iam:role":
		return "the role " + text, session(account, text, "AROAEXAMPLEEXAMPLENAMED"), true
	case "sts:assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		c := session(account, "arn:"+parts[1]+":iam::"+account+":role/"+role, "AROAEXAMPLEEXAMPLENAMED")
		c.ARN = text
		return "the session " + text, c, true
	case "sts:federated-user":
		return "the federated user " + text, policy.Caller{Account: account, ARN: text, UserARN: "arn:" + parts[1] + ":iam::" + account + ":user/example"}, true
	}
	return "", c, false
}

// session is a session of a role whose name no document gives.
func session(account, role, id string) policy.Caller {
	name := role[strings.LastIndexByte(role, '/')+1:]
	return policy.Caller{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/example", RoleARN: role, RoleID: id}
}

func isAccount(text string) bool { return len(text) == 12 && strings.Trim(text, "0123456789") == "" }
