package reach

import (
	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/policy/requestset"
)

// Facts are the condition keys that follow from who asks and whose the resource
// is, as access derives them (IAM guide, "AWS global condition context keys").
// resourceAccount is empty for the principal's own.
func Facts(p access.Principal, resourceAccount string) requestset.Facts {
	f := make(requestset.Facts)
	is := func(key, value string) {
		if value == "" {
			f.Set("Null", key, "true")
			return
		}
		f.Set("StringEquals", key, value)
	}
	is("aws:PrincipalArn", p.PrincipalARN())
	is("aws:PrincipalAccount", p.Account)
	is("aws:userid", p.UserID)
	name := ""
	if p.Type == access.User {
		name = p.Name
	}
	is("aws:username", name)
	if resourceAccount == "" {
		resourceAccount = p.Account
	}
	if resourceAccount != "" {
		f.Set("StringEqualsIfExists", "aws:ResourceAccount", resourceAccount)
	}
	if p.Account != "" {
		f.Set("StringEqualsIfExists", "kms:CallerAccount", p.Account)
	}
	service := "false"
	if p.Type == access.Service {
		service = "true"
	}
	f.Set("Bool", "aws:PrincipalIsAWSService", service)
	is("aws:PrincipalServiceName", p.ServicePrincipal)
	for key, value := range p.Tags {
		f.Set("StringEquals", "aws:PrincipalTag/"+key, value)
	}
	return f
}
