"""EC2, KMS and CloudTrail: an encrypted instance's life, with waiters."""

import json
import unittest

from botocore.exceptions import WaiterError

from clients import QUICK, client, code, image


class Instance(unittest.TestCase):
    def setUp(self):
        self.ec2, self.kms, self.iam = client("ec2"), client("kms"), client("iam")
        self.key = self.kms.create_key(Description=self.id())["KeyMetadata"]

    def launch(self, by=None, **more):
        return (by or self.ec2).run_instances(
            ImageId=image(),
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            BlockDeviceMappings=[
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "Encrypted": True, "KmsKeyId": self.key["Arn"]}}
            ],
            **more,
        )["Instances"][0]["InstanceId"]

    def wait(self, for_, **asked):
        self.ec2.get_waiter(for_).wait(WaiterConfig=QUICK, **asked)

    def person(self, *statements):
        name = self.id().rsplit(".", 1)[-1]
        self.iam.create_user(UserName=name)
        self.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonEC2FullAccess")
        return name, self.iam.create_access_key(UserName=name)["AccessKey"]

    def test_life(self):
        i = self.launch()
        self.wait("instance_exists", InstanceIds=[i])
        self.wait("instance_running", InstanceIds=[i])
        self.wait("instance_status_ok", InstanceIds=[i])
        self.ec2.stop_instances(InstanceIds=[i])
        self.wait("instance_stopped", InstanceIds=[i])
        volume = self.ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        snapshot = self.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        self.wait("snapshot_completed", SnapshotIds=[snapshot])
        made = self.ec2.create_image(InstanceId=i, Name="copy")["ImageId"]
        self.wait("image_available", ImageIds=[made])
        data = self.ec2.create_volume(AvailabilityZone="eu-west-1a", SnapshotId=snapshot)
        self.assertEqual(data["Encrypted"], True)
        self.wait("volume_available", VolumeIds=[data["VolumeId"]])
        self.ec2.delete_volume(VolumeId=data["VolumeId"])
        self.wait("volume_deleted", VolumeIds=[data["VolumeId"]])
        self.ec2.terminate_instances(InstanceIds=[i])
        self.wait("instance_terminated", InstanceIds=[i])
        self.assertEqual(code(self.ec2.start_instances, InstanceIds=[i]), "IncorrectInstanceState")

    def test_start_without_the_grant(self):
        i = self.launch()
        self.wait("instance_running", InstanceIds=[i])
        self.ec2.stop_instances(InstanceIds=[i])
        self.wait("instance_stopped", InstanceIds=[i])
        name, key = self.person()
        person = client("ec2", key)
        started = person.start_instances(InstanceIds=[i])["StartingInstances"][0]
        self.assertEqual(started["CurrentState"]["Name"], "pending")
        with self.assertRaises(WaiterError):
            self.ec2.get_waiter("instance_running").wait(InstanceIds=[i], WaiterConfig={"Delay": 1, "MaxAttempts": 8})
        self.wait("instance_stopped", InstanceIds=[i])
        found = self.ec2.describe_instances(InstanceIds=[i])["Reservations"][0]["Instances"][0]
        self.assertEqual(found["StateReason"], {"Code": "Client.InternalError", "Message": "Client.InternalError: Client error on launch"})
        denied = [
            json.loads(e["CloudTrailEvent"])
            for page in client("cloudtrail").get_paginator("lookup_events").paginate(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "CreateGrant"}]
            )
            for e in page["Events"]
        ]
        denied = [e for e in denied if e.get("errorCode") == "AccessDenied" and e["userIdentity"].get("userName") == name]
        self.assertEqual(len(denied), 1, denied)
        self.iam.put_user_policy(
            UserName=name,
            PolicyName="grant",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "kms:CreateGrant",
                            "Resource": self.key["Arn"],
                            "Condition": {"Bool": {"kms:GrantIsForAWSResource": True}},
                        }
                    ],
                }
            ),
        )
        person.start_instances(InstanceIds=[i])
        self.wait("instance_running", InstanceIds=[i])

    def test_keys_page_by_page(self):
        for n in range(12):
            self.kms.create_alias(AliasName=f"alias/page-{n}", TargetKeyId=self.key["KeyId"])
        pages = list(self.kms.get_paginator("list_aliases").paginate(KeyId=self.key["KeyId"], PaginationConfig={"PageSize": 5}))
        self.assertEqual([len(p["Aliases"]) for p in pages], [5, 5, 2])
        context = {"purpose": "test"}
        blob = self.kms.encrypt(KeyId="alias/page-0", Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
        self.assertEqual(self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"], b"secret")
        self.assertEqual(code(self.kms.decrypt, CiphertextBlob=blob), "InvalidCiphertextException")

    def test_instances_page_by_page(self):
        made = {self.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "fleet", "Value": "pages"}]}]) for _ in range(7)}
        pages = list(
            self.ec2.get_paginator("describe_instances").paginate(
                Filters=[{"Name": "tag:fleet", "Values": ["pages"]}], PaginationConfig={"PageSize": 5}
            )
        )
        self.assertEqual({i["InstanceId"] for p in pages for r in p["Reservations"] for i in r["Instances"]}, made)
        self.assertGreater(len(pages), 1)


if __name__ == "__main__":
    unittest.main()
