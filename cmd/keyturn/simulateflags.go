package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/simulate"
)

// simulateFlags describe a scenario on the command line.
type simulateFlags struct {
	principals, actions, resources              []string
	identity, session, scp, rcp                 []string
	boundary, endpointPolicy                    string
	keyPolicy, trustPolicy, resourcePolicy      string
	context, unknown                            []string
	complete                                    bool
	management, resourceAccount, expect, launch string
	instance                                    string
	volumes, keys                               []string
}

func (o *simulateFlags) register(f *pflag.FlagSet) {
	f.StringArrayVar(&o.principals, "as", nil, "`ARN` of who asks, or a service such as ec2.amazonaws.com; a role stands for its sessions")
	f.StringArrayVar(&o.actions, "action", nil, "`ACTION`, such as kms:CreateGrant")
	f.StringArrayVar(&o.resources, "resource", nil, "`ARN` of the resource (default: *)")
	f.StringArrayVar(&o.identity, "identity", nil, "`FILE` of an identity-based policy of the principal")
	f.StringVar(&o.boundary, "boundary", "", "`FILE` of the permissions boundary")
	f.StringArrayVar(&o.session, "session", nil, "`FILE` of a session policy")
	f.StringVar(&o.keyPolicy, "key-policy", "", "`FILE` of the policy of the KMS keys")
	f.StringVar(&o.trustPolicy, "trust-policy", "", "`FILE` of the trust policy of the roles to assume")
	f.StringVar(&o.resourcePolicy, "resource-policy", "", "`FILE` of the policy of other resources")
	f.StringArrayVar(&o.scp, "scp", nil, "`FILE[,FILE]` of the SCPs of one level, the organization's root first")
	f.StringArrayVar(&o.rcp, "rcp", nil, "`FILE[,FILE]` of the RCPs of one level, the organization's root first")
	f.StringVar(&o.management, "management-account", "", "`ACCOUNT` that SCPs and RCPs do not reach")
	f.StringVar(&o.endpointPolicy, "endpoint-policy", "", "`FILE` of the policy of the VPC endpoint in between")
	f.StringVar(&o.resourceAccount, "resource-account", "", "`ACCOUNT` of resources whose ARN tells none")
	f.StringArrayVar(&o.context, "context", nil, "condition `KEY=VALUE`; repeat it for several values")
	f.StringArrayVar(&o.unknown, "unknown", nil, "condition `KEY` that nobody knows")
	f.BoolVar(&o.complete, "complete-context", false, "the condition keys that are given are all")
	f.StringVar(&o.launch, "launch", "", "ask what EC2 asks of KMS: start (a stopped instance) or run (a new one)")
	f.StringVar(&o.instance, "instance", "", "`ID` of the instance of the launch")
	f.StringArrayVar(&o.volumes, "volume", nil, "`ID` of an encrypted volume of the launch")
	f.StringArrayVar(&o.keys, "key", nil, "`ARN` of the volumes' key, or one for each; with --live also an alias or an id")
	f.StringVar(&o.expect, "expect", "", "`OUTCOME` that every request should come to: allowed, explicitDeny, implicitDeny or depends")
}

// addTo adds what the flags say to a scenario.
func (o *simulateFlags) addTo(s *simulate.Scenario) error {
	for _, arn := range o.principals {
		s.Principals = append(s.Principals, simulate.Principal{ARN: arn})
	}
	s.Actions = append(s.Actions, o.actions...)
	s.Resources = append(s.Resources, o.resources...)
	s.IdentityPolicies = append(s.IdentityPolicies, documents(o.identity)...)
	s.SessionPolicies = append(s.SessionPolicies, documents(o.session)...)
	for flag, one := range map[string]struct {
		file string
		into **simulate.Document
	}{"--boundary": {o.boundary, &s.Boundary}, "--endpoint-policy": {o.endpointPolicy, &s.EndpointPolicy}} {
		if one.file == "" {
			continue
		}
		if *one.into != nil {
			return twice(flag)
		}
		*one.into = &simulate.Document{File: one.file}
	}
	for _, r := range []struct{ kind, file string }{{"key", o.keyPolicy}, {"trust", o.trustPolicy}, {"ordinary", o.resourcePolicy}} {
		if r.file != "" {
			s.ResourcePolicies = append(s.ResourcePolicies, simulate.ResourcePolicy{Kind: r.kind, Policy: simulate.Document{File: r.file}})
		}
	}
	for _, level := range o.scp {
		s.ServiceControlPolicies = append(s.ServiceControlPolicies, documents(strings.Split(level, ",")))
	}
	for _, level := range o.rcp {
		s.ResourceControlPolicies = append(s.ResourceControlPolicies, documents(strings.Split(level, ",")))
	}
	for flag, one := range map[string]struct {
		value string
		into  *string
	}{"--management-account": {o.management, &s.ManagementAccount}, "--resource-account": {o.resourceAccount, &s.ResourceAccount}} {
		if one.value != "" && *one.into != "" {
			return twice(flag)
		}
		*one.into += one.value
	}
	if o.expect != "" {
		s.Expect = access.Outcome(o.expect)
	}
	s.ContextComplete = s.ContextComplete || o.complete
	s.UnknownKeys = append(s.UnknownKeys, o.unknown...)
	if err := o.addContext(s); err != nil {
		return err
	}
	return o.addLaunch(s)
}

func twice(flag string) error {
	return &hintError{fmt.Errorf("the scenario has what %s says, too", flag), "say it in one place"}
}

func documents(files []string) (all []simulate.Document) {
	for _, f := range files {
		all = append(all, simulate.Document{File: f})
	}
	return all
}

func (o *simulateFlags) addContext(s *simulate.Scenario) error {
	given := make(map[string]simulate.Values)
	for _, pair := range o.context {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return &hintError{fmt.Errorf("%q is no condition key with a value", pair), "write --context kms:ViaService=ec2.eu-west-1.amazonaws.com"}
		}
		given[key] = append(given[key], value)
	}
	for key, values := range given {
		if s.Context == nil {
			s.Context = make(map[string]simulate.Values)
		}
		s.Context[key] = values
	}
	return nil
}

func (o *simulateFlags) addLaunch(s *simulate.Scenario) error {
	if o.launch == "" {
		if o.instance != "" || len(o.volumes)+len(o.keys) > 0 {
			return &hintError{errors.New("--instance, --volume and --key are about a launch"), "give --launch start or --launch run; an action's key is its --resource"}
		}
		return nil
	}
	if s.Launch != nil {
		return twice("--launch")
	}
	if len(o.keys) != 1 && len(o.keys) != len(o.volumes) || len(o.volumes) == 0 {
		return &hintError{
			fmt.Errorf("the launch has %d volumes and %d keys", len(o.volumes), len(o.keys)),
			"give --volume for every encrypted volume, and --key once, or once for each",
		}
	}
	l := &simulate.Launch{Kind: o.launch, Instance: o.instance}
	for i, id := range o.volumes {
		l.Volumes = append(l.Volumes, simulate.Volume{ID: id, Key: o.keys[min(i, len(o.keys)-1)]})
	}
	s.Launch = l
	return nil
}
