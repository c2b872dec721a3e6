package ec2

import "time"

// modification is one ModifyVolume of a volume.
type modification struct {
	Started time.Time   `json:"started"`
	From    performance `json:"from"`
	To      performance `json:"to"`
}

// performance is what a modification can change.
type performance struct {
	Type        string `json:"type"`
	Size        int32  `json:"size"`
	IOPS        int32  `json:"iops,omitempty"`
	Throughput  int32  `json:"throughput,omitempty"`
	MultiAttach bool   `json:"multiAttach,omitempty"`
}
