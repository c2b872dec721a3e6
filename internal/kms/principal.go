package kms

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/policy"
)

// validPrincipal reports whether a key policy may name a principal: KMS wants
// it well-formed, and to exist.
func (s *Service) validPrincipal(c *api.Call, n policy.PrincipalName) (bool, error) {
	switch n.Type {
	case "":
		return n.Name == "*", nil
	case policy.AWSPrincipal:
		if n.Name == "*" || isAccount(n.Name) || isUniqueID(n.Name) {
			return true, nil
		}
		return s.principalExists(c, n.Name)
	case policy.ServicePrincipal:
		return isServicePrincipal(n.Name), nil
	default:
		return n.Name != "", nil
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
func (s *Service) principalExists(c *api.Call, arn string) (bool, error) {
	if !isPrincipalARN(c.Partition, arn) {
		return false, nil
	}
	if s.principals == nil || !strings.Contains(arn, ":user/") && !strings.Contains(arn, ":role/") {
		return true, nil
	}
	return s.principals.PrincipalExists(c.Tx, arn)
}

// identities lists the names by which a grant can mean a caller: its ARN, its
// role's, its account's, its service's.
func identities(p access.Principal) []string {
	names := make([]string, 0, 4)
	for _, n := range []string{p.ARN, p.RoleARN, p.ServicePrincipal} {
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
