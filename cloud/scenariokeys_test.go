package cloud_test

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Further commands of TestScenarios, for keys of other kinds and what takes its time:
//
//	external K               make a key with imported key material
//	import K [DURATION]      import the same material again; it expires after that time
//	replica K R REGION       make a multi-Region key $K in that Region, where root is "abroad",
//	                         and its replica $R here
//	settled K STATE          time passes until the key is in that state
//	unlinked ROLE            time passes until the deletion of a service-linked role is done
func init() {
	for name, do := range map[string]func(s *scenario, w []string, rest string) error{
		"external": func(s *scenario, w []string, _ string) error {
			s.vars[w[0]] = *s.newKeyOf(&kms.CreateKeyInput{Origin: kmstypes.OriginTypeExternal}).Arn
			s.vars["the material of "+w[0]] = hex.EncodeToString(secret(32))
			return s.reimport(w)
		},
		"import": func(s *scenario, w []string, _ string) error { return s.reimport(w) },
		"replica": func(s *scenario, w []string, _ string) error {
			id, password := s.cloud.RootCredentials()
			s.people["abroad"] = s.in(w[2], id, password, "")
			there := s.people["abroad"].kms
			k, err := there.CreateKey(s.Context(), &kms.CreateKeyInput{MultiRegion: aws.Bool(true)})
			if err != nil {
				return err
			}
			out, err := there.ReplicateKey(s.Context(), &kms.ReplicateKeyInput{KeyId: k.KeyMetadata.KeyId, ReplicaRegion: aws.String(region)})
			if err != nil {
				return err
			}
			s.vars[w[0]], s.vars[w[1]] = *k.KeyMetadata.Arn, *out.ReplicaKeyMetadata.Arn
			s.awaitKey(s.root.kms, s.vars[w[1]], kmstypes.KeyStateEnabled)
			return nil
		},
		"unlinked": func(s *scenario, w []string, _ string) error {
			s.until(w[0]+" is deleted", func() bool {
				_, err := s.root.iam.GetRole(s.Context(), &iam.GetRoleInput{RoleName: &w[0]})
				return err != nil
			})
			return nil
		},
		"settled": func(s *scenario, w []string, _ string) error {
			s.awaitKey(s.root.kms, s.vars[w[0]], kmstypes.KeyState(w[1]))
			return nil
		},
	} {
		if commands[name] != nil {
			panic("two commands are called " + name)
		}
		commands[name] = do
	}
}

// reimport imports a key's own material.
func (s *scenario) reimport(w []string) error {
	material, err := hex.DecodeString(s.vars["the material of "+w[0]])
	if err != nil {
		return err
	}
	var expires func(*kms.ImportKeyMaterialInput)
	if len(w) > 1 {
		d, err := time.ParseDuration(w[1])
		if err != nil {
			return err
		}
		expires = func(in *kms.ImportKeyMaterialInput) {
			in.ExpirationModel, in.ValidTo = kmstypes.ExpirationModelTypeKeyMaterialExpires, aws.Time(s.cloud.Now().Add(d))
		}
	}
	if expires == nil {
		expires = func(*kms.ImportKeyMaterialInput) {}
	}
	if _, err := s.importInto(s.root.kms, s.vars[w[0]], "RSAES_OAEP_SHA_256", material, expires); err != nil {
		return fmt.Errorf("importing the material of %s: %w", w[0], err)
	}
	return nil
}
