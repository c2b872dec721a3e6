package iam

import (
	"errors"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/policy"
)

// alias is a row of its table, which lies outside of the accounts: an alias is
// unique among all of them. An account has one at most.
type alias struct{ Alias, Account string }

var aliases = store.NewTable("iam.alias", store.Index[alias]{
	Name: "account", Keys: func(_ string, a alias) []string { return []string{a.Account} },
})

func (s *Service) accountOperations() []api.Operation {
	return []api.Operation{
		op("CreateAccountAlias", everywhere, s.createAccountAlias),
		read("ListAccountAliases", everywhere, s.listAccountAliases),
		op("DeleteAccountAlias", everywhere, s.deleteAccountAlias),
		read("GetAccountSummary", everywhere, s.getAccountSummary),
		op("SetSecurityTokenServicePreferences", everywhere, s.setTokenPreferences),
	}
}

func aliasOf(c *api.Call) (string, error) {
	a, err := first(aliases.Find(c.Tx, outside, "account", c.Account))
	return a.Alias, ignoreNotFound(err)
}

// createAccountAlias takes the place of the alias that the account had.
func (s *Service) createAccountAlias(c *api.Call, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	name := value(in.AccountAlias)
	other, err := aliases.Get(c.Tx, outside, name)
	if err == nil && other.Account != c.Account {
		return nil, exists("The account alias %s already exists.", name)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	old, err := aliasOf(c)
	if err != nil {
		return nil, err
	}
	if old != "" {
		if err := aliases.Delete(c.Tx, outside, old); err != nil {
			return nil, err
		}
	}
	return &iam.CreateAccountAliasOutput{}, aliases.Put(c.Tx, outside, name, alias{Alias: name, Account: c.Account})
}

func (s *Service) listAccountAliases(c *api.Call, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	var all []string
	if a, err := aliasOf(c); err != nil {
		return nil, err
	} else if a != "" {
		all = append(all, a)
	}
	p, err := paginate(all, func(s string) string { return s }, in.Marker, in.MaxItems)
	return &iam.ListAccountAliasesOutput{AccountAliases: p.items, IsTruncated: p.truncated, Marker: p.marker}, err
}

func (s *Service) deleteAccountAlias(c *api.Call, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	a, err := aliases.Get(c.Tx, outside, value(in.AccountAlias))
	if errors.Is(err, store.ErrNotFound) || err == nil && a.Account != c.Account {
		return nil, notFound("The account alias %s cannot be found.", value(in.AccountAlias))
	}
	if err != nil {
		return nil, err
	}
	return &iam.DeleteAccountAliasOutput{}, aliases.Delete(c.Tx, outside, a.Alias)
}

// getAccountSummary counts what there is, and names the quotas (IAM API
// reference, "GetAccountSummary").
func (s *Service) getAccountSummary(c *api.Call, _ *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	m := map[string]int32{
		"UsersQuota": usersMax, "GroupsQuota": groupsMax, "RolesQuota": rolesMax, "InstanceProfilesQuota": profilesMax,
		"PoliciesQuota": policiesMax, "PolicySizeQuota": policy.MaxManaged, "VersionsPerPolicyQuota": versionsMax,
		"PolicyVersionsInUseQuota": 10000, "UserPolicySizeQuota": int32(userKind.inlineQuota),
		"GroupPolicySizeQuota": int32(groupKind.inlineQuota), "RolePolicySizeQuota": int32(roleKind.inlineQuota),
		"AssumeRolePolicySizeQuota": policy.MaxTrust, "AttachedPoliciesPerUserQuota": attachMax, "AttachedPoliciesPerGroupQuota": attachMax,
		"AttachedPoliciesPerRoleQuota": attachMax, "AccessKeysPerUserQuota": keysMax, "GroupsPerUserQuota": membershipsMax,
		"SigningCertificatesPerUserQuota": certificatesMax, "ServerCertificatesQuota": serverCertificatesMax,
		// What this account has none of.
		"AccountMFAEnabled": 0,
		// What is counted below.
		"Policies": 0, "PolicyVersionsInUse": 0, "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 0, "AccountSigningCertificatesPresent": 0, "MFADevices": 0, "MFADevicesInUse": 0,
	}
	for key, rows := range map[string]string{"Users": "iam.user", "Groups": "iam.group", "Roles": "iam.role", "InstanceProfiles": "iam.profile", "ServerCertificates": "iam.servercertificate"} {
		n, err := count(c, rows)
		if err != nil {
			return nil, err
		}
		m[key] = int32(n)
	}
	for _, rows := range []string{"iam.oidcprovider", "iam.samlprovider"} {
		n, err := count(c, rows)
		if err != nil {
			return nil, err
		}
		m["Providers"] += int32(n)
	}
	for _, err := range policies.All(c.Tx, c.Global()) {
		if err != nil {
			return nil, err
		}
		m["Policies"]++
	}
	used, err := policiesUsed(c)
	if err != nil {
		return nil, err
	}
	m["PolicyVersionsInUse"] = int32(used)
	if m["GlobalEndpointTokenVersion"], err = tokenVersion(c); err != nil {
		return nil, err
	}
	for d, err := range devices.All(c.Tx, c.Global()) {
		if err != nil {
			return nil, err
		}
		m["MFADevices"]++
		if d.User != "" {
			m["MFADevicesInUse"]++
		}
	}
	held, err := keysOf(c.Tx, c.Account)
	if err != nil {
		return nil, err
	}
	if len(held) > 0 {
		m["AccountAccessKeysPresent"] = 1
	}
	certificates, err := certificatesOf(c, c.Account)
	if err != nil {
		return nil, err
	}
	if len(certificates) > 0 {
		m["AccountSigningCertificatesPresent"] = 1
	}
	_, err = loginProfiles.Get(c.Tx, c.Global(), c.Account)
	if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	if err == nil {
		m["AccountPasswordPresent"] = 1
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: m}, nil
}

// policiesUsed is how many managed policies, AWS's too, are attached to anything
// or are anybody's boundary. Each counts once, as AWS counts the versions in use.
func policiesUsed(c *api.Call) (int, error) {
	used := make(map[string]bool)
	see := func(h holder) {
		for _, a := range h.Attached {
			used[a] = true
		}
		if h.Boundary != "" {
			used[h.Boundary] = true
		}
	}
	err := errors.Join(
		each(users.All(c.Tx, c.Global()), func(u user) { see(u.holder) }),
		each(groups.All(c.Tx, c.Global()), func(g group) { see(g.holder) }),
		each(roles.All(c.Tx, c.Global()), func(r role) { see(r.holder) }),
	)
	return len(used), err
}

// each shows every row to a function.
func each[T any](rows iter.Seq2[T, error], see func(T)) error {
	for v, err := range rows {
		if err != nil {
			return err
		}
		see(v)
	}
	return nil
}
