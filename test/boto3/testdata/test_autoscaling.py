"""Auto Scaling: a group's life, with paginators."""

import time
import unittest

from clients import client, code, image


class Group(unittest.TestCase):
    def setUp(self):
        self.scaling = client("autoscaling")
        self.name = self.id().rsplit(".", 1)[-1]
        self.scaling.create_launch_configuration(
            LaunchConfigurationName=self.name, ImageId=image(), InstanceType="t3.micro"
        )

    def make(self, size, **more):
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=self.name,
            LaunchConfigurationName=self.name,
            MinSize=size,
            MaxSize=size + 1,
            AvailabilityZones=["eu-west-1a", "eu-west-1b"],
            **more,
        )

    def group(self):
        pages = self.scaling.get_paginator("describe_auto_scaling_groups").paginate(AutoScalingGroupNames=[self.name])
        return pages.build_full_result()["AutoScalingGroups"][0]

    def settle(self, n):
        for _ in range(60):
            states = [i["LifecycleState"] for i in self.group()["Instances"]]
            if states == ["InService"] * n:
                return
            time.sleep(0.5)
        self.fail(f"{self.name} has {states}")

    def test_life(self):
        self.make(3, Tags=[{"Key": "team", "Value": "example", "PropagateAtLaunch": True}])
        self.settle(3)
        zones = sorted(i["AvailabilityZone"] for i in self.group()["Instances"])
        self.assertIn(zones.count("eu-west-1a"), (1, 2))
        pages = self.scaling.get_paginator("describe_scaling_activities").paginate(
            AutoScalingGroupName=self.name, PaginationConfig={"PageSize": 1}
        )
        activities = pages.build_full_result()["Activities"]
        self.assertEqual(["Successful"] * 3, [a["StatusCode"] for a in activities])
        pages = self.scaling.get_paginator("describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 2})
        mine = [i for i in pages.build_full_result()["AutoScalingInstances"] if i["AutoScalingGroupName"] == self.name]
        self.assertEqual(["HEALTHY"] * 3, [i["HealthStatus"] for i in mine])
        client("ec2").stop_instances(InstanceIds=[mine[0]["InstanceId"]])
        for _ in range(120):
            ids = [i["InstanceId"] for i in self.group()["Instances"]]
            if mine[0]["InstanceId"] not in ids:
                break
            time.sleep(0.5)
        self.settle(3)

    def test_refusals(self):
        self.make(0)
        self.assertEqual("AlreadyExists", code(self.make, size=0))
        self.assertEqual(
            "ValidationError",
            code(self.scaling.set_desired_capacity, AutoScalingGroupName=self.name, DesiredCapacity=2),
        )
        self.assertEqual(
            "ResourceInUse", code(self.scaling.delete_launch_configuration, LaunchConfigurationName=self.name)
        )
        self.scaling.delete_auto_scaling_group(AutoScalingGroupName=self.name)
        self.scaling.delete_launch_configuration(LaunchConfigurationName=self.name)
        self.assertEqual("ValidationError", code(self.scaling.update_auto_scaling_group, AutoScalingGroupName=self.name))


if __name__ == "__main__":
    unittest.main()
