package ec2

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// assignPrivateIPAddresses gives an interface secondary addresses: those that are
// named, or a number of any.
func (s *Service) assignPrivateIPAddresses(c *api.Call, in *ec2.AssignPrivateIpAddressesInput) (*ec2.AssignPrivateIpAddressesOutput, error) {
	if len(in.Ipv4Prefixes) > 0 || aws.ToInt32(in.Ipv4PrefixCount) > 0 {
		return nil, notBuilt("Ipv4Prefix")
	}
	n, err := interfaces.get(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	count := int(aws.ToInt32(in.SecondaryPrivateIpAddressCount))
	switch {
	case len(in.PrivateIpAddresses) > 0 && in.SecondaryPrivateIpAddressCount != nil:
		return nil, invalidCombination("The parameter secondaryPrivateIpAddressCount cannot be used with the parameter privateIpAddresses")
	case len(in.PrivateIpAddresses) == 0 && count < 1:
		return nil, missingParameter("secondaryPrivateIpAddressCount or privateIpAddresses")
	}
	at, err := subnets.get(c, n.Subnet)
	if err != nil {
		return nil, err
	}
	if err := roomForAddresses(c, s, n, count+len(in.PrivateIpAddresses)); err != nil {
		return nil, err
	}
	var assigned []types.AssignedPrivateIpAddress
	add := func(address string) error {
		n.Secondary = append(n.Secondary, address)
		assigned = append(assigned, types.AssignedPrivateIpAddress{PrivateIpAddress: aws.String(address)})
		return n.put(c)
	}
	for _, address := range in.PrivateIpAddresses {
		a, err := subnetAddress(at, address)
		if err != nil {
			return nil, err
		}
		if slices.Contains(n.addresses(), a.String()) {
			continue
		}
		if err := releaseSecondary(c, at.ID, a.String(), aws.ToBool(in.AllowReassignment)); err != nil {
			return nil, err
		}
		if err := add(a.String()); err != nil {
			return nil, err
		}
	}
	for range count {
		a, err := at.allocate(c)
		if err != nil {
			return nil, err
		}
		if err := add(a.String()); err != nil {
			return nil, err
		}
	}
	return &ec2.AssignPrivateIpAddressesOutput{NetworkInterfaceId: aws.String(n.ID), AssignedPrivateIpAddresses: assigned}, nil
}

// roomForAddresses refuses more addresses than the instance's type has.
func roomForAddresses(c *api.Call, s *Service, n networkInterface, more int) error {
	if n.Instance == "" {
		return nil
	}
	i, err := s.getInstance(c, n.Instance)
	if err != nil {
		return err
	}
	t, _ := instanceTypeNamed(i.Type)
	return t.checkAddresses(len(n.addresses()) + more)
}

// releaseSecondary takes an address from the interface that has it, which must
// be allowed and have it as a secondary one.
func releaseSecondary(c *api.Call, subnetID, address string, allowed bool) error {
	for n, err := range interfaceTable.Find(c.Tx, c.Scope(), "address", subnetID+" "+address) {
		if err != nil {
			return err
		}
		if !allowed || n.PrivateIP == address {
			return invalidValue("[%s] assigned, but move is not allowed.", address)
		}
		return n.dropAddress(c, address)
	}
	return nil
}

// dropAddress takes a secondary address away, and its Elastic IP address off it.
func (n *networkInterface) dropAddress(c *api.Call, address string) error {
	if b, ok := n.binding(address); ok {
		if err := unbind(c, b.Allocation); err != nil {
			return err
		}
		n.Elastic = slices.DeleteFunc(n.Elastic, func(e elasticBinding) bool { return e.PrivateIP == address })
	}
	n.Secondary = slices.DeleteFunc(slices.Clone(n.Secondary), func(a string) bool { return a == address })
	return n.put(c)
}

func (s *Service) unassignPrivateIPAddresses(c *api.Call, in *ec2.UnassignPrivateIpAddressesInput) (*ec2.UnassignPrivateIpAddressesOutput, error) {
	if len(in.Ipv4Prefixes) > 0 {
		return nil, notBuilt("Ipv4Prefix")
	}
	n, err := interfaces.get(c, aws.ToString(in.NetworkInterfaceId))
	if err != nil {
		return nil, err
	}
	if len(in.PrivateIpAddresses) == 0 {
		return nil, missingParameter("privateIpAddresses")
	}
	for _, a := range in.PrivateIpAddresses {
		if !slices.Contains(n.Secondary, a) {
			// The primary address is not one that could be unassigned, either.
			return nil, invalidValue("Some of [%s] addresses are not assigned to interface %s", strings.Join(in.PrivateIpAddresses, ", "), n.ID)
		}
		if err := n.dropAddress(c, a); err != nil {
			return nil, err
		}
	}
	return &ec2.UnassignPrivateIpAddressesOutput{}, nil
}
