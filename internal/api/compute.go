package api

import "time"

// Compute is what Auto Scaling sees of EC2 without asking it through its API:
// at AWS, too, health checks and the look at a group's subnets leave no event.
// What changes something goes through the door. EC2 implements it.
type Compute interface {
	// Instance returns one of the account's instances, or store.ErrNotFound.
	Instance(c *Call, id string) (Instance, error)
	// Subnet returns one of the account's subnets, or store.ErrNotFound.
	Subnet(c *Call, id string) (Subnet, error)
	// Zones are the region's Availability Zones, ids by name.
	Zones(c *Call) map[string]string
	// Label sets tags of AWS's own on an instance, such as
	// aws:autoscaling:groupName, which no request can set. An empty value
	// takes one away.
	Label(c *Call, instance string, tags map[string]string) error
	// FulfilSpot launches the instance of an open Spot request at once, as Spot's
	// service-linked role. launch, RunInstances' input, takes the place of what
	// the request says: a group knows more of its launch than a request can tell.
	// What keeps EC2 from launching is an error with AWS's code.
	FulfilSpot(c *Call, request string, launch any) (instance string, err error)
}

// Instance is what Auto Scaling needs to know of one.
type Instance struct {
	ID, State string // "running"
	// Reason is StateReason's message; empty if there is none.
	Reason                    string
	Zone, Subnet, Type, Image string
	Launched                  time.Time

	// What another launch like this one takes.
	KeyName, Profile, UserData, Tenancy string
	Groups                              []string
	EBSOptimized, Monitored             bool
}

// Subnet is what Auto Scaling needs to know of one.
type Subnet struct{ ID, Zone, VPC string }
