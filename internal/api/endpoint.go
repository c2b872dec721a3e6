package api

import (
	"github.com/keyturn/keyturn/access"
	"github.com/keyturn/keyturn/internal/store"
)

// Endpoints finds the VPC endpoints that requests come through. EC2 implements it.
type Endpoints interface {
	// Endpoint returns the available endpoint of that name in a region: name is
	// the first label of its DNS name, "vpce-0123456789abcdef0-abcdefgh", with or
	// without a zone. There is none: store.ErrNotFound.
	Endpoint(tx store.Tx, region, name string) (Endpoint, error)
}

// Endpoint is an interface VPC endpoint as the cloud sees it.
type Endpoint struct {
	ID, Account, VPC string
	// Service is the signing name of the service that it leads to: "kms".
	Service string
	Policy  access.Document
}

// EndpointName is how a request named the endpoint that it came through.
type EndpointName struct{ Region, Name string }
