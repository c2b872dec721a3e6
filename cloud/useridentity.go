package cloud

import (
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
)

// userIdentity is who made a call (CloudTrail guide, "CloudTrail userIdentity element").
type userIdentity struct {
	// Type is empty where nobody called: in a service's own events.
	Type        access.PrincipalType `json:"type,omitempty"`
	PrincipalID string               `json:"principalId,omitempty"`
	ARN         string               `json:"arn,omitempty"`
	AccountID   string               `json:"accountId,omitempty"`
	AccessKeyID string               `json:"accessKeyId,omitempty"`
	UserName    string               `json:"userName,omitempty"`
	// IdentityProvider is whose word a caller without an account came with.
	IdentityProvider string          `json:"identityProvider,omitempty"`
	SessionContext   *sessionContext `json:"sessionContext,omitempty"`
	InvokedBy        string          `json:"invokedBy,omitempty"`
	InScopeOf        *inScopeOf      `json:"inScopeOf,omitempty"`
}

type sessionContext struct {
	SessionIssuer  *sessionIssuer     `json:"sessionIssuer,omitempty"`
	Attributes     *sessionAttributes `json:"attributes,omitempty"`
	SourceIdentity string             `json:"sourceIdentity,omitempty"`
	AssumedRoot    string             `json:"assumedRoot,omitempty"`
	WebFederation  *webFederation     `json:"webIdFederationData,omitempty"`
}

type webFederation struct {
	FederatedProvider string            `json:"federatedProvider"`
	Attributes        map[string]string `json:"attributes"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName,omitempty"`
}

type sessionAttributes struct {
	CreationDate     string `json:"creationDate"`
	MFAAuthenticated string `json:"mfaAuthenticated"`
}

type inScopeOf struct {
	IssuerType          string `json:"issuerType"`
	CredentialsIssuedTo string `json:"credentialsIssuedTo"`
}

func identityOf(call *api.Call) userIdentity {
	p := call.Caller.Principal
	if p.Type == access.Service {
		invoked := call.Caller.InvokedBy
		if invoked == "" {
			invoked = p.ServicePrincipal
		}
		return userIdentity{Type: p.Type, InvokedBy: invoked}
	}
	u := userIdentity{
		Type: p.Type, PrincipalID: p.UserID, ARN: p.ARN, AccountID: p.Account,
		AccessKeyID: call.Caller.AccessKeyID, InvokedBy: call.Caller.InvokedBy,
	}
	switch p.Type {
	case access.User:
		u.UserName = p.Name
	case access.WebIdentityUser, access.SAMLUser:
		u.UserName, u.IdentityProvider = p.Name, p.Federated
		if p.Type == access.SAMLUser {
			u.IdentityProvider = call.Caller.Federation.NameQualifier
		}
	}
	if call.Caller.InScopeOf != "" {
		u.InScopeOf = &inScopeOf{IssuerType: "AWS::EC2::Instance", CredentialsIssuedTo: call.Caller.InScopeOf}
	}
	if issuer := issuerOf(&call.Caller); issuer != nil {
		u.SessionContext = &sessionContext{SessionIssuer: issuer, SourceIdentity: call.Caller.SourceIdentity}
	}
	if !call.Caller.IssuedAt.IsZero() {
		if u.SessionContext == nil {
			u.SessionContext = new(sessionContext)
		}
		u.SessionContext.Attributes = &sessionAttributes{
			CreationDate:     call.Caller.IssuedAt.UTC().Format(time.RFC3339),
			MFAAuthenticated: strconv.FormatBool(call.Caller.MFA),
		}
		if call.Caller.AssumedRoot {
			u.SessionContext.AssumedRoot, u.SessionContext.SourceIdentity = "true", call.Caller.SourceIdentity
		}
		if f := call.Caller.Federation; f != nil && !f.SAML {
			u.SessionContext.WebFederation = &webFederation{FederatedProvider: f.Provider, Attributes: map[string]string{}}
		}
	}
	return u
}

// issuerOf is whose session a caller's is: a role's, or that of the user who
// asked for a federated user's credentials; nil if the caller is no such session.
func issuerOf(c *api.Caller) *sessionIssuer {
	p := c.Principal
	switch {
	case p.Type == access.RoleSession:
		return &sessionIssuer{Type: "Role", PrincipalID: p.RoleID, ARN: p.RoleARN, AccountID: p.Account, UserName: roleName(p.RoleARN)}
	case p.Type != access.FederatedUser:
		return nil
	case c.IssuerID == p.Account:
		return &sessionIssuer{Type: string(access.Root), PrincipalID: p.Account, ARN: p.UserARN, AccountID: p.Account}
	}
	return &sessionIssuer{Type: string(access.User), PrincipalID: c.IssuerID, ARN: p.UserARN, AccountID: p.Account, UserName: roleName(p.UserARN)}
}

// roleName is the last part of a role's or a user's ARN.
func roleName(arn string) string {
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

// reduced is the identity as another account's copy of the event shows it: who
// it was, but not with which key.
func (u userIdentity) reduced() userIdentity {
	if u.AccountID == "" {
		return u
	}
	return userIdentity{Type: "AWSAccount", PrincipalID: u.PrincipalID, AccountID: u.AccountID, InvokedBy: u.InvokedBy}
}

// issuer is the unique id of the role that a session is of, or empty.
func (u userIdentity) issuer() string {
	if u.SessionContext == nil || u.SessionContext.SessionIssuer == nil || u.SessionContext.SessionIssuer.Type != "Role" {
		return ""
	}
	return u.SessionContext.SessionIssuer.PrincipalID
}

// entity is the unique id of the user or role that a call counts for in IAM's
// last accessed information, or the account's for its root user, which counts in
// the reports on organizations; empty for all others.
func (u userIdentity) entity() string {
	id := ""
	switch {
	case u.SessionContext != nil && u.SessionContext.SessionIssuer != nil:
		id = u.SessionContext.SessionIssuer.PrincipalID
	case u.Type == access.Root:
		return u.AccountID
	case u.Type == access.User:
		id = u.PrincipalID
	}
	if strings.HasPrefix(id, "AROA") || strings.HasPrefix(id, "AIDA") {
		return id
	}
	return ""
}
