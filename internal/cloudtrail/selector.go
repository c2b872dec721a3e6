package cloudtrail

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) selectorOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutEventSelectors", on(s, "PutEventSelectors", func(in *cloudtrail.PutEventSelectorsInput) *string { return in.TrailName }), s.putEventSelectors),
		api.Read("GetEventSelectors", on(s, "GetEventSelectors", func(in *cloudtrail.GetEventSelectorsInput) *string { return in.TrailName }), s.getEventSelectors),
	}
}

// putEventSelectors replaces the trail's selectors, of both kinds.
func (s *Service) putEventSelectors(c *api.Call, in *cloudtrail.PutEventSelectorsInput) (*cloudtrail.PutEventSelectorsOutput, error) {
	t, err := s.change(c, aws.ToString(in.TrailName))
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.EventSelectors) > 0 && len(in.AdvancedEventSelectors) > 0:
		// The wording of this and of the next rests on no source.
		return nil, invalidSelectors("Event selectors and advanced event selectors cannot be specified together.")
	case in.EventSelectors == nil && in.AdvancedEventSelectors == nil:
		return nil, invalidSelectors("Specify either event selectors or advanced event selectors.")
	case len(in.AdvancedEventSelectors) > 0:
		if err := checkAdvanced(in.AdvancedEventSelectors, trailFields); err != nil {
			return nil, err
		}
		t.Basic, t.Advanced = nil, in.AdvancedEventSelectors
	default:
		basic, err := checkBasic(in.EventSelectors)
		if err != nil {
			return nil, err
		}
		t.Basic, t.Advanced = basic, nil
	}
	out := &cloudtrail.PutEventSelectorsOutput{TrailARN: aws.String(t.arn()), EventSelectors: t.Basic, AdvancedEventSelectors: t.Advanced}
	return out, put(c.Tx, t)
}

func (s *Service) getEventSelectors(c *api.Call, in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	t, err := s.find(c, aws.ToString(in.TrailName), byARN)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetEventSelectorsOutput{TrailARN: aws.String(t.arn()), EventSelectors: t.Basic, AdvancedEventSelectors: t.Advanced}
	if t.Basic == nil && t.Advanced == nil {
		out.EventSelectors = defaultSelectors()
	}
	return out, nil
}

// defaultSelectors are those of a trail for which none were put: all management
// events (API reference, "PutEventSelectors").
func defaultSelectors() []types.EventSelector {
	return []types.EventSelector{{
		ReadWriteType: types.ReadWriteTypeAll, IncludeManagementEvents: aws.Bool(true),
		DataResources: []types.DataResource{}, ExcludeManagementEventSources: []string{},
	}}
}
