package ec2

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// choice is a parameter that takes one of a few words.
type choice struct {
	parameter, value string
	words            []string
}

func choose[T ~string](parameter string, value T, words []T) choice {
	c := choice{parameter: parameter, value: string(value)}
	for _, w := range words {
		c.words = append(c.words, string(w))
	}
	return c
}

// checkChoices refuses words that a launch's parameters do not take. Left out
// is fine.
func checkChoices(in *ec2.RunInstancesInput) error {
	choices := []choice{
		choose("instanceInitiatedShutdownBehavior", in.InstanceInitiatedShutdownBehavior, types.ShutdownBehavior("").Values()),
	}
	if o := in.MetadataOptions; o != nil {
		choices = append(choices, metadataChoices(o)...)
	}
	if p := in.Placement; p != nil {
		choices = append(choices, choose("Placement.Tenancy", p.Tenancy, p.Tenancy.Values()))
	}
	if o := in.PrivateDnsNameOptions; o != nil {
		choices = append(choices, choose("PrivateDnsNameOptions.HostnameType", o.HostnameType, o.HostnameType.Values()))
	}
	if o := in.MaintenanceOptions; o != nil {
		choices = append(choices, choose("MaintenanceOptions.AutoRecovery", o.AutoRecovery, o.AutoRecovery.Values()))
	}
	if o := in.CapacityReservationSpecification; o != nil {
		choices = append(choices, choose("CapacityReservationSpecification.CapacityReservationPreference", o.CapacityReservationPreference, o.CapacityReservationPreference.Values()))
	}
	return checkWords(choices)
}
