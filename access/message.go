package access

// Message is the denial in AWS's own words (IAM guide, "Troubleshoot access
// denied error messages"). It is empty where the request is allowed. It names
// no policy; MessageWithPolicy does.
func (d Decision) Message() string {
	if d.Outcome != Allowed && d.Request.Principal.Federated != "" && d.Request.Principal.Account == "" {
		// STS tells those who come from an identity provider nothing more.
		return "Not authorized to perform " + d.Request.Action
	}
	switch d.Outcome {
	case Allowed:
		return ""
	case ExplicitDeny:
		if d.hidden() {
			return d.subject() + " on this resource" + hiddenEnding
		}
		return d.subject() + d.on() + " with an explicit deny in " + article(d.Layer)
	}
	if d.hidden() {
		return d.subject() + " on this resource" + hiddenEnding
	}
	return d.subject() + d.on() + " because no " + string(d.Layer) + " allows the " + d.Request.Action + " action"
}

// MessageWithPolicy is Message with the ARN of the policy that denied, where it
// has one. AWS adds it for callers of the same account or organization.
func (d Decision) MessageWithPolicy() string {
	m := d.Message()
	if d.Outcome != ExplicitDeny || d.By == nil || d.By.ARN == "" || d.hidden() {
		return m
	}
	return m + ": " + d.By.ARN
}

// hiddenEnding is KMS's answer to a caller from another account, who must not
// learn whether the key exists.
const hiddenEnding = " because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"

// hidden reports whether the message must not tell what the resource's account says.
func (d Decision) hidden() bool {
	r := &d.Request
	return hasPrefixFold(r.Action, kmsPrefix) && d.Layer == ResourceLayer &&
		r.Principal.Account != "" && r.resourceAccount() != r.Principal.Account
}

func (d Decision) subject() string {
	return "User: " + d.Request.Principal.display() + " is not authorized to perform: " + d.Request.Action
}

// on names the resource, which messages about actions without a resource type leave out.
func (d Decision) on() string {
	if d.Request.Resource == "" || d.Request.Resource == "*" {
		return ""
	}
	return " on resource: " + d.Request.Resource
}

// display is the principal as messages show it: for a role session the
// session's ARN.
func (p *Principal) display() string {
	switch {
	case p.ARN != "":
		return p.ARN
	case p.ServicePrincipal != "":
		return p.ServicePrincipal
	}
	return "anonymous"
}

func article(l Layer) string {
	switch l {
	case IdentityLayer:
		return "an " + string(l)
	case TrustLayer:
		return "the " + string(l)
	}
	return "a " + string(l)
}
