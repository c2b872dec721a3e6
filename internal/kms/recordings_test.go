package kms

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// recordings are answers that were recorded on AWS: by test, then by step.
func recordings(t *testing.T) map[string]map[string]any {
	t.Helper()
	path := os.Getenv("KEYTURN_RECORDINGS")
	if path == "" {
		path = "../../../shared/aws-recordings.jsonl"
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no recordings of AWS's answers at %s: set KEYTURN_RECORDINGS", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := make(map[string]map[string]any)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line struct {
			Service, Test string
			Content       map[string]any
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Service == "kms" {
			all[line.Test] = line.Content
		}
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return all
}

// player runs one recorded test here, and compares each step.
type player struct {
	*stage
	recorded map[string]any
	// names are what the recordings write for our ids, in pairs.
	names []string
}

// step compares one answer: an SDK value, or an error.
func (p *player) step(name string, answer any, err error) {
	p.t.Helper()
	want, ok := p.recorded[name]
	if !ok {
		p.t.Fatalf("nothing is recorded as %s", name)
	}
	var got any
	if err != nil {
		var e smithy.APIError
		if !errors.As(err, &e) {
			p.t.Fatalf("%s: %v", name, err)
		}
		got = map[string]any{"Error": map[string]any{"Code": e.ErrorCode(), "Message": e.ErrorMessage()}}
	} else {
		got = plain(p.t, answer)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		p.t.Fatal(err)
	}
	// The first that fits counts: an ARN before its parts.
	names := append(slices.Clone(p.names), account, "111111111111", "arn:aws:", "arn:<partition>:", region, "<region>")
	if err := json.Unmarshal([]byte(strings.NewReplacer(names...).Replace(string(raw))), &got); err != nil {
		p.t.Fatal(err)
	}
	if d := cmp.Diff(cleaned(want), cleaned(got)); d != "" {
		p.t.Errorf("%s (-AWS +here):\n%s", name, d)
	}
}

// plain turns an SDK value into what the wire would show.
func plain(t testing.TB, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// cleaned drops what is no part of an answer, and what the wire leaves out.
func cleaned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		for k, member := range v {
			empty := member == nil || member == "" && k != "Description" && k != "Message"
			if k == "ResponseMetadata" || k == "ResultMetadata" || k == "message" || k == "CreationDate" || empty {
				continue
			}
			if k == "Truncated" && member == false {
				continue
			}
			out[k] = cleaned(member)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, cleaned(item))
		}
		return out
	}
	return v
}

func (p *player) named(k *kmstypes.KeyMetadata) {
	p.names = append(p.names, *k.KeyId, "<key-id:1>", *k.CurrentKeyMaterialId, "<current-key-material-id:1>")
}

func describe(p *player, w who, id string) (any, error) {
	return p.run(w, "DescribeKey", &kms.DescribeKeyInput{KeyId: aws.String(id)})
}

func tagsOf(p *player, k *kmstypes.KeyMetadata) []kmstypes.Tag {
	return do[kms.ListResourceTagsOutput](p.stage, root(), "ListResourceTags", &kms.ListResourceTagsInput{KeyId: k.KeyId}).Tags
}

// plays are recorded tests that need no clients. Package cloud plays all of them,
// through clients.
var plays = map[string]func(p *player){
	"TestKMS::test_generate_random_invalid_number_of_bytes[None]": func(p *player) {
		_, err := p.run(root(), "GenerateRandom", &kms.GenerateRandomInput{})
		p.step("generate-random-exc", nil, err)
	},
	"TestKMS::test_get_key_in_different_region": func(p *player) {
		there := root().in("us-west-1")
		k := do[kms.CreateKeyOutput](p.stage, there, "CreateKey", &kms.CreateKeyInput{Description: aws.String("test key 123")}).KeyMetadata
		p.named(k)
		p.names = append(p.names, "us-west-1", "<secondary-region>")
		for step, id := range map[string]string{"describe-key-same-specific-region-with-id": *k.KeyId, "describe-key-same-specific-region-with-arn": *k.Arn} {
			out, err := describe(p, there, id)
			p.step(step, out, err)
		}
		out, err := describe(p, root(), *k.KeyId)
		p.step("describe-key-diff-region-with-id", out, err)
		out, err = describe(p, root(), *k.Arn)
		p.step("describe-key-diff-region-with-arn", out, err)
	},
	"TestKMS::test_get_key_invalid_uuid": func(p *player) {
		for step, id := range map[string]string{
			"describe-key-with-invalid-uuid": "fake-key-id", "describe-key-with-invalid-uuid-2": "134f2428cec14b25a1ae9048164dba47",
			"describe-key-with-invalid-uuid-mrk": "mrk-fake-key-id",
		} {
			out, err := describe(p, root(), id)
			p.step(step, out, err)
		}
	},
	"TestKMS::test_non_multi_region_keys_should_not_have_multi_region_properties": func(p *player) {
		k := do[kms.CreateKeyOutput](p.stage, root(), "CreateKey", &kms.CreateKeyInput{Description: aws.String("test non multi region key")}).KeyMetadata
		p.named(k)
		p.step("non_multi_region_keys_should_not_have_multi_region_properties", k, nil)
	},
	"TestKMS::test_tag_existing_key_and_untag": func(p *player) {
		k := p.key(root())
		do[kms.TagResourceOutput](p.stage, root(), "TagResource", &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagList("tag1", "value1", "tag2", "value2")})
		p.step("list-resource-tags", tagsOf(p, k), nil)
		do[kms.UntagResourceOutput](p.stage, root(), "UntagResource", &kms.UntagResourceInput{KeyId: k.KeyId, TagKeys: []string{"tag1", "tag2"}})
		p.step("list-resource-tags-after-all-untagged", tagsOf(p, k), nil)
	},
	"TestKMS::test_update_and_add_tags_on_tagged_key": func(p *player) {
		k := do[kms.CreateKeyOutput](p.stage, root(), "CreateKey", &kms.CreateKeyInput{Tags: tagList("tag1", "value1", "tag2", "value2", "tag3", "value3")}).KeyMetadata
		p.step("list-resource-tags", tagsOf(p, k), nil)
		do[kms.TagResourceOutput](p.stage, root(), "TagResource", &kms.TagResourceInput{
			KeyId: k.KeyId, Tags: tagList("tag2", "updated_value2", "tag4", "value4", "tag5", "value5"),
		})
		p.step("list-resource-tags-after-tags-updated", tagsOf(p, k), nil)
	},
	"TestKMS::test_tag_key_with_duplicate_tag_keys_raises_error": func(p *player) {
		_, err := p.run(root(), "TagResource", &kms.TagResourceInput{KeyId: p.key(root()).KeyId, Tags: tagList("a", "1", "a", "2")})
		p.step("duplicate-tag-keys", nil, err)
	},
	"TestKMS::test_create_key_with_too_many_tags_raises_error": func(p *player) {
		var many []string
		for i := range 51 {
			many = append(many, "k"+string(rune('A'+i)), "v")
		}
		_, err := p.run(root(), "CreateKey", &kms.CreateKeyInput{Tags: tagList(many...)})
		p.step("invalid-tag-key", nil, err)
	},
	"TestKMS::test_tag_existing_key_with_invalid_tag_key": func(p *player) {
		_, err := p.run(root(), "TagResource", &kms.TagResourceInput{KeyId: p.key(root()).KeyId, Tags: tagList("aws:key1", "value1")})
		p.step("invalid-tag-key", nil, err)
	},
	"TestKMS::test_create_key_with_invalid_tag_key[uppercase_prefix]": func(p *player) {
		_, err := p.run(root(), "CreateKey", &kms.CreateKeyInput{Tags: tagList("AWS:key1", "value1")})
		p.step("invalid-tag-key", nil, err)
	},
	"TestKMS::test_rotate_key_on_demand_raises_error_given_key_is_disabled": func(p *player) {
		k := p.key(root())
		p.names = append(p.names, *k.Arn, "<key-arn>")
		do[kms.DisableKeyOutput](p.stage, root(), "DisableKey", &kms.DisableKeyInput{KeyId: k.KeyId})
		_, err := p.run(root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: k.KeyId})
		p.step("error-response", nil, err)
	},
	"TestKMS::test_rotate_key_on_demand_raises_error_given_key_that_does_not_exist": func(p *player) {
		const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
		p.names = append(p.names, "arn:aws:kms:eu-west-1:123456789012:key/"+id, "<key-arn>")
		_, err := p.run(root(), "RotateKeyOnDemand", &kms.RotateKeyOnDemandInput{KeyId: aws.String(id)})
		p.step("error-response", nil, err)
	},
	"TestKMS::test_key_rotations_encryption_decryption": func(p *player) {
		k := p.key(root())
		blob := encrypted(p.stage, root(), k.KeyId, "x", nil)
		blob[len(blob)-1] ^= 1
		_, err := p.run(root(), "Decrypt", &kms.DecryptInput{CiphertextBlob: blob, KeyId: k.KeyId})
		p.step("bad-ciphertext", nil, err)
	},
	"TestKMS::test_re_encrypt_incorrect_source_key": func(p *player) {
		k, second := p.key(root()), p.key(root())
		_, err := p.run(root(), "ReEncrypt", &kms.ReEncryptInput{
			CiphertextBlob: encrypted(p.stage, root(), k.KeyId, "x", nil), SourceKeyId: second.KeyId, DestinationKeyId: second.KeyId,
		})
		p.step("incorrect-source-key", nil, err)
	},
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	for name, play := range plays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorded, ok := all[name]
			if !ok {
				t.Skip("not among these recordings")
			}
			play(&player{stage: newStage(t), recorded: recorded})
		})
	}
}
