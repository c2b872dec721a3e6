package access

import (
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/policy"
)

// keys are a request's condition keys: those it was given, and those that
// follow from who asks for what (IAM guide, "AWS global condition context keys";
// KMS guide, "Condition keys for AWS KMS").
type keys struct {
	request *Request
	world   *world    // nil: what is unknown stays so
	one     [1]string // backs the values of derived keys
	two     [2]string
}

const (
	principalTag = "aws:principaltag/"
	kmsPrefix    = "kms:"
)

// Get implements policy.Keys. Values of derived keys hold until the next call.
func (k *keys) Get(key string) (values []string, present, unknown bool) {
	if k.world == nil {
		return k.get(key)
	}
	if c, ok := k.world.keys[key]; ok {
		return c.Values, !c.Absent, false
	}
	values, present, unknown = k.get(key)
	if unknown {
		k.world.asked[key] = true
	}
	return values, present, unknown
}

func (k *keys) get(key string) (values []string, present, unknown bool) {
	values, present, unknown = k.request.Context.lookup(key)
	if present || unknown {
		return values, present, unknown
	}
	switch key {
	case "aws:principalservicenameslist":
		return k.serviceNames()
	case "aws:calledviafirst", "aws:calledvialast":
		return k.calledVia(key)
	case "aws:epochtime", "aws:currenttime":
		return k.time(key)
	}
	value, ok := k.derive(key)
	if !ok {
		return nil, false, k.request.Context.unknownPrefix(key)
	}
	k.one[0] = value
	return k.one[:], true, false
}

func (k *keys) derive(key string) (value string, ok bool) {
	r := k.request
	p := &r.Principal
	switch key {
	case "aws:principalarn":
		return known(p.PrincipalARN())
	case "aws:principalaccount":
		return known(p.Account)
	case "aws:principaltype":
		return principalType(p.Type)
	case "aws:userid":
		return known(p.UserID)
	case "aws:username":
		if p.Type == User {
			return known(p.Name)
		}
	case "aws:resourceaccount":
		return known(r.resourceAccount())
	case "aws:principalisawsservice":
		if p.Type == Service {
			return "true", true
		}
		return "false", true
	case "aws:principalservicename":
		return known(p.ServicePrincipal)
	case "aws:viaawsservice":
		return k.viaService()
	case "kms:calleraccount":
		if hasPrefixFold(r.Action, kmsPrefix) {
			return known(p.Account)
		}
	default:
		if tag, found := strings.CutPrefix(key, principalTag); found {
			return p.tag(tag)
		}
	}
	return "", false
}

// serviceNames lists the service's principal with and without its region.
func (k *keys) serviceNames() (values []string, present, unknown bool) {
	name := k.request.Principal.ServicePrincipal
	if name == "" {
		return nil, false, false
	}
	k.two[0] = name
	parts := strings.Split(name, ".")
	if len(parts) < 4 || parts[2] != "amazonaws" {
		return k.two[:1], true, false
	}
	k.two[1] = parts[0] + "." + strings.Join(parts[2:], ".")
	return k.two[:], true, false
}

// calledVia gives the ends of the chain that aws:CalledVia lists in order.
func (k *keys) calledVia(key string) (values []string, present, unknown bool) {
	c := &k.request.Context
	values, present, unknown = c.lookup("aws:calledvia")
	switch {
	case unknown || !present && (c.unknownPrefix(key) || c.unknownPrefix("aws:calledvia")):
		return nil, false, true
	case len(values) == 0:
		return nil, false, false
	case key == "aws:calledviafirst":
		return values[:1], true, false
	}
	return values[len(values)-1:], true, false
}

// viaService is aws:ViaAWSService where it follows: true where aws:CalledVia
// names a service, false for a service that acts for itself or by its
// service-linked role.
func (k *keys) viaService() (string, bool) {
	p := &k.request.Principal
	if values, _, _ := k.request.Context.lookup("aws:calledvia"); len(values) > 0 {
		return "true", true
	}
	if p.Type == Service || p.ServiceLinked {
		return "false", true
	}
	return "", false
}

// time gives the moment of the request in the form that was not given: the keys
// aws:CurrentTime and aws:EpochTime are one thing.
func (k *keys) time(key string) (values []string, present, unknown bool) {
	c := &k.request.Context
	other := "aws:epochtime"
	if key == other {
		other = "aws:currenttime"
	}
	values, present, unknown = c.lookup(other)
	if unknown || !present && (c.unknownPrefix(key) || c.unknownPrefix(other)) {
		return nil, false, true
	}
	if len(values) != 1 {
		return nil, false, false
	}
	if key == "aws:epochtime" {
		t, err := time.Parse(time.RFC3339, values[0])
		if err != nil {
			return nil, false, false
		}
		k.one[0] = strconv.FormatInt(t.Unix(), 10)
		return k.one[:], true, false
	}
	seconds, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil {
		return nil, false, false
	}
	k.one[0] = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	return k.one[:], true, false
}

func known(value string) (string, bool) { return value, value != "" }

// principalType is the value of aws:PrincipalType.
func principalType(t PrincipalType) (string, bool) {
	switch t {
	case Root:
		return "Account", true
	case User:
		return "User", true
	case RoleSession:
		return "AssumedRole", true
	case FederatedUser:
		return "FederatedUser", true
	case Anonymous:
		return "Anonymous", true
	}
	return "", false
}

// tag finds a tag by a name that has no case.
func (p *Principal) tag(name string) (string, bool) {
	for k, v := range p.Tags {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return "", false
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// unknownPrefix reports whether a key is one of many that nobody knows.
func (c *Context) unknownPrefix(key string) bool {
	for k := range c.unknown {
		if prefix, found := strings.CutSuffix(k, "*"); found && strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// lookup is Get for a key that is in lower case already, and by its own name.
func (c *Context) lookup(key string) (values []string, present, unknown bool) {
	if c.unknown[key] {
		return nil, false, true
	}
	values, present = c.values[key]
	return values, present, false
}

// resourceAccount is the account that owns the resource.
func (r *Request) resourceAccount() string {
	if r.ResourceAccount != "" {
		return r.ResourceAccount
	}
	return r.Principal.Account
}

// Caller gives the principal by the names that policies may use for it. Whether
// it has a permissions boundary is not its own to know.
func (p *Principal) Caller() policy.Caller {
	c := policy.Caller{
		Account: p.Account, ARN: p.ARN, RoleARN: p.RoleARN, RoleID: p.RoleID, UserARN: p.UserARN,
		Root: p.Type == Root, Service: p.ServicePrincipal, Federated: p.Federated,
	}
	if p.Type == User {
		c.ID = p.UserID
	}
	return c
}

// Key gives a condition key's values as policies see them: those of the Context,
// and those that follow from the request.
func (r *Request) Key(name string) (values []string, present, unknown bool) {
	k := keys{request: r}
	return k.Get(strings.ToLower(name))
}
