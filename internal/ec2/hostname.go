package ec2

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// hostnames are an instance's options of private DNS names, or those that a
// subnet gives its instances (EC2 guide, "EC2 instance hostnames and domains").
type hostnames struct {
	Type    types.HostnameType `json:",omitempty"` // empty: ip-name
	A, AAAA bool               `json:",omitempty"`
}

func (h hostnames) kind() types.HostnameType {
	if h.Type == "" {
		return types.HostnameTypeIpName
	}
	return h.Type
}

// with is the options with what a launch asks for.
func (h hostnames) with(o *types.PrivateDnsNameOptionsRequest) hostnames {
	if o == nil {
		return h
	}
	if o.HostnameType != "" {
		h.Type = o.HostnameType
	}
	if o.EnableResourceNameDnsARecord != nil {
		h.A = *o.EnableResourceNameDnsARecord
	}
	if o.EnableResourceNameDnsAAAARecord != nil {
		h.AAAA = *o.EnableResourceNameDnsAAAARecord
	}
	return h
}

// privateName is an instance's private DNS name: after its address or its id.
func (i instance) privateName(region, address string) string {
	if i.Names.Type == types.HostnameTypeResourceName {
		return i.ID + strings.TrimPrefix(privateDNSName(region, ""), "ip-")
	}
	return privateDNSName(region, address)
}

func (s *Service) modifyNamesNeeds(c *api.Call, in *ec2.ModifyPrivateDnsNameOptionsInput) ([]api.Need, error) {
	n, err := s.instanceNeed(c, "ModifyPrivateDnsNameOptions", aws.ToString(in.InstanceId))
	setAttributes(&n, true, setting{"PrivateDnsHostnameType", string(in.PrivateDnsHostnameType)},
		setting{"EnableResourceNameDnsARecord", optionalFlag(in.EnableResourceNameDnsARecord)},
		setting{"EnableResourceNameDnsAAAARecord", optionalFlag(in.EnableResourceNameDnsAAAARecord)})
	return []api.Need{n}, err
}

func optionalFlag(v *bool) string {
	if v == nil {
		return ""
	}
	return boolKey(*v)
}

// modifyNames changes an instance's names; which kind it has only while it is
// stopped (the same page, "Modify resource based naming options").
func (s *Service) modifyNames(c *api.Call, in *ec2.ModifyPrivateDnsNameOptionsInput) (*ec2.ModifyPrivateDnsNameOptionsOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	if err := checkWords([]choice{choose("PrivateDnsHostnameType", in.PrivateDnsHostnameType, in.PrivateDnsHostnameType.Values())}); err != nil {
		return nil, err
	}
	if in.PrivateDnsHostnameType != "" && in.PrivateDnsHostnameType != i.Names.kind() && i.State != types.InstanceStateNameStopped {
		return nil, incorrectInstanceState("The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	if i.gone() {
		return nil, incorrectInstanceState("The instance '%s' is not in a state from which it can be modified.", i.ID)
	}
	i.Names = i.Names.with(&types.PrivateDnsNameOptionsRequest{
		HostnameType: in.PrivateDnsHostnameType, EnableResourceNameDnsARecord: in.EnableResourceNameDnsARecord,
		EnableResourceNameDnsAAAARecord: in.EnableResourceNameDnsAAAARecord,
	})
	return &ec2.ModifyPrivateDnsNameOptionsOutput{Return: aws.Bool(true)}, s.putInstance(c, i)
}
