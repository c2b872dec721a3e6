package kms

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
)

// authorizeUpdatePrimaryRegion asks for the permission on both keys, each in its
// Region (KMS API reference, "UpdatePrimaryRegion").
func (s *Service) authorizeUpdatePrimaryRegion(c *api.Call, in *kms.UpdatePrimaryRegionInput) ([]api.Need, error) {
	region := value(in.PrimaryRegion)
	c.Event.RequestParameters = map[string]any{"keyId": value(in.KeyId), "primaryRegion": region}
	t, err := s.find(c, value(in.KeyId), byID)
	if err != nil {
		return nil, err
	}
	n, err := s.need(c, "UpdatePrimaryRegion", t, byID)
	if err != nil {
		return nil, err
	}
	n.Context.Set("kms:PrimaryRegion", region)
	needs := []api.Need{n}
	if !t.found || region == t.scope.Region {
		return needs, nil
	}
	replica, err := inRegion(c, t, region)
	if err != nil || !replica.found {
		return needs, err
	}
	named := c.Event.Resources
	if n, err = s.need(c, "UpdatePrimaryRegion", replica, byID); err != nil {
		return nil, err
	}
	c.Event.Resources = named // each Region's event names its own key
	n.Context.Set("kms:PrimaryRegion", region)
	n.Context.Set("aws:RequestedRegion", region)
	return append(needs, n), nil
}

func (s *Service) updatePrimaryRegion(c *api.Call, in *kms.UpdatePrimaryRegionInput) (*kms.UpdatePrimaryRegionOutput, error) {
	t, err := s.changeable(c, in.KeyId)
	if err != nil {
		return nil, err
	}
	region := value(in.PrimaryRegion)
	if t.key.MultiRegion != kmstypes.MultiRegionKeyTypePrimary {
		return nil, notPrimary(t.key)
	}
	if region == t.scope.Region {
		// AWS documents no answer to this.
		return nil, unsupported("%s is the primary key already.", t.arn)
	}
	replica, err := inRegion(c, t, region)
	if err == nil && !replica.found {
		err = keyNotFound(replica.arn)
	}
	if err != nil {
		return nil, err
	}
	for _, k := range []keyRow{t.key, replica.key} {
		if err := k.usable(); err != nil {
			return nil, err
		}
		if err := k.not(kmstypes.KeyStateUpdating); err != nil {
			return nil, err
		}
	}
	set, err := relatedOf(c.Tx, t)
	if err != nil {
		return nil, err
	}
	set.Replicas[slices.Index(set.Replicas, region)], set.Primary = t.scope.Region, region
	if err := putRelated(c, t.scope.Account, set); err != nil {
		return nil, err
	}
	t.key.MultiRegion, replica.key.MultiRegion = kmstypes.MultiRegionKeyTypeReplica, kmstypes.MultiRegionKeyTypePrimary
	for _, k := range []*target{&t, &replica} {
		if err := k.settle(c, kmstypes.KeyStateUpdating, k.key.State); err != nil {
			return nil, err
		}
	}
	if replica.key.Rotation.Days != 0 {
		// What was due in one Region is due in the other now.
		if err := scheduleRotation(c, replica); err != nil {
			return nil, err
		}
	}
	e := replica.ownEvent("UpdatePrimaryRegion")
	e.Details, e.Resources, e.ByCaller = nil, nil, true
	e.RequestParameters = map[string]any{"keyId": replica.arn, "primaryRegion": region}
	c.Event.Own = append(c.Event.Own, e)
	return &kms.UpdatePrimaryRegionOutput{}, nil
}
