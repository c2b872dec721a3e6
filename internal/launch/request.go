package launch

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/keyturn/keyturn/access"
)

// Requests gives the step as the questions that KMS's authorization asks: who
// may do what to which key, with the condition keys that a policy can test. One
// question, or two for a ReEncrypt, which is authorized on both keys.
func (s Step) Requests(site Site, caller access.Principal) []access.Request {
	if s.Operation == ReEncrypt {
		both := []access.Request{
			s.request(site, caller, "kms:ReEncryptFrom", s.SourceKey, s.SourceContext),
			s.request(site, caller, "kms:ReEncryptTo", s.Key, s.EncryptionContext),
		}
		for i := range both {
			both[i].Context.Set("kms:ReEncryptOnSameKey", strconv.FormatBool(s.SourceKey == s.Key))
		}
		return both
	}
	context := s.EncryptionContext
	if s.Grant != nil {
		context = s.Grant.Subset
	}
	return []access.Request{s.request(site, caller, "kms:"+string(s.Operation), s.Key, context)}
}

func (s Step) request(site Site, caller access.Principal, action, key string, context map[string]string) access.Request {
	r := access.Request{
		Principal:       s.Principal(site, caller),
		Action:          action,
		Resource:        key,
		ResourceAccount: account(key),
	}
	r.Context.Set("aws:RequestedRegion", site.Region)
	r.Context.Set("aws:SecureTransport", "true")
	if s.By == ByCaller {
		setForwarded(&r.Context, site, caller)
	}
	setEncryptionContext(&r.Context, context)
	if s.Operation == Decrypt || s.Operation == ReEncrypt {
		r.Context.Set("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT")
	}
	if s.Grant != nil {
		r.Context.Set("kms:GrantOperations", s.Grant.Operations...)
		r.Context.Set("kms:GranteePrincipal", s.Grant.Grantee)
		r.Context.Set("kms:RetiringPrincipal", s.Grant.Retiring)
		r.Context.Set("kms:GrantConstraintType", "EncryptionContextSubset")
		r.Context.Set("kms:GrantIsForAWSResource", "true")
	}
	return r
}

// setForwarded gives the keys of a forward access session: the request comes
// from EC2, not from the caller's network, so aws:SourceIp is no address of the
// caller's and aws:SourceVpc is not there (KMS guide, "AWS global condition keys").
func setForwarded(c *access.Context, site Site, caller access.Principal) {
	c.Set("aws:ViaAWSService", "true")
	c.Set("kms:ViaService", site.ServicePrincipal())
	c.Set("kms:CallerAccount", caller.Account)
	c.Set("aws:SourceIp", ForwardedAddress)
}

// ForwardedAddress stands for EC2's own address in aws:SourceIp: a policy that
// wants the caller's network never matches it. It is from the range that RFC
// 6598 keeps for carriers, which no customer's policy names as its own.
const ForwardedAddress = "100.64.0.1"

func setEncryptionContext(c *access.Context, context map[string]string) {
	if len(context) == 0 {
		return
	}
	for k, v := range context {
		c.Set("kms:EncryptionContext:"+k, v)
	}
	c.Set("kms:EncryptionContextKeys", slices.Sorted(maps.Keys(context))...)
}

// Principal is who makes the step's request when caller called EC2.
func (s Step) Principal(site Site, caller access.Principal) access.Principal {
	switch s.By {
	case ByInfrastructure:
		return site.Infrastructure(s.Instance)
	case ByService:
		return site.Service()
	default:
		return caller
	}
}

// AccessGrant is the grant that the step makes where it is let, as later
// decisions take it; nil for a step that makes none.
func (s Step) AccessGrant(site Site) *access.Grant {
	g := s.Grant
	if g == nil {
		return nil
	}
	return &access.Grant{
		ID: "of this start", Grantee: g.Grantee, Retiring: g.Retiring, Operations: g.Operations,
		ContextSubset: g.Subset, Account: site.Account,
	}
}

// account is the fifth field of an ARN.
func account(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
