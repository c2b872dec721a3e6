package iam

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	// samlProvidersMax is how many SAML providers an account may have (IAM
	// guide, "IAM and AWS STS quotas").
	samlProvidersMax = 100
	// samlKeysMax is how many private keys a provider may have (IAM API
	// reference, "UpdateSAMLProvider").
	samlKeysMax = 2
	// samlKeyPurpose is what the root key seals private keys for; the provider's
	// UUID and the key's id go with it.
	samlKeyPurpose = "saml-private-key"
	// samlYears is how long a provider is good whose metadata does not say.
	samlYears = 100
)

// samlProvider is a row of its table, by its name. Its metadata document, which
// may be long, is a row of its own: see metadataKey.
type samlProvider struct {
	Name, UUID string
	Created    time.Time
	ValidUntil time.Time
	Encryption string    `json:",omitempty"` // AssertionEncryptionMode
	Keys       []samlKey `json:",omitempty"`
	Tags       tags      `json:",omitempty"`
}

// samlKey is a private key that assertions are encrypted for.
type samlKey struct {
	ID      string
	Created time.Time
	Sealed  []byte
}

var samlProviders = store.NewTable[samlProvider]("iam.samlprovider")

func samlARN(c *api.Call, name string) string { return arn(c, "saml-provider", "/", name) }

// metadataKey is the row of a SAML provider's metadata document.
func metadataKey(s store.Scope, uuid string) string { return documentKey(s, uuid, "metadata") }

// getSAMLProvider finds a provider of the call's account by its ARN.
func getSAMLProvider(c *api.Call, arn *string) (samlProvider, error) {
	name, ok := strings.CutPrefix(value(arn), samlARN(c, ""))
	missing := notFound("Manifest not found for arn %s", value(arn))
	if !ok || name == "" {
		return samlProvider{}, missing
	}
	p, err := samlProviders.Get(c.Tx, c.Global(), name)
	if errors.Is(err, store.ErrNotFound) {
		return samlProvider{}, missing
	}
	return p, err
}

// put keeps a provider and, if one is given, its metadata.
func (p samlProvider) put(c *api.Call, metadata *string) error {
	if metadata != nil {
		if err := c.Tx.Put(metadataKey(c.Global(), p.UUID), []byte(*metadata)); err != nil {
			return err
		}
	}
	return samlProviders.Put(c.Tx, c.Global(), p.Name, p)
}

// setMetadata takes a provider's validity from its metadata document.
func (s *Service) setMetadata(c *api.Call, p *samlProvider, document string) error {
	until, err := s.assertions.Metadata([]byte(document))
	if err != nil {
		return invalidInput("%s", err)
	}
	if until.IsZero() {
		until = c.Now.AddDate(samlYears, 0, 0)
	}
	p.ValidUntil = until.UTC()
	return nil
}

// addKey adds a private key.
func (s *Service) addKey(c *api.Call, p *samlProvider, text string) error {
	if err := s.assertions.PrivateKey([]byte(text)); err != nil {
		return invalidInput("%s", err)
	}
	if len(p.Keys) >= samlKeysMax {
		return quota("PrivateKeysPerSAMLProvider", samlKeysMax)
	}
	k := samlKey{ID: samlUUID(c), Created: c.Now}
	k.Sealed = s.root.Seal(samlKeyPurpose, []byte(text), []byte(p.UUID+k.ID))
	p.Keys = append(slices.Clone(p.Keys), k)
	return nil
}

// checkEncryption refuses to demand what nobody could read.
func (p samlProvider) checkEncryption() error {
	if p.Encryption == string(types.AssertionEncryptionModeTypeRequired) && len(p.Keys) == 0 {
		return invalidInput("A private key is needed to require encrypted assertions.")
	}
	return nil
}

func (s *Service) createSAMLProvider(c *api.Call, in *iam.CreateSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	name := value(in.Name)
	p := samlProvider{Name: name, UUID: samlUUID(c), Created: c.Now, Encryption: string(in.AssertionEncryptionMode)}
	if err := s.setMetadata(c, &p, value(in.SAMLMetadataDocument)); err != nil {
		return nil, err
	}
	if in.AddPrivateKey != nil {
		if err := s.addKey(c, &p, *in.AddPrivateKey); err != nil {
			return nil, err
		}
	}
	if err := p.checkEncryption(); err != nil {
		return nil, err
	}
	var err error
	if p.Tags, err = newTags(in.Tags, false); err != nil {
		return nil, err
	}
	if _, err := samlProviders.Get(c.Tx, c.Global(), name); err == nil {
		return nil, exists("SAMLProvider with name %s already exists.", name)
	} else if err := ignoreNotFound(err); err != nil {
		return nil, err
	}
	if err := room(c, "iam.samlprovider", "SAMLProvidersPerAccount", samlProvidersMax); err != nil {
		return nil, err
	}
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: aws.String(samlARN(c, name)), Tags: p.Tags.sorted().describe()}, p.put(c, in.SAMLMetadataDocument)
}

// samlUUID is the unique id of a provider or of its key: upper case letters and digits.
func samlUUID(c *api.Call) string {
	return strings.ToUpper(strings.ReplaceAll(c.NewUUID(), "-", ""))
}

func (s *Service) updateSAMLProvider(c *api.Call, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	p, err := getSAMLProvider(c, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	if in.SAMLMetadataDocument != nil {
		if err := s.setMetadata(c, &p, *in.SAMLMetadataDocument); err != nil {
			return nil, err
		}
	}
	if in.RemovePrivateKey != nil {
		left := slices.DeleteFunc(slices.Clone(p.Keys), func(k samlKey) bool { return k.ID == *in.RemovePrivateKey })
		if len(left) == len(p.Keys) {
			return nil, notFound("The private key with id %s cannot be found.", *in.RemovePrivateKey)
		}
		p.Keys = left
	}
	if in.AddPrivateKey != nil {
		if err := s.addKey(c, &p, *in.AddPrivateKey); err != nil {
			return nil, err
		}
	}
	if in.AssertionEncryptionMode != "" {
		p.Encryption = string(in.AssertionEncryptionMode)
	}
	if err := p.checkEncryption(); err != nil {
		return nil, err
	}
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, p.put(c, in.SAMLMetadataDocument)
}

func (s *Service) getSAMLProvider(c *api.Call, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	p, err := getSAMLProvider(c, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	metadata, err := c.Tx.Get(metadataKey(c.Global(), p.UUID))
	if err != nil {
		return nil, err
	}
	return &iam.GetSAMLProviderOutput{
		CreateDate: aws.Time(p.Created), ValidUntil: aws.Time(p.ValidUntil), SAMLMetadataDocument: aws.String(string(metadata)),
		SAMLProviderUUID: aws.String(p.UUID), AssertionEncryptionMode: types.AssertionEncryptionModeType(p.Encryption),
		Tags: p.Tags.sorted().describe(),
		PrivateKeyList: convert(p.Keys, func(k samlKey) types.SAMLPrivateKey {
			return types.SAMLPrivateKey{KeyId: aws.String(k.ID), Timestamp: aws.Time(k.Created)}
		}),
	}, nil
}

func (s *Service) listSAMLProviders(c *api.Call, _ *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	all, err := collect(samlProviders.All(c.Tx, c.Global()), nil)
	if err != nil {
		return nil, err
	}
	return &iam.ListSAMLProvidersOutput{
		SAMLProviderList: convert(all, func(p samlProvider) types.SAMLProviderListEntry {
			return types.SAMLProviderListEntry{Arn: aws.String(samlARN(c, p.Name)), CreateDate: aws.Time(p.Created), ValidUntil: aws.Time(p.ValidUntil)}
		}),
	}, nil
}

// deleteSAMLProvider asks no role whether it trusts the provider (IAM API
// reference, "DeleteSAMLProvider").
func (s *Service) deleteSAMLProvider(c *api.Call, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	p, err := getSAMLProvider(c, in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	if err := c.Tx.Delete(metadataKey(c.Global(), p.UUID)); err != nil {
		return nil, err
	}
	return &iam.DeleteSAMLProviderOutput{}, samlProviders.Delete(c.Tx, c.Global(), p.Name)
}

// SAMLProvider finds an account's SAML provider by its ARN, or returns
// store.ErrNotFound.
func (s *Service) SAMLProvider(tx store.Tx, account, arn string) (api.SAMLProvider, error) {
	_, name, ok := strings.Cut(arn, ":"+account+":saml-provider/")
	if !ok {
		return api.SAMLProvider{}, store.ErrNotFound
	}
	scope := store.Scope{Account: account, Region: store.Global}
	p, err := samlProviders.Get(tx, scope, name)
	if err != nil {
		return api.SAMLProvider{}, err
	}
	out := api.SAMLProvider{ARN: arn, Encrypted: p.Encryption == string(types.AssertionEncryptionModeTypeRequired)}
	if out.Metadata, err = tx.Get(metadataKey(scope, p.UUID)); err != nil {
		return api.SAMLProvider{}, err
	}
	for _, k := range p.Keys {
		text, err := s.root.Open(samlKeyPurpose, k.Sealed, []byte(p.UUID+k.ID))
		if err != nil {
			return api.SAMLProvider{}, err
		}
		out.Keys = append(out.Keys, text)
	}
	return out, nil
}
