package ec2

import (
	"maps"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

var _ api.Compute = (*Service)(nil)

// Instance shows an instance to Auto Scaling.
func (s *Service) Instance(c *api.Call, id string) (api.Instance, error) {
	i, err := instanceTable.Get(c.Tx, c.Scope(), id)
	if err != nil {
		return api.Instance{}, err
	}
	shown := api.Instance{
		ID: i.ID, State: string(i.State), Reason: i.Reason.Message,
		Zone: i.Zone, Subnet: i.Subnet, Type: i.Type, Image: i.Image, Launched: i.Launched,
		KeyName: i.KeyName, Profile: i.Profile.ARN, UserData: i.UserData, Tenancy: string(i.Tenancy),
		EBSOptimized: i.EBSOptimized, Monitored: i.Monitored,
	}
	n, _, err := s.primaryInterface(c, i)
	for _, g := range n.Groups {
		shown.Groups = append(shown.Groups, g.ID)
	}
	return shown, err
}

// Subnet shows a subnet to Auto Scaling.
func (s *Service) Subnet(c *api.Call, id string) (api.Subnet, error) {
	n, err := subnetTable.Get(c.Tx, c.Scope(), id)
	if err != nil {
		return api.Subnet{}, err
	}
	return api.Subnet{ID: n.ID, Zone: n.Zone, VPC: n.VPC}, nil
}

// Zones shows the region's Availability Zones to Auto Scaling.
func (s *Service) Zones(c *api.Call) map[string]string {
	zones := make(map[string]string)
	for _, z := range zonesOf(c.Region) {
		zones[z.Name] = z.ID
	}
	return zones
}

// Label sets tags of AWS's own on an instance; an empty value takes one away.
// They are read only for everybody else.
func (s *Service) Label(c *api.Call, id string, labels map[string]string) error {
	tags, err := tagsOf(c, id)
	if err != nil {
		return err
	}
	tags = maps.Clone(tags)
	if tags == nil {
		tags = make(map[string]string)
	}
	for key, v := range labels {
		if v == "" {
			delete(tags, key)
		} else {
			tags[key] = v
		}
	}
	return putTags(c, string(types.ResourceTypeInstance), id, tags)
}
