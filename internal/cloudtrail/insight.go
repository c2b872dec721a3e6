package cloudtrail

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) insightOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutInsightSelectors", on(s, "PutInsightSelectors", func(in *cloudtrail.PutInsightSelectorsInput) *string { return in.TrailName }), s.putInsightSelectors),
		api.Read("GetInsightSelectors", on(s, "GetInsightSelectors", func(in *cloudtrail.GetInsightSelectorsInput) *string { return in.TrailName }), s.getInsightSelectors),
	}
}

// putInsightSelectors turns Insights off, where they are: there are none to turn on.
func (s *Service) putInsightSelectors(c *api.Call, in *cloudtrail.PutInsightSelectorsInput) (*cloudtrail.PutInsightSelectorsOutput, error) {
	if err := trailOnly(in.TrailName, in.EventDataStore); err != nil {
		return nil, err
	}
	t, err := s.change(c, aws.ToString(in.TrailName))
	if err != nil {
		return nil, err
	}
	if len(in.InsightSelectors) > 0 {
		return nil, unsupported("InsightSelectors is not supported: no Insights events are made here.")
	}
	return &cloudtrail.PutInsightSelectorsOutput{TrailARN: aws.String(t.arn()), InsightSelectors: []types.InsightSelector{}}, nil
}

func (s *Service) getInsightSelectors(c *api.Call, in *cloudtrail.GetInsightSelectorsInput) (*cloudtrail.GetInsightSelectorsOutput, error) {
	if err := trailOnly(in.TrailName, in.EventDataStore); err != nil {
		return nil, err
	}
	t, err := s.find(c, aws.ToString(in.TrailName), byARN)
	if err != nil {
		return nil, err
	}
	return nil, insightsOff(t.arn())
}

// trailOnly wants a trail: event data stores are not built.
func trailOnly(name, eventDataStore *string) error {
	switch {
	case name != nil && eventDataStore != nil:
		// The wording rests on no source.
		return combination("TrailName and EventDataStore cannot be specified together.")
	case eventDataStore != nil:
		return unsupported("EventDataStore is not supported.")
	}
	return nil
}
