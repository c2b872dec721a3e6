package kms

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// validPrincipal reports whether a key policy may name a principal: KMS wants
// it well-formed, and to exist.
func (s *Service) validPrincipal(c *api.Call, n policy.PrincipalName) bool {
	switch n.Type {
	case "":
		return n.Name == "*"
	case policy.AWSPrincipal:
		return n.Name == "*" || isAccount(n.Name) || isUniqueID(n.Name) || s.principalExists(c, n.Name)
	case policy.ServicePrincipal:
		return isServicePrincipal(n.Name)
	default:
		return n.Name != ""
	}
}

// isUniqueID tells the id of a user or role, which AWS shows in the place of a
// principal that was deleted.
func isUniqueID(s string) bool {
	return len(s) >= 16 && len(s) <= 128 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA"))
}

// isServicePrincipal tells names of the form ec2.amazonaws.com.
func isServicePrincipal(s string) bool {
	rest, ok := strings.CutSuffix(strings.TrimSuffix(s, ".cn"), ".amazonaws.com")
	return ok && rest != "" && !strings.ContainsAny(rest, "/: *?")
}

// isPrincipalARN reports whether an ARN has the form of a principal's: an
// account's root, a user, a role, a session. A group is none.
func isPrincipalARN(partition, arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || parts[1] != partition || parts[3] != "" || !isAccount(parts[4]) ||
		strings.ContainsAny(parts[5], "*?") {
		return false
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	switch parts[2] + ":" + kind {
	case "iam:root":
		return parts[5] == "root"
	case "sts:assumed-role":
		role, session, ok := strings.Cut(name, "/")
		return ok && role != "" && session != ""
	case "sts:federated-user", "iam:user", "iam:role":
		return name != ""
	}
	return false
}

// principalExists reports whether an ARN is that of a principal, and of one
// that exists as far as anybody here can tell.
func (s *Service) principalExists(c *api.Call, arn string) bool {
	if !isPrincipalARN(c.Partition, arn) {
		return false
	}
	if s.principals == nil || !hasUniqueID(arn) {
		return true
	}
	_, ok := s.principals.ResolvePrincipal(c.Tx, arn)
	return ok
}

// hasUniqueID tells the ARNs of users and roles.
func hasUniqueID(arn string) bool {
	return arnPart(arn, 2) == "iam" && (strings.Contains(arn, ":user/") || strings.Contains(arn, ":role/"))
}

// kept is the form in which a principal is stored: a user or role as its unique
// id, all else as it is.
func (s *Service) kept(tx store.Tx, name string) string {
	if s.principals == nil || !hasUniqueID(name) {
		return name
	}
	if id, ok := s.principals.ResolvePrincipal(tx, name); ok && id != "" {
		return id
	}
	return name
}

// shown is the reverse: the ARN that a user or role has now, or its id if it
// was deleted, by which it names nobody.
func (s *Service) shown(tx store.Tx, name string) string {
	if s.principals == nil || !isUniqueID(name) {
		return name
	}
	if arn, ok := s.principals.PrincipalARN(tx, name); ok {
		return arn
	}
	return name
}

// keptPolicy is a key policy as it is stored: its principals in their kept form,
// and accounts by their ARNs.
func (s *Service) keptPolicy(c *api.Call, text string) (string, error) {
	return s.replacePrincipals(text, func(name string) string {
		if isAccount(name) {
			return "arn:" + c.Partition + ":iam::" + name + ":root"
		}
		return s.kept(c.Tx, name)
	})
}

// shownPolicy is a stored key policy as it is shown, and as it counts: a unique
// id there means whom the ARN means that it is shown as.
func (s *Service) shownPolicy(tx store.Tx, text string) (string, error) {
	if !strings.Contains(text, `"AIDA`) && !strings.Contains(text, `"AROA`) {
		return text, nil
	}
	return s.replacePrincipals(text, func(name string) string { return s.shown(tx, name) })
}

func (s *Service) replacePrincipals(text string, other func(string) string) (string, error) {
	p, err := s.policies.compile(text)
	if err != nil {
		return "", err
	}
	return api.ReplacePrincipals(p, func(n policy.PrincipalName) (string, error) {
		if n.Type != policy.AWSPrincipal {
			return "", nil
		}
		if next := other(n.Name); next != n.Name {
			return next, nil
		}
		return "", nil
	})
}

// identities lists the names by which a grant can mean a caller: its ARN or its
// user's id, its role's, its account's, its service's.
func identities(p access.Principal) []string {
	names := make([]string, 0, 6)
	userID := ""
	if p.Type == access.User {
		userID = p.UserID
	}
	for _, n := range []string{p.ARN, userID, p.RoleARN, p.RoleID, p.ServicePrincipal} {
		if n != "" {
			names = append(names, n)
		}
	}
	if p.Account != "" && p.Type != access.Root {
		names = append(names, "arn:"+p.Partition+":iam::"+p.Account+":root")
	}
	return names
}

// accountOf is an ARN's account, or empty for what is no ARN.
func accountOf(arn string) string { return arnPart(arn, 4) }

func partitionOf(arn string) string { return arnPart(arn, 1) }

func arnPart(arn string, i int) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[i]
}
