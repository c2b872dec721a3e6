// The article's story: a launch under a customer key, by root and by somebody
// who lacks kms:CreateGrant.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import {
  DescribeInstancesCommand, EC2Client, RunInstancesCommand, StartInstancesCommand, StopInstancesCommand,
  TerminateInstancesCommand, paginateDescribeImages, waitUntilInstanceRunning, waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
} from "@aws-sdk/client-ec2";
import { AttachUserPolicyCommand, CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { CreateKeyCommand, DecryptCommand, EncryptCommand, GenerateDataKeyCommand, KMSClient, ListKeysCommand } from "@aws-sdk/client-kms";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

import { client, refused, soon } from "./clients.mjs";

const ec2 = client(EC2Client);
const iam = client(IAMClient);
const kms = client(KMSClient);

async function image() {
  const asked = { Owners: ["amazon"], Filters: [{ Name: "name", Values: ["al2023-ami-2023.*-x86_64"] }] };
  for await (const page of paginateDescribeImages({ client: ec2 }, asked)) {
    if (page.Images.length > 0) return page.Images[0].ImageId;
  }
  throw new Error("there is no image");
}

async function describe(id) {
  return (await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations[0].Instances[0];
}

// stopped awaits an instance that fails to start: the SDK's own waiter takes a
// pending instance for one that will never stop.
async function stopped(id) {
  for (let i = 0; i < 60; i++) {
    const found = await describe(id);
    if (found.State.Name === "stopped") return found;
    await sleep(500);
  }
  throw new Error(`${id} does not stop`);
}

test("an encrypted instance starts with the grant alone", async () => {
  const key = (await kms.send(new CreateKeyCommand({}))).KeyMetadata.Arn;
  const run = await ec2.send(new RunInstancesCommand({
    ImageId: await image(), InstanceType: "t3.micro", MinCount: 1, MaxCount: 1,
    BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize: 8, Encrypted: true, KmsKeyId: key } }],
  }));
  const InstanceIds = [run.Instances[0].InstanceId];
  await waitUntilInstanceRunning(soon(ec2), { InstanceIds });
  await ec2.send(new StopInstancesCommand({ InstanceIds }));
  await waitUntilInstanceStopped(soon(ec2), { InstanceIds });

  const UserName = "person";
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: "arn:aws:iam::aws:policy/AmazonEC2FullAccess" }));
  const person = client(EC2Client, (await iam.send(new CreateAccessKeyCommand({ UserName }))).AccessKey);

  const started = await person.send(new StartInstancesCommand({ InstanceIds }));
  assert.equal(started.StartingInstances[0].CurrentState.Name, "pending");
  assert.deepEqual((await stopped(InstanceIds[0])).StateReason, {
    Code: "Client.InternalError", Message: "Client.InternalError: Client error on launch",
  });
  const trail = await client(CloudTrailClient).send(new LookupEventsCommand({
    LookupAttributes: [{ AttributeKey: "EventName", AttributeValue: "CreateGrant" }],
  }));
  const denied = trail.Events.map((e) => JSON.parse(e.CloudTrailEvent)).filter((e) => e.errorCode === "AccessDenied");
  assert.equal(denied.length, 1);
  assert.equal(denied[0].userIdentity.userName, UserName);

  await iam.send(new PutUserPolicyCommand({
    UserName, PolicyName: "grant",
    PolicyDocument: JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: "kms:CreateGrant", Resource: key, Condition: { Bool: { "kms:GrantIsForAWSResource": "true" } } }],
    }),
  }));
  await person.send(new StartInstancesCommand({ InstanceIds }));
  await waitUntilInstanceRunning(soon(ec2), { InstanceIds });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await waitUntilInstanceTerminated(soon(ec2), { InstanceIds });
});

test("a key encrypts and decrypts under its context", async () => {
  const KeyId = (await kms.send(new CreateKeyCommand({}))).KeyMetadata.KeyId;
  const EncryptionContext = { purpose: "test" };
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from("secret"), EncryptionContext }));
  const clear = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
  assert.equal(Buffer.from(clear.Plaintext).toString(), "secret");
  assert.equal(await refused(kms.send(new DecryptCommand({ CiphertextBlob }))), "InvalidCiphertextException");
  const data = await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }));
  assert.deepEqual((await kms.send(new DecryptCommand({ CiphertextBlob: data.CiphertextBlob }))).Plaintext, data.Plaintext);
});

test("wrong credentials are refused", async () => {
  const UserName = "wrong";
  await iam.send(new CreateUserCommand({ UserName }));
  const key = (await iam.send(new CreateAccessKeyCommand({ UserName }))).AccessKey;
  const unknown = { AccessKeyId: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" };
  const forged = { AccessKeyId: key.AccessKeyId, SecretAccessKey: unknown.SecretAccessKey };
  for (const [credentials, names] of [
    [unknown, ["InvalidClientTokenId", "AuthFailure", "UnrecognizedClientException"]],
    [forged, ["SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException"]],
  ]) {
    assert.equal(await refused(client(STSClient, credentials).send(new GetCallerIdentityCommand({}))), names[0]);
    assert.equal(await refused(client(EC2Client, credentials).send(new DescribeInstancesCommand({}))), names[1]);
    assert.equal(await refused(client(KMSClient, credentials).send(new ListKeysCommand({}))), names[2]);
  }
});
