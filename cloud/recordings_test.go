package cloud_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

// recording is a test that somebody ran against AWS, with AWS's answers by step.
type recording struct {
	Service, Test string
	Content       map[string]json.RawMessage
}

func readRecordings(t *testing.T) []recording {
	t.Helper()
	path := os.Getenv("KEYTURN_RECORDINGS")
	if path == "" {
		path = "../../shared/aws-recordings.jsonl"
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no recordings of AWS's answers here; KEYTURN_RECORDINGS names their file")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []recording
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var r recording
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		r.Test = r.Test[strings.LastIndex(r.Test, "::")+1:]
		r.Test = strings.TrimPrefix(r.Test, ":")
		all = append(all, r)
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
	return all
}

// player plays one recorded test through real clients, over HTTP.
type player struct {
	*stage
	content map[string]json.RawMessage
	// names are what the recording writes for what this run chose, in pairs.
	names    []string
	compared map[string]bool
}

// step compares an answer, or the code, message and HTTP status of an error.
// Of answers the members are compared: the values differ from run to run.
func (r *player) step(name string, answer any, err error) {
	r.Helper()
	raw, ok := r.content[name]
	if !ok {
		r.Fatalf("nothing is recorded as %s", name)
	}
	r.compared[name] = true
	var want any
	r.must(json.Unmarshal(raw, &want))
	if err != nil {
		var e smithy.APIError
		var status *smithyhttp.ResponseError
		if !errors.As(err, &e) || !errors.As(err, &status) {
			r.Fatalf("%s: %v", name, err)
		}
		message := e.ErrorMessage()
		if message == "UnknownError" {
			message = "" // what Go's SDK says where there is no message
		}
		names := append(slices.Clone(r.names), "123456789012", "111111111111", "arn:aws:", "arn:<partition>:", region, "<region>")
		answer = map[string]any{
			"Error":            map[string]any{"Code": e.ErrorCode(), "Message": strings.NewReplacer(names...).Replace(message)},
			"ResponseMetadata": map[string]any{"HTTPStatusCode": float64(status.HTTPStatusCode())},
		}
		recorded, _ := want.(map[string]any)
		failure, _ := recorded["Error"].(map[string]any)
		metadata, _ := recorded["ResponseMetadata"].(map[string]any)
		want = map[string]any{
			"Error":            map[string]any{"Code": failure["Code"], "Message": failure["Message"]},
			"ResponseMetadata": map[string]any{"HTTPStatusCode": metadata["HTTPStatusCode"]},
		}
		if d := cmp.Diff(want, answer); d != "" {
			r.Errorf("%s (-AWS +here):\n%s", name, d)
		}
		return
	}
	raw, err = json.Marshal(answer)
	r.must(err)
	var got any
	r.must(json.Unmarshal(raw, &got))
	if d := cmp.Diff(shape(want), shape(got)); d != "" {
		r.Errorf("%s (-AWS +here):\n%s", name, d)
	}
}

// shape keeps the members of an answer, not their values.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any)
		for k, member := range v {
			// A policy document is text to Go's SDK, an object to the recording's.
			document := strings.HasSuffix(k, "PolicyDocument") || k == "ReplicaPolicy"
			switch {
			case k == "SessionTokenSize" || k == "SessionTokenUtilization":
				// AWS shows these since September 2026; the recordings are older.
			case member == nil || member == "" || k == "ResponseMetadata" || k == "ResultMetadata" || k == "message" || member == false:
			case document:
				out[k] = "value"
			default:
				out[k] = shape(member)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = shape(v[i])
		}
		return out
	case string, float64, bool:
		return "value"
	}
	return v
}

// replays are the recorded tests of what is built here, by name.
var replays = map[string]func(r *player){
	"test_generate_random_invalid_number_of_bytes[None]": func(r *player) { r.random(nil) },
	"test_generate_random_invalid_number_of_bytes[0]":    func(r *player) { r.random(aws.Int32(0)) },
	"test_generate_random_invalid_number_of_bytes[1025]": func(r *player) { r.random(aws.Int32(1025)) },
	"test_get_key_in_different_region": func(r *player) {
		id, secret := r.cloud.RootCredentials()
		there := r.in("us-west-1", id, secret, "").kms
		k, err := there.CreateKey(r.Context(), &kms.CreateKeyInput{Description: aws.String("test key 123")})
		r.must(err)
		r.names = append(r.names, *k.KeyMetadata.KeyId, "<key-id:1>", "us-west-1", "<secondary-region>")
		for step, by := range map[string]struct {
			client *kms.Client
			id     *string
		}{
			"describe-key-same-specific-region-with-id": {there, k.KeyMetadata.KeyId}, "describe-key-same-specific-region-with-arn": {there, k.KeyMetadata.Arn},
			"describe-key-diff-region-with-id": {r.root.kms, k.KeyMetadata.KeyId}, "describe-key-diff-region-with-arn": {r.root.kms, k.KeyMetadata.Arn},
		} {
			out, err := by.client.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: by.id})
			r.step(step, out, err)
		}
	},
	"test_get_key_invalid_uuid": func(r *player) {
		for step, id := range map[string]string{
			"describe-key-with-invalid-uuid": "fake-key-id", "describe-key-with-invalid-uuid-2": "134f2428cec14b25a1ae9048164dba47",
			"describe-key-with-invalid-uuid-mrk": "mrk-fake-key-id",
		} {
			out, err := r.root.kms.DescribeKey(r.Context(), &kms.DescribeKeyInput{KeyId: &id})
			r.step(step, out, err)
		}
	},
	"test_non_multi_region_keys_should_not_have_multi_region_properties": func(r *player) {
		r.step("non_multi_region_keys_should_not_have_multi_region_properties", r.newKey(), nil)
	},
	"test_tag_existing_key_and_untag": func(r *player) {
		r.tags(2, "list-resource-tags", "list-resource-tags-after-all-untagged", "tag1", "tag2")
	},
	"test_create_key_with_tag_and_untag": func(r *player) {
		r.tags(2, "list-resource-tags", "list-resource-tags-after-all-untagged", "tag1", "tag2")
	},
	"test_update_and_add_tags_on_tagged_key": func(r *player) {
		k := r.newKey("tag1", "tag2", "tag3")
		list := func(step string) {
			out, err := r.root.kms.ListResourceTags(r.Context(), &kms.ListResourceTagsInput{KeyId: k.KeyId})
			r.must(err)
			r.step(step, out.Tags, nil)
		}
		list("list-resource-tags")
		_, err := r.root.kms.TagResource(r.Context(), &kms.TagResourceInput{KeyId: k.KeyId, Tags: tagged("tag2", "tag4", "tag5")})
		r.must(err)
		list("list-resource-tags-after-tags-updated")
	},
	"test_untag_key_partially": func(r *player) {
		r.tags(3, "list-resource-tags", "list-resource-tags-after-partially-untagged", "tag2")
	},
	"test_tag_key_with_duplicate_tag_keys_raises_error": func(r *player) {
		_, err := r.root.kms.TagResource(r.Context(), &kms.TagResourceInput{KeyId: r.newKey().KeyId, Tags: tagged("a", "a")})
		r.step("duplicate-tag-keys", nil, err)
	},
	"test_create_key_with_too_many_tags_raises_error": func(r *player) {
		var keys []string
		for i := range 51 {
			keys = append(keys, fmt.Sprintf("key%d", i))
		}
		r.createTagged(keys...)
	},
	"test_create_key_with_invalid_tag_key[lowercase_prefix]": func(r *player) { r.createTagged("aws:key1") },
	"test_create_key_with_invalid_tag_key[uppercase_prefix]": func(r *player) { r.createTagged("AWS:key1") },
	"test_create_key_with_invalid_tag_key[too_long_key]":     func(r *player) { r.createTagged(strings.Repeat("a", 129)) },
	"test_tag_existing_key_with_invalid_tag_key": func(r *player) {
		_, err := r.root.kms.TagResource(r.Context(), &kms.TagResourceInput{KeyId: r.newKey().KeyId, Tags: tagged("aws:key1")})
		r.step("invalid-tag-key", nil, err)
	},
	"test_rotate_key_on_demand_modifies_key_material": func(r *player) { r.rotate(r.newKey().KeyId, "rotate-on-demand-response") },
	"test_rotate_on_demand_returns_arn_for_key_id":    func(r *player) { r.rotate(r.newKey().KeyId, "rotate-on-demand-aws-key") },
	"test_rotate_key_on_demand_with_symmetric_key_and_automatic_rotation_disabled": func(r *player) {
		k := r.newKey()
		r.rotate(k.KeyId, "rotate-on-demand-response")
		out, err := r.root.kms.GetKeyRotationStatus(r.Context(), &kms.GetKeyRotationStatusInput{KeyId: k.KeyId})
		r.step("rotation-status-response-after-rotation", out, err)
	},
	"test_rotate_key_on_demand_raises_error_given_key_is_disabled": func(r *player) {
		k := r.newKey()
		_, err := r.root.kms.DisableKey(r.Context(), &kms.DisableKeyInput{KeyId: k.KeyId})
		r.must(err)
		r.names = append(r.names, *k.Arn, "<key-arn>")
		r.rotate(k.KeyId, "error-response")
	},
	"test_rotate_key_on_demand_raises_error_given_key_that_does_not_exist": func(r *player) {
		const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
		r.names = append(r.names, "arn:aws:kms:"+region+":123456789012:key/"+id, "<key-arn>")
		r.rotate(aws.String(id), "error-response")
	},
	"test_key_rotations_encryption_decryption": func(r *player) {
		blob := r.sealed(r.newKey().KeyId)
		blob[len(blob)-1] ^= 1
		_, err := r.root.kms.Decrypt(r.Context(), &kms.DecryptInput{CiphertextBlob: blob})
		r.step("bad-ciphertext", nil, err)
	},
	"test_re_encrypt_incorrect_source_key": func(r *player) {
		second := r.newKey().KeyId
		_, err := r.root.kms.ReEncrypt(r.Context(), &kms.ReEncryptInput{CiphertextBlob: r.sealed(r.newKey().KeyId), SourceKeyId: second, DestinationKeyId: second})
		r.step("incorrect-source-key", nil, err)
	},
	"test_create_describe_role": func(r *player) {
		create, err := r.newRole("role", "/path/", ec2Trust)
		r.step("create_role_result", create, err)
		get, err := r.root.iam.GetRole(r.Context(), &iam.GetRoleInput{RoleName: aws.String("role")})
		r.step("get_role_result", get, err)
		list, err := r.root.iam.ListRoles(r.Context(), &iam.ListRolesInput{PathPrefix: aws.String("/path/")})
		r.step("list_roles_result", list, err)
	},
	"test_role_with_path_lifecycle": func(r *player) {
		create, err := r.newRole("role", "/path/", ec2Trust)
		r.step("create-role-response", create, err)
		get, err := r.root.iam.GetRole(r.Context(), &iam.GetRoleInput{RoleName: aws.String("role")})
		r.step("get-role-response", get, err)
		gone, err := r.root.iam.DeleteRole(r.Context(), &iam.DeleteRoleInput{RoleName: aws.String("role")})
		r.step("delete-role-response", gone, err)
	},
	"test_update_assume_role_policy": func(r *player) {
		create, err := r.newRole("role", "/", ec2Trust)
		r.step("created_role", create, err)
		out, err := r.root.iam.UpdateAssumeRolePolicy(r.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("role"), PolicyDocument: aws.String(ec2Trust)})
		r.step("updated_policy", out, err)
	},
	"test_user_attach_policy": func(r *player) {
		r.user("test")
		r.attach(func(arn string) (any, error) {
			return r.root.iam.AttachUserPolicy(r.Context(), &iam.AttachUserPolicyInput{UserName: aws.String("test"), PolicyArn: &arn})
		})
	},
	"test_role_attach_policy": func(r *player) {
		_, err := r.newRole("test", "/", ec2Trust)
		r.must(err)
		r.attach(func(arn string) (any, error) {
			return r.root.iam.AttachRolePolicy(r.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("test"), PolicyArn: &arn})
		})
	},
	"test_delete_non_existent_policy_returns_no_such_entity": func(r *player) {
		_, err := r.root.iam.DeletePolicy(r.Context(), &iam.DeletePolicyInput{PolicyArn: aws.String("arn:aws:iam::123456789012:policy/non-existent-policy")})
		r.step("delete-non-existent-policy-exc", nil, err)
	},
	"test_put_group_policy_encoding": func(r *player) {
		name := aws.String("g")
		_, err := r.root.iam.CreateGroup(r.Context(), &iam.CreateGroupInput{GroupName: name})
		r.must(err)
		document := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["apigatway:PUT"], "Resource": ["arn:aws:apigateway:eu-west-1::/tags/arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2Faaeeieije"]}]}`
		_, err = r.root.iam.PutGroupPolicy(r.Context(), &iam.PutGroupPolicyInput{GroupName: name, PolicyName: name, PolicyDocument: &document})
		r.must(err)
		out, err := r.root.iam.GetGroupPolicy(r.Context(), &iam.GetGroupPolicyInput{GroupName: name, PolicyName: name})
		r.step("get-policy-response", out, err)
	},
	"test_service_role_already_exists": func(r *player) {
		in := &iam.CreateServiceLinkedRoleInput{AWSServiceName: aws.String("batch.amazonaws.com")}
		_, err := r.root.iam.CreateServiceLinkedRole(r.Context(), in)
		r.must(err)
		_, err = r.root.iam.CreateServiceLinkedRole(r.Context(), in)
		r.step("role-already-exists-error", nil, err)
	},
	"test_assume_role": func(r *player) {
		create, err := r.newRole("role", "/", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}}`)
		r.step("create-role", create, err)
		by := r.user("ada")
		r.allow("ada", "assume", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}`)
		out, err := by.sts.AssumeRole(r.Context(), &sts.AssumeRoleInput{RoleArn: create.Role.Arn, RoleSessionName: aws.String("session")})
		r.step("assume-role", out, err)
	},
}

const ec2Trust = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}, "Action": ["sts:AssumeRole"]}]}`

var customSuffix = regexp.MustCompile(`custom_suffix_not_allowed\[(.+)\]$`)

// TestRecordings holds what clients get here against what AWS gave.
func TestRecordings(t *testing.T) {
	t.Parallel()
	compared, left := 0, make(map[string]int)
	for _, rec := range readRecordings(t) {
		play := replays[rec.Test]
		if play == nil && rec.Service == "kms" {
			play = kmsReplay(rec.Test)
		}
		if m := customSuffix.FindStringSubmatch(rec.Test); m != nil {
			play = func(r *player) {
				_, err := r.root.iam.CreateServiceLinkedRole(r.Context(), &iam.CreateServiceLinkedRoleInput{AWSServiceName: &m[1], CustomSuffix: aws.String("x")})
				r.step("custom-suffix-not-allowed", nil, err)
			}
		}
		steps := len(rec.Content)
		if play != nil && rec.Service != "ec2" {
			t.Run(rec.Service+"/"+rec.Test, func(t *testing.T) {
				r := &player{stage: newStage(t), content: rec.Content, compared: make(map[string]bool)}
				play(r)
				compared += len(r.compared)
				steps -= len(r.compared)
			})
		}
		left[rec.Service] += steps
	}
	t.Logf("%d of AWS's answers compared; left, of what is not built or of the recording's own set-up: %v", compared, left)
	if compared < 190 {
		t.Errorf("%d answers compared, which is fewer than there were", compared)
	}
}

func (r *player) random(n *int32) {
	_, err := r.root.kms.GenerateRandom(r.Context(), &kms.GenerateRandomInput{NumberOfBytes: n})
	r.step("generate-random-exc", nil, err)
}

func (r *player) newKey(tags ...string) *kmstypes.KeyMetadata {
	r.Helper()
	out, err := r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{Description: aws.String("test key"), Tags: tagged(tags...)})
	r.must(err)
	return out.KeyMetadata
}

func (r *player) createTagged(keys ...string) {
	r.Helper()
	_, err := r.root.kms.CreateKey(r.Context(), &kms.CreateKeyInput{Tags: tagged(keys...)})
	r.step("invalid-tag-key", nil, err)
}

// tags lists a key's n tags, and what is left when some are taken off.
func (r *player) tags(n int, before, after string, untag ...string) {
	r.Helper()
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("tag%d", i+1))
	}
	k := r.newKey(keys...)
	for _, step := range []string{before, after} {
		out, err := r.root.kms.ListResourceTags(r.Context(), &kms.ListResourceTagsInput{KeyId: k.KeyId})
		r.must(err)
		r.step(step, out.Tags, nil)
		_, err = r.root.kms.UntagResource(r.Context(), &kms.UntagResourceInput{KeyId: k.KeyId, TagKeys: untag})
		r.must(err)
	}
}

func (r *player) rotate(id *string, step string) {
	r.Helper()
	out, err := r.root.kms.RotateKeyOnDemand(r.Context(), &kms.RotateKeyOnDemandInput{KeyId: id})
	r.step(step, out, err)
}

func (r *player) sealed(id *string) []byte {
	r.Helper()
	out, err := r.root.kms.Encrypt(r.Context(), &kms.EncryptInput{KeyId: id, Plaintext: []byte("plaintext")})
	r.must(err)
	return out.CiphertextBlob
}

func (r *player) newRole(name, path, trust string) (*iam.CreateRoleOutput, error) {
	return r.root.iam.CreateRole(r.Context(), &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: &trust})
}

// attach plays the steps that users and roles have in common.
func (r *player) attach(to func(arn string) (any, error)) {
	r.Helper()
	create, err := r.root.iam.CreatePolicy(r.Context(), &iam.CreatePolicyInput{
		PolicyName: aws.String("policy-of-recordings"), PolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}`),
	})
	r.step("create_policy_response", create, err)
	r.must(err)
	r.names = append(r.names, "policy-of-recordings", "<policy-name:1>")
	for step, arn := range map[string]string{
		"non_existent_malformed_policy_arn": "longpolicynamebutnoarn", "existing_policy_name_provided": "policy-of-recordings",
		"valid_arn_not_existent": *create.Policy.Arn + "123", "valid_policy_arn": *create.Policy.Arn,
	} {
		out, err := to(arn)
		r.step(step, out, err)
	}
}

func tagged(keys ...string) []kmstypes.Tag {
	var tags []kmstypes.Tag
	for _, k := range keys {
		tags = append(tags, kmstypes.Tag{TagKey: aws.String(k), TagValue: aws.String("value")})
	}
	return tags
}
