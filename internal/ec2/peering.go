package ec2

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// peering connects two VPCs, of one account or of two (VPC Peering guide).
type peering struct {
	ID                  string
	Requester, Accepter peer
	// Status is what it has come to at Since, and what it said before: see status.
	Status           types.VpcPeeringConnectionStateReasonCode
	Message          string
	Before           types.VpcPeeringConnectionStateReasonCode
	Since, Requested time.Time
}

// peer is one side of a peering.
type peer struct {
	Account, Region, VPC string
	ResolvesNames        bool `json:",omitempty"` // for the other side
}

// Peerings belong to both sides, so they are in no account's scope.
var (
	peeringScope = store.Scope{Account: "peerings", Region: store.Global}
	peeringTable = store.NewTable("ec2.peering", store.Index[peering]{Name: "side", Keys: func(_ string, p peering) []string {
		sides := []string{p.Requester.key(), p.Accepter.key()}
		slices.Sort(sides)
		return slices.Compact(sides)
	}})
)

var peeringKind = identifier{
	prefix:    "pcx-",
	malformed: "InvalidVpcPeeringConnectionId.Malformed", malformedText: `Invalid id: "%s" (expecting "pcx-...")`,
	missing: "InvalidVpcPeeringConnectionID.NotFound", missingText: "The vpcPeeringConnection ID '%s' does not exist",
	missingPlural: "The vpcPeeringConnection IDs '%s' do not exist",
}

// How long a request waits, and how long what has come to nothing is still shown
// (VPC Peering guide, "VPC peering connection lifecycle").
const (
	peeringExpiry      = 7 * 24 * time.Hour
	peeringShownFailed = 2 * time.Hour
	peeringShownEnded  = 48 * time.Hour
)

func (p peer) key() string        { return p.Account + " " + p.Region }
func (p peer) scope() store.Scope { return store.Scope{Account: p.Account, Region: p.Region} }

// here reports whether the side is the call's.
func (p peer) here(c *api.Call) bool { return p.scope() == c.Scope() }

func (p peer) arn(c *api.Call) string {
	return "arn:" + c.Partition + ":ec2:" + p.Region + ":" + p.Account + ":vpc/" + p.VPC
}

// vpc is the side's VPC; none if it is gone.
func (p peer) vpc(c *api.Call) (vpc, error) {
	v, err := vpcTable.Get(c.Tx, p.scope(), p.VPC)
	if errors.Is(err, store.ErrNotFound) {
		return vpc{}, nil
	}
	return v, err
}

// status is what the peering shows at a time, in words too.
func (p peering) status(now time.Time) (types.VpcPeeringConnectionStateReasonCode, string) {
	switch {
	case p.Before != "" && now.Before(p.Since.Add(settlingTime)):
		if p.Before == types.VpcPeeringConnectionStateReasonCodeProvisioning {
			return p.Before, "Provisioning"
		}
		return p.Before, "Initiating Request to " + p.Accepter.Account
	case p.Status == types.VpcPeeringConnectionStateReasonCodePendingAcceptance && !now.Before(p.expires()):
		return types.VpcPeeringConnectionStateReasonCodeExpired, "Expired"
	}
	return p.Status, p.Message
}

func (p peering) expires() time.Time { return p.Requested.Add(peeringExpiry) }

// shown reports whether the peering is still told of.
func (p peering) shown(now time.Time) bool {
	code, _ := p.status(now)
	switch code {
	case types.VpcPeeringConnectionStateReasonCodeFailed, types.VpcPeeringConnectionStateReasonCodeDeleted:
		return now.Before(p.Since.Add(peeringShownFailed))
	case types.VpcPeeringConnectionStateReasonCodeRejected:
		return now.Before(p.Since.Add(peeringShownEnded))
	case types.VpcPeeringConnectionStateReasonCodeExpired:
		return now.Before(p.expires().Add(peeringShownEnded))
	}
	return true
}

func (p peering) active(now time.Time) bool {
	code, _ := p.status(now)
	return code == types.VpcPeeringConnectionStateReasonCodeActive
}

// other is the side across from a VPC; false if the VPC is no side.
func (p peering) other(c *api.Call, vpcID string) (peer, bool) {
	switch {
	case p.Requester.here(c) && p.Requester.VPC == vpcID:
		return p.Accepter, true
	case p.Accepter.here(c) && p.Accepter.VPC == vpcID:
		return p.Requester, true
	}
	return peer{}, false
}

func (p peering) put(c *api.Call) error { return peeringTable.Put(c.Tx, peeringScope, p.ID, p) }

// turn brings the peering to another status, through one that passes.
func (p *peering) turn(c *api.Call, through, to types.VpcPeeringConnectionStateReasonCode, message string) error {
	p.Before, p.Status, p.Message, p.Since = through, to, message, c.Now
	return p.put(c)
}

// peeringsHere are those that the call's account sees in its region.
func peeringsHere(c *api.Call) ([]peering, error) {
	var found []peering
	side := peer{Account: c.Account, Region: c.Region}
	for p, err := range peeringTable.Find(c.Tx, peeringScope, "side", side.key()) {
		if err != nil {
			return nil, err
		}
		if p.shown(c.Now) {
			found = append(found, p)
		}
	}
	return found, nil
}

func getPeering(c *api.Call, id string) (peering, error) {
	if err := peeringKind.check(id); err != nil {
		return peering{}, err
	}
	p, err := peeringTable.Get(c.Tx, peeringScope, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return p, err
	}
	if err != nil || !p.shown(c.Now) || !p.Requester.here(c) && !p.Accepter.here(c) {
		return peering{}, peeringKind.notFound(id)
	}
	return p, nil
}

// activePeering is the one that connects two VPCs now.
func activePeering(c *api.Call, vpcID string, with peer) (peering, bool, error) {
	all, err := peeringsHere(c)
	for _, p := range all {
		if across, ok := p.other(c, vpcID); ok && across.VPC == with.VPC && across.scope() == with.scope() && p.active(c.Now) {
			return p, true, nil
		}
	}
	return peering{}, false, err
}

func (p peering) describe(c *api.Call, tags map[string]string) (types.VpcPeeringConnection, error) {
	code, message := p.status(c.Now)
	d := types.VpcPeeringConnection{
		VpcPeeringConnectionId: aws.String(p.ID), Tags: answeredTags(describeTags(tags)),
		Status: &types.VpcPeeringConnectionStateReason{Code: code, Message: aws.String(message)},
	}
	accepted := code == types.VpcPeeringConnectionStateReasonCodeActive || code == types.VpcPeeringConnectionStateReasonCodeProvisioning
	if !accepted && code != types.VpcPeeringConnectionStateReasonCodeDeleted {
		d.ExpirationTime = aws.Time(p.expires())
	}
	var err error
	if d.RequesterVpcInfo, err = p.Requester.describe(c, true); err != nil {
		return d, err
	}
	// The accepter's blocks are told once it has accepted.
	d.AccepterVpcInfo, err = p.Accepter.describe(c, accepted)
	return d, err
}

func (p peer) describe(c *api.Call, blocks bool) (*types.VpcPeeringConnectionVpcInfo, error) {
	d := &types.VpcPeeringConnectionVpcInfo{OwnerId: aws.String(p.Account), Region: aws.String(p.Region), VpcId: aws.String(p.VPC)}
	if !blocks {
		return d, nil
	}
	v, err := p.vpc(c)
	if err != nil || v.ID == "" {
		return d, err
	}
	d.CidrBlock = aws.String(v.CIDR)
	for _, text := range v.cidrs() {
		d.CidrBlockSet = append(d.CidrBlockSet, types.CidrBlock{CidrBlock: aws.String(text)})
	}
	d.PeeringOptions = &types.VpcPeeringConnectionOptionsDescription{
		AllowDnsResolutionFromRemoteVpc: aws.Bool(p.ResolvesNames), AllowEgressFromLocalClassicLinkToRemoteVpc: aws.Bool(false),
		AllowEgressFromLocalVpcToRemoteClassicLink: aws.Bool(false),
	}
	return d, nil
}

// peeringFilters are the filters of DescribeVpcPeeringConnections.
var peeringFilters = filterTable[types.VpcPeeringConnection]{
	"accepter-vpc-info.cidr-block":  func(d types.VpcPeeringConnection) []string { return peerBlocks(d.AccepterVpcInfo) },
	"accepter-vpc-info.owner-id":    func(d types.VpcPeeringConnection) []string { return some(*d.AccepterVpcInfo.OwnerId) },
	"accepter-vpc-info.vpc-id":      func(d types.VpcPeeringConnection) []string { return some(*d.AccepterVpcInfo.VpcId) },
	"requester-vpc-info.cidr-block": func(d types.VpcPeeringConnection) []string { return peerBlocks(d.RequesterVpcInfo) },
	"requester-vpc-info.owner-id":   func(d types.VpcPeeringConnection) []string { return some(*d.RequesterVpcInfo.OwnerId) },
	"requester-vpc-info.vpc-id":     func(d types.VpcPeeringConnection) []string { return some(*d.RequesterVpcInfo.VpcId) },
	"expiration-time": func(d types.VpcPeeringConnection) []string {
		if d.ExpirationTime == nil {
			return nil
		}
		return some(filterTime(*d.ExpirationTime))
	},
	"status-code":               func(d types.VpcPeeringConnection) []string { return some(string(d.Status.Code)) },
	"status-message":            func(d types.VpcPeeringConnection) []string { return some(*d.Status.Message) },
	"vpc-peering-connection-id": func(d types.VpcPeeringConnection) []string { return some(*d.VpcPeeringConnectionId) },
}

func peerBlocks(i *types.VpcPeeringConnectionVpcInfo) []string {
	var out []string
	for _, b := range i.CidrBlockSet {
		out = append(out, *b.CidrBlock)
	}
	return out
}

func (s *Service) describeVpcPeeringConnections(c *api.Call, in *ec2.DescribeVpcPeeringConnectionsInput) (*ec2.DescribeVpcPeeringConnectionsOutput, error) {
	pages := pageRule{least: 5, most: 1000, ids: "VpcPeeringConnectionIds"}
	if err := pages.check(in.MaxResults, in.VpcPeeringConnectionIds); err != nil {
		return nil, err
	}
	if err := checkFilters(in.Filters, peeringFilters.known); err != nil {
		return nil, err
	}
	all, err := peeringsHere(c)
	if err != nil {
		return nil, err
	}
	for _, id := range in.VpcPeeringConnectionIds {
		if _, err := getPeering(c, id); err != nil {
			return nil, err
		}
	}
	var found []types.VpcPeeringConnection
	for _, p := range all {
		if len(in.VpcPeeringConnectionIds) > 0 && !slices.Contains(in.VpcPeeringConnectionIds, p.ID) {
			continue
		}
		tags, err := tagsOf(c, p.ID)
		if err != nil {
			return nil, err
		}
		d, err := p.describe(c, tags)
		if err != nil {
			return nil, err
		}
		ok, err := peeringFilters.matches(in.Filters, d, tags)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, d)
		}
	}
	key := func(d types.VpcPeeringConnection) string { return *d.VpcPeeringConnectionId }
	slices.SortFunc(found, func(a, b types.VpcPeeringConnection) int { return strings.Compare(key(a), key(b)) })
	rows, next, err := page(found, key, pages, in.MaxResults, in.NextToken)
	if rows == nil {
		rows = []types.VpcPeeringConnection{}
	}
	return &ec2.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: rows, NextToken: next}, err
}

// invalidTransition refuses what a peering's status does not allow.
func (p peering) invalidTransition(now time.Time, to types.VpcPeeringConnectionStateReasonCode) error {
	code, _ := p.status(now)
	return api.Error("InvalidStateTransition", fmt.Sprintf("Invalid state transition for %s, attempted to transition from %s to %s", p.ID, code, to))
}
