package cloudtrail

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) insightOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutInsightSelectors", func(c *api.Call, in *cloudtrail.PutInsightSelectorsInput) ([]api.Need, error) {
			return s.insightNeeds(c, "PutInsightSelectors", in.TrailName, in.EventDataStore)
		}, s.putInsightSelectors),
		api.Read("GetInsightSelectors", func(c *api.Call, in *cloudtrail.GetInsightSelectorsInput) ([]api.Need, error) {
			return s.insightNeeds(c, "GetInsightSelectors", in.TrailName, in.EventDataStore)
		}, s.getInsightSelectors),
	}
}

// insightNeeds is the permission on the trail or the event data store that is named.
func (s *Service) insightNeeds(c *api.Call, action string, trailName, eventDataStore *string) ([]api.Need, error) {
	if trailName == nil && eventDataStore != nil {
		n, err := s.dataStoreNeed(c, action, *eventDataStore)
		return []api.Need{n}, err
	}
	n, err := s.need(c, action, aws.ToString(trailName))
	return []api.Need{n}, err
}

// putInsightSelectors turns Insights off, where they are: there are none to turn on.
func (s *Service) putInsightSelectors(c *api.Call, in *cloudtrail.PutInsightSelectorsInput) (*cloudtrail.PutInsightSelectorsOutput, error) {
	if err := oneOf(in.TrailName, in.EventDataStore); err != nil {
		return nil, err
	}
	out := &cloudtrail.PutInsightSelectorsOutput{InsightSelectors: []types.InsightSelector{}}
	if in.EventDataStore != nil {
		d, err := s.activeDataStore(c, *in.EventDataStore)
		if err != nil {
			return nil, err
		}
		out.EventDataStoreArn = aws.String(d.arn())
	} else {
		t, err := s.change(c, aws.ToString(in.TrailName))
		if err != nil {
			return nil, err
		}
		out.TrailARN = aws.String(t.arn())
	}
	if len(in.InsightSelectors) > 0 {
		return nil, unsupported("InsightSelectors is not supported: no Insights events are made here.")
	}
	return out, nil
}

func (s *Service) getInsightSelectors(c *api.Call, in *cloudtrail.GetInsightSelectorsInput) (*cloudtrail.GetInsightSelectorsOutput, error) {
	if err := oneOf(in.TrailName, in.EventDataStore); err != nil {
		return nil, err
	}
	if in.EventDataStore != nil {
		d, err := s.findDataStore(c, *in.EventDataStore)
		if err != nil {
			return nil, err
		}
		return nil, &types.InsightNotEnabledException{Message: aws.String("Event data store " + d.arn() + " does not have Insights enabled.")}
	}
	t, err := s.find(c, aws.ToString(in.TrailName), byARN)
	if err != nil {
		return nil, err
	}
	return nil, insightsOff(t.arn())
}

// oneOf wants a trail or an event data store, and not both.
func oneOf(name, eventDataStore *string) error {
	if name != nil && eventDataStore != nil {
		// The wording rests on no source.
		return combination("TrailName and EventDataStore cannot be specified together.")
	}
	return nil
}
