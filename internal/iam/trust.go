package iam

import (
	"regexp"
	"strings"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	sessionARN     = regexp.MustCompile(`^arn:aws[a-z-]*:sts::[0-9]{12}:(assumed-role|federated-user)/[\w+=,.@/-]+$`)
	uniqueID       = regexp.MustCompile(`^(AIDA|AROA)[A-Z2-7]{16,17}$`)
	servicePattern = regexp.MustCompile(`^[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|internal)$`)
	providerARN    = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(saml-provider|oidc-provider)/.+$`)
)

// webProviders are the identity providers that need no entity in IAM.
var webProviders = map[string]bool{
	"accounts.google.com": true, "cognito-identity.amazonaws.com": true,
	"graph.facebook.com": true, "www.amazon.com": true,
}

func isAccount(s string) bool { return accountPattern.MatchString(s) }

// newTrust checks a trust policy and returns the form to keep, in which the
// users and roles that it names stand as their unique ids.
func (s *Service) newTrust(c *api.Call, text string) (string, error) {
	p, err := policy.Load([]byte(text), policy.TrustPolicy)
	if err != nil {
		return "", malformed(err.Error())
	}
	if size(text) > policy.MaxTrust {
		return "", quota("ACLSizePerRole", policy.MaxTrust)
	}
	return api.ReplacePrincipals(p, func(n policy.PrincipalName) (string, error) { return s.trusted(c, n) })
}

// trusted checks one principal, and returns what to keep in its place: the
// unique id of a user or role, an account's ARN for its number, or nothing if it
// stays as it is.
func (s *Service) trusted(c *api.Call, n policy.PrincipalName) (string, error) {
	var ok bool
	var id string
	switch n.Type {
	case "":
		ok = n.Name == "*"
	case policy.AWSPrincipal:
		id, ok = s.ResolvePrincipal(c.Tx, n.Name)
		switch {
		case uniqueID.MatchString(n.Name):
			_, ok = s.PrincipalARN(c.Tx, n.Name)
		case isAccount(n.Name):
			id = "arn:" + c.Partition + ":iam::" + n.Name + ":root"
		}
	case policy.ServicePrincipal:
		ok = servicePattern.MatchString(n.Name)
	case policy.FederatedPrincipal:
		ok = webProviders[n.Name] || providerARN.MatchString(n.Name)
	}
	if !ok {
		return "", malformed(n.InvalidMessage())
	}
	return id, nil
}

// readTrust is a role's trust policy as answers show it: unique ids of those
// that are still there as their ARNs.
func readTrust(tx store.Tx, s store.Scope, r role) (string, error) {
	raw, err := tx.Get(trustKey(s, r.ID))
	if err != nil {
		return "", err
	}
	text := string(raw)
	if !strings.Contains(text, userPrefix) && !strings.Contains(text, rolePrefix) {
		return text, nil
	}
	p, err := policy.Parse(raw)
	if err != nil {
		return "", err
	}
	return api.ReplacePrincipals(p, func(n policy.PrincipalName) (string, error) {
		if n.Type != policy.AWSPrincipal || !uniqueID.MatchString(n.Name) {
			return "", nil
		}
		found, err := principals.Get(tx, outside, n.Name)
		if err != nil {
			return "", ignoreNotFound(err)
		}
		return found.ARN, nil
	})
}
