package ec2

import (
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// guards are what an account has set against mistakes in a region: whether its
// images and snapshots may become public (EC2 guide, "Understand block public
// access for AMIs"; EBS guide, "Block public access for Amazon EBS snapshots"),
// and whether serial consoles may be reached. Nothing is set at first, though a
// new account at AWS begins with images blocked.
type guards struct {
	Images        bool                                 `json:",omitempty"`
	Snapshots     types.SnapshotBlockPublicAccessState `json:",omitempty"` // empty: unblocked
	SerialConsole bool                                 `json:",omitempty"`
}

var guardTable = store.NewTable[guards]("ec2.guards")

// guardsID is the id of the one row that a region has.
const guardsID = "guards"

func guardsOf(c *api.Call) (guards, error) {
	g, err := guardTable.Get(c.Tx, c.Scope(), guardsID)
	if errors.Is(err, store.ErrNotFound) {
		return g, nil
	}
	return g, err
}

func changeGuards(c *api.Call, change func(*guards)) error {
	g, err := guardsOf(c)
	if err != nil {
		return err
	}
	change(&g)
	return guardTable.Put(c.Tx, c.Scope(), guardsID, g)
}

func (g guards) images() string {
	if g.Images {
		return string(types.ImageBlockPublicAccessEnabledStateBlockNewSharing)
	}
	return string(types.ImageBlockPublicAccessDisabledStateUnblocked)
}

func (g guards) snapshots() types.SnapshotBlockPublicAccessState {
	if g.Snapshots == "" {
		return types.SnapshotBlockPublicAccessStateUnblocked
	}
	return g.Snapshots
}

// blockedSharing refuses to make something public. The code is AWS's; the words
// rest on no source.
func blockedSharing(what, feature string) error {
	return notPermitted("You can't publicly share this %s because block public access for %s is enabled for this account in this Region.", what, feature)
}

func (s *Service) guardOperations() []api.Operation {
	return []api.Operation{
		api.Op("EnableImageBlockPublicAccess", anywhere[ec2.EnableImageBlockPublicAccessInput]("EnableImageBlockPublicAccess"),
			func(c *api.Call, in *ec2.EnableImageBlockPublicAccessInput) (*ec2.EnableImageBlockPublicAccessOutput, error) {
				state := in.ImageBlockPublicAccessState
				if state == "" {
					return nil, missingParameter("ImageBlockPublicAccessState")
				}
				if err := checkWords([]choice{choose("ImageBlockPublicAccessState", state, state.Values())}); err != nil {
					return nil, err
				}
				err := changeGuards(c, func(g *guards) { g.Images = true })
				return &ec2.EnableImageBlockPublicAccessOutput{ImageBlockPublicAccessState: state}, err
			}),
		api.Op("DisableImageBlockPublicAccess", anywhere[ec2.DisableImageBlockPublicAccessInput]("DisableImageBlockPublicAccess"),
			func(c *api.Call, _ *ec2.DisableImageBlockPublicAccessInput) (*ec2.DisableImageBlockPublicAccessOutput, error) {
				err := changeGuards(c, func(g *guards) { g.Images = false })
				return &ec2.DisableImageBlockPublicAccessOutput{ImageBlockPublicAccessState: types.ImageBlockPublicAccessDisabledStateUnblocked}, err
			}),
		api.Read("GetImageBlockPublicAccessState", anywhere[ec2.GetImageBlockPublicAccessStateInput]("GetImageBlockPublicAccessState"),
			func(c *api.Call, _ *ec2.GetImageBlockPublicAccessStateInput) (*ec2.GetImageBlockPublicAccessStateOutput, error) {
				g, err := guardsOf(c)
				return &ec2.GetImageBlockPublicAccessStateOutput{ImageBlockPublicAccessState: aws.String(g.images()), ManagedBy: types.ManagedByAccount}, err
			}),
		api.Op("EnableSnapshotBlockPublicAccess", anywhere[ec2.EnableSnapshotBlockPublicAccessInput]("EnableSnapshotBlockPublicAccess"),
			func(c *api.Call, in *ec2.EnableSnapshotBlockPublicAccessInput) (*ec2.EnableSnapshotBlockPublicAccessOutput, error) {
				if in.State != types.SnapshotBlockPublicAccessStateBlockAllSharing && in.State != types.SnapshotBlockPublicAccessStateBlockNewSharing {
					return nil, invalidValue("Value (%s) for parameter State is invalid. Expected: block-all-sharing, block-new-sharing.", in.State)
				}
				return &ec2.EnableSnapshotBlockPublicAccessOutput{State: in.State}, s.guardSnapshots(c, in.State)
			}),
		api.Op("DisableSnapshotBlockPublicAccess", anywhere[ec2.DisableSnapshotBlockPublicAccessInput]("DisableSnapshotBlockPublicAccess"),
			func(c *api.Call, _ *ec2.DisableSnapshotBlockPublicAccessInput) (*ec2.DisableSnapshotBlockPublicAccessOutput, error) {
				state := types.SnapshotBlockPublicAccessStateUnblocked
				return &ec2.DisableSnapshotBlockPublicAccessOutput{State: state}, s.guardSnapshots(c, state)
			}),
		api.Read("GetSnapshotBlockPublicAccessState", anywhere[ec2.GetSnapshotBlockPublicAccessStateInput]("GetSnapshotBlockPublicAccessState"),
			func(c *api.Call, _ *ec2.GetSnapshotBlockPublicAccessStateInput) (*ec2.GetSnapshotBlockPublicAccessStateOutput, error) {
				g, err := guardsOf(c)
				return &ec2.GetSnapshotBlockPublicAccessStateOutput{State: g.snapshots(), ManagedBy: types.ManagedByAccount}, err
			}),
		api.Op("EnableSerialConsoleAccess", anywhere[ec2.EnableSerialConsoleAccessInput]("EnableSerialConsoleAccess"),
			func(c *api.Call, _ *ec2.EnableSerialConsoleAccessInput) (*ec2.EnableSerialConsoleAccessOutput, error) {
				err := changeGuards(c, func(g *guards) { g.SerialConsole = true })
				return &ec2.EnableSerialConsoleAccessOutput{SerialConsoleAccessEnabled: aws.Bool(true)}, err
			}),
		api.Op("DisableSerialConsoleAccess", anywhere[ec2.DisableSerialConsoleAccessInput]("DisableSerialConsoleAccess"),
			func(c *api.Call, _ *ec2.DisableSerialConsoleAccessInput) (*ec2.DisableSerialConsoleAccessOutput, error) {
				err := changeGuards(c, func(g *guards) { g.SerialConsole = false })
				return &ec2.DisableSerialConsoleAccessOutput{SerialConsoleAccessEnabled: aws.Bool(false)}, err
			}),
		api.Read("GetSerialConsoleAccessStatus", anywhere[ec2.GetSerialConsoleAccessStatusInput]("GetSerialConsoleAccessStatus"),
			func(c *api.Call, _ *ec2.GetSerialConsoleAccessStatusInput) (*ec2.GetSerialConsoleAccessStatusOutput, error) {
				g, err := guardsOf(c)
				return &ec2.GetSerialConsoleAccessStatusOutput{SerialConsoleAccessEnabled: aws.Bool(g.SerialConsole), ManagedBy: types.ManagedByAccount}, err
			}),
	}
}

// guardSnapshots changes the setting. While all sharing is blocked, public
// snapshots keep their permissions and nobody else finds them.
func (s *Service) guardSnapshots(c *api.Call, state types.SnapshotBlockPublicAccessState) error {
	g, err := guardsOf(c)
	if err != nil {
		return err
	}
	hide := state == types.SnapshotBlockPublicAccessStateBlockAllSharing
	if hid := g.snapshots() == types.SnapshotBlockPublicAccessStateBlockAllSharing; hide != hid {
		for snap, err := range snapshotTable.All(c.Tx, c.Scope()) {
			if err != nil {
				return err
			}
			if !snap.Share.Public {
				continue
			}
			public, none := permissions{Public: true}, permissions{}
			if hide {
				public, none = none, public
			}
			if err := share(c, sharedSnapshotTable, snap.ID, none, public); err != nil {
				return err
			}
		}
	}
	return changeGuards(c, func(g *guards) { g.Snapshots = state })
}
