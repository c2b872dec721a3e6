package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// Sizes of policies in characters, white space not counted (IAM guide, "IAM and
// AWS STS quotas").
const (
	managedMax = 6144
	trustMax   = 2048
)

// Policies are rows of their own and of plain text, so that a decision reads
// them without decoding the rows of whoever holds them.

func documentKey(s store.Scope, part ...string) string {
	return store.Key(append([]string{s.Account, s.Region, "iam.document"}, part...)...)
}

// inlineKey is the row of an inline policy of a user, group or role.
func inlineKey(s store.Scope, holderID, name string) string {
	return documentKey(s, holderID, "inline", name)
}

// trustKey is the row of a role's trust policy.
func trustKey(s store.Scope, roleID string) string { return documentKey(s, roleID, "trust") }

// versionKey is the row of a version of a managed policy.
func versionKey(s store.Scope, policyID string, number int) string {
	return documentKey(s, policyID, "version", versionID(number))
}

// defaultKey is the row with a copy of a managed policy's default version.
func defaultKey(s store.Scope, arn string) string { return documentKey(s, "default", arn) }

// encode writes a document as IAM's answers carry it: with everything escaped
// that RFC 3986 does not leave unreserved.
func encode(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(text) * 3 / 2)
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// size counts a document's characters as the quotas do.
func size(text string) int {
	n := 0
	for _, r := range text {
		if !strings.ContainsRune(" \t\r\n", r) {
			n++
		}
	}
	return n
}

// checkManaged checks the document of a managed policy.
func checkManaged(text string) error {
	p, err := checkIdentity(text)
	if err != nil {
		return err
	}
	if p.Version() != policy.Version2012 {
		return malformed("Policy document must be version 2012-10-17 or greater.")
	}
	if size(text) > managedMax {
		return quota("PolicySize", managedMax)
	}
	return nil
}

// checkIdentity checks a document that says what its holder may do (IAM guide,
// "Grammar of the IAM JSON policy language").
func checkIdentity(text string) (*policy.Policy, error) {
	p, err := policy.Parse([]byte(text))
	if err != nil || p.Len() == 0 {
		return nil, malformed("Syntax errors in policy.")
	}
	if err := checkSids(p); err != nil {
		return nil, err
	}
	for i := range p.Len() {
		s := p.Statement(i)
		if hasElement(s, policy.PrincipalElement) || hasElement(s, policy.NotPrincipalElement) {
			return nil, malformed("Policy document should not specify a principal.")
		}
		if err := checkActions(s); err != nil {
			return nil, err
		}
		resources := slices.Concat(s.Resources(), s.NotResources())
		if len(resources) == 0 {
			return nil, malformed("Policy statement must contain resources.")
		}
		for _, r := range resources {
			if err := checkResource(r); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func hasElement(s *policy.Statement, e policy.Element) bool {
	_, has := s.ElementPosition(e)
	return has
}

var sidPattern = regexp.MustCompile(`^[0-9A-Za-z]*$`)

func checkSids(p *policy.Policy) error {
	seen := make(map[string]bool)
	for i := range p.Len() {
		sid := p.Statement(i).Sid()
		if !sidPattern.MatchString(sid) {
			return malformed("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")
		}
		if sid != "" && seen[sid] {
			return malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		seen[sid] = true
	}
	return nil
}

var vendorPattern = regexp.MustCompile(`^[a-zA-Z0-9-]+$`)

func checkActions(s *policy.Statement) error {
	actions := slices.Concat(s.Actions(), s.NotActions())
	if len(actions) == 0 {
		return malformed("Policy statement must contain actions.")
	}
	for _, a := range actions {
		vendor, rest, prefaced := strings.Cut(a, ":")
		switch {
		case a == "*":
		case !prefaced:
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		case strings.Contains(rest, ":"):
			return malformed("Actions/Condition can contain only one colon.")
		case !vendorPattern.MatchString(vendor):
			return malformed("Vendor " + vendor + " is not valid")
		}
	}
	for _, c := range s.Conditions() {
		if !strings.Contains(c.Key, ":") {
			return malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
	}
	return nil
}

// iamPaths are the kinds of resource that an IAM ARN may name.
var iamPaths = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/",
	"policy/", "sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func checkResource(r string) error {
	if r == "*" {
		return nil
	}
	if !strings.HasPrefix(r, "arn:") && r != "arn" {
		return malformed(`Resource ` + r + ` must be in ARN format or "*".`)
	}
	part := strings.SplitN(r, ":", 6)
	if len(part) > 1 && !partitionPattern.MatchString(part[1]) {
		return malformed(fmt.Sprintf("Partition %q is not valid for resource %q.", part[1], r))
	}
	if len(part) < 3 {
		return malformed(`Resource vendor must be fully qualified and cannot contain regexes.`)
	}
	if strings.ContainsAny(part[2], "*?") || part[2] == "" {
		return malformed("Resource vendor must be fully qualified and cannot contain regexes.")
	}
	if len(part) < 6 {
		if strings.HasSuffix(r, "*") {
			return nil // "arn:aws:s3:*" stands for all that follows
		}
		return malformed("The policy failed legacy parsing")
	}
	if part[2] != "iam" {
		return nil
	}
	return checkIAMResource(r, part[3], part[5])
}

func checkIAMResource(r, region, path string) error {
	if region != "" {
		return malformed("IAM resource " + r + " cannot contain region information.")
	}
	if path == "root" || path != "" && strings.ContainsAny(path[:1], "*?$") {
		return nil
	}
	for _, p := range iamPaths {
		if strings.HasPrefix(path, p) || strings.HasSuffix(path, "*") && strings.HasPrefix(p, strings.TrimSuffix(path, "*")) {
			return nil
		}
	}
	return malformed("IAM resource path must either be \"*\" or start with " + strings.Join(iamPaths, ", ") + ".")
}

var partitionPattern = regexp.MustCompile(`^(aws(-[a-z]+)*|\*)$`)

// syntaxError is AWS's word for a trust policy that cannot be read.
func syntaxError(text string, err error) error {
	var parse *policy.ParseError
	if !json.Valid([]byte(text)) || !errors.As(err, &parse) {
		return malformed("This policy contains invalid Json")
	}
	return malformed("Syntax errors in policy.")
}
