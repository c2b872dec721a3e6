package ec2

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) associateAddressNeeds(c *api.Call, in *ec2.AssociateAddressInput) ([]api.Need, error) {
	a, err := elasticNeed(c, "AssociateAddress", in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	needs := []api.Need{a}
	if in.InstanceId != nil {
		n, err := s.instanceNeed(c, "AssociateAddress", *in.InstanceId)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	if in.NetworkInterfaceId != nil {
		n, err := interfaceNeed(c, "AssociateAddress", *in.NetworkInterfaceId)
		if err != nil {
			return nil, err
		}
		needs = append(needs, n)
	}
	return needs, nil
}

func (s *Service) disassociateAddressNeeds(c *api.Call, in *ec2.DisassociateAddressInput) ([]api.Need, error) {
	a, err := associatedElastic(c, in.AssociationId, in.PublicIp)
	if err != nil && errorCode(err) == "" {
		return nil, err
	}
	n, err := elasticNeed(c, "DisassociateAddress", aws.String(either(a.Allocation, "*")), nil)
	if err != nil || a.Interface == "" {
		return []api.Need{n}, err
	}
	at, err := interfaceNeed(c, "DisassociateAddress", a.Interface)
	return []api.Need{n, at}, err
}

// associatedElastic is the address of an association, or the one that is named
// by itself.
func associatedElastic(c *api.Call, association, ip *string) (elasticAddress, error) {
	if association == nil && ip == nil {
		return elasticAddress{}, api.Error("MissingParameter", "Either public IP or association id must be specified")
	}
	if association == nil {
		return elasticOf(c, nil, ip)
	}
	for a, err := range elasticTable.Find(c.Tx, c.Scope(), "association", *association) {
		return a, err
	}
	return elasticAddress{}, api.Error("InvalidAssociationID.NotFound", "The association ID '"+*association+"' does not exist")
}

// associateAddress binds an address to an interface's private one. It moves by
// itself from where it was, unless the request forbids it, and takes the place of
// another Elastic IP address (EC2 API reference, "AssociateAddress").
func (s *Service) associateAddress(c *api.Call, in *ec2.AssociateAddressInput) (*ec2.AssociateAddressOutput, error) {
	a, err := elasticOf(c, in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	n, err := s.addressTarget(c, in)
	if err != nil {
		return nil, err
	}
	private := either(aws.ToString(in.PrivateIpAddress), n.PrivateIP)
	if !slices.Contains(n.addresses(), private) {
		return nil, invalidValue("Invalid value '%s' for private IP. Not assigned to interface.", private)
	}
	connected, err := reachable(c, n.VPC)
	if err != nil {
		return nil, err
	}
	if !connected {
		return nil, api.Error("Gateway.NotAttached", "Network "+n.VPC+" is not attached to any internet gateway")
	}
	if a.Interface == n.ID && a.PrivateIP == private {
		return &ec2.AssociateAddressOutput{AssociationId: aws.String(a.Association)}, nil
	}
	forbidden := in.AllowReassociation != nil && !*in.AllowReassociation
	if a.Association != "" && forbidden {
		return nil, api.Error("Resource.AlreadyAssociated", "resource "+a.Allocation+" is already associated with associate-id "+a.Association)
	}
	if b, ok := n.binding(private); ok {
		if forbidden {
			return nil, api.Error("Resource.AlreadyAssociated", "resource "+n.ID+" is already associated with associate-id "+b.Association)
		}
		if err := dissociateElastic(c, b.Allocation); err != nil {
			return nil, err
		}
	}
	if a.Association != "" {
		if err := dissociateElastic(c, a.Allocation); err != nil {
			return nil, err
		}
	}
	if n, err = interfaces.get(c, n.ID); err != nil { // as the dissociations left it
		return nil, err
	}
	association, err := bind(c, a, n, private)
	return &ec2.AssociateAddressOutput{AssociationId: aws.String(association)}, err
}

// addressTarget is the interface that a request names, or the named instance's.
func (s *Service) addressTarget(c *api.Call, in *ec2.AssociateAddressInput) (networkInterface, error) {
	if in.NetworkInterfaceId != nil {
		n, err := interfaces.get(c, *in.NetworkInterfaceId)
		if err == nil && in.InstanceId != nil && n.Instance != *in.InstanceId {
			err = invalidCombination("The network interface '%s' is not attached to the instance '%s'.", n.ID, *in.InstanceId)
		}
		if err == nil && n.managed() {
			err = api.Error("AuthFailure", "You do not have permission to access the specified resource.")
		}
		return n, err
	}
	if in.InstanceId == nil {
		return networkInterface{}, api.Error("MissingParameter", "Either instance ID or network interface id must be specified")
	}
	i, err := s.getInstance(c, *in.InstanceId)
	if err != nil {
		return networkInterface{}, err
	}
	if i.State != types.InstanceStateNameRunning && i.State != types.InstanceStateNameStopped && i.State != types.InstanceStateNameStopping {
		return networkInterface{}, api.Error("InvalidInstanceID", "The "+string(i.State)+" instance '"+i.ID+"' is not in a valid state for this operation.")
	}
	return s.onlyInterface(c, i)
}

// reachable reports whether a VPC has an internet gateway.
func reachable(c *api.Call, vpcID string) (bool, error) {
	for g, err := range gatewayTable.All(c.Tx, c.Scope()) {
		if err != nil || g.VPC == vpcID {
			return err == nil, err
		}
	}
	return false, nil
}

// bind associates an address with a private one, whose own public address goes.
func bind(c *api.Call, a elasticAddress, n networkInterface, private string) (association string, err error) {
	a.Association, a.Interface, a.PrivateIP, a.Instance = c.NewID("eipassoc-"), n.ID, private, n.Instance
	n.Elastic = append(slices.Clone(n.Elastic), elasticBinding{PrivateIP: private, PublicIP: a.IP, Allocation: a.Allocation, Association: a.Association})
	if private == n.PrivateIP {
		n.PublicIP = ""
	}
	if err := a.put(c); err != nil {
		return "", err
	}
	return a.Association, n.put(c)
}

// unbind takes an address off what it is associated with, as the address knows
// it: who calls it takes it off the interface.
func unbind(c *api.Call, allocation string) error {
	a, err := elasticAddresses.get(c, allocation)
	if err != nil {
		return err
	}
	return elasticAddress{Allocation: a.Allocation, IP: a.IP}.put(c)
}

// dissociateElastic takes an address off its interface. A running instance that
// has none left gets a public one again, where it is to have one.
func dissociateElastic(c *api.Call, allocation string) error {
	a, err := elasticAddresses.get(c, allocation)
	if err != nil {
		return err
	}
	n, err := interfaces.get(c, a.Interface)
	if err != nil {
		return err
	}
	n.Elastic = slices.DeleteFunc(slices.Clone(n.Elastic), func(b elasticBinding) bool { return b.Allocation == allocation })
	if err := n.put(c); err != nil {
		return err
	}
	if err := unbind(c, allocation); err != nil || n.Instance == "" {
		return err
	}
	i, err := instanceListing.get(c, n.Instance)
	if err != nil || i.State != types.InstanceStateNameRunning {
		return err
	}
	return givePublicAddress(c, i)
}

func (s *Service) disassociateAddress(c *api.Call, in *ec2.DisassociateAddressInput) (*ec2.DisassociateAddressOutput, error) {
	a, err := associatedElastic(c, in.AssociationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	if a.Association == "" {
		return &ec2.DisassociateAddressOutput{}, nil // done before: it is idempotent
	}
	n, err := interfaces.get(c, a.Interface)
	if err != nil {
		return nil, err
	}
	if n.managed() {
		return nil, api.Error("AuthFailure", "You do not have permission to access the specified resource.")
	}
	return &ec2.DisassociateAddressOutput{}, dissociateElastic(c, a.Allocation)
}
