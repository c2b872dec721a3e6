package policy

import "strings"

// Names tells by what a Principal element names a caller. The difference
// matters: see the IAM guide's "Policy evaluation logic", on resource-based
// policies and implicit denies.
type Names uint16

// The ways to be named. A statement may name a caller in several.
const (
	// NamesAccount: by account id or the account's root ARN. For anybody but the
	// root user this only lets the account's own policies decide.
	NamesAccount Names = 1 << iota
	// NamesRoot: the account is named, and the caller is its root user.
	NamesRoot
	// NamesUser: the user's ARN or id.
	NamesUser
	// NamesRole: the ARN or id of the session's role.
	NamesRole
	// NamesSession: the ARN of the role session or federated user session.
	NamesSession
	// NamesIssuer: the user behind a federated user session.
	NamesIssuer
	// NamesService: a service principal.
	NamesService
	// NamesProvider: an identity provider.
	NamesProvider
	// NamesCanonicalUser: a canonical user id.
	NamesCanonicalUser
	// NamesEveryone: the asterisk, or a NotPrincipal that leaves the caller in.
	NamesEveryone
)

// Has reports whether n has any of m.
func (n Names) Has(m Names) bool { return n&m != 0 }

// The kinds of principal in a Principal element (IAM guide, "AWS JSON policy
// elements: Principal").
const (
	AWSPrincipal           = "AWS"
	ServicePrincipal       = "Service"
	FederatedPrincipal     = "Federated"
	CanonicalUserPrincipal = "CanonicalUser"
)

// PrincipalName is one value of a Principal element.
type PrincipalName struct {
	// Type is AWSPrincipal or another of its kind; it is empty for the bare "*".
	Type string
	Name string
	// Position is where the value's string starts in the text, quote included,
	// and Length its length in bytes there.
	Position Position
	Length   int
	// form and account are Name, read once.
	form    principalForm
	account string
}

type principalForm uint8

const (
	otherForm   principalForm = iota
	everyone                  // *
	accountForm               // 123456789012, arn:aws:iam::123456789012:root
	uniqueID                  // AIDA…, AROA…
	arnForm
)

func newPrincipalName(kind, name string) PrincipalName {
	p := PrincipalName{Type: kind, Name: name}
	switch {
	case name == "*":
		p.form = everyone
	case kind != AWSPrincipal:
	case isAccountID(name):
		p.form, p.account = accountForm, name
	case strings.HasPrefix(name, "arn:"):
		p.form = arnForm
		if parts, ok := splitARN(name); ok && parts[2] == "iam" && parts[5] == "root" {
			p.form, p.account = accountForm, parts[4]
		}
	case isUniqueID(name):
		p.form = uniqueID
	}
	return p
}

// names tells by what p names the caller; 0 if it does not.
func (p *PrincipalName) names(c *Caller) Names {
	switch p.Type {
	case "":
		return NamesEveryone
	case ServicePrincipal:
		if c.Service != "" && (p.form == everyone || p.Name == c.Service) {
			return NamesService
		}
	case FederatedPrincipal:
		if c.Federated != "" && (p.form == everyone || p.Name == c.Federated) {
			return NamesProvider
		}
	case CanonicalUserPrincipal:
		if c.CanonicalUser != "" && p.Name == c.CanonicalUser {
			return NamesCanonicalUser
		}
	case AWSPrincipal:
		return p.namesAWS(c)
	}
	return 0
}

func (p *PrincipalName) namesAWS(c *Caller) Names {
	switch p.form {
	case everyone:
		return NamesEveryone
	case accountForm:
		switch {
		case p.account != c.Account:
			return 0
		case c.Root:
			return NamesAccount | NamesRoot
		}
		return NamesAccount
	case uniqueID:
		switch p.Name {
		case c.ID:
			return NamesUser
		case c.RoleID:
			return NamesRole
		}
	case arnForm:
		switch p.Name {
		case c.ARN:
			if c.RoleARN != "" || c.UserARN != "" || strings.Contains(c.ARN, ":sts:") {
				return NamesSession
			}
			return NamesUser
		case c.RoleARN:
			return NamesRole
		case c.UserARN:
			return NamesIssuer
		}
	}
	return 0
}

// excepted reports whether a NotPrincipal list takes the caller out. AWS wants
// every name of the caller in the list: the account's, the role's and the
// session's; and a permissions boundary defeats it (IAM guide, "AWS JSON policy
// elements: NotPrincipal").
func excepted(list []PrincipalName, c *Caller, effect Effect) bool {
	if c.Bounded && effect == Deny {
		return false
	}
	var names Names
	for i := range list {
		names |= list[i].names(c)
	}
	switch {
	case names.Has(NamesEveryone | NamesService | NamesProvider | NamesCanonicalUser | NamesRoot):
		return true
	case !names.Has(NamesAccount):
		return false
	case c.RoleARN != "":
		return names.Has(NamesSession) && names.Has(NamesRole)
	case c.UserARN != "":
		return names.Has(NamesSession) && names.Has(NamesIssuer)
	}
	return names.Has(NamesUser | NamesSession)
}

func isAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isUniqueID tells an identifier such as AIDACKCEVSQ6C2EXAMPLE (IAM guide, "IAM
// identifiers", on unique IDs).
func isUniqueID(s string) bool {
	if len(s) < 16 || s[0] != 'A' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
