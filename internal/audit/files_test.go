package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inFolder writes files and gives the folder.
func inFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	someUser = `{"UserDetailList": [{"Path": "/team/", "UserName": "ana", "UserId": "AIDAANA", "Arn": "arn:aws:iam::111122223333:user/team/ana",
		"UserPolicyList": [{"PolicyName": "all", "PolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D"}]}]}`
	someVolume = `{"Volumes": [{"VolumeId": "vol-1", "Encrypted": true, "KmsKeyId": "arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111", "AvailabilityZone": "eu-west-1b"}]}`
	somePolicy = `{"Policy": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"111122223333\"}, \"Action\": \"kms:*\", \"Resource\": \"*\"}}"}`
	someKey    = `{"KeyMetadata": {"KeyId": "11111111-1111-1111-1111-111111111111", "Arn": "arn:aws:kms:eu-west-1:111122223333:key/11111111-1111-1111-1111-111111111111", "KeyState": "Enabled", "KeyManager": "CUSTOMER"}}`
)

// TestFilesWithoutFolders: one account's files need no folders but the key's, in
// either form that the AWS CLI has for documents.
func TestFilesWithoutFolders(t *testing.T) {
	t.Parallel()
	dir := inFolder(t, map[string]string{
		"iam.json": someUser, "volumes.json": someVolume, "key.json": someKey, "grants.json": `{"Grants": []}`, "empty.json": "",
		"11111111-1111-1111-1111-111111111111-policy.json": somePolicy, "11111111-1111-1111-1111-111111111111-grants.json": `{"Grants": []}`,
	})
	in, err := Files(FileOptions{Paths: []string{dir}, Region: "eu-west-1", NoOrganization: true, Now: time.Unix(0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if r := Run(in); r.Totals.Can != 1 || r.Totals.Callers != 1 || len(r.Unread) != 0 {
		t.Errorf("%s %v", r.Summary, r.Unread)
	}
}

// TestFilesOfOrganization: SCPs of every level count, and a level that was not read
// leaves the answer open.
func TestFilesOfOrganization(t *testing.T) {
	t.Parallel()
	const (
		key    = "111122223333/eu-west-1/kms/11111111-1111-1111-1111-111111111111/"
		full   = `{"Policies": [{"Id": "p-FullAWSAccess", "Arn": "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess", "Name": "FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY", "AwsManaged": true}]}`
		denied = `{"Policies": [{"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY"}, {"Id": "p-deny1234", "Name": "deny", "Type": "SERVICE_CONTROL_POLICY"}]}`
		none   = `{"Policies": []}`
	)
	files := map[string]string{
		"111122223333/iam.json": someUser, "111122223333/eu-west-1/v.json": someVolume, key + "key.json": someKey, key + "policy.json": somePolicy, key + "grants.json": `{"Grants": []}`,
		"organizations/describe-organization.json":          `{"Organization": {"Id": "o-abc", "MasterAccountId": "999999999999"}}`,
		"organizations/list-parents_111122223333.json":      `{"Parents": [{"Id": "ou-abcd-1", "Type": "ORGANIZATIONAL_UNIT"}]}`,
		"organizations/list-parents_ou-abcd-1.json":         `{"Parents": [{"Id": "r-abcd", "Type": "ROOT"}]}`,
		"organizations/list-policies_111122223333_SCP.json": full, "organizations/list-policies_111122223333_RCP.json": none,
		"organizations/list-policies_ou-abcd-1_SCP.json": denied, "organizations/list-policies_r-abcd_SCP.json": full,
		"organizations/describe-policy_p-FullAWSAccess.json": `{"Policy": {"PolicySummary": {"Id": "p-FullAWSAccess", "Name": "FullAWSAccess"}, "Content": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}"}}`,
		"organizations/describe-policy_p-deny1234.json":      `{"Policy": {"PolicySummary": {"Id": "p-deny1234", "Name": "deny"}, "Content": "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\", \"Action\": \"kms:CreateGrant\", \"Resource\": \"*\"}}"}}`,
	}
	run := func() *Report {
		in, err := Files(FileOptions{Paths: []string{inFolder(t, files)}, Now: time.Unix(0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		return Run(in)
	}
	if r := run(); r.Totals.Trapped != 1 || r.Trapped[0].Kind != "service-control-policy" {
		t.Errorf("with the unit's policy: %s", r.Summary)
	}
	files["organizations/list-policies_ou-abcd-1_SCP.json"] = full
	if r := run(); r.Totals.Can != 1 {
		t.Errorf("without it: %s", r.Summary)
	}
	delete(files, "organizations/list-policies_r-abcd_SCP.json")
	if r := run(); r.Totals.Unknown != 1 {
		t.Errorf("without the root's: %s", r.Summary)
	}
}

func TestFilesRefused(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		files map[string]string
		words string
	}{
		"no principals":         {map[string]string{"111122223333/volumes.json": someVolume}, "get-account-authorization-details"},
		"nothing known":         {map[string]string{"a.json": `{"Buckets": []}`}, "a.json: it is no output"},
		"no JSON":               {map[string]string{"a.json": `hello`}, "a.json: "},
		"a list":                {map[string]string{"a.json": `[1]`}, "no JSON output of the AWS CLI"},
		"a key nobody knows":    {map[string]string{"policy.json": somePolicy}, "put the key's id into the name"},
		"an account nobody can": {map[string]string{"a.json": someUser, "444455556666/a.json": strings.ReplaceAll(someUser, "111122223333", "444455556666"), "volumes.json": someVolume}, "put each account's files into a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Files(FileOptions{Paths: []string{inFolder(t, one.files)}, Now: time.Unix(0, 0)})
			if err == nil || !strings.Contains(err.Error(), one.words) {
				t.Errorf("got %v, want … %s …", err, one.words)
			}
		})
	}
}

// FuzzFile: whatever a file holds, it is read or refused, and what is read can be
// judged.
func FuzzFile(f *testing.F) {
	for _, text := range []string{
		someUser, someVolume, somePolicy, someKey, `{"Grants": [{"KeyId": "arn:aws:kms:eu-west-1:111122223333:key/1", "Operations": ["Decrypt"]}]}`,
		`{"Snapshots": [{"SnapshotId": "snap-1", "Encrypted": true}], "Images": [{"BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}]}]}`, `{"Tags": []}`, `{"Policies": [{"Type": "x"}]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &files{options: FileOptions{Region: "eu-west-1"}, accounts: make(map[string]*dump), inventory: &Inventory{}}
		w := whereabouts{account: "111122223333", region: "eu-west-1", key: "11111111-1111-1111-1111-111111111111", node: "111122223333"}
		if r.read(strings.NewReader(someUser), w) != nil || r.read(strings.NewReader(text), w) != nil {
			return
		}
		if in, err := r.finish(); err == nil {
			Run(in)
		}
	})
}
