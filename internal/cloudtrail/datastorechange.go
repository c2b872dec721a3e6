package cloudtrail

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keyturn/keyturn/internal/api"
)

func (s *Service) dataStoreChanges() []api.Operation {
	return []api.Operation{
		api.Op("CreateEventDataStore", func(c *api.Call, in *cloudtrail.CreateEventDataStoreInput) ([]api.Need, error) {
			// What is yet to be made has no id.
			n := api.Need{Action: "cloudtrail:CreateEventDataStore", Resource: dataStoreARN(c.Partition, c.Region, c.Account, "*")}
			setRequestTags(&n.Context, in.TagsList)
			return []api.Need{n}, nil
		}, s.createEventDataStore),
		api.Op("UpdateEventDataStore", onDataStore(s, "UpdateEventDataStore", func(in *cloudtrail.UpdateEventDataStoreInput) *string { return in.EventDataStore }), s.updateEventDataStore),
		api.Op("DeleteEventDataStore", onDataStore(s, "DeleteEventDataStore", func(in *cloudtrail.DeleteEventDataStoreInput) *string { return in.EventDataStore }), s.deleteEventDataStore),
		api.Op("RestoreEventDataStore", onDataStore(s, "RestoreEventDataStore", func(in *cloudtrail.RestoreEventDataStoreInput) *string { return in.EventDataStore }), s.restoreEventDataStore),
	}
}

// retention is the longest that events can be kept, and the default, in days (API
// reference, "CreateEventDataStore").
var retention = map[types.BillingMode]struct{ most, usual int32 }{
	types.BillingModeExtendableRetentionPricing: {most: 3653, usual: 366},
	types.BillingModeFixedRetentionPricing:      {most: 2557, usual: 2557},
}

// minRetention is the shortest, in days.
const minRetention = 7

// defaultDataStoreSelectors select all management events (API reference,
// "CreateEventDataStore"; the name is that of the guide's examples).
func defaultDataStoreSelectors() []types.AdvancedEventSelector {
	return []types.AdvancedEventSelector{{
		Name:           aws.String("Default management events"),
		FieldSelectors: []types.AdvancedFieldSelector{{Field: aws.String("eventCategory"), Equals: []string{"Management"}}},
	}}
}

func (s *Service) createEventDataStore(c *api.Call, in *cloudtrail.CreateEventDataStoreInput) (*cloudtrail.CreateEventDataStoreOutput, error) {
	d := dataStore{
		ID: c.NewUUID(), Account: c.Account, Partition: c.Partition, Region: c.Region, Name: aws.ToString(in.Name),
		Selectors: in.AdvancedEventSelectors, MultiRegion: true, Protected: true, Billing: in.BillingMode, Created: c.Now, Updated: c.Now,
	}
	if len(d.Selectors) == 0 {
		d.Selectors = defaultDataStoreSelectors()
	}
	if d.Billing == "" {
		d.Billing = types.BillingModeExtendableRetentionPricing
	}
	d.Days = retention[d.Billing].usual
	if in.RetentionPeriod != nil {
		d.Days = *in.RetentionPeriod
	}
	set(&d.MultiRegion, in.MultiRegionEnabled)
	set(&d.Protected, in.TerminationProtectionEnabled)
	if in.StartIngestion != nil && !*in.StartIngestion {
		d.Stopped = true
	} else {
		d.Ingesting = c.Now
	}
	var err error
	if d.Tags, err = withTags(nil, in.TagsList); err != nil {
		return nil, err
	}
	if err := s.applyToOrganization(c, &d, in.OrganizationEnabled); err != nil {
		return nil, err
	}
	if err := s.checkDataStore(c, d); err != nil {
		return nil, err
	}
	if err := s.checkDataStoreRoom(c, d.Account); err != nil {
		return nil, err
	}
	if key := aws.ToString(in.KmsKeyId); key != "" {
		if err := useDataStoreKey(c, &d, key); err != nil {
			return nil, err
		}
	}
	if err := putDataStore(c.Tx, d); err != nil {
		return nil, err
	}
	return &cloudtrail.CreateEventDataStoreOutput{
		EventDataStoreArn: aws.String(d.arn()), Name: &d.Name, Status: d.status(c.Now), AdvancedEventSelectors: d.Selectors,
		BillingMode: d.Billing, RetentionPeriod: &d.Days, MultiRegionEnabled: &d.MultiRegion, OrganizationEnabled: &d.Organization,
		TerminationProtectionEnabled: &d.Protected, KmsKeyId: textOrNil(d.Key), TagsList: in.TagsList,
		CreatedTimestamp: &d.Created, UpdatedTimestamp: &d.Updated,
	}, nil
}

// checkDataStore holds an event data store to the rules. The wording of its
// errors rests on no source.
func (s *Service) checkDataStore(c *api.Call, d dataStore) error {
	switch r := retention[d.Billing]; {
	case r.most == 0:
		return invalidParameter("BillingMode %s is invalid.", d.Billing)
	case d.Days < minRetention || d.Days > r.most:
		return invalidParameter("RetentionPeriod must be between %d and %d days for %s.", minRetention, r.most, d.Billing)
	case len(d.Selectors) > maxSelectors:
		return invalidSelectors("Specify up to %d advanced event selectors.", maxSelectors)
	}
	if err := checkAdvanced(d.Selectors, storeFields); err != nil {
		return err
	}
	if category := d.category(); category != "" && len(d.Selectors) > 1 {
		return invalidSelectors("An event data store for eventCategory %s has one advanced event selector.", category)
	}
	all, err := dataStoresOf(c.Tx, d.Account)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all.All, func(o dataStore) bool { return o.Region == d.Region && o.Name == d.Name && o.ID != d.ID }) {
		return &types.EventDataStoreAlreadyExistsException{Message: aws.String("An event data store with the name " + d.Name + " already exists.")}
	}
	return nil
}

// checkDataStoreRoom wants another event data store to have room in the Region.
func (s *Service) checkDataStoreRoom(c *api.Call, account string) error {
	all, err := dataStoresOf(c.Tx, account)
	if err != nil {
		return err
	}
	n := 0
	for _, o := range all.All {
		if o.Region == c.Region && o.Deleted.IsZero() {
			n++
		}
	}
	if n >= maxDataStores {
		return &types.EventDataStoreMaxLimitExceededException{Message: aws.String(fmt.Sprintf("The maximum number of event data stores, %d, is reached in %s.", maxDataStores, c.Region))}
	}
	return nil
}

// applyToOrganization makes an event data store one of the organization, or no
// longer; it is the management account's, whoever of its administrators makes it.
// Only the management account itself converts one (API reference,
// "UpdateEventDataStore").
func (s *Service) applyToOrganization(c *api.Call, d *dataStore, want *bool) error {
	if want == nil || *want == d.Organization {
		return nil
	}
	m, err := s.administered(c, *want)
	if err != nil {
		return err
	}
	if !d.Updated.Equal(d.Created) && c.Account != m.ManagementAccount {
		return notManagement()
	}
	d.Account, d.Organization = m.ManagementAccount, *want
	return nil
}

func (s *Service) updateEventDataStore(c *api.Call, in *cloudtrail.UpdateEventDataStoreInput) (*cloudtrail.UpdateEventDataStoreOutput, error) {
	d, err := s.activeDataStore(c, aws.ToString(in.EventDataStore))
	if err != nil {
		return nil, err
	}
	if in.AdvancedEventSelectors == nil && in.BillingMode == "" && in.KmsKeyId == nil && in.MultiRegionEnabled == nil && in.Name == nil &&
		in.OrganizationEnabled == nil && in.RetentionPeriod == nil && in.TerminationProtectionEnabled == nil {
		return nil, invalidParameter("At least one optional parameter must be specified.")
	}
	if in.BillingMode != "" && in.BillingMode != d.Billing {
		if in.BillingMode == types.BillingModeFixedRetentionPricing {
			return nil, invalidParameter("BillingMode cannot be changed from %s to %s.", d.Billing, in.BillingMode)
		}
		d.Billing = in.BillingMode
	}
	category := d.category()
	if in.AdvancedEventSelectors != nil {
		d.Selectors = in.AdvancedEventSelectors
		if len(d.Selectors) == 0 {
			d.Selectors = defaultDataStoreSelectors()
		}
	}
	if in.Name != nil {
		d.Name = *in.Name
	}
	if in.RetentionPeriod != nil {
		d.Days = *in.RetentionPeriod
	}
	set(&d.MultiRegion, in.MultiRegionEnabled)
	set(&d.Protected, in.TerminationProtectionEnabled)
	d.Updated = c.Now
	if err := s.applyToOrganization(c, &d, in.OrganizationEnabled); err != nil {
		return nil, err
	}
	if err := s.checkDataStore(c, d); err != nil {
		return nil, err
	}
	if d.category() != category {
		return nil, invalidSelectors("The category of the events of an event data store cannot be changed.")
	}
	if in.KmsKeyId != nil {
		if err := changeDataStoreKey(c, &d, *in.KmsKeyId); err != nil {
			return nil, err
		}
	}
	if err := putDataStore(c.Tx, d); err != nil {
		return nil, err
	}
	return &cloudtrail.UpdateEventDataStoreOutput{
		EventDataStoreArn: aws.String(d.arn()), Name: &d.Name, Status: d.status(c.Now), AdvancedEventSelectors: d.Selectors,
		BillingMode: d.Billing, RetentionPeriod: &d.Days, MultiRegionEnabled: &d.MultiRegion, OrganizationEnabled: &d.Organization,
		TerminationProtectionEnabled: &d.Protected, KmsKeyId: textOrNil(d.Key), FederationStatus: types.FederationStatusDisabled,
		CreatedTimestamp: &d.Created, UpdatedTimestamp: &d.Updated,
	}, nil
}

// activeDataStore finds an event data store that is not being deleted.
func (s *Service) activeDataStore(c *api.Call, ref string) (dataStore, error) {
	d, err := s.findDataStore(c, ref)
	if err == nil && !d.Deleted.IsZero() {
		err = inactiveDataStore(d)
	}
	return d, err
}

// deleteEventDataStore has the store wait for its end; what is in it stays until then.
func (s *Service) deleteEventDataStore(c *api.Call, in *cloudtrail.DeleteEventDataStoreInput) (*cloudtrail.DeleteEventDataStoreOutput, error) {
	d, err := s.activeDataStore(c, aws.ToString(in.EventDataStore))
	if err != nil {
		return nil, err
	}
	if d.Protected {
		return nil, &types.EventDataStoreTerminationProtectedException{Message: aws.String("The event data store cannot be deleted because termination protection is enabled for it.")}
	}
	d.Deleted, d.Updated = c.Now, c.Now
	return &cloudtrail.DeleteEventDataStoreOutput{}, putDataStore(c.Tx, d)
}

func (s *Service) restoreEventDataStore(c *api.Call, in *cloudtrail.RestoreEventDataStoreInput) (*cloudtrail.RestoreEventDataStoreOutput, error) {
	d, err := s.findDataStore(c, aws.ToString(in.EventDataStore))
	if err != nil {
		return nil, err
	}
	if d.Deleted.IsZero() {
		return nil, invalidDataStoreStatus(d, c.Now, types.EventDataStoreStatusPendingDeletion)
	}
	if err := s.checkDataStoreRoom(c, d.Account); err != nil {
		return nil, err
	}
	d.Deleted, d.Updated = noTime, c.Now
	if !d.Stopped {
		d.Ingesting = c.Now
	}
	if err := putDataStore(c.Tx, d); err != nil {
		return nil, err
	}
	return &cloudtrail.RestoreEventDataStoreOutput{
		EventDataStoreArn: aws.String(d.arn()), Name: &d.Name, Status: d.status(c.Now), AdvancedEventSelectors: d.Selectors,
		BillingMode: d.Billing, RetentionPeriod: &d.Days, MultiRegionEnabled: &d.MultiRegion, OrganizationEnabled: &d.Organization,
		TerminationProtectionEnabled: &d.Protected, KmsKeyId: textOrNil(d.Key),
		CreatedTimestamp: &d.Created, UpdatedTimestamp: &d.Updated,
	}, nil
}

// withTags is a map of tags with more of them, or others in the place of those of
// the same keys.
func withTags(old map[string]string, tags []types.Tag) (map[string]string, error) {
	if len(tagKeys(tags)) != len(tags) {
		return nil, invalidTag("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
	}
	for _, tag := range tags {
		if strings.HasPrefix(strings.ToLower(aws.ToString(tag.Key)), "aws:") {
			return nil, invalidTag("Tag key %s is invalid: keys that begin with aws: are reserved.", aws.ToString(tag.Key))
		}
		if old == nil {
			old = make(map[string]string)
		}
		old[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if len(old) > maxTags {
		return nil, tooManyTags()
	}
	return old, nil
}
