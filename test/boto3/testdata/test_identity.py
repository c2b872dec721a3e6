"""IAM and STS: paginators, waiters, sessions, and who is refused."""

import json
import unittest

from clients import QUICK, client, code

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "example"}},
        }
    ],
}
READ = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:Get*", "Resource": "*"}]}


class Identity(unittest.TestCase):
    def test_users_page_by_page(self):
        iam = client("iam")
        names = {f"page-{i:02}" for i in range(25)}
        for name in names:
            iam.create_user(UserName=name, Path="/pages/")
        iam.get_waiter("user_exists").wait(UserName="page-00", WaiterConfig=QUICK)
        pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 10}))
        self.assertEqual([len(p["Users"]) for p in pages], [10, 10, 5])
        self.assertEqual({u["UserName"] for p in pages for u in p["Users"]}, names)
        everything = client("iam").get_paginator("get_account_authorization_details").paginate(
            Filter=["User"], PaginationConfig={"PageSize": 7}
        )
        self.assertTrue(names <= {u["UserName"] for p in everything for u in p["UserDetailList"]})

    def test_role_policy_and_profile_exist(self):
        iam = client("iam")
        role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        iam.get_waiter("role_exists").wait(RoleName="app", WaiterConfig=QUICK)
        self.assertEqual(role["AssumeRolePolicyDocument"], TRUST)
        policy = iam.create_policy(PolicyName="read", PolicyDocument=json.dumps(READ))["Policy"]
        iam.get_waiter("policy_exists").wait(PolicyArn=policy["Arn"], WaiterConfig=QUICK)
        iam.attach_role_policy(RoleName="app", PolicyArn=policy["Arn"])
        iam.create_instance_profile(InstanceProfileName="app")
        iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="app", WaiterConfig=QUICK)
        self.assertEqual(code(iam.delete_role, RoleName="app"), "DeleteConflict")

    def test_session_of_a_role(self):
        iam, root = client("iam"), client("sts")
        role = iam.create_role(RoleName="session", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
        iam.put_role_policy(RoleName="session", PolicyName="read", PolicyDocument=json.dumps(READ))
        iam.create_user(UserName="person")
        key = iam.create_access_key(UserName="person")["AccessKey"]
        person = client("sts", key)
        asked = {"RoleArn": role["Arn"], "RoleSessionName": "shift", "ExternalId": "example"}
        self.assertEqual(code(person.assume_role, **asked), "AccessDenied")
        iam.put_user_policy(
            UserName="person",
            PolicyName="assume",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role["Arn"]}]}
            ),
        )
        self.assertEqual(code(person.assume_role, **{**asked, "ExternalId": "other"}), "AccessDenied")
        self.assertEqual(code(root.assume_role, **asked), "AccessDenied")
        session = person.assume_role(**asked)["Credentials"]
        who = client("sts", session).get_caller_identity()
        self.assertEqual(who["Arn"], "arn:aws:sts::123456789012:assumed-role/session/shift")
        self.assertEqual(client("iam", session).get_role(RoleName="session")["Role"]["Arn"], role["Arn"])
        self.assertEqual(code(client("iam", session).list_users), "AccessDenied")
        narrowed = person.assume_role(
            **asked, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
        )["Credentials"]
        self.assertEqual(code(client("iam", narrowed).get_role, RoleName="session"), "AccessDenied")

    def test_wrong_credentials(self):
        made = client("iam")
        made.create_user(UserName="wrong")
        key = made.create_access_key(UserName="wrong")["AccessKey"]
        unknown = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
        forged = {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": unknown["SecretAccessKey"]}
        for credentials, refused in (
            (unknown, {"iam": "InvalidClientTokenId", "sts": "InvalidClientTokenId", "ec2": "AuthFailure", "kms": "UnrecognizedClientException"}),
            (forged, {"iam": "SignatureDoesNotMatch", "sts": "SignatureDoesNotMatch", "ec2": "AuthFailure", "kms": "InvalidSignatureException"}),
        ):
            self.assertEqual(code(client("iam", credentials).list_users), refused["iam"])
            self.assertEqual(code(client("sts", credentials).get_caller_identity), refused["sts"])
            self.assertEqual(code(client("ec2", credentials).describe_instances), refused["ec2"])
            self.assertEqual(code(client("kms", credentials).list_keys), refused["kms"])


if __name__ == "__main__":
    unittest.main()
