package wire

import "strings"

// iamName is the pattern of the names of IAM's users, roles, groups, policies
// and instance profiles.
const iamName = `[\w+=,.@-]+`

// iamDocument is the pattern of policy documents.
const iamDocument = `[\u0009\u000A\u000D\u0020-\u00FF]+`

// ownWords is what IAM says of a value that does not match its pattern, where
// it has words of its own: of names, paths and policy documents. Others give "".
func (s *Service) ownWords(member, pattern string) string {
	if s.name != "iam" {
		return ""
	}
	var rule string
	switch {
	case pattern == iamName:
		rule = "It must contain only alphanumeric characters and/or the following: +=,.@_-"
	case pattern == iamDocument && strings.HasSuffix(strings.ToLower(member), "policydocument"):
		rule = "It must contain only printable ASCII characters."
	case member == "pathPrefix":
		rule = "It must begin with the / character and contain only alphanumeric characters and/or / characters."
	case member == "path" || member == "newPath":
		rule = "It must begin and end with / and contain only alphanumeric characters and/or / characters."
	default:
		return ""
	}
	return "The specified value for " + member + " is invalid. " + rule
}
