package ec2

import (
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

// keyPair is the public half of an SSH key. EC2 never keeps the private half.
type keyPair struct {
	ID, Name    string
	Type        string // "rsa", "ed25519"
	Fingerprint string
	Public      string // in OpenSSH's form
	Created     time.Time
}

// byKeyPairID is the index of key pairs, which are keyed by name, by their id.
const byKeyPairID = "id"

var keyPairTable = store.NewTable("ec2.keypair", store.Index[keyPair]{
	Name: byKeyPairID, Keys: func(_ string, k keyPair) []string { return []string{k.ID} },
})

func keyPairNamed(c *api.Call, name string) (keyPair, error) {
	k, err := keyPairTable.Get(c.Tx, c.Scope(), name)
	if errors.Is(err, store.ErrNotFound) {
		return k, api.Error("InvalidKeyPair.NotFound", "The key pair '"+name+"' does not exist")
	}
	return k, err
}

func keyPairWithID(c *api.Call, id string) (keyPair, error) {
	for k, err := range keyPairTable.Find(c.Tx, c.Scope(), byKeyPairID, id) {
		return k, err
	}
	return keyPair{}, api.Error("InvalidKeyPair.NotFound", "The key pair ID '"+id+"' does not exist")
}

func (s *Service) keyPairOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateKeyPair", func(c *api.Call, in *ec2.CreateKeyPairInput) ([]api.Need, error) {
			n := newKeyPairNeed(c, "CreateKeyPair", in.KeyName, in.TagSpecifications)
			n[0].Context.Set("ec2:KeyPairType", either(string(in.KeyType), "rsa"))
			return n, nil
		}, s.createKeyPair),
		api.Op("ImportKeyPair", func(c *api.Call, in *ec2.ImportKeyPairInput) ([]api.Need, error) {
			return newKeyPairNeed(c, "ImportKeyPair", in.KeyName, in.TagSpecifications), nil
		}, s.importKeyPair),
		api.Op("DeleteKeyPair", s.deleteKeyPairNeeds, s.deleteKeyPair),
		api.Read("DescribeKeyPairs", anywhere[ec2.DescribeKeyPairsInput]("DescribeKeyPairs"), s.describeKeyPairs),
	}
}

func newKeyPairNeed(c *api.Call, action string, name *string, specs []types.TagSpecification) []api.Need {
	n := need(c, action, types.ResourceTypeKeyPair, aws.ToString(name))
	n.Context.Set("ec2:KeyPairName", aws.ToString(name))
	setRequestTags(&n.Context, specTags(specs, types.ResourceTypeKeyPair))
	return append([]api.Need{n}, tagNeeds(c, action, specs)...)
}

// maxKeyName is AWS's limit on a key pair's name.
const maxKeyName = 255

// keepKeyPair checks a new pair's name and tags and stores it.
func keepKeyPair(c *api.Call, k keyPair, specs []types.TagSpecification) (map[string]string, error) {
	switch {
	case k.Name == "":
		return nil, missingParameter("KeyName")
	case len(k.Name) > maxKeyName || strings.ContainsFunc(k.Name, func(r rune) bool { return r < ' ' || r > '~' }):
		return nil, invalidValue("Invalid value '%s' for keyPairNames. It must be no more than %d ASCII characters.", k.Name, maxKeyName)
	}
	tags, err := requestTags(specs, string(types.ResourceTypeKeyPair))
	if err != nil {
		return nil, err
	}
	_, err = keyPairNamed(c, k.Name)
	switch {
	case err == nil:
		return nil, api.Error("InvalidKeyPair.Duplicate", "The keypair already exists")
	case errorCode(err) == "":
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeKeyPair), k.ID, tags); err != nil {
		return nil, err
	}
	return tags, keyPairTable.Put(c.Tx, c.Scope(), k.Name, k)
}

// createKeyPair makes a key pair. The private key is in the answer and nowhere
// else: neither stored nor in the event.
func (s *Service) createKeyPair(c *api.Call, in *ec2.CreateKeyPairInput) (*ec2.CreateKeyPairOutput, error) {
	if in.KeyFormat != "" && in.KeyFormat != types.KeyFormatPem {
		return nil, notBuilt("KeyFormat=" + string(in.KeyFormat))
	}
	k := keyPair{ID: c.NewID("key-"), Name: aws.ToString(in.KeyName), Type: either(string(in.KeyType), string(types.KeyTypeRsa)), Created: c.Now}
	made, err := newKeyMaterial(types.KeyType(k.Type), c.Rand)
	if err != nil {
		return nil, err
	}
	k.Fingerprint, k.Public = made.fingerprint, made.public
	tags, err := keepKeyPair(c, k, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	c.Event.ResponseElements = map[string]any{
		"keyName": k.Name, "keyFingerprint": k.Fingerprint, "keyPairId": k.ID, "keyMaterial": "<sensitiveDataRemoved>",
	}
	return &ec2.CreateKeyPairOutput{
		KeyName: aws.String(k.Name), KeyPairId: aws.String(k.ID), KeyFingerprint: aws.String(k.Fingerprint),
		KeyMaterial: aws.String(made.private), Tags: describeTags(tags),
	}, nil
}

func (s *Service) importKeyPair(c *api.Call, in *ec2.ImportKeyPairInput) (*ec2.ImportKeyPairOutput, error) {
	k := keyPair{ID: c.NewID("key-"), Name: aws.ToString(in.KeyName), Created: c.Now}
	found, err := readPublicKey(in.PublicKeyMaterial)
	if err != nil {
		return nil, err
	}
	k.Type, k.Fingerprint, k.Public = string(found.kind), found.fingerprint, found.public
	tags, err := keepKeyPair(c, k, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.ImportKeyPairOutput{
		KeyName: aws.String(k.Name), KeyPairId: aws.String(k.ID), KeyFingerprint: aws.String(k.Fingerprint), Tags: describeTags(tags),
	}, nil
}

// keyPairToDelete finds the pair that a DeleteKeyPair means.
func keyPairToDelete(c *api.Call, in *ec2.DeleteKeyPairInput) (keyPair, error) {
	switch {
	case in.KeyName != nil && in.KeyPairId != nil:
		return keyPair{}, invalidCombination("The parameters KeyName and KeyPairId cannot be used together.")
	case in.KeyName != nil:
		return keyPairNamed(c, *in.KeyName)
	case in.KeyPairId != nil:
		return keyPairWithID(c, *in.KeyPairId)
	default:
		return keyPair{}, missingParameter("KeyName or KeyPairId")
	}
}

func (s *Service) deleteKeyPairNeeds(c *api.Call, in *ec2.DeleteKeyPairInput) ([]api.Need, error) {
	k, err := keyPairToDelete(c, in)
	if err != nil && errorCode(err) == "" {
		return nil, err
	}
	name := either(k.Name, either(aws.ToString(in.KeyName), "*"))
	n := need(c, "DeleteKeyPair", types.ResourceTypeKeyPair, name)
	n.Context.Set("ec2:KeyPairName", name)
	if k.ID != "" {
		tags, err := tagsOf(c, k.ID)
		if err != nil {
			return nil, err
		}
		n.Context.Set("ec2:KeyPairType", k.Type)
		setResourceTags(&n.Context, tags)
	}
	return []api.Need{n}, nil
}

// deleteKeyPair removes a pair; one that is not there is as good as removed
// (EC2 API reference, "DeleteKeyPair").
func (s *Service) deleteKeyPair(c *api.Call, in *ec2.DeleteKeyPairInput) (*ec2.DeleteKeyPairOutput, error) {
	k, err := keyPairToDelete(c, in)
	if errorCode(err) == "InvalidKeyPair.NotFound" {
		return &ec2.DeleteKeyPairOutput{Return: aws.Bool(true)}, nil
	}
	if err != nil {
		return nil, err
	}
	if err := putTags(c, string(types.ResourceTypeKeyPair), k.ID, nil); err != nil {
		return nil, err
	}
	if err := keyPairTable.Delete(c.Tx, c.Scope(), k.Name); err != nil {
		return nil, err
	}
	return &ec2.DeleteKeyPairOutput{Return: aws.Bool(true), KeyPairId: aws.String(k.ID)}, nil
}

var keyPairFilters = filterTable[keyPair]{
	"key-pair-id": func(k keyPair) []string { return some(k.ID) },
	"fingerprint": func(k keyPair) []string { return some(k.Fingerprint) },
	"key-name":    func(k keyPair) []string { return some(k.Name) },
}

func (s *Service) describeKeyPairs(c *api.Call, in *ec2.DescribeKeyPairsInput) (*ec2.DescribeKeyPairsOutput, error) {
	if err := checkFilters(in.Filters, keyPairFilters.known); err != nil {
		return nil, err
	}
	pairs, err := keyPairsOf(c, in.KeyNames, in.KeyPairIds)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeKeyPairsOutput{KeyPairs: []types.KeyPairInfo{}}
	for _, k := range pairs {
		tags, err := tagsOf(c, k.ID)
		if err != nil {
			return nil, err
		}
		ok, err := keyPairFilters.matches(in.Filters, k, tags)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		d := types.KeyPairInfo{
			KeyName: aws.String(k.Name), KeyPairId: aws.String(k.ID), KeyType: types.KeyType(k.Type),
			KeyFingerprint: aws.String(k.Fingerprint), CreateTime: aws.Time(k.Created), Tags: describeTags(tags),
		}
		if aws.ToBool(in.IncludePublicKey) {
			d.PublicKey = aws.String(k.Public)
		}
		out.KeyPairs = append(out.KeyPairs, d)
	}
	return out, nil
}

// keyPairsOf returns the pairs with those names and ids, each once, or all.
func keyPairsOf(c *api.Call, names, ids []string) ([]keyPair, error) {
	var pairs []keyPair
	add := func(k keyPair, err error) error {
		if err == nil && !slices.Contains(pairs, k) {
			pairs = append(pairs, k)
		}
		return err
	}
	for _, name := range names {
		if err := add(keyPairNamed(c, name)); err != nil {
			return nil, err
		}
	}
	for _, id := range ids {
		if err := add(keyPairWithID(c, id)); err != nil {
			return nil, err
		}
	}
	if len(names)+len(ids) > 0 {
		return pairs, nil
	}
	for k, err := range keyPairTable.All(c.Tx, c.Scope()) {
		if err := add(k, err); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}
