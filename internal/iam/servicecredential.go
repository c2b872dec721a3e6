package iam

import (
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// credentialsMax is how many credentials a user may have for one service (IAM
// API reference, "CreateServiceSpecificCredential").
const credentialsMax = 2

// credentialServices are the services that have credentials of their own, with
// what the secrets of those begin with that are API keys; empty: user name and
// password.
var credentialServices = map[string]string{
	"codecommit.amazonaws.com": "", "cassandra.amazonaws.com": "",
	"bedrock.amazonaws.com": "ABSK", "logs.amazonaws.com": "ACWL", "cloudwatch.amazonaws.com": "APIAACWM",
	"aws-external-anthropic.amazonaws.com": "AEAA",
}

// serviceCredential is a row of its table. Its secret is not kept: it is shown
// once, and no service is here that would ask for it.
type serviceCredential struct {
	ID       string
	Owner    string // the user's unique id
	Service  string
	Login    string // the user name or alias, which stays when the user is renamed
	Created  time.Time
	Expires  time.Time `json:",omitzero"`
	Inactive bool      `json:",omitempty"`
}

var serviceCredentials = store.NewTable("iam.servicecredential",
	store.Index[serviceCredential]{Name: "owner", Keys: func(_ string, v serviceCredential) []string { return []string{v.Owner} }},
	store.Index[serviceCredential]{Name: "login", Keys: func(_ string, v serviceCredential) []string { return []string{v.Service + " " + v.Login} }},
)

func (s *Service) serviceCredentialOperations() []api.Operation {
	return []api.Operation{
		op("CreateServiceSpecificCredential", createCredentialTarget, createServiceCredential),
		read("ListServiceSpecificCredentials", listCredentialsTarget, listServiceCredentials),
		op("UpdateServiceSpecificCredential", onCredential(func(in *iam.UpdateServiceSpecificCredentialInput) (user, id *string) {
			return in.UserName, in.ServiceSpecificCredentialId
		}), updateServiceCredential),
		op("ResetServiceSpecificCredential", onCredential(func(in *iam.ResetServiceSpecificCredentialInput) (user, id *string) {
			return in.UserName, in.ServiceSpecificCredentialId
		}), resetServiceCredential),
		op("DeleteServiceSpecificCredential", onCredential(func(in *iam.DeleteServiceSpecificCredentialInput) (user, id *string) {
			return in.UserName, in.ServiceSpecificCredentialId
		}), deleteServiceCredential),
	}
}

func createCredentialTarget(c *api.Call, in *iam.CreateServiceSpecificCredentialInput) (target, error) {
	t, err := onEntity(userKind, func(in *iam.CreateServiceSpecificCredentialInput) *string { return in.UserName })(c, in)
	t.context.Set("iam:ServiceSpecificCredentialServiceName", strings.ToLower(value(in.ServiceName)))
	if in.CredentialAgeDays != nil {
		t.context.Set("iam:ServiceSpecificCredentialAgeDays", strconv.Itoa(int(*in.CredentialAgeDays)))
	}
	return t, err
}

// listCredentialsTarget is all users of the account where all are asked for.
func listCredentialsTarget(c *api.Call, in *iam.ListServiceSpecificCredentialsInput) (target, error) {
	if aws.ToBool(in.AllUsers) {
		return target{resource: arn(c, "user", "/", "*")}, nil
	}
	return onCaller(func(in *iam.ListServiceSpecificCredentialsInput) *string { return in.UserName })(c, in)
}

// onCredential is the target of an operation on a credential: its user, with the
// service that it is for.
func onCredential[In any](of func(*In) (user, id *string)) func(*api.Call, *In) (target, error) {
	return func(c *api.Call, in *In) (target, error) {
		t, err := onCaller(func(in *In) *string {
			name, _ := of(in)
			return name
		})(c, in)
		if err != nil {
			return t, err
		}
		_, id := of(in)
		v, err := serviceCredentials.Get(c.Tx, c.Global(), value(id))
		if err == nil {
			t.context.Set("iam:ServiceSpecificCredentialServiceName", v.Service)
		}
		return t, ignoreNotFound(err)
	}
}

var serviceNameForm = regexp.MustCompile(`^[a-zA-Z0-9.-]*$`)

// credentialService checks the name of a service, whose case does not count.
func credentialService(name string) (string, error) {
	if !serviceNameForm.MatchString(name) {
		return "", invalid("ServiceName must match [a-zA-Z0-9.-]*")
	}
	if _, ok := credentialServices[strings.ToLower(name)]; !ok {
		return "", notFound("No such service %s is supported for Service Specific Credentials", name)
	}
	return strings.ToLower(name), nil
}

func (v serviceCredential) status(now time.Time) types.StatusType {
	if !v.Expires.IsZero() && now.After(v.Expires) {
		return types.StatusTypeExpired
	}
	return statusOf(v.Inactive)
}

// newLogin is the name that a credential goes by: the user's, with a number where
// another credential has it already.
func newLogin(c *api.Call, service, userName string) (string, error) {
	for n := 0; ; n++ {
		login := userName
		if n > 0 {
			login += "+" + strconv.Itoa(n)
		}
		login += "-at-" + c.Account
		_, err := first(serviceCredentials.Find(c.Tx, c.Global(), "login", service+" "+login))
		if errors.Is(err, store.ErrNotFound) {
			return login, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// credentialsOf are a user's credentials, the oldest first.
func credentialsOf(c *api.Call, userID string) ([]serviceCredential, error) {
	all, err := collect(serviceCredentials.Find(c.Tx, c.Global(), "owner", userID), nil)
	byAge(all)
	return all, err
}

func byAge(all []serviceCredential) {
	slices.SortStableFunc(all, func(a, b serviceCredential) int { return a.Created.Compare(b.Created) })
}

// withSecret shows a credential with a new secret, which is seen here and nowhere
// again.
func (v serviceCredential) withSecret(c *api.Call, u user) *types.ServiceSpecificCredential {
	var b [45]byte
	fill(c.Rand, b[:])
	password := base64.StdEncoding.EncodeToString(b[:])
	out := &types.ServiceSpecificCredential{
		ServiceSpecificCredentialId: aws.String(v.ID), UserName: aws.String(u.Name), ServiceName: aws.String(v.Service),
		CreateDate: aws.Time(v.Created), Status: v.status(c.Now),
	}
	if !v.Expires.IsZero() {
		out.ExpirationDate = aws.Time(v.Expires)
	}
	if prefix := credentialServices[v.Service]; prefix != "" {
		out.ServiceCredentialAlias = aws.String(v.Login)
		out.ServiceCredentialSecret = aws.String(prefix + base64.StdEncoding.EncodeToString([]byte(v.Login+":"+password)))
	} else {
		out.ServiceUserName, out.ServicePassword = aws.String(v.Login), aws.String(password)
	}
	return out
}

func createServiceCredential(c *api.Call, in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	u, err := get(c.Tx, c.Global(), users, "user", value(in.UserName))
	if err != nil {
		return nil, err
	}
	service, err := credentialService(value(in.ServiceName))
	if err != nil {
		return nil, err
	}
	held, err := credentialsOf(c, u.ID)
	if err != nil {
		return nil, err
	}
	if len(filter(held, func(v serviceCredential) bool { return v.Service == service })) >= credentialsMax {
		return nil, quota("ContextSpecificCredentialsPerUserPerContext", credentialsMax)
	}
	v := serviceCredential{ID: newID(c, credentialPrefix), Owner: u.ID, Service: service, Created: c.Now}
	if in.CredentialAgeDays != nil {
		v.Expires = c.Now.Add(time.Duration(*in.CredentialAgeDays) * 24 * time.Hour)
	}
	if v.Login, err = newLogin(c, service, u.Name); err != nil {
		return nil, err
	}
	return &iam.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: v.withSecret(c, u)}, serviceCredentials.Put(c.Tx, c.Global(), v.ID, v)
}

func listServiceCredentials(c *api.Call, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	if aws.ToBool(in.AllUsers) && in.UserName != nil {
		return nil, invalidInput("Cannot list credentials for all users if a username is given")
	}
	service := value(in.ServiceName)
	var err error
	if service != "" {
		if service, err = credentialService(service); err != nil {
			return nil, err
		}
	}
	all, err := credentialsAskedFor(c, in)
	if err != nil {
		return nil, err
	}
	all = filter(all, func(v serviceCredential) bool { return service == "" || v.Service == service })
	p, err := paginate(all, func(v serviceCredential) string { return v.ID }, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	out := &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []types.ServiceSpecificCredentialMetadata{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, v := range p.items {
		u, err := first(users.Find(c.Tx, c.Global(), "id", v.Owner))
		if err != nil {
			return nil, err
		}
		out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, v.describe(c, u))
	}
	return out, nil
}

func credentialsAskedFor(c *api.Call, in *iam.ListServiceSpecificCredentialsInput) ([]serviceCredential, error) {
	if aws.ToBool(in.AllUsers) {
		all, err := collect(serviceCredentials.All(c.Tx, c.Global()), nil)
		byAge(all)
		return all, err
	}
	o, err := ownerOf(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return credentialsOf(c, o.id)
}

// describe is a credential as listings show it.
func (v serviceCredential) describe(c *api.Call, u user) types.ServiceSpecificCredentialMetadata {
	out := types.ServiceSpecificCredentialMetadata{
		ServiceSpecificCredentialId: aws.String(v.ID), UserName: aws.String(u.Name), ServiceName: aws.String(v.Service),
		CreateDate: aws.Time(v.Created), Status: v.status(c.Now),
	}
	if !v.Expires.IsZero() {
		out.ExpirationDate = aws.Time(v.Expires)
	}
	if credentialServices[v.Service] != "" {
		out.ServiceCredentialAlias = aws.String(v.Login)
	} else {
		out.ServiceUserName = aws.String(v.Login)
	}
	return out
}

// ownCredential reads a credential of a user's, the caller's where none is named.
func ownCredential(c *api.Call, name, id *string) (user, serviceCredential, error) {
	u, err := userWithLogin(c, name)
	if err != nil {
		return u, serviceCredential{}, err
	}
	v, err := serviceCredentials.Get(c.Tx, c.Global(), value(id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = notFound("No such credential %s exists", value(id))
	case err == nil && v.Owner != u.ID:
		err = invalid("User %s does not have a service specific credential with id %s", u.Name, value(id))
	}
	return u, v, err
}

func updateServiceCredential(c *api.Call, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	_, v, err := ownCredential(c, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	if v.Inactive, err = toInactive(in.Status); err != nil {
		return nil, err
	}
	return &iam.UpdateServiceSpecificCredentialOutput{}, serviceCredentials.Put(c.Tx, c.Global(), v.ID, v)
}

// resetServiceCredential gives a credential another secret and leaves all else.
func resetServiceCredential(c *api.Call, in *iam.ResetServiceSpecificCredentialInput) (*iam.ResetServiceSpecificCredentialOutput, error) {
	u, v, err := ownCredential(c, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	return &iam.ResetServiceSpecificCredentialOutput{ServiceSpecificCredential: v.withSecret(c, u)}, nil
}

func deleteServiceCredential(c *api.Call, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	_, v, err := ownCredential(c, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	return &iam.DeleteServiceSpecificCredentialOutput{}, serviceCredentials.Delete(c.Tx, c.Global(), v.ID)
}
