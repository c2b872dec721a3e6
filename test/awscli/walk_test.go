//go:build awscli

package awscli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// line is one command of a walk: what is typed, and what is printed.
type line struct {
	// typed may keep its output for later lines: "id=$(aws …)".
	typed string
	want  string
}

// walks go through the services one after the other, each on its own server,
// with commands as people type them.
var walks = []struct {
	service string
	lines   []line
}{
	{"iam", []line{
		{"aws iam create-user --user-name person --path /team/ --tags Key=team,Value=example --query User.Arn --output text", "arn:aws:iam::123456789012:user/team/person"},
		{"aws iam create-group --group-name readers --query Group.Arn --output text", "arn:aws:iam::123456789012:group/readers"},
		{"aws iam attach-group-policy --group-name readers --policy-arn arn:aws:iam::aws:policy/ReadOnlyAccess", ""},
		{"aws iam add-user-to-group --group-name readers --user-name person", ""},
		{"aws iam list-groups-for-user --user-name person --query 'Groups[].GroupName' --output text", "readers"},
		{`aws iam create-policy --policy-name start --policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:StartInstances","Resource":"*"}}' --query Policy.Arn --output text`, "arn:aws:iam::123456789012:policy/start"},
		{"aws iam attach-user-policy --user-name person --policy-arn arn:aws:iam::123456789012:policy/start", ""},
		{"aws iam put-user-permissions-boundary --user-name person --permissions-boundary arn:aws:iam::aws:policy/PowerUserAccess", ""},
		{"aws iam simulate-principal-policy --policy-source-arn arn:aws:iam::123456789012:user/team/person --action-names ec2:StartInstances iam:CreateUser --query 'EvaluationResults[].[EvalActionName,EvalDecision]' --output text", "ec2:StartInstances\tallowed\niam:CreateUser\timplicitDeny"},
		{"aws iam list-entities-for-policy --policy-arn arn:aws:iam::123456789012:policy/start --query 'PolicyUsers[].UserName' --output text", "person"},
		{"aws iam create-service-linked-role --aws-service-name autoscaling.amazonaws.com --custom-suffix example --query Role.RoleName --output text", "AWSServiceRoleForAutoScaling_example"},
		{"aws iam list-roles --path-prefix /aws-service-role/ --query 'Roles[].Path' --output text", "/aws-service-role/autoscaling.amazonaws.com/"},
		{"aws iam delete-user --user-name person 2>&1 | grep -o DeleteConflict", "DeleteConflict"},
		{"aws iam detach-user-policy --user-name person --policy-arn arn:aws:iam::123456789012:policy/start && aws iam remove-user-from-group --group-name readers --user-name person && aws iam delete-user --user-name person", ""},
		{"aws iam get-user --user-name person 2>&1 | grep -o NoSuchEntity", "NoSuchEntity"},
	}},
	{"sts", []line{
		{"aws sts get-caller-identity --query Arn --output text", "arn:aws:iam::123456789012:root"},
		{`aws iam create-role --role-name shift --assume-role-policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}}' --query Role.Arn --output text`, "arn:aws:iam::123456789012:role/shift"},
		{`aws iam create-user --user-name person > /dev/null && aws iam put-user-policy --user-name person --policy-name assume --policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}'`, ""},
		{"key=$(aws iam create-access-key --user-name person --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text); set -- $key; unset AWS_SHARED_CREDENTIALS_FILE; export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2", ""},
		{"aws sts get-caller-identity --query Arn --output text", "arn:aws:iam::123456789012:user/person"},
		{"session=$(aws sts assume-role --role-arn arn:aws:iam::123456789012:role/shift --role-session-name night --tags Key=team,Value=example --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text); set -- $session; export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3", ""},
		{"aws sts get-caller-identity --query Arn --output text", "arn:aws:sts::123456789012:assumed-role/shift/night"},
		{"aws ec2 describe-instances 2>&1 | grep -o UnauthorizedOperation", "UnauthorizedOperation"},
	}},
	{"kms", []line{
		{"key=$(aws kms create-key --description walk --tags TagKey=team,TagValue=example --query KeyMetadata.KeyId --output text)", ""},
		{"aws kms create-alias --alias-name alias/walk --target-key-id $key", ""},
		{"aws kms list-aliases --key-id $key --query 'Aliases[].AliasName' --output text", "alias/walk"},
		{"printf secret > clear && aws kms encrypt --key-id alias/walk --plaintext fileb://clear --encryption-context a=b --query CiphertextBlob --output text | base64 -d > sealed", ""},
		{"aws kms decrypt --ciphertext-blob fileb://sealed --encryption-context a=b --query Plaintext --output text | base64 -d", "secret"},
		{"aws kms decrypt --ciphertext-blob fileb://sealed 2>&1 | grep -o InvalidCiphertextException", "InvalidCiphertextException"},
		{"aws kms generate-data-key --key-id $key --key-spec AES_256 --query Plaintext --output text | base64 -d | wc -c", "32"},
		{"aws kms enable-key-rotation --key-id $key && aws kms get-key-rotation-status --key-id $key --query KeyRotationEnabled", "true"},
		{"grant=$(aws kms create-grant --key-id $key --grantee-principal arn:aws:iam::123456789012:root --operations Decrypt --query GrantId --output text) && aws kms list-grants --key-id $key --query 'length(Grants)'", "1"},
		{"aws kms revoke-grant --key-id $key --grant-id $grant && aws kms list-grants --key-id $key --query 'length(Grants)'", "0"},
		{"aws kms disable-key --key-id $key && aws kms encrypt --key-id $key --plaintext fileb://clear 2>&1 | grep -o DisabledException", "DisabledException"},
		{"aws kms schedule-key-deletion --key-id $key --pending-window-in-days 7 --query KeyState --output text", "PendingDeletion"},
		{"aws kms cancel-key-deletion --key-id $key > /dev/null && aws kms describe-key --key-id $key --query KeyMetadata.KeyState --output text", "Disabled"},
	}},
	{"kinds of keys", []line{
		{"printf message > message && mac=$(aws kms create-key --key-spec HMAC_256 --key-usage GENERATE_VERIFY_MAC --query KeyMetadata.KeyId --output text)", ""},
		{"aws kms generate-mac --key-id $mac --message fileb://message --mac-algorithm HMAC_SHA_256 --query Mac --output text | base64 -d > mac && wc -c < mac", "32"},
		{"aws kms verify-mac --key-id $mac --message fileb://message --mac-algorithm HMAC_SHA_256 --mac fileb://mac --query MacValid", "true"},
		{"aws kms generate-data-key --key-id $mac --key-spec AES_256 2>&1 | grep -o 'key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey'", "key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey"},
		{"pair=$(aws kms create-key --key-spec RSA_2048 --key-usage ENCRYPT_DECRYPT --query KeyMetadata.KeyId --output text) && aws kms describe-key --key-id $pair --query 'KeyMetadata.EncryptionAlgorithms' --output text", "RSAES_OAEP_SHA_1\tRSAES_OAEP_SHA_256"},
		{"aws kms encrypt --key-id $pair --plaintext fileb://message --encryption-algorithm RSAES_OAEP_SHA_256 --query CiphertextBlob --output text | base64 -d > sealed && aws kms decrypt --key-id $pair --ciphertext-blob fileb://sealed --encryption-algorithm RSAES_OAEP_SHA_256 --query Plaintext --output text | base64 -d", "message"},
		{"key=$(aws kms create-key --query KeyMetadata.KeyId --output text) && aws kms generate-data-key-pair --key-id $key --key-pair-spec ECC_NIST_P384 --query KeyPairSpec --output text", "ECC_NIST_P384"},
		{"primary=$(aws kms create-key --multi-region --query KeyMetadata.KeyId --output text) && aws kms replicate-key --key-id $primary --replica-region us-west-2 --query ReplicaKeyMetadata.KeyState --output text", "Creating"},
		{"for n in 1 2 3 4 5 6 7 8 9 10; do state=$(aws --region us-west-2 kms describe-key --key-id $primary --query KeyMetadata.KeyState --output text); [ $state = Enabled ] && break; sleep 1; done; echo $state", "Enabled"},
		{"aws kms encrypt --key-id $primary --plaintext fileb://message --query CiphertextBlob --output text | base64 -d > sealed && aws --region us-west-2 kms decrypt --ciphertext-blob fileb://sealed --query Plaintext --output text | base64 -d", "message"},
		{"aws kms update-primary-region --key-id $primary --primary-region us-west-2 && aws kms describe-key --key-id $primary --query KeyMetadata.MultiRegionConfiguration.[MultiRegionKeyType,PrimaryKey.Region] --output text", "REPLICA\tus-west-2"},
	}},
	{"ec2", []line{
		{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text)", ""},
		{"aws ec2 create-key-pair --key-name walk --key-type ed25519 --query KeyMaterial --output text | head -1", "-----BEGIN OPENSSH PRIVATE KEY-----"},
		{"group=$(aws ec2 create-security-group --group-name walk --description walk --query GroupId --output text) && aws ec2 authorize-security-group-ingress --group-id $group --protocol tcp --port 22 --cidr 203.0.113.0/24 --query Return", "true"},
		{"aws ec2 run-instances --dry-run --image-id $image --instance-type t3.micro 2>&1 | grep -o DryRunOperation", "DryRunOperation"},
		{"id=$(aws ec2 run-instances --image-id $image --instance-type t3.micro --key-name walk --security-group-ids $group --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=walk}]' --query 'Instances[0].InstanceId' --output text) && aws ec2 wait instance-running --instance-ids $id", ""},
		{"aws ec2 describe-instances --filters Name=tag:Name,Values=walk --query 'Reservations[].Instances[].State.Name' --output text", "running"},
		{"volume=$(aws ec2 create-volume --availability-zone eu-west-1a --size 1 --encrypted --query VolumeId --output text) && aws ec2 wait volume-available --volume-ids $volume && aws ec2 describe-volumes --volume-ids $volume --query 'Volumes[0].Encrypted'", "true"},
		{"snapshot=$(aws ec2 create-snapshot --volume-id $volume --query SnapshotId --output text) && aws ec2 wait snapshot-completed --snapshot-ids $snapshot && aws ec2 describe-snapshots --snapshot-ids $snapshot --query 'Snapshots[0].VolumeSize'", "1"},
		{"aws ec2 describe-security-groups --group-ids sg-0123456789abcdef0 2>&1 | grep -o InvalidGroup.NotFound", "InvalidGroup.NotFound"},
		{"aws ec2 terminate-instances --instance-ids $id --query 'TerminatingInstances[0].CurrentState.Name' --output text", "shutting-down"},
		{"aws ec2 wait instance-terminated --instance-ids $id && aws ec2 delete-security-group --group-id $group && aws ec2 delete-snapshot --snapshot-id $snapshot && aws ec2 delete-volume --volume-id $volume && aws ec2 delete-key-pair --key-name walk", ""},
	}},
	{"autoscaling", []line{
		{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text)", ""},
		{`settled() { for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ "$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names walk --query "length(AutoScalingGroups[0].Instances[?LifecycleState=='InService'])")" = $1 ] && echo settled && return; sleep 0.5; done; }`, ""},
		{"aws autoscaling create-launch-configuration --launch-configuration-name walk --image-id $image --instance-type t3.micro", ""},
		{"aws autoscaling create-auto-scaling-group --auto-scaling-group-name walk --launch-configuration-name walk --min-size 1 --max-size 3 --availability-zones eu-west-1a eu-west-1b --tags Key=team,Value=example,PropagateAtLaunch=true", ""},
		{"settled 1", "settled"},
		{"aws autoscaling describe-scaling-activities --auto-scaling-group-name walk --query 'Activities[].[StatusCode,Progress]' --output text", "Successful\t100"},
		{"id=$(aws autoscaling describe-auto-scaling-instances --query 'AutoScalingInstances[0].InstanceId' --output text) && aws ec2 describe-tags --filters Name=resource-id,Values=$id --query 'Tags[].[Key,Value]' --output text | sort", "aws:autoscaling:groupName\twalk\nteam\texample"},
		{"aws autoscaling set-desired-capacity --auto-scaling-group-name walk --desired-capacity 4 2>&1 | grep -o 'New SetDesiredCapacity value 4 is above max value 3'", "New SetDesiredCapacity value 4 is above max value 3"},
		{"aws autoscaling put-scaling-policy --auto-scaling-group-name walk --policy-name out --adjustment-type ChangeInCapacity --scaling-adjustment 1 --query Alarms && aws autoscaling execute-policy --auto-scaling-group-name walk --policy-name out", "[]"},
		{"settled 2", "settled"},
		{"aws autoscaling enter-standby --auto-scaling-group-name walk --instance-ids $id --should-decrement-desired-capacity --query 'Activities[0].StatusCode' --output text", "InProgress"},
		{"settled 1", "settled"},
		{"aws autoscaling exit-standby --auto-scaling-group-name walk --instance-ids $id --query 'Activities[0].StatusCode' --output text", "PreInService"},
		{"settled 2", "settled"},
		{"aws autoscaling put-lifecycle-hook --auto-scaling-group-name walk --lifecycle-hook-name out --lifecycle-transition autoscaling:EC2_INSTANCE_TERMINATING && aws autoscaling describe-lifecycle-hooks --auto-scaling-group-name walk --query 'LifecycleHooks[0].[DefaultResult,HeartbeatTimeout,GlobalTimeout]' --output text", "ABANDON\t3600\t172800"},
		{"aws autoscaling put-scheduled-update-group-action --auto-scaling-group-name walk --scheduled-action-name night --recurrence '0 22 * * *' --desired-capacity 1 && aws autoscaling describe-scheduled-actions --auto-scaling-group-name walk --query 'ScheduledUpdateGroupActions[].Recurrence' --output text", "0 22 * * *"},
		{"refresh=$(aws autoscaling start-instance-refresh --auto-scaling-group-name walk --query InstanceRefreshId --output text) && aws autoscaling describe-instance-refreshes --auto-scaling-group-name walk --instance-refresh-ids $refresh --query 'length(InstanceRefreshes)'", "1"},
		{"aws autoscaling delete-auto-scaling-group --auto-scaling-group-name walk 2>&1 | grep -o ResourceInUse", "ResourceInUse"},
		{"aws autoscaling delete-auto-scaling-group --auto-scaling-group-name walk --force-delete && aws ec2 wait instance-terminated --instance-ids $id && sleep 3 && aws autoscaling describe-auto-scaling-groups --query AutoScalingGroups", "[]"},
		{"aws autoscaling delete-launch-configuration --launch-configuration-name walk", ""},
	}},
	{"network", []line{
		{"vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --tag-specifications 'ResourceType=vpc,Tags=[{Key=Name,Value=walk}]' --query Vpc.VpcId --output text) && aws ec2 wait vpc-available --vpc-ids $vpc", ""},
		{"subnet=$(aws ec2 create-subnet --vpc-id $vpc --cidr-block 10.0.1.0/24 --query Subnet.SubnetId --output text) && aws ec2 describe-subnets --subnet-ids $subnet --query 'Subnets[0].AvailableIpAddressCount'", "251"},
		{"gateway=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId --output text) && aws ec2 attach-internet-gateway --internet-gateway-id $gateway --vpc-id $vpc", ""},
		{"table=$(aws ec2 create-route-table --vpc-id $vpc --query RouteTable.RouteTableId --output text) && aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0 --gateway-id $gateway --query Return", "true"},
		{"bound=$(aws ec2 associate-route-table --route-table-id $table --subnet-id $subnet --query AssociationId --output text) && aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=$subnet --query 'length(RouteTables[0].Routes[?State==`active`])'", "2"},
		{"aws ec2 delete-vpc --vpc-id $vpc 2>&1 | grep -o DependencyViolation", "DependencyViolation"},
		{"aws ec2 disassociate-route-table --association-id $bound && aws ec2 delete-route-table --route-table-id $table && aws ec2 delete-subnet --subnet-id $subnet && aws ec2 detach-internet-gateway --internet-gateway-id $gateway --vpc-id $vpc && aws ec2 delete-internet-gateway --internet-gateway-id $gateway && aws ec2 delete-vpc --vpc-id $vpc", ""},
		{"aws ec2 describe-vpcs --vpc-ids $vpc 2>&1 | grep -o InvalidVpcID.NotFound", "InvalidVpcID.NotFound"},
	}},
	{"launchers", []line{
		{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text)", ""},
		{"aws ec2 create-launch-template --launch-template-name walk --launch-template-data \"{\\\"ImageId\\\":\\\"$image\\\",\\\"InstanceType\\\":\\\"t3.micro\\\"}\" --query LaunchTemplate.LatestVersionNumber", "1"},
		{"id=$(aws ec2 run-instances --launch-template LaunchTemplateName=walk --query 'Instances[0].InstanceId' --output text) && aws ec2 wait instance-running --instance-ids $id && aws ec2 describe-instances --instance-ids $id --query 'Reservations[0].Instances[0].InstanceType' --output text", "t3.micro"},
		{"aws ec2 create-fleet --type instant --launch-template-configs 'LaunchTemplateSpecification={LaunchTemplateName=walk,Version=$Latest}' --target-capacity-specification TotalTargetCapacity=2,DefaultTargetCapacityType=spot --query 'length(Instances[0].InstanceIds)'", "2"},
		{"aws ec2 describe-spot-instance-requests --query 'length(SpotInstanceRequests[?State==`active`])'", "2"},
		{"zone=$(aws ec2 describe-availability-zones --query 'AvailabilityZones[0].ZoneName' --output text) && aws autoscaling create-auto-scaling-group --auto-scaling-group-name walk --launch-template LaunchTemplateName=walk --min-size 1 --max-size 2 --desired-capacity 1 --availability-zones $zone", ""},
		{"aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names walk --query 'AutoScalingGroups[0].[DesiredCapacity,ServiceLinkedRoleARN]' --output text", "1\tarn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"},
		{"for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do state=$(aws autoscaling describe-auto-scaling-instances --query 'AutoScalingInstances[0].LifecycleState' --output text); [ \"$state\" = InService ] && break; sleep 2; done; echo $state", "InService"},
		{"aws autoscaling describe-scaling-activities --auto-scaling-group-name walk --query 'Activities[0].StatusCode' --output text", "Successful"},
	}},
	{"organizations", []line{
		{"aws organizations create-organization --query Organization.FeatureSet --output text", "ALL"},
		{"root=$(aws organizations list-roots --query 'Roots[0].Id' --output text) && ou=$(aws organizations create-organizational-unit --parent-id $root --name apps --query OrganizationalUnit.Id --output text)", ""},
		{"request=$(aws organizations create-account --account-name member --email member@example.com --query CreateAccountStatus.Id --output text); for i in 1 2 3 4 5 6 7 8 9 10; do state=$(aws organizations describe-create-account-status --create-account-request-id $request --query CreateAccountStatus.State --output text); [ $state = SUCCEEDED ] && break; sleep 1; done; echo $state", "SUCCEEDED"},
		{"member=$(aws organizations describe-create-account-status --create-account-request-id $request --query CreateAccountStatus.AccountId --output text) && aws organizations move-account --account-id $member --source-parent-id $root --destination-parent-id $ou && aws organizations list-accounts-for-parent --parent-id $ou --query 'Accounts[0].Name' --output text", "member"},
		{`policy=$(aws organizations create-policy --name limits --description limits --type SERVICE_CONTROL_POLICY --content '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:CreateUser","Resource":"*"}}' --query Policy.PolicySummary.Id --output text) && aws organizations attach-policy --policy-id $policy --target-id $ou && aws organizations list-policies-for-target --target-id $ou --filter SERVICE_CONTROL_POLICY --query 'length(Policies)'`, "2"},
		{`aws iam create-user --user-name admin > /dev/null && aws iam attach-user-policy --user-name admin --policy-arn arn:aws:iam::aws:policy/AdministratorAccess && set -- $(aws iam create-access-key --user-name admin --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text) && unset AWS_SHARED_CREDENTIALS_FILE && export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2`, ""},
		{`set -- $(aws sts assume-role --role-arn arn:aws:iam::$member:role/OrganizationAccountAccessRole --role-session-name admin --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text) && export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3`, ""},
		{"aws iam create-user --user-name person 2>&1 | grep -o 'with an explicit deny in a service control policy'", "with an explicit deny in a service control policy"},
		{"aws iam create-group --group-name people --query Group.Arn --output text | grep -c :$member:", "1"},
	}},
	{"cloudtrail", []line{
		{"aws kms create-key > /dev/null && aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=CreateKey --query 'Events[0].[EventName,EventSource,Username,ReadOnly]' --output text", "CreateKey\tkms.amazonaws.com\troot\tfalse"},
		{"aws cloudtrail create-trail --name walk --s3-bucket-name nowhere 2>&1 | grep -o S3BucketDoesNotExistException", "S3BucketDoesNotExistException"},
		{"arn=$(aws cloudtrail create-trail --name walk --s3-bucket-name example-logs --s3-key-prefix team --is-multi-region-trail --tags-list Key=team,Value=example --query TrailARN --output text) && echo $arn", "arn:aws:cloudtrail:eu-west-1:123456789012:trail/walk"},
		{"aws cloudtrail start-logging --name walk && aws cloudtrail get-trail-status --name walk --query IsLogging", "true"},
		{`aws cloudtrail put-event-selectors --trail-name walk --event-selectors '[{"ReadWriteType":"WriteOnly","ExcludeManagementEventSources":["kms.amazonaws.com"]}]' --query 'EventSelectors[0].IncludeManagementEvents'`, "true"},
		{`aws cloudtrail put-event-selectors --trail-name walk --advanced-event-selectors '[{"Name":"all","FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]}]' > /dev/null && aws cloudtrail get-event-selectors --trail-name walk --query 'AdvancedEventSelectors[].Name' --output text`, "all"},
		{"aws cloudtrail describe-trails --region us-west-2 --query 'trailList[].[Name,HomeRegion,HasCustomEventSelectors]' --output text", "walk\teu-west-1\tTrue"},
		{"aws cloudtrail stop-logging --region us-west-2 --name $arn 2>&1 | grep -o InvalidHomeRegionException", "InvalidHomeRegionException"},
		{"aws cloudtrail list-tags --resource-id-list $arn --query 'ResourceTagList[].TagsList[].[Key,Value]' --output text", "team\texample"},
		{"aws cloudtrail get-insight-selectors --trail-name walk 2>&1 | grep -o InsightNotEnabledException", "InsightNotEnabledException"},
		{"aws cloudtrail list-public-keys --query 'length(PublicKeyList)'", "1"},
		{"aws cloudtrail update-trail --name walk --no-is-multi-region-trail --query IsMultiRegionTrail && aws cloudtrail delete-trail --name walk && aws cloudtrail list-trails --query 'length(Trails)'", "false\n0"},
	}},
}

// TestWalks types every line in one shell a service, so that what a line keeps
// is there for the next.
func TestWalks(t *testing.T) {
	t.Parallel()
	for _, walk := range walks {
		t.Run(walk.service, func(t *testing.T) {
			t.Parallel()
			buckets := t.TempDir()
			if err := os.Mkdir(filepath.Join(buckets, "example-logs"), 0o755); err != nil {
				t.Fatal(err)
			}
			typeAll(t, walk.lines, "--buckets", buckets)
		})
	}
}

// typeAll types lines in one shell, on a server of their own.
func typeAll(t *testing.T, lines []line, args ...string) {
	t.Helper()
	root := serve(t, t.TempDir(), args...).root()
	var script strings.Builder
	const mark = "== next line =="
	for _, l := range lines {
		script.WriteString(l.typed + "\necho '" + mark + "'\n")
	}
	out, errs, code := root.try(script.String())
	answers := strings.Split(out, mark)
	for i, l := range lines {
		if i >= len(answers) {
			t.Fatalf("the shell ended before %s (%d): %s", l.typed, code, errs)
		}
		if got := strings.TrimSpace(answers[i]); got != l.want {
			t.Errorf("%s\nprints %q, want %q\n%s", l.typed, got, l.want, errs)
		}
	}
}
