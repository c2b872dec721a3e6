package diagnose

import (
	"github.com/keyturn/keyturn/access"
)

// Organization is what an organization says to the accounts of a start.
type Organization struct {
	Source string `json:"source"`
	ID     string `json:"id"`
	// Management is the management account's id.
	Management string `json:"management"`
	// Places are the accounts concerned, where their policies could be read.
	Places []Place `json:"places"`
}

// Place is where an account stands in its organization.
type Place struct {
	Account string `json:"account"`
	// Path is the value of aws:PrincipalOrgPaths for its principals.
	Path string `json:"path"`
	// Policies are the names of the control policies that bear on it, from the
	// root down.
	Policies []PolicyRead `json:"policies"`

	// service and resource are the documents of each level; nil if the
	// organization has not enabled the type.
	service, resource [][]access.Document
}

// place is where an account stands, nil if that was not read.
func (e *Evidence) place(account string) *Place {
	if e.Organization == nil {
		return nil
	}
	for i := range e.Organization.Places {
		if p := &e.Organization.Places[i]; p.Account == account {
			return p
		}
	}
	return nil
}

// control adds what the organization says to a request.
func (e *Evidence) control(r *access.Request, p *access.Policies) {
	if e.Organization == nil {
		return
	}
	p.ManagementAccount = e.Organization.Management
	if from := e.place(r.Principal.Account); from != nil {
		p.ServiceControl = from.service
	}
	if to := e.place(accountOf(r.Resource)); to != nil {
		p.ResourceControl = to.resource
	}
}

// placeKeys are the condition keys that tell where caller and key stand.
func (e *Evidence) placeKeys(c *access.Context, principal, resource string) {
	for _, k := range []struct{ account, id, paths string }{
		{principal, "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"},
		{resource, "aws:ResourceOrgID", "aws:ResourceOrgPaths"},
	} {
		if p := e.place(k.account); p != nil {
			c.Set(k.id, e.Organization.ID)
			c.Set(k.paths, p.Path)
		} else if !e.NoOrganization {
			c.SetUnknown(k.id)
			c.SetUnknown(k.paths)
		}
	}
}
