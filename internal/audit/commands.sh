#!/bin/sh
# Fills a folder for "keyturn audit --from FOLDER" with what the AWS CLI prints:
#
#   sh dump.sh FOLDER [REGION…]
#
# It reads and changes nothing. Run it once for each account: each gets a folder of
# its own. What may not be read leaves an empty file, and the audit says so.
set -u
folder=${1:?usage: sh dump.sh FOLDER [REGION…]}
shift
account=$(aws sts get-caller-identity --query Account --output text) || exit 1
[ $# -gt 0 ] || set -- "${AWS_REGION:-$(aws configure get region)}"
export AWS_PAGER=

# dump FILE COMMAND… keeps what a command prints.
dump() {
  file=$1
  shift
  mkdir -p "$(dirname "$file")"
  aws "$@" --output json >"$file" || : >"$file"
}

dump "$folder/$account/iam/get-account-authorization-details.json" iam get-account-authorization-details

for region in "$@"; do
  at=$folder/$account/$region
  dump "$at/ec2/describe-volumes.json" ec2 describe-volumes --region "$region" --filters Name=encrypted,Values=true
  dump "$at/ec2/describe-instances.json" ec2 describe-instances --region "$region"
  dump "$at/ec2/describe-snapshots.json" ec2 describe-snapshots --region "$region" --owner-ids self
  dump "$at/ec2/describe-images.json" ec2 describe-images --region "$region" --owners self
  dump "$at/ec2/describe-launch-templates.json" ec2 describe-launch-templates --region "$region"
  dump "$at/ec2/describe-launch-template-versions.json" ec2 describe-launch-template-versions --region "$region" --versions '$Default' '$Latest'
  dump "$at/ec2/get-ebs-default-kms-key-id.json" ec2 get-ebs-default-kms-key-id --region "$region"
  dump "$at/ec2/get-ebs-encryption-by-default.json" ec2 get-ebs-encryption-by-default --region "$region"
  dump "$at/kms/list-keys.json" kms list-keys --region "$region"
  dump "$at/kms/list-aliases.json" kms list-aliases --region "$region"
  for key in $(aws kms list-keys --region "$region" --query 'Keys[].KeyId' --output text); do
    dump "$at/kms/$key/describe-key.json" kms describe-key --region "$region" --key-id "$key"
    dump "$at/kms/$key/get-key-policy.json" kms get-key-policy --region "$region" --key-id "$key" --policy-name default
    dump "$at/kms/$key/list-grants.json" kms list-grants --region "$region" --key-id "$key"
    dump "$at/kms/$key/list-resource-tags.json" kms list-resource-tags --region "$region" --key-id "$key"
  done
done

# The organization's policies, where these credentials may read them: in the
# management account.
dump "$folder/organizations/describe-organization.json" organizations describe-organization
for id in $(aws organizations list-accounts --query 'Accounts[].Id' --output text 2>/dev/null); do
  at=$id
  while :; do
    for type in SERVICE_CONTROL_POLICY RESOURCE_CONTROL_POLICY; do
      file=$folder/organizations/list-policies-for-target_${at}_$type.json
      [ -s "$file" ] || dump "$file" organizations list-policies-for-target --target-id "$at" --filter $type
      for policy in $(aws organizations list-policies-for-target --target-id "$at" --filter $type --query 'Policies[].Id' --output text 2>/dev/null); do
        file=$folder/organizations/describe-policy_$policy.json
        [ -s "$file" ] || dump "$file" organizations describe-policy --policy-id "$policy"
      done
    done
    case $at in r-*) break ;; esac
    file=$folder/organizations/list-parents_$at.json
    dump "$file" organizations list-parents --child-id "$at"
    at=$(aws organizations list-parents --child-id "$at" --query 'Parents[0].Id' --output text 2>/dev/null)
    case $at in r-* | ou-*) ;; *) break ;; esac
  done
done
