package ec2

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// AWS's limits on prefix lists (VPC guide, "Amazon VPC quotas").
const (
	maxPrefixLists   = 100
	maxPrefixEntries = 1000
	maxPrefixName    = 255
)

func (s *Service) prefixListOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateManagedPrefixList", func(c *api.Call, in *ec2.CreateManagedPrefixListInput) ([]api.Need, error) {
			n := need(c, "CreateManagedPrefixList", types.ResourceTypePrefixList, "*")
			setRequestTags(&n.Context, specTags(in.TagSpecifications, types.ResourceTypePrefixList))
			return append([]api.Need{n}, tagNeeds(c, "CreateManagedPrefixList", in.TagSpecifications)...), nil
		}, s.createManagedPrefixList),
		api.Op("ModifyManagedPrefixList", func(c *api.Call, in *ec2.ModifyManagedPrefixListInput) ([]api.Need, error) {
			n, err := prefixListNeed(c, "ModifyManagedPrefixList", aws.ToString(in.PrefixListId))
			setAttributes(&n, true, setting{"PrefixListName", aws.ToString(in.PrefixListName)}, setting{"MaxEntries", optionalNumber(in.MaxEntries)})
			return []api.Need{n}, err
		}, s.modifyManagedPrefixList),
		api.Op("DeleteManagedPrefixList", onPrefixList("DeleteManagedPrefixList", func(in *ec2.DeleteManagedPrefixListInput) *string { return in.PrefixListId }), s.deleteManagedPrefixList),
		api.Op("RestoreManagedPrefixListVersion", onPrefixList("RestoreManagedPrefixListVersion", func(in *ec2.RestoreManagedPrefixListVersionInput) *string { return in.PrefixListId }), s.restoreManagedPrefixListVersion),
		api.Read("GetManagedPrefixListEntries", onPrefixList("GetManagedPrefixListEntries", func(in *ec2.GetManagedPrefixListEntriesInput) *string { return in.PrefixListId }), s.getManagedPrefixListEntries),
		api.Read("GetManagedPrefixListAssociations", onPrefixList("GetManagedPrefixListAssociations", func(in *ec2.GetManagedPrefixListAssociationsInput) *string { return in.PrefixListId }), s.getManagedPrefixListAssociations),
	}
}

func prefixListNeed(c *api.Call, action, id string) (api.Need, error) {
	return existingNeed(c, action, types.ResourceTypePrefixList, id)
}

func onPrefixList[In any](action string, id func(*In) *string) api.Authorize[In] {
	return func(c *api.Call, in *In) ([]api.Need, error) {
		n, err := prefixListNeed(c, action, aws.ToString(id(in)))
		return []api.Need{n}, err
	}
}

// ownPrefixList is one that the account may change.
func ownPrefixList(c *api.Call, id *string) (prefixList, error) {
	l, err := prefixListNamed(c, aws.ToString(id))
	if err == nil && l.AWS {
		// AWS's own; the words rest on no source.
		err = notPermitted("The prefix list %s is managed by AWS.", l.ID)
	}
	return l, err
}

func (l prefixList) put(c *api.Call) error { return prefixTable.Put(c.Tx, c.Scope(), l.ID, l) }

func checkPrefixName(name string) error {
	switch {
	case name == "":
		return missingParameter("PrefixListName")
	case len(name) > maxPrefixName:
		return invalidValue("Value (%s) for parameter PrefixListName is invalid. Character limit of %d exceeded.", name, maxPrefixName)
	case strings.HasPrefix(name, "com.amazonaws"):
		return invalidValue("Value (%s) for parameter PrefixListName is invalid. The name cannot start with com.amazonaws.", name)
	}
	return nil
}

func (s *Service) createManagedPrefixList(c *api.Call, in *ec2.CreateManagedPrefixListInput) (*ec2.CreateManagedPrefixListOutput, error) {
	earlier, err := usedToken(c, in.ClientToken, in)
	if err != nil {
		return nil, err
	}
	tags, err := requestTags(in.TagSpecifications, string(types.ResourceTypePrefixList))
	if err != nil {
		return nil, err
	}
	if earlier != "" {
		l, err := prefixListNamed(c, earlier)
		d := l.describe(c, tags)
		return &ec2.CreateManagedPrefixListOutput{PrefixList: &d}, err
	}
	l := prefixList{
		ID: c.NewID("pl-"), Name: aws.ToString(in.PrefixListName), Family: aws.ToString(in.AddressFamily), MaxEntries: aws.ToInt32(in.MaxEntries),
		Changed: c.Now, Doing: types.PrefixListStateCreateInProgress,
	}
	if err := checkPrefixName(l.Name); err != nil {
		return nil, err
	}
	if l.Family != "IPv4" && l.Family != "IPv6" {
		return nil, invalidValue("Value (%s) for parameter AddressFamily is invalid. Valid values are IPv4 and IPv6.", l.Family)
	}
	if l.MaxEntries < 1 || l.MaxEntries > maxPrefixEntries {
		return nil, invalidValue("Value (%d) for parameter MaxEntries is invalid. The value must be between 1 and %d.", l.MaxEntries, maxPrefixEntries)
	}
	entries, err := l.with(nil, in.Entries)
	if err != nil {
		return nil, err
	}
	l.Versions = []prefixVersion{{entries}}
	if err := room(prefixTable.All(c.Tx, c.Scope()), maxPrefixLists, api.Error("PrefixListLimitExceeded", "The maximum number of prefix lists has been reached.")); err != nil {
		return nil, err
	}
	if err := l.put(c); err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypePrefixList), l.ID, tags); err != nil {
		return nil, err
	}
	d := l.describe(c, tags)
	return &ec2.CreateManagedPrefixListOutput{PrefixList: &d}, keepToken(c, in.ClientToken, in, l.ID)
}

// with is a list's entries with further ones; one that is there gets the new
// description.
func (l prefixList) with(entries []prefixEntry, add []types.AddPrefixListEntry) ([]prefixEntry, error) {
	for _, a := range add {
		cidr, err := blockOf(aws.ToString(a.Cidr), l.Family == "IPv4")
		if err != nil {
			return nil, err
		}
		e := prefixEntry{cidr, aws.ToString(a.Description)}
		if i := slices.IndexFunc(entries, func(o prefixEntry) bool { return o.CIDR == cidr }); i >= 0 {
			entries[i] = e
		} else {
			entries = append(entries, e)
		}
	}
	if len(entries) > int(l.MaxEntries) {
		return nil, api.Error("PrefixListMaxEntriesExceeded", fmt.Sprintf("You've reached the maximum number of entries for the prefix list: %d.", l.MaxEntries))
	}
	slices.SortFunc(entries, func(a, b prefixEntry) int { return strings.Compare(a.CIDR, b.CIDR) })
	return entries, nil
}

// settled refuses a change while another is under way, and one that was made of
// another version than the list's.
func (l prefixList) settled(c *api.Call, version *int64) error {
	if s := l.state(c); s != types.PrefixListStateCreateComplete && s != types.PrefixListStateModifyComplete {
		return incorrectState("Prefix list %s is in state %s and cannot be modified.", l.ID, s)
	}
	if version == nil {
		return missingParameter("CurrentVersion")
	}
	if *version != l.version() {
		return api.Error("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
	}
	return nil
}

// modifyManagedPrefixList changes the entries, which makes a new version, or the
// name, or how many entries there may be.
func (s *Service) modifyManagedPrefixList(c *api.Call, in *ec2.ModifyManagedPrefixListInput) (*ec2.ModifyManagedPrefixListOutput, error) {
	if in.IpamPrefixListResolverSyncEnabled != nil {
		return nil, notBuilt("IpamPrefixListResolverSyncEnabled")
	}
	l, err := ownPrefixList(c, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	entriesChange := len(in.AddEntries)+len(in.RemoveEntries) > 0
	if in.MaxEntries != nil {
		if entriesChange {
			return nil, invalidCombination("The parameter MaxEntries cannot be used with the parameters AddEntries and RemoveEntries")
		}
		if *in.MaxEntries < max(1, int32(len(l.entries()))) || *in.MaxEntries > maxPrefixEntries {
			return nil, invalidValue("Value (%d) for parameter MaxEntries is invalid.", *in.MaxEntries)
		}
		l.MaxEntries = *in.MaxEntries
	}
	if in.PrefixListName != nil {
		if err := checkPrefixName(*in.PrefixListName); err != nil {
			return nil, err
		}
		l.Name = *in.PrefixListName
	}
	if entriesChange {
		if err := l.settled(c, in.CurrentVersion); err != nil {
			return nil, err
		}
		if l, err = l.changed(in); err != nil {
			return nil, err
		}
	}
	l.Changed, l.Doing = c.Now, types.PrefixListStateModifyInProgress
	tags, err := tagsOf(c, l.ID)
	if err != nil {
		return nil, err
	}
	d := l.describe(c, tags)
	return &ec2.ModifyManagedPrefixListOutput{PrefixList: &d}, l.put(c)
}

func (l prefixList) changed(in *ec2.ModifyManagedPrefixListInput) (prefixList, error) {
	entries := slices.Clone(l.entries())
	for _, r := range in.RemoveEntries {
		cidr, err := blockOf(aws.ToString(r.Cidr), l.Family == "IPv4")
		if err != nil {
			return l, err
		}
		i := slices.IndexFunc(entries, func(e prefixEntry) bool { return e.CIDR == cidr })
		if i < 0 {
			// A sentence without a source.
			return l, api.Error("InvalidPrefixListModification", "The entry "+cidr+" is not in the prefix list "+l.ID+".")
		}
		entries = slices.Delete(entries, i, i+1)
	}
	entries, err := l.with(entries, in.AddEntries)
	l.Versions = append(slices.Clone(l.Versions), prefixVersion{entries})
	return l, err
}

// entriesAt are those of a version; of the newest where none is named.
func (l prefixList) entriesAt(version *int64) ([]prefixEntry, error) {
	if version == nil {
		return l.entries(), nil
	}
	if *version < 1 || *version > l.version() {
		// A sentence without a source.
		return nil, invalidValue("The version %d of the prefix list %s does not exist.", *version, l.ID)
	}
	return l.Versions[*version-1].Entries, nil
}

func (s *Service) restoreManagedPrefixListVersion(c *api.Call, in *ec2.RestoreManagedPrefixListVersionInput) (*ec2.RestoreManagedPrefixListVersionOutput, error) {
	l, err := ownPrefixList(c, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	if err := l.settled(c, in.CurrentVersion); err != nil {
		return nil, err
	}
	if in.PreviousVersion == nil {
		return nil, missingParameter("PreviousVersion")
	}
	entries, err := l.entriesAt(in.PreviousVersion)
	if err != nil {
		return nil, err
	}
	l.Versions = append(slices.Clone(l.Versions), prefixVersion{entries})
	l.Changed, l.Doing = c.Now, types.PrefixListStateModifyInProgress
	tags, err := tagsOf(c, l.ID)
	if err != nil {
		return nil, err
	}
	d := l.describe(c, tags)
	return &ec2.RestoreManagedPrefixListVersionOutput{PrefixList: &d}, l.put(c)
}

func (s *Service) deleteManagedPrefixList(c *api.Call, in *ec2.DeleteManagedPrefixListInput) (*ec2.DeleteManagedPrefixListOutput, error) {
	l, err := ownPrefixList(c, in.PrefixListId)
	if err != nil {
		return nil, err
	}
	used, err := usersOfPrefixList(c, l.ID)
	if err != nil {
		return nil, err
	}
	if len(used) > 0 {
		// The code is that of other things in use; the words rest on no source.
		return nil, api.Error("DependencyViolation", "The prefix list '"+l.ID+"' is referenced by '"+used[0]+"' and cannot be deleted.")
	}
	tags, err := tagsOf(c, l.ID)
	if err != nil {
		return nil, err
	}
	d := l.describe(c, tags)
	d.State = types.PrefixListStateDeleteInProgress
	if err := prefixTable.Delete(c.Tx, c.Scope(), l.ID); err != nil {
		return nil, err
	}
	return &ec2.DeleteManagedPrefixListOutput{PrefixList: &d}, putTags(c, string(types.ResourceTypePrefixList), l.ID, nil)
}

// usersOfPrefixList are the groups and route tables that name a list, by their ids.
func usersOfPrefixList(c *api.Call, id string) ([]string, error) {
	var used []string
	for g, err := range groupTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(g.Rules, func(r groupRule) bool { return r.PrefixList == id }) {
			used = append(used, g.ID)
		}
	}
	for r, err := range routeTableTable.All(c.Tx, c.Scope()) {
		if err != nil {
			return nil, err
		}
		if r.index(id) >= 0 {
			used = append(used, r.ID)
		}
	}
	slices.Sort(used)
	return used, nil
}

func (s *Service) getManagedPrefixListEntries(c *api.Call, in *ec2.GetManagedPrefixListEntriesInput) (*ec2.GetManagedPrefixListEntriesOutput, error) {
	l, err := prefixListNamed(c, aws.ToString(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	pages := pageRule{least: 1, most: 100}
	if err := pages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	entries, err := l.entriesAt(in.TargetVersion)
	if err != nil {
		return nil, err
	}
	entries, next, err := page(entries, func(e prefixEntry) string { return e.CIDR }, pages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.GetManagedPrefixListEntriesOutput{Entries: []types.PrefixListEntry{}, NextToken: next}
	for _, e := range entries {
		out.Entries = append(out.Entries, types.PrefixListEntry{Cidr: aws.String(e.CIDR), Description: text(e.Description)})
	}
	return out, nil
}

func (s *Service) getManagedPrefixListAssociations(c *api.Call, in *ec2.GetManagedPrefixListAssociationsInput) (*ec2.GetManagedPrefixListAssociationsOutput, error) {
	l, err := prefixListNamed(c, aws.ToString(in.PrefixListId))
	if err != nil {
		return nil, err
	}
	pages := pageRule{least: 5, most: 255}
	if err := pages.check(in.MaxResults, nil); err != nil {
		return nil, err
	}
	used, err := usersOfPrefixList(c, l.ID)
	if err != nil {
		return nil, err
	}
	used, next, err := page(used, func(id string) string { return id }, pages, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.GetManagedPrefixListAssociationsOutput{PrefixListAssociations: []types.PrefixListAssociation{}, NextToken: next}
	for _, id := range used {
		out.PrefixListAssociations = append(out.PrefixListAssociations, types.PrefixListAssociation{ResourceId: aws.String(id), ResourceOwner: aws.String(c.Account)})
	}
	return out, nil
}
