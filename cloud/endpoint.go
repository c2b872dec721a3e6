package cloud

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/internal/wire"
)

// endpointDomains end the names of interface VPC endpoints: AWS's two
// (PrivateLink guide, "Access an AWS service using an interface VPC endpoint"),
// and one that browsers, curl and many resolvers take for this machine.
var endpointDomains = []string{".vpce.amazonaws.com", ".vpce.amazonaws.com.cn", ".vpce.localhost"}

// arrival is the VPC endpoint that a request came through; name is nil if it
// came through none.
type arrival struct {
	name    *api.EndpointName
	service string // its signing name
}

// arrive finds the endpoint that the request's Host names, as in
// vpce-0123456789abcdef0-abcdefgh.kms.us-east-1.vpce.amazonaws.com. There is no
// network here: whoever names an endpoint has come through it. At AWS the name
// of one that is gone, or of a service that it does not lead to, resolves to
// nothing, so there is no answer of AWS's to give.
func (c *Cloud) arrive(r *http.Request) (arrival, error) {
	label, domain, ok := endpointHost(r.Host)
	if !ok {
		return arrival{}, nil
	}
	service, region := domain, ""
	if i := strings.LastIndexByte(domain, '.'); i >= 0 {
		service, region = domain[:i], domain[i+1:]
	}
	a := arrival{name: &api.EndpointName{Region: region, Name: label}}
	var found api.Endpoint
	err := c.store.View(r.Context(), func(tx store.Tx) error {
		var err error
		found, err = c.endpoints.Endpoint(tx, region, label)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return a, endpointGone(label)
	}
	if a.service = found.Service; err == nil && service != found.Service {
		return a, &statusError{
			status: http.StatusMisdirectedRequest, code: "MisdirectedRequest",
			message: "The VPC endpoint " + found.ID + " does not lead to " + service + ".",
		}
	}
	return a, err
}

// endpointHost splits the name of an endpoint's host behind its first label.
func endpointHost(host string) (label, domain string, ok bool) {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, end := range endpointDomains {
		if rest, found := strings.CutSuffix(host, end); found {
			label, domain, _ = strings.Cut(rest, ".")
			return label, domain, true
		}
	}
	return "", "", false
}

func endpointGone(name string) error {
	return &statusError{
		status: http.StatusNotFound, code: "InvalidVpcEndpointId.NotFound",
		message: "No VPC endpoint is available under the name " + name + ": at AWS the name would not resolve.",
	}
}

// leadsTo refuses a request that was signed for something else than what the
// endpoint leads to, as the service behind it would.
func (a arrival) leadsTo(model *wire.Service, region string) error {
	switch {
	case a.name == nil:
		return nil
	case a.service != model.Name():
		behind, ok := wire.Lookup(a.service)
		if !ok {
			behind = model
		}
		return wrongScope(behind)
	case a.name.Region != region:
		return wrongRegion(model)
	}
	return nil
}

// throughEndpoint adds what a request through a VPC endpoint is subject to, the endpoint's
// policy, and the condition keys that tell the endpoint. Such a request has no
// aws:SourceIp: its address is a private one (IAM guide, "AWS global condition
// context keys").
func (c *Cloud) throughEndpoint(call *api.Call, k *access.Context, p *access.Policies) error {
	if call.Endpoint == nil {
		return nil
	}
	e, err := c.endpoints.Endpoint(call.Tx, call.Endpoint.Region, call.Endpoint.Name)
	if errors.Is(err, store.ErrNotFound) {
		return endpointGone(call.Endpoint.Name)
	}
	if err != nil {
		return err
	}
	k.Set("aws:SourceVpce", e.ID)
	k.Set("aws:SourceVpc", e.VPC)
	k.Set("aws:VpcSourceIp", call.SourceIP)
	p.Endpoint = &e.Policy
	if !slices.Contains(ownerServices, call.Service) {
		return nil
	}
	k.Set("aws:VpceAccount", e.Account)
	place, err := c.membership(call, e.Account)
	if err != nil || place == nil {
		return err
	}
	k.Set("aws:VpceOrgID", place.Organization)
	k.Set("aws:VpceOrgPaths", place.Path)
	return nil
}

// ownerServices are those of the services here that are told whose an endpoint is
// (IAM guide, "AWS global condition context keys", aws:VpceAccount).
var ownerServices = []string{"ebs", "iam", "kms"}

// endpointIDs are what CloudTrail says of the endpoint: its id, and whose it is.
func (c *Cloud) endpointIDs(call *api.Call) (id, account string) {
	e, err := c.endpoints.Endpoint(call.Tx, call.Endpoint.Region, call.Endpoint.Name)
	if err != nil {
		// It went while the request was on its way: the name says its id.
		id, _, _ = strings.Cut(strings.TrimPrefix(call.Endpoint.Name, "vpce-"), "-")
		return "vpce-" + id, ""
	}
	return e.ID, e.Account
}
