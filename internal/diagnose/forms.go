package diagnose

import (
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/phrase"
	"github.com/keyturn/keyturn/policy/requestset"
)

// Evidence and decisions name things in English: these names are data, which tell
// two things apart. Here are their forms, so that they can be said in any
// language. A name of no form is said as it is.

// unreadForms are the forms of Unread.What.
var unreadForms = []phrase.Text{
	phrase.Say("instance %s", ""),
	phrase.Say("volumes of %s", ""),
	phrase.Say("image %s", ""),
	phrase.Say("launch template %s", ""),
	phrase.Say("snapshot %s", ""),
	phrase.Say("the default key of EBS encryption"),
	phrase.Say("whether EBS encrypts by default"),
	phrase.Say("state of key %s", ""),
	phrase.Say("aliases of key %s", ""),
	phrase.Say("tags of key %s", ""),
	phrase.Say("grants of key %s", ""),
	phrase.Say("permissions boundary of user %s", ""),
	phrase.Say("permissions boundary of role %s", ""),
	phrase.Say("groups of user %s", ""),
	phrase.Say("inline policies of user %s", ""),
	phrase.Say("inline policies of group %s", ""),
	phrase.Say("inline policies of role %s", ""),
	phrase.Say("attached policies of user %s", ""),
	phrase.Say("attached policies of group %s", ""),
	phrase.Say("attached policies of role %s", ""),
	phrase.Say("managed policy %s", ""),
	phrase.Say("the organization of account %s", ""),
	phrase.Say("control policies that bear on account %s", ""),
	phrase.Say("control policies of %s", ""),
	phrase.Say("control policy %s", ""),
	phrase.Say("the encoded message of the refused %s", ""),
	phrase.Say("log file %s", ""),
	phrase.Say("log files"),
	phrase.Say("%s more of the log files", ""),
	phrase.Say("events with %s %s", "", ""),
	phrase.Say("trust policy of %s", ""),
}

// unreadWords is what could not be read.
func unreadWords(what string) phrase.Text {
	for _, l := range [...]access.Layer{access.IdentityLayer, access.BoundaryLayer} {
		if of, ok := strings.CutPrefix(what, string(l)+" of arn:"); ok {
			return phrase.Say("%s of %s", layerWords(l), "arn:"+of)
		}
	}
	if newest, ok := strings.CutPrefix(what, "older "); ok {
		return phrase.Say("older %s", unreadWords(newest))
	}
	for _, f := range unreadForms {
		if read, ok := f.Read(what); ok {
			return read
		}
	}
	return documentWords(what)
}

// missingWords are the documents and condition keys without which a decision is
// open.
func missingWords(names []string) phrase.Text {
	all := make([]phrase.Text, len(names))
	for i, n := range names {
		all[i] = unreadWords(n)
	}
	return phrase.Join("; ", all...)
}

// whyWords is why it could not: a service's own words, or the doctor's.
func whyWords(why string) phrase.Text {
	return phrase.ReadAny(why,
		phrase.Say("the credentials are of account %s, which is not the principal's", ""),
		phrase.Say("no event tells with what policy the session was made"),
		phrase.Say("they are broken as well"),
		phrase.Say("there are none: no file ends in .json or .json.gz, or all are of other accounts and Regions"),
		phrase.Say("there are more than %s", ""),
	)
}

// documentForms are the forms in which documents are called that have no name of
// their own.
var documentForms = []phrase.Text{
	phrase.Say("key policy of %s", ""),
	phrase.Say("session policy of %s", ""),
	phrase.Say("inline policy %s of user %s", "", ""),
	phrase.Say("inline policy %s of group %s", "", ""),
	phrase.Say("inline policy %s of role %s", "", ""),
}

// documentWords is what a document is called.
func documentWords(name string) phrase.Text { return phrase.ReadAny(name, documentForms...) }

// holderWords is who holds a policy.
func holderWords(kind, name string) phrase.Text {
	switch kind {
	case "group":
		return phrase.Say("group %s", name)
	case "role":
		return phrase.Say("role %s", name)
	}
	return phrase.Say("user %s", name)
}

// commandWords is a command, or a remark between commands.
func commandWords(command string) phrase.Text {
	return phrase.ReadAny(command, phrase.Say("# then launch the instance again"), phrase.Say("# then start the instance again"),
		phrase.Say("# then make the volume again"), phrase.Say("# then attach the volume again"),
		phrase.Say("# then make the call again"))
}

// callerWords is somebody whom a key policy may mean, as requestset tells them
// apart.
func callerWords(name string) phrase.Text {
	return phrase.ReadAny(name,
		phrase.Say("the root user of account %s", ""),
		phrase.Say("the other users of account %s", ""),
		phrase.Say("the other roles of account %s", ""),
		phrase.Say("the user with id %s", ""),
		phrase.Say("the user %s", ""),
		phrase.Say("the role with id %s", ""),
		phrase.Say("the role %s", ""),
		phrase.Say("everybody else with an account"),
		phrase.Say("the session %s", ""),
		phrase.Say("the service %s", ""),
		phrase.Say("those who come through %s", ""),
		phrase.Say("the canonical user %s", ""),
		phrase.Say("anonymous callers"),
	)
}

// regionWords says what requestset.Region.String says.
func regionWords(r *requestset.Region) phrase.Text {
	words := phrase.Say("%s on %s", rangeWords(r.Actions, phrase.Say("every action")), rangeWords(r.Resources, phrase.Say("every resource")))
	for i, c := range r.Conditions {
		if i == 0 {
			words = phrase.Say("%s where %s", words, constraintWords(c))
		} else {
			words = phrase.Say("%s and %s", words, constraintWords(c))
		}
	}
	return words
}

func rangeWords(r requestset.Range, everything phrase.Text) phrase.Text {
	words := everything
	for i, in := range r.In {
		switch list := strings.Join(in, ", "); {
		case i > 0:
			words = phrase.Say("%s that is also %s", words, list)
		case len(r.In) > 1 || list != "" && list != "*":
			words = phrase.Plain(list)
		}
	}
	if len(r.NotIn) > 0 {
		return phrase.Say("%s except %s", words, strings.Join(r.NotIn, ", "))
	}
	return words
}

func constraintWords(c requestset.Constraint) phrase.Text {
	if c.Operator == "Null" && !c.Not && len(c.Values) == 1 {
		switch c.Values[0] {
		case "true":
			return phrase.Say("%s is absent", c.Key)
		case "false":
			return phrase.Say("%s is present", c.Key)
		}
	}
	values := phrase.Text{}
	for i, v := range c.Values {
		if i == 0 {
			values = phrase.Plain(v)
		} else {
			values = phrase.Say("%s or %s", values, v)
		}
	}
	words := phrase.Join(" ", phrase.Plain(c.Operator), phrase.Plain(c.Key), values)
	if c.Not {
		return phrase.Say("not (%s)", words)
	}
	return words
}
