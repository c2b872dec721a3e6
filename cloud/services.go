package cloud

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/autoscaling"
	"github.com/keyturn/keyturn/internal/bucket"
	"github.com/keyturn/keyturn/internal/cloudtrail"
	"github.com/keyturn/keyturn/internal/ec2"
	"github.com/keyturn/keyturn/internal/iam"
	"github.com/keyturn/keyturn/internal/idp"
	"github.com/keyturn/keyturn/internal/kms"
	"github.com/keyturn/keyturn/internal/lake"
	"github.com/keyturn/keyturn/internal/organizations"
	"github.com/keyturn/keyturn/internal/rootkey"
	"github.com/keyturn/keyturn/internal/store"
	"github.com/keyturn/keyturn/internal/sts"
)

// What the door asks of IAM, STS, Organizations and EC2, and EC2 of IAM.
var (
	_ api.Credentials      = (*iam.Service)(nil)
	_ api.Identities       = (*iam.Service)(nil)
	_ api.InstanceProfiles = (*iam.Service)(nil)
	_ api.Sessions         = (*sts.Service)(nil)
	_ api.Organizations    = (*organizations.Service)(nil)
	_ api.Endpoints        = (*ec2.Service)(nil)
)

// open opens the store and the root key, makes the services and sees that the
// root user can sign in.
func (c *Cloud) open() error {
	root, err := c.openRootKey()
	if err != nil {
		return err
	}
	if c.set.dir == "" {
		c.store = store.Memory()
	} else if c.store, err = store.Open(c.set.dir); err != nil {
		return err
	}
	c.iam = iam.New(root)
	c.iam.WithAssertions(idp.Assertions{})
	c.sts = sts.New(root, c.iam, idp.Keys{}, idp.Assertions{})
	c.organizations = organizations.New(c.iam, c.iam)
	c.iam.WithOrganizations(c.organizations)
	c.sts.WithOrganizations(c.organizations)
	trailOptions := []cloudtrail.Option{cloudtrail.WithOrganizations(c.organizations, c.iam), cloudtrail.WithLake(lake.New())}
	switch {
	case c.set.objects != nil:
		trailOptions = append(trailOptions, cloudtrail.WithBuckets(bucket.NewS3(c.set.objects)))
	case c.set.buckets != "":
		buckets, err := bucket.Open(c.set.buckets)
		if err != nil {
			return errors.Join(err, c.store.Close())
		}
		trailOptions = append(trailOptions, cloudtrail.WithBuckets(buckets))
	}
	c.trail = cloudtrail.New(root, trailOptions...)
	c.kms = kms.New(root, kms.CheckPrincipals(c.iam), kms.CheckRegions(partitionOf))
	c.operations = make(map[string]map[string]*operation)
	c.tasks = make(map[string]task)
	compute := ec2.New().WithProfiles(c.iam).WithRoles(c.iam)
	c.endpoints = compute
	for _, s := range []api.Service{
		c.iam, c.sts, c.organizations, c.trail,
		c.kms,
		compute, autoscaling.New(compute, c.iam, c.iam),
	} {
		if err := c.register(s); err != nil {
			return errors.Join(err, c.store.Close())
		}
	}
	if err := c.openRootUser(); err != nil {
		return errors.Join(err, c.store.Close())
	}
	return nil
}

// openRootKey opens the key that seals every secret in the store. It lives
// beside the database, never in it: a copy of the database alone is useless.
func (c *Cloud) openRootKey() (*rootkey.Key, error) {
	if c.set.dir == "" {
		return rootkey.New(c.set.random)
	}
	if err := os.MkdirAll(c.set.dir, 0o700); err != nil {
		return nil, fmt.Errorf("cloud: data folder: %w", err)
	}
	return rootkey.Open(filepath.Join(c.set.dir, "root.key"))
}

// openRootUser reads the root user's access key from the data folder, or makes
// one, and puts it in the store.
func (c *Cloud) openRootUser() error {
	id, secret, err := c.rootCredentials()
	if err != nil {
		return err
	}
	c.rootID, c.rootSecret = id, secret
	return c.store.Update(context.Background(), func(tx store.Tx) error {
		return c.iam.PutRootKey(tx, c.set.account, id, secret)
	})
}

func (c *Cloud) rootCredentials() (id, secret string, err error) {
	if c.set.rootID != "" {
		return c.set.rootID, c.set.rootKey, nil
	}
	if c.set.dir == "" {
		return newRootCredentials(c.set.random)
	}
	path := filepath.Join(c.set.dir, CredentialsFile)
	id, secret, err = readCredentials(path)
	if !errors.Is(err, os.ErrNotExist) {
		return id, secret, err
	}
	if id, secret, err = newRootCredentials(c.set.random); err != nil {
		return "", "", err
	}
	return id, secret, writeCredentials(path, id, secret)
}

// newRootCredentials makes an access key nobody can guess: the form is AWS's,
// AKIA and 16 characters, and a secret of 240 random bits.
func newRootCredentials(random io.Reader) (id, secret string, err error) {
	if random == nil {
		random = rand.Reader
	}
	var b [10 + 30]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", "", fmt.Errorf("cloud: root credentials: %w", err)
	}
	return "AKIA" + base32.StdEncoding.EncodeToString(b[:10]), base64.StdEncoding.EncodeToString(b[10:]), nil
}
