package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/access"
)

// Denial is what an access denied message says (IAM guide, "Troubleshoot access
// denied error messages").
type Denial struct {
	Principal string
	Action    string
	// Resource is empty where the message names none.
	Resource string
	// Layer is the kind of policy that denied, empty where the message does not
	// tell: messages of old have no ending, and a foreign key's message is vague.
	Layer access.Layer
	// Explicit tells a Deny statement from a missing Allow.
	Explicit bool
	// Policy is the ARN of the policy that denied, where the message names it.
	Policy string
	// Hidden: the message was made to tell nothing about another account's key.
	Hidden bool
}

const (
	denialAction   = " is not authorized to perform: "
	denialBecause  = " because no "
	denialAllows   = " allows the "
	denialExplicit = " with an explicit deny"
	denialHidden   = " because the resource does not exist in this Region"
)

// ParseDenial reads an access denied message, whole or as part of a longer one,
// in any of the forms that AWS has used. It reports false for other messages.
func ParseDenial(message string) (Denial, bool) {
	before, rest, found := strings.Cut(message, denialAction)
	if !found {
		return Denial{}, false
	}
	_, principal, found := cutLast(before, "User: ")
	if !found || principal == "" || strings.ContainsAny(principal, " \n\t") {
		return Denial{}, false
	}
	d := Denial{Principal: principal}
	end := strings.IndexAny(rest, " \n\t")
	if end < 0 {
		end = len(rest)
	}
	d.Action = strings.TrimRight(rest[:end], ".")
	if service, name, ok := strings.Cut(d.Action, ":"); !ok || service == "" || name == "" {
		return Denial{}, false
	}
	rest = d.readResource(rest[end:])
	d.readEnding(rest)
	return d, true
}

// String is the message as AWS words it now.
func (d *Denial) String() string {
	text := "User: " + d.Principal + denialAction + d.Action
	switch {
	case d.Hidden:
		return text + " on this resource" + denialHidden + ", no resource-based policies allow access, or a resource-based policy explicitly denies access"
	case d.Resource != "":
		text += " on resource: " + d.Resource
	}
	switch {
	case d.Explicit && d.Layer == "":
		return text + denialExplicit
	case d.Explicit:
		article := "a"
		if d.Layer == access.IdentityLayer {
			article = "an"
		}
		text += denialExplicit + " in " + article + " " + string(d.Layer)
	case d.Layer != "":
		text += denialBecause + string(d.Layer) + denialAllows + d.Action + " action"
	}
	if d.Policy != "" {
		text += ": " + d.Policy
	}
	return text
}

// readResource takes the resource off the front, quoted or not.
func (d *Denial) readResource(rest string) string {
	after, found := strings.CutPrefix(rest, " on resource: ")
	if !found {
		return rest
	}
	if quoted, ok := strings.CutPrefix(after, `"`); ok {
		if name, tail, closed := strings.Cut(quoted, `"`); closed {
			d.Resource = name
			return tail
		}
	}
	end := strings.IndexAny(after, " \n\t")
	if end < 0 {
		end = len(after)
	}
	d.Resource = strings.TrimRight(after[:end], ".,")
	return after[end:]
}

// readEnding reads which policy denied.
func (d *Denial) readEnding(rest string) {
	if strings.Contains(rest, denialHidden) {
		d.Hidden, d.Layer = true, access.ResourceLayer
		return
	}
	if _, after, found := strings.Cut(rest, denialBecause); found {
		if words, tail, ok := strings.Cut(after, denialAllows); ok {
			d.Layer = layerNamed(words)
			d.Policy = suffixARN(tail)
		}
		return
	}
	_, after, found := strings.Cut(rest, denialExplicit)
	if !found {
		return
	}
	d.Explicit = true
	words, found := strings.CutPrefix(after, " in ")
	if !found {
		return
	}
	for _, a := range [...]string{"a ", "an ", "the "} {
		if w, ok := strings.CutPrefix(words, a); ok {
			words = w
			break
		}
	}
	d.Layer = layerNamed(words)
	d.Policy = suffixARN(words)
}

// layerNames are the layers as messages name them. The IAM guide once printed
// "sessions policy".
var layerNames = []struct {
	words string
	layer access.Layer
}{
	{"identity-based policy", access.IdentityLayer},
	{"resource-based policy", access.ResourceLayer},
	{"permissions boundary", access.BoundaryLayer},
	{"session policy", access.SessionLayer},
	{"sessions policy", access.SessionLayer},
	{"service control policy", access.ServiceControlLayer},
	{"resource control policy", access.ResourceControlLayer},
	{"VPC endpoint policy", access.EndpointLayer},
	{"role trust policy", access.TrustLayer},
}

func layerNamed(words string) access.Layer {
	for _, n := range layerNames {
		if strings.HasPrefix(words, n.words) {
			return n.layer
		}
	}
	return ""
}

// suffixARN is the policy that newer messages name at their end.
func suffixARN(s string) string {
	_, arn, found := strings.Cut(s, ": arn:")
	if !found {
		return ""
	}
	arn = "arn:" + arn
	if end := strings.IndexAny(arn, " \n\t"); end >= 0 {
		arn = arn[:end]
	}
	return strings.TrimRight(arn, ".")
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
