package ec2

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// metadataOptions are the instance metadata service's.
type metadataOptions struct {
	Endpoint, IPv6, Tokens, Tags string
	HopLimit                     int32
	// Changed is when they were last modified; zero since the launch.
	Changed time.Time `json:",omitzero"`
}

// settlingTime is how long a changed setting of an instance stays pending. AWS
// takes seconds.
const settlingTime = time.Second

// metadataDefaults are what an account has set for launches in a region. Empty
// and zero stand for no preference.
type metadataDefaults struct {
	Endpoint, Tokens, Tags string `json:",omitempty"`
	HopLimit               int32  `json:",omitempty"`
	// Enforced refuses whatever leaves IMDSv1 open.
	Enforced string `json:",omitempty"`
}

var metadataDefaultsTable = store.NewTable[metadataDefaults]("ec2.metadata-defaults")

// metadataDefaultsID is the id of the one row that a region has.
const metadataDefaultsID = "defaults"

func metadataDefaultsOf(c *api.Call) (metadataDefaults, error) {
	d, err := metadataDefaultsTable.Get(c.Tx, c.Scope(), metadataDefaultsID)
	if errors.Is(err, store.ErrNotFound) {
		return d, nil
	}
	return d, err
}

// noPreference takes a setting back.
const noPreference = "no-preference"

func (s *Service) metadataOperations() []api.Operation {
	return []api.Operation{
		api.Op("ModifyInstanceMetadataOptions", s.modifyMetadataNeeds, s.modifyInstanceMetadataOptions),
		api.Op("ModifyInstanceMetadataDefaults", modifyMetadataDefaultsNeeds, s.modifyInstanceMetadataDefaults),
		api.Read("GetInstanceMetadataDefaults", anywhere[ec2.GetInstanceMetadataDefaultsInput]("GetInstanceMetadataDefaults"), s.getInstanceMetadataDefaults),
	}
}

// setting is a member of a request as ec2:Attribute names it.
type setting struct{ name, value string }

// setAttributes gives the conditions on what a request sets. Of several members
// ec2:Attribute has the last.
func setAttributes(n *api.Need, named bool, settings ...setting) {
	for _, a := range settings {
		if a.value == "" {
			continue
		}
		if named {
			n.Context.Set("ec2:Attribute", a.name)
		}
		n.Context.Set("ec2:Attribute/"+a.name, a.value)
	}
}

func optionalNumber(v *int32) string {
	if v == nil {
		return ""
	}
	return decimal(*v)
}

func (s *Service) modifyMetadataNeeds(c *api.Call, in *ec2.ModifyInstanceMetadataOptionsInput) ([]api.Need, error) {
	n, err := s.instanceNeed(c, "ModifyInstanceMetadataOptions", aws.ToString(in.InstanceId))
	setAttributes(&n, true,
		setting{"HttpEndpoint", string(in.HttpEndpoint)}, setting{"HttpProtocolIpv6", string(in.HttpProtocolIpv6)},
		setting{"HttpTokens", string(in.HttpTokens)}, setting{"InstanceMetadataTags", string(in.InstanceMetadataTags)},
		setting{"HttpPutResponseHopLimit", optionalNumber(in.HttpPutResponseHopLimit)})
	return []api.Need{n}, err
}

func (s *Service) modifyInstanceMetadataOptions(c *api.Call, in *ec2.ModifyInstanceMetadataOptionsInput) (*ec2.ModifyInstanceMetadataOptionsOutput, error) {
	i, err := s.getInstance(c, aws.ToString(in.InstanceId))
	if err != nil {
		return nil, err
	}
	asked := &types.InstanceMetadataOptionsRequest{
		HttpEndpoint: in.HttpEndpoint, HttpProtocolIpv6: in.HttpProtocolIpv6, HttpTokens: in.HttpTokens,
		InstanceMetadataTags: in.InstanceMetadataTags, HttpPutResponseHopLimit: in.HttpPutResponseHopLimit,
	}
	if *asked == (types.InstanceMetadataOptionsRequest{}) {
		return nil, invalidCombination("No attributes specified.")
	}
	if err := checkWords(metadataChoices(asked)); err != nil {
		return nil, err
	}
	// A sentence without a source, like incorrectInstanceState's others.
	if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped {
		return nil, incorrectInstanceState("The instance '%s' is not in a state from which its metadata options can be modified.", i.ID)
	}
	d, err := metadataDefaultsOf(c)
	if err != nil {
		return nil, err
	}
	if i.Metadata, err = i.Metadata.with(asked); err != nil {
		return nil, err
	}
	if err := d.enforce(i.Metadata); err != nil {
		return nil, err
	}
	i.Metadata.Changed = c.Now
	v := instanceView{instance: i, call: c}
	return &ec2.ModifyInstanceMetadataOptionsOutput{InstanceId: aws.String(i.ID), InstanceMetadataOptions: v.describeMetadata()}, s.putInstance(c, i)
}

func metadataChoices(o *types.InstanceMetadataOptionsRequest) []choice {
	return []choice{
		choose("MetadataOptions.HttpEndpoint", o.HttpEndpoint, o.HttpEndpoint.Values()),
		choose("MetadataOptions.HttpProtocolIpv6", o.HttpProtocolIpv6, o.HttpProtocolIpv6.Values()),
		choose("MetadataOptions.HttpTokens", o.HttpTokens, o.HttpTokens.Values()),
		choose("MetadataOptions.InstanceMetadataTags", o.InstanceMetadataTags, o.InstanceMetadataTags.Values()),
	}
}

// with is the options with what a request sets of them.
func (m metadataOptions) with(o *types.InstanceMetadataOptionsRequest) (metadataOptions, error) {
	if o != nil {
		m.Endpoint = either(string(o.HttpEndpoint), m.Endpoint)
		m.IPv6 = either(string(o.HttpProtocolIpv6), m.IPv6)
		m.Tokens = either(string(o.HttpTokens), m.Tokens)
		m.Tags = either(string(o.InstanceMetadataTags), m.Tags)
		if o.HttpPutResponseHopLimit != nil {
			m.HopLimit = *o.HttpPutResponseHopLimit
		}
	}
	if m.HopLimit < 1 || m.HopLimit > 64 {
		return m, invalidValue("Value (%d) for parameter HttpPutResponseHopLimit is invalid. The value must be between 1 and 64.", m.HopLimit)
	}
	return m, nil
}

// enforce refuses options that leave IMDSv1 open where the account forbids it
// (EC2 guide, "Enforce IMDSv2 at the account level"). The error's text rests on
// no source.
func (d metadataDefaults) enforce(m metadataOptions) error {
	if d.Enforced == string(types.HttpTokensEnforcedStateEnabled) && m.Tokens == string(types.HttpTokensStateOptional) {
		return unsupported("IMDSv2 is enforced for this account in this Region. Set HttpTokens to required and try again.")
	}
	return nil
}

// planMetadata sets the metadata service's options of a launch: what was asked
// for, or the account's default, or the image's, or AWS's (EC2 guide, "Order of
// precedence for instance metadata options").
func (p *launchPlan) planMetadata(c *api.Call, o *types.InstanceMetadataOptionsRequest) error {
	d, err := metadataDefaultsOf(c)
	if err != nil {
		return err
	}
	m := metadataOptions{Endpoint: "enabled", IPv6: "disabled", Tokens: "optional", Tags: "disabled", HopLimit: 1}
	if p.image.IMDSSupport == string(types.ImdsSupportValuesV20) {
		m.Tokens, m.HopLimit = "required", 2
	}
	m.Endpoint, m.Tokens, m.Tags = either(d.Endpoint, m.Endpoint), either(d.Tokens, m.Tokens), either(d.Tags, m.Tags)
	if d.HopLimit != 0 {
		m.HopLimit = d.HopLimit
	}
	if m, err = m.with(o); err != nil {
		return err
	}
	p.instance.Metadata = m
	return d.enforce(m)
}

func modifyMetadataDefaultsNeeds(c *api.Call, in *ec2.ModifyInstanceMetadataDefaultsInput) ([]api.Need, error) {
	n := api.Need{Action: "ec2:ModifyInstanceMetadataDefaults", Resource: "*"}
	n.Context.Set("ec2:Region", c.Region)
	setAttributes(&n, false,
		setting{"HttpEndpoint", string(in.HttpEndpoint)}, setting{"HttpTokens", string(in.HttpTokens)},
		setting{"HttpTokensEnforced", string(in.HttpTokensEnforced)}, setting{"InstanceMetadataTags", string(in.InstanceMetadataTags)},
		setting{"HttpPutResponseHopLimit", optionalNumber(in.HttpPutResponseHopLimit)})
	return []api.Need{n}, nil
}

func (s *Service) modifyInstanceMetadataDefaults(c *api.Call, in *ec2.ModifyInstanceMetadataDefaultsInput) (*ec2.ModifyInstanceMetadataDefaultsOutput, error) {
	if err := checkWords([]choice{
		choose("HttpEndpoint", in.HttpEndpoint, in.HttpEndpoint.Values()),
		choose("HttpTokens", in.HttpTokens, in.HttpTokens.Values()),
		choose("HttpTokensEnforced", in.HttpTokensEnforced, in.HttpTokensEnforced.Values()),
		choose("InstanceMetadataTags", in.InstanceMetadataTags, in.InstanceMetadataTags.Values()),
	}); err != nil {
		return nil, err
	}
	d, err := metadataDefaultsOf(c)
	if err != nil {
		return nil, err
	}
	set := func(into *string, value string) {
		switch value {
		case "":
		case noPreference:
			*into = ""
		default:
			*into = value
		}
	}
	set(&d.Endpoint, string(in.HttpEndpoint))
	set(&d.Tokens, string(in.HttpTokens))
	set(&d.Tags, string(in.InstanceMetadataTags))
	set(&d.Enforced, string(in.HttpTokensEnforced))
	if n := in.HttpPutResponseHopLimit; n != nil {
		switch {
		case *n == -1: // no preference
			d.HopLimit = 0
		case *n < 1 || *n > 64:
			return nil, invalidValue("Value (%d) for parameter HttpPutResponseHopLimit is invalid. The value must be between 1 and 64.", *n)
		default:
			d.HopLimit = *n
		}
	}
	if d.Enforced == string(types.HttpTokensEnforcedStateEnabled) && d.Tokens == string(types.HttpTokensStateOptional) {
		// One contradicts the other; the text rests on no source.
		return nil, invalidCombination("HttpTokens cannot be optional while HttpTokensEnforced is enabled.")
	}
	return &ec2.ModifyInstanceMetadataDefaultsOutput{Return: aws.Bool(true)}, metadataDefaultsTable.Put(c.Tx, c.Scope(), metadataDefaultsID, d)
}

func (s *Service) getInstanceMetadataDefaults(c *api.Call, _ *ec2.GetInstanceMetadataDefaultsInput) (*ec2.GetInstanceMetadataDefaultsOutput, error) {
	d, err := metadataDefaultsOf(c)
	if err != nil {
		return nil, err
	}
	level := &types.InstanceMetadataDefaultsResponse{
		HttpEndpoint: types.InstanceMetadataEndpointState(d.Endpoint), HttpTokens: types.HttpTokensState(d.Tokens),
		HttpTokensEnforced: types.HttpTokensEnforcedState(d.Enforced), InstanceMetadataTags: types.InstanceMetadataTagsState(d.Tags),
		ManagedBy: types.ManagedByAccount,
	}
	if d.HopLimit != 0 {
		level.HttpPutResponseHopLimit = aws.Int32(d.HopLimit)
	}
	return &ec2.GetInstanceMetadataDefaultsOutput{AccountLevel: level}, nil
}

// checkWords refuses a value that is none of its parameter's words. Left out is
// fine.
func checkWords(choices []choice) error {
	for _, c := range choices {
		if c.value != "" && !slices.Contains(c.words, c.value) {
			return invalidValue("Value (%s) for parameter %s is invalid. Expected: %s.", c.value, c.parameter, strings.Join(c.words, ", "))
		}
	}
	return nil
}
