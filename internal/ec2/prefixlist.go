package ec2

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/keyturn/keyturn/internal/api"
)

// servicePrefixList is AWS's list of a gateway service's addresses, to which
// gateway endpoints route (VPC guide, "AWS-managed prefix lists"). Its addresses
// are AWS's own hosts: none is told here, where nothing is sent to them.
type servicePrefixList struct{ ID, Name string }

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

func servicePrefixLists(region string) []servicePrefixList {
	var all []servicePrefixList
	for _, s := range endpointServices(region) {
		if s.Gateway {
			all = append(all, servicePrefixList{prefixListID(s.Name), s.Name})
		}
	}
	slices.SortFunc(all, func(a, b servicePrefixList) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// findPrefixLists is what both Describe operations find.
func findPrefixLists(c *api.Call, q query, get func(l servicePrefixList, name string) ([]string, bool)) ([]servicePrefixList, *string, error) {
	rule := pageRule{least: 1, most: 100}
	if err := rule.check(q.maxResults, nil); err != nil {
		return nil, nil, err
	}
	if err := checkFilters(q.filters, func(name string) bool { _, ok := get(servicePrefixList{}, name); return ok }); err != nil {
		return nil, nil, err
	}
	all := servicePrefixLists(c.Region)
	var missing []string
	for _, id := range q.ids {
		if err := prefixListKind.check(id); err != nil {
			return nil, nil, err
		}
		if !slices.ContainsFunc(all, func(l servicePrefixList) bool { return l.ID == id }) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return nil, nil, prefixListKind.notFoundAll(missing)
	}
	var found []servicePrefixList
	for _, l := range all {
		ok, err := matches(q.filters, func(name string) ([]string, bool) {
			if isTagFilter(name) {
				return nil, true // AWS's lists have no tags
			}
			return get(l, name)
		})
		if err != nil {
			return nil, nil, err
		}
		if ok && (len(q.ids) == 0 || slices.Contains(q.ids, l.ID)) {
			found = append(found, l)
		}
	}
	return page(found, func(l servicePrefixList) string { return l.ID }, rule, q.maxResults, q.token)
}

func (l servicePrefixList) filter(name string) ([]string, bool) {
	switch name {
	case "prefix-list-id":
		return some(l.ID), true
	case "prefix-list-name":
		return some(l.Name), true
	}
	return nil, false
}

func (s *Service) describePrefixLists(c *api.Call, in *ec2.DescribePrefixListsInput) (*ec2.DescribePrefixListsOutput, error) {
	found, next, err := findPrefixLists(c, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken}, servicePrefixList.filter)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribePrefixListsOutput{PrefixLists: []types.PrefixList{}, NextToken: next}
	for _, l := range found {
		out.PrefixLists = append(out.PrefixLists, types.PrefixList{PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), Cidrs: []string{}})
	}
	return out, nil
}

// describeManagedPrefixLists knows AWS's lists; nobody can make one here.
func (s *Service) describeManagedPrefixLists(c *api.Call, in *ec2.DescribeManagedPrefixListsInput) (*ec2.DescribeManagedPrefixListsOutput, error) {
	get := func(l servicePrefixList, name string) ([]string, bool) {
		if name == "owner-id" {
			return some("AWS"), true
		}
		return l.filter(name)
	}
	found, next, err := findPrefixLists(c, query{in.PrefixListIds, in.Filters, in.MaxResults, in.NextToken}, get)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeManagedPrefixListsOutput{PrefixLists: []types.ManagedPrefixList{}, NextToken: next}
	for _, l := range found {
		out.PrefixLists = append(out.PrefixLists, types.ManagedPrefixList{
			PrefixListId: aws.String(l.ID), PrefixListName: aws.String(l.Name), OwnerId: aws.String("AWS"), AddressFamily: aws.String("IPv4"),
			PrefixListArn: aws.String("arn:" + c.Partition + ":ec2:" + c.Region + ":aws:prefix-list/" + l.ID), State: types.PrefixListStateCreateComplete,
		})
	}
	return out, nil
}

// isServicePrefixList reports whether a list is one of AWS's own.
func isServicePrefixList(c *api.Call, id string) bool {
	return slices.ContainsFunc(servicePrefixLists(c.Region), func(l servicePrefixList) bool { return l.ID == id })
}

// prefixListOf checks that a request may name a list.
func prefixListOf(c *api.Call, id string) (string, error) {
	if err := prefixListKind.check(id); err != nil {
		return "", err
	}
	if !isServicePrefixList(c, id) {
		return "", prefixListKind.notFound(id)
	}
	return id, nil
}
