"""Clients of the server under test."""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Waiters ask every second: the server is near.
QUICK = {"Delay": 1, "MaxAttempts": 60}


def client(service, credentials=None, **more):
    """A client with the root user's keys, or with those of an AccessKey or a Credentials."""
    if credentials:
        more.update(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials.get("SessionToken"),
        )
    return boto3.client(
        service, endpoint_url=os.environ["KEYTURN_ENDPOINT"], config=Config(retries={"max_attempts": 1}), **more
    )


def code(call, **arguments):
    """The error code with which a call is refused."""
    try:
        call(**arguments)
    except ClientError as e:
        return e.response["Error"]["Code"]
    return "no error"


def image():
    found = client("ec2").describe_images(
        Owners=["amazon"], Filters=[{"Name": "name", "Values": ["al2023-ami-2023.*-x86_64"]}]
    )["Images"]
    return found[0]["ImageId"]
