package ec2

import (
	"encoding/base32"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/launch"
)

// performed is what carrying out a launch's steps left behind. After an error
// it holds what was done before it, so that it can be undone.
type performed struct {
	// Grants are in the order they were made.
	Grants []madeGrant
	// DataKey is the new data key, wrapped under the volume's KMS key; nil if
	// no step made one.
	DataKey []byte
}

// madeGrant is a grant that EC2 asked for in the caller's name.
type madeGrant struct {
	ID     string
	Token  string // good at once; never stored nor logged
	Key    string // key ARN
	Volume string
}

// grant is the last grant's id, or empty.
func (p performed) grant() string {
	if len(p.Grants) == 0 {
		return ""
	}
	return p.Grants[len(p.Grants)-1].ID
}

// siteOf is where a call's launches happen.
func siteOf(c *api.Call) launch.Site {
	return launch.Site{Partition: c.Partition, Account: c.Account, Region: c.Region}
}

// perform carries out a launch's steps for one volume or snapshot, in order and
// through KMS's door, and stops at the first that KMS refuses: the error is
// KMS's. wrapped is the data key that the steps decrypt or re-encrypt; a step
// after the one that makes a data key takes the new one if wrapped is nil.
func (s *Service) perform(c *api.Call, steps []launch.Step, wrapped []byte) (performed, error) {
	var done performed
	for _, step := range steps {
		if err := s.performStep(c, step, wrapped, &done); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (s *Service) performStep(c *api.Call, step launch.Step, wrapped []byte, done *performed) error {
	as := onBehalf(c, step)
	if wrapped == nil {
		wrapped = done.DataKey
	}
	switch step.Operation {
	case launch.CreateGrant:
		return createGrant(as, step, done)
	case launch.GenerateDataKeyWithoutPlaintext:
		out, err := api.Invoke[kms.GenerateDataKeyWithoutPlaintextOutput](as, "kms", string(step.Operation), &kms.GenerateDataKeyWithoutPlaintextInput{
			KeyId: aws.String(step.Key), NumberOfBytes: aws.Int32(step.NumberOfBytes), EncryptionContext: step.EncryptionContext,
		})
		if err != nil {
			return err
		}
		done.DataKey = out.CiphertextBlob
		return nil
	case launch.Decrypt:
		out, err := api.Invoke[kms.DecryptOutput](as, "kms", string(step.Operation), &kms.DecryptInput{
			CiphertextBlob: wrapped, EncryptionContext: step.EncryptionContext, GrantTokens: done.tokens(step.Key),
		})
		if err != nil {
			return err
		}
		// At AWS the host keeps the key in memory to read the disk; there is no
		// disk here, so nobody keeps it.
		clear(out.Plaintext)
		return nil
	case launch.ReEncrypt:
		_, err := api.Invoke[kms.ReEncryptOutput](as, "kms", string(step.Operation), &kms.ReEncryptInput{
			CiphertextBlob: wrapped, SourceKeyId: aws.String(step.SourceKey), SourceEncryptionContext: step.SourceContext,
			DestinationKeyId: aws.String(step.Key), DestinationEncryptionContext: step.EncryptionContext,
		})
		return err
	default:
		return fmt.Errorf("ec2: a launch has no step %s", step.Operation)
	}
}

func createGrant(c *api.Call, step launch.Step, done *performed) error {
	in := &kms.CreateGrantInput{
		KeyId: aws.String(step.Key), GranteePrincipal: aws.String(step.Grant.Grantee), RetiringPrincipal: aws.String(step.Grant.Retiring),
		Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: step.Grant.Subset},
	}
	for _, op := range step.Grant.Operations {
		in.Operations = append(in.Operations, kmstypes.GrantOperation(op))
	}
	out, err := api.Invoke[kms.CreateGrantOutput](c, "kms", string(step.Operation), in)
	if err != nil {
		return err
	}
	done.Grants = append(done.Grants, madeGrant{
		ID: aws.ToString(out.GrantId), Token: aws.ToString(out.GrantToken), Key: step.Key, Volume: step.Volume,
	})
	return nil
}

// tokens are those of the grants just made on a key: KMS may not know a new
// grant everywhere yet, its token works at once (KMS guide, "Grant tokens").
func (p performed) tokens(key string) []string {
	var tokens []string
	for _, g := range p.Grants {
		if g.Key == key && g.Token != "" {
			tokens = append(tokens, g.Token)
		}
	}
	return tokens
}

// onBehalf is the call in the name of whoever makes the step's request.
func onBehalf(c *api.Call, step launch.Step) *api.Call {
	site := siteOf(c)
	switch step.By {
	case launch.ByInfrastructure:
		return c.As(api.Caller{
			Principal: site.Infrastructure(step.Instance), AccessKeyID: infrastructureKeyID(c.Rand),
			InvokedBy: launch.Internal, InScopeOf: c.ARN("ec2", "instance/"+step.Instance), IssuedAt: c.Now,
		})
	case launch.ByService:
		return c.As(api.Caller{Principal: site.Service(), InvokedBy: launch.FrontEnd})
	default:
		return c.Forward("ec2", launch.FrontEnd)
	}
}

// infrastructureKeyID is the access key id that CloudTrail shows for the
// infrastructure role's session; no secret belongs to it.
func infrastructureKeyID(random io.Reader) string {
	var b [10]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("ec2: no randomness: " + err.Error())
	}
	return "ASIA" + base32.StdEncoding.EncodeToString(b[:])
}

// retireGrant ends a grant that a launch made, as EC2's service principal, which
// is the grant's retiring principal. A grant or a key that is gone already
// leaves nothing to retire; KMS calls that not found, or, since a grant that is
// gone allows nothing, denied.
func (s *Service) retireGrant(c *api.Call, key, grant string) error {
	if grant == "" {
		return nil
	}
	as := c.As(api.Caller{Principal: siteOf(c).Service(), InvokedBy: launch.Internal})
	_, err := api.Invoke[kms.RetireGrantOutput](as, "kms", string(launch.RetireGrant), &kms.RetireGrantInput{
		KeyId: aws.String(key), GrantId: aws.String(grant),
	})
	switch errorCode(err) {
	case "NotFoundException", "AccessDeniedException":
		return nil
	}
	return err
}

// retire ends every grant that was made.
func (s *Service) retire(c *api.Call, p performed) error {
	for _, g := range p.Grants {
		if err := s.retireGrant(c, g.Key, g.ID); err != nil {
			return err
		}
	}
	return nil
}
