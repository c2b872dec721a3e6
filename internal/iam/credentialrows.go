package iam

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

// reportColumns are the columns of a credential report as AWS writes it. The
// guide has one more, for credentials beyond the second of a kind, which nobody
// can have.
var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

// What stands in a report for what is not there, was never seen, or is not told
// of the root user.
const (
	notApplicable = "N/A"
	noInformation = "no_information"
	notSupported  = "not_supported"
)

// reportRows is the report as CSV: the root user first, then the users by name.
func (s *Service) reportRows(c *api.Call) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	root, err := rootRow(c)
	if err != nil {
		return nil, err
	}
	all, err := collect(users.All(c.Tx, c.Global()), nil)
	if err != nil {
		return nil, err
	}
	rules, err := accountPasswordPolicy(c)
	if err != nil {
		return nil, err
	}
	rows := [][]string{reportColumns, root}
	for _, u := range all {
		row, err := userRow(c, u, rules)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("iam: credential report: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// rootRow is the row of the account's root user, who has no password here unless
// one may be made anew.
func rootRow(c *api.Call) ([]string, error) {
	created, err := accountCreated(c)
	if err != nil {
		return nil, err
	}
	row := []string{"<root_account>", "arn:" + c.Partition + ":iam::" + c.Account + ":root", reportTimeOf(created)}
	p, err := loginProfiles.Get(c.Tx, c.Global(), c.Account)
	switch {
	case errors.Is(err, store.ErrNotFound):
		row = append(row, "false", notApplicable, notApplicable, notSupported)
	case err != nil:
		return nil, err
	default:
		row = append(row, "true", noInformation, reportTimeOf(p.Changed), notSupported)
	}
	return credentialColumns(c, append(row, "false"), c.Account)
}

// accountCreated is when the first of what the account has was made.
func accountCreated(c *api.Call) (time.Time, error) {
	var first time.Time
	seen := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	held, err := keysOf(c.Tx, c.Account)
	if err != nil {
		return first, err
	}
	for _, k := range held {
		seen(k.Created)
	}
	for u, err := range users.All(c.Tx, c.Global()) {
		if err != nil {
			return first, err
		}
		seen(u.Created)
	}
	for r, err := range roles.All(c.Tx, c.Global()) {
		if err != nil {
			return first, err
		}
		seen(r.Created)
	}
	return first, nil
}

func userRow(c *api.Call, u user, rules *passwordPolicy) ([]string, error) {
	row := []string{u.Name, arn(c, "user", u.Path, u.Name), reportTimeOf(u.Created)}
	p, err := loginProfiles.Get(c.Tx, c.Global(), u.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		row = append(row, "false", notApplicable, notApplicable, notApplicable)
	case err != nil:
		return nil, err
	default:
		next := notApplicable
		if rules != nil && rules.MaxAge > 0 {
			next = reportTimeOf(p.Changed.AddDate(0, 0, int(rules.MaxAge)))
		}
		// Nobody signs in to a console here.
		row = append(row, "true", noInformation, reportTimeOf(p.Changed), next)
	}
	worn, err := devicesOf(c, u.ID)
	if err != nil {
		return nil, err
	}
	return credentialColumns(c, append(row, strconv.FormatBool(len(worn) > 0)), u.ID)
}

// credentialColumns adds an owner's access keys, by their ids, and certificates.
func credentialColumns(c *api.Call, row []string, owner string) ([]string, error) {
	held, err := keysOf(c.Tx, owner)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(held, func(a, b accessKey) int { return strings.Compare(a.ID, b.ID) })
	for i := range keysMax {
		if i >= len(held) {
			row = append(row, "false", notApplicable, notApplicable, notApplicable, notApplicable)
			continue
		}
		k := held[i]
		row = append(row, strconv.FormatBool(!k.Inactive), reportTimeOf(k.Created))
		use, err := keyUses.Get(c.Tx, outside, k.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			row = append(row, notApplicable, notApplicable, notApplicable)
		case err != nil:
			return nil, err
		default:
			row = append(row, reportTimeOf(use.At), use.Region, use.Service)
		}
	}
	certificates, err := certificatesOf(c, owner)
	if err != nil {
		return nil, err
	}
	for i := range certificatesMax {
		if i >= len(certificates) {
			row = append(row, "false", notApplicable)
			continue
		}
		row = append(row, strconv.FormatBool(!certificates[i].Inactive), reportTimeOf(certificates[i].Uploaded))
	}
	return row, nil
}

func reportTimeOf(t time.Time) string {
	if t.IsZero() {
		return notApplicable
	}
	return t.UTC().Format(time.RFC3339)
}
