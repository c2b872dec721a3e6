package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// prefixList is a named set of address blocks, for routes and security groups (VPC
// guide, "Managed prefix lists"): an account's own, or AWS's list of a gateway
// service's addresses. Those are AWS's own hosts: none is told here, where nothing
// is sent to them.
type prefixList struct {
	ID, Name   string
	Family     string // "IPv4", "IPv6"
	MaxEntries int32
	Versions   []prefixVersion // by number, from 1
	// Changed is when it last was, by what Doing says.
	Changed time.Time
	Doing   types.PrefixListState
	AWS     bool // AWS's: in no table
}

// prefixVersion is what a list held; the last is what it holds.
type prefixVersion struct{ Entries []prefixEntry }

type prefixEntry struct {
	CIDR        string
	Description string `json:",omitempty"`
}

var prefixTable = store.NewTable[prefixList]("ec2.prefixlist")

// version is the number of the newest.
func (l prefixList) version() int64 { return int64(len(l.Versions)) }

func (l prefixList) entries() []prefixEntry {
	if len(l.Versions) == 0 {
		return nil
	}
	return l.Versions[len(l.Versions)-1].Entries
}

// state is what the list shows: a change is under way for a moment.
func (l prefixList) state(c *api.Call) types.PrefixListState {
	switch {
	case l.AWS || l.Doing == types.PrefixListStateCreateInProgress && !c.Now.Before(l.Changed.Add(settlingTime)):
		return types.PrefixListStateCreateComplete
	case l.Doing == types.PrefixListStateModifyInProgress && !c.Now.Before(l.Changed.Add(settlingTime)):
		return types.PrefixListStateModifyComplete
	}
	return l.Doing
}

func (l prefixList) owner(c *api.Call) string {
	if l.AWS {
		return "AWS"
	}
	return c.Account
}

func (l prefixList) arn(c *api.Call) string {
	account := c.Account
	if l.AWS {
		account = "aws"
	}
	return "arn:" + c.Partition + ":ec2:" + c.Region + ":" + account + ":prefix-list/" + l.ID
}

func (l prefixList) describe(c *api.Call, tags map[string]string) types.ManagedPrefixList {
	d := types.ManagedPrefixList{
		PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), PrefixListArn: aws.String(l.arn(c)), OwnerId: aws.String(l.owner(c)),
		AddressFamily: aws.String(l.Family), State: l.state(c), Tags: answeredTags(describeTags(tags)),
	}
	if !l.AWS {
		d.MaxEntries, d.Version = aws.Int32(l.MaxEntries), aws.Int64(l.version())
	}
	return d
}

var prefixListKind = identifier{
	prefix:    "pl-",
	malformed: "InvalidPrefixListId.Malformed", malformedText: `Invalid id: "%s" (expecting "pl-...")`,
	missing: "InvalidPrefixListID.NotFound", missingText: "The prefix list ID '%s' does not exist",
	missingPlural: "The prefix list IDs '%s' do not exist",
}

// prefixListID is the id of a service's list. AWS's ids follow from the region,
// too; these are made of the name.
func prefixListID(service string) string {
	sum := sha256.Sum256([]byte(service))
	return "pl-" + hex.EncodeToString(sum[:4])
}

func servicePrefixLists(region string) []prefixList {
	var all []prefixList
	for _, s := range endpointServices(region) {
		if s.Gateway {
			all = append(all, prefixList{ID: prefixListID(s.Name), Name: s.Name, Family: "IPv4", AWS: true})
		}
	}
	return all
}

// prefixListNamed returns a list of the account's or of AWS's, or EC2's error.
func prefixListNamed(c *api.Call, id string) (prefixList, error) {
	if err := prefixListKind.check(id); err != nil {
		return prefixList{}, err
	}
	for _, l := range servicePrefixLists(c.Region) {
		if l.ID == id {
			return l, nil
		}
	}
	l, err := prefixTable.Get(c.Tx, c.Scope(), id)
	if errors.Is(err, store.ErrNotFound) {
		err = prefixListKind.notFound(id)
	}
	return l, err
}

// findPrefixLists is what both Describe operations find: AWS's lists, and the
// account's own if asked for.
func findPrefixLists(c *api.Call, q query, own bool, filters filterTable[prefixList]) ([]tagged[prefixList], *string, error) {
	rule := pageRule{least: 1, most: 100}
	if err := rule.check(q.maxResults, nil); err != nil {
		return nil, nil, err
	}
	if err := checkFilters(q.filters, filters.known); err != nil {
		return nil, nil, err
	}
	all := servicePrefixLists(c.Region)
	if own {
		for l, err := range prefixTable.All(c.Tx, c.Scope()) {
			if err != nil {
				return nil, nil, err
			}
			all = append(all, l)
		}
	}
	var missing []string
	for _, id := range q.ids {
		if err := prefixListKind.check(id); err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(all, func(l prefixList) bool { return l.ID == id }) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, nil, prefixListKind.notFoundAll(missing)
	}
	slices.SortFunc(all, func(a, b prefixList) int { return strings.Compare(a.ID, b.ID) })
	var found []tagged[prefixList]
	for _, l := range all {
		tags, err := tagsOf(c, l.ID)
		if err != nil {
			return nil, nil, err
		}
		ok, err := filters.matches(q.filters, l, tags)
		if err != nil {
			return nil, nil, err
		}
		if ok && (len(q.ids) == 0 || slices.Contains(q.ids, l.ID)) {
			found = append(found, tagged[prefixList]{l, tags})
		}
	}
	return page(found, func(t tagged[prefixList]) string { return t.row.ID }, rule, q.maxResults, q.token)
}

func prefixListFilters() filterTable[prefixList] {
	return filterTable[prefixList]{
		"prefix-list-id":   func(l prefixList) []string { return some(l.ID) },
		"prefix-list-name": func(l prefixList) []string { return some(l.Name) },
	}
}

func (s *Service) describePrefixLists(c *api.Call, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
	found, next, err := findPrefixLists(c, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken}, false, prefixListFilters())
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribePrefixListsOutput{PrefixLists: []types.PrefixList{}, NextToken: next}
	for _, l := range found {
		out.PrefixLists = append(out.PrefixLists, types.PrefixList{PrefixListId: aws.String(l.row.ID), PrefixListName: aws.String(l.row.Name), Cidrs: []string{}})
	}
	return out, nil
}

func (s *Service) describeManagedPrefixLists(c *api.Call, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	filters := prefixListFilters()
	filters["owner-id"] = func(l prefixList) []string { return some(l.owner(c)) }
	found, next, err := findPrefixLists(c, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken}, true, filters)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeManagedPrefixListsOutput{PrefixLists: []types.ManagedPrefixList{}, NextToken: next}
	for _, l := range found {
		out.PrefixLists = append(out.PrefixLists, l.row.describe(c, l.tags))
	}
	return out, nil
}
