//go:build awscli

package awscli

import "testing"

// pause defines a wait for what takes a second here: the CLI's own waiters ask
// every fifteen.
var pause = line{"pause() { sleep 2; }", ""}

// around is a network from nothing, as modules build it, with an instance that
// has an interface and an address of its own.
var around = []line{
	pause,
	{"vpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16 --tag-specifications 'ResourceType=vpc,Tags=[{Key=Name,Value=around}]' --query Vpc.VpcId --output text) && aws ec2 wait vpc-available --vpc-ids $vpc", ""},
	{"aws ec2 modify-vpc-attribute --vpc-id $vpc --enable-dns-hostnames && aws ec2 describe-vpc-attribute --vpc-id $vpc --attribute enableDnsHostnames --query EnableDnsHostnames.Value", "true"},
	{"aws ec2 describe-network-acls --filters Name=vpc-id,Values=$vpc Name=default,Values=true --query 'NetworkAcls[].Entries[].[RuleNumber,Egress,RuleAction]' --output text", "100\tTrue\tallow\n32767\tTrue\tdeny\n100\tFalse\tallow\n32767\tFalse\tdeny"},
	{"aws ec2 describe-route-tables --filters Name=vpc-id,Values=$vpc Name=association.main,Values=true --query 'RouteTables[0].Routes[].GatewayId' --output text", "local"},
	{"aws ec2 describe-dhcp-options --dhcp-options-ids $(aws ec2 describe-vpcs --vpc-ids $vpc --query 'Vpcs[0].DhcpOptionsId' --output text) --query 'DhcpOptions[0].DhcpConfigurations[].Key' --output text", "domain-name\tdomain-name-servers"},
	{"public=$(aws ec2 create-subnet --vpc-id $vpc --cidr-block 10.0.0.0/24 --availability-zone eu-west-1a --query Subnet.SubnetId --output text); private=$(aws ec2 create-subnet --vpc-id $vpc --cidr-block 10.0.1.0/24 --availability-zone eu-west-1a --query Subnet.SubnetId --output text)", ""},
	{"gateway=$(aws ec2 create-internet-gateway --query InternetGateway.InternetGatewayId --output text) && aws ec2 attach-internet-gateway --vpc-id $vpc --internet-gateway-id $gateway", ""},
	{"address=$(aws ec2 allocate-address --domain vpc --query AllocationId --output text); nat=$(aws ec2 create-nat-gateway --subnet-id $public --allocation-id $address --query NatGateway.NatGatewayId --output text) && pause", ""},
	{"table=$(aws ec2 create-route-table --vpc-id $vpc --query RouteTable.RouteTableId --output text) && aws ec2 create-route --route-table-id $table --destination-cidr-block 0.0.0.0/0 --nat-gateway-id $nat --query Return && aws ec2 associate-route-table --route-table-id $table --subnet-id $private --query AssociationState.State --output text", "true\nassociated"},
	{"aws ec2 describe-route-tables --route-table-ids $table --query \"RouteTables[0].Routes[?NatGatewayId=='$nat'].State\" --output text", "active"},
	{"list=$(aws ec2 create-managed-prefix-list --prefix-list-name offices --address-family IPv4 --max-entries 2 --entries Cidr=203.0.113.0/24,Description=north --query PrefixList.PrefixListId --output text) && aws ec2 get-managed-prefix-list-entries --prefix-list-id $list --query 'Entries[].Cidr' --output text", "203.0.113.0/24"},
	{"group=$(aws ec2 create-security-group --group-name around --description around --vpc-id $vpc --query GroupId --output text); rule=$(aws ec2 authorize-security-group-ingress --group-id $group --ip-permissions \"IpProtocol=tcp,FromPort=22,ToPort=22,PrefixListIds=[{PrefixListId=$list}]\" --query 'SecurityGroupRules[0].SecurityGroupRuleId' --output text)", ""},
	{"aws ec2 modify-security-group-rules --group-id $group --security-group-rules \"SecurityGroupRuleId=$rule,SecurityGroupRule={IpProtocol=tcp,FromPort=443,ToPort=443,PrefixListId=$list,Description=web}\" --query Return && aws ec2 create-tags --resources $rule --tags Key=Name,Value=web", "true"},
	{"aws ec2 describe-security-group-rules --security-group-rule-ids $rule --query 'SecurityGroupRules[0].[FromPort,Description,Tags[0].Value]' --output text", "443\tweb\tweb"},
	{"plug=$(aws ec2 create-network-interface --subnet-id $private --groups $group --private-ip-address 10.0.1.10 --query NetworkInterface.NetworkInterfaceId --output text)", ""},
	{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text); id=$(aws ec2 run-instances --image-id $image --instance-type t3.micro --network-interfaces DeviceIndex=0,NetworkInterfaceId=$plug --query 'Instances[0].InstanceId' --output text) && pause", ""},
	{"extra=$(aws ec2 create-network-interface --subnet-id $private --query NetworkInterface.NetworkInterfaceId --output text); attachment=$(aws ec2 attach-network-interface --network-interface-id $extra --instance-id $id --device-index 1 --query AttachmentId --output text); aws ec2 describe-instances --instance-ids $id --query 'Reservations[0].Instances[0].NetworkInterfaces[].Attachment.DeviceIndex' --output text", "0\t1"},
	{"aws ec2 detach-network-interface --attachment-id $attachment && aws ec2 delete-network-interface --network-interface-id $extra", ""},
	{"second=$(aws ec2 allocate-address --query AllocationId --output text); bound=$(aws ec2 associate-address --allocation-id $second --instance-id $id --query AssociationId --output text); [ \"$(aws ec2 describe-addresses --allocation-ids $second --query 'Addresses[0].PublicIp' --output text)\" = \"$(aws ec2 describe-instances --instance-ids $id --query 'Reservations[0].Instances[0].PublicIpAddress' --output text)\" ] && echo same", "same"},
	{"aws ec2 describe-addresses-attribute --allocation-ids $second --attribute domain-name --query 'length(Addresses)'", "1"},
	{"aws ec2 release-address --allocation-id $second 2>&1 | grep -o InvalidIPAddress.InUse", "InvalidIPAddress.InUse"},
	{"aws ec2 assign-private-ip-addresses --network-interface-id $plug --secondary-private-ip-address-count 1 --query 'length(AssignedPrivateIpAddresses)'", "1"},
	{"aws ec2 disassociate-address --association-id $bound && aws ec2 release-address --allocation-id $second", ""},
	{"other=$(aws ec2 create-vpc --cidr-block 10.1.0.0/16 --query Vpc.VpcId --output text); peering=$(aws ec2 create-vpc-peering-connection --vpc-id $vpc --peer-vpc-id $other --query VpcPeeringConnection.VpcPeeringConnectionId --output text) && pause && aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id $peering --query VpcPeeringConnection.Status.Code --output text", "provisioning"},
	{"aws ec2 associate-vpc-cidr-block --vpc-id $other --cidr-block 10.2.0.0/16 --query CidrBlockAssociation.CidrBlockState.State --output text && aws ec2 describe-vpcs --vpc-ids $other --query 'Vpcs[0].CidrBlockAssociationSet[].CidrBlockState.State' --output text", "associating\nassociated\tassociated"},
	{"aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id $peering --query Return && aws ec2 delete-vpc --vpc-id $other", "true"},
	{"aws ec2 terminate-instances --instance-ids $id > /dev/null && pause && aws ec2 delete-network-interface --network-interface-id $plug && aws ec2 delete-nat-gateway --nat-gateway-id $nat > /dev/null && pause && aws ec2 release-address --allocation-id $address", ""},
	{"aws ec2 delete-subnet --subnet-id $public && aws ec2 delete-subnet --subnet-id $private && aws ec2 delete-route-table --route-table-id $table && aws ec2 delete-security-group --group-id $group > /dev/null && aws ec2 delete-managed-prefix-list --prefix-list-id $list > /dev/null && aws ec2 detach-internet-gateway --internet-gateway-id $gateway --vpc-id $vpc && aws ec2 delete-internet-gateway --internet-gateway-id $gateway && aws ec2 delete-vpc --vpc-id $vpc", ""},
}

// settings are what is changed of an instance after its launch.
var settings = []line{
	pause,
	{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text)", ""},
	{"aws ec2 create-placement-group --group-name parts --strategy partition --partition-count 3 --query PlacementGroup.GroupArn --output text", "arn:aws:ec2:eu-west-1:123456789012:placement-group/parts"},
	{"id=$(aws ec2 run-instances --image-id $image --instance-type t3.micro --placement GroupName=parts,PartitionNumber=2 --metadata-options HttpTokens=required --query 'Instances[0].InstanceId' --output text) && pause && aws ec2 describe-instances --instance-ids $id --query 'Reservations[0].Instances[0].[Placement.PartitionNumber,MetadataOptions.HttpTokens]' --output text", "2\trequired"},
	{"aws ec2 modify-instance-metadata-options --instance-id $id --http-put-response-hop-limit 3 --query InstanceMetadataOptions.State --output text", "pending"},
	{"aws ec2 describe-instance-credit-specifications --instance-ids $id --query 'InstanceCreditSpecifications[0].CpuCredits' --output text", "unlimited"},
	{"aws ec2 modify-instance-credit-specification --instance-credit-specifications InstanceId=$id,CpuCredits=standard --query 'length(SuccessfulInstanceCreditSpecifications)'", "1"},
	{"aws ec2 monitor-instances --instance-ids $id --query 'InstanceMonitorings[0].Monitoring.State' --output text", "pending"},
	{`aws iam create-role --role-name web --assume-role-policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}' > /dev/null && aws iam create-instance-profile --instance-profile-name web > /dev/null && aws iam add-role-to-instance-profile --instance-profile-name web --role-name web`, ""},
	{"profile=$(aws ec2 associate-iam-instance-profile --instance-id $id --iam-instance-profile Name=web --query IamInstanceProfileAssociation.AssociationId --output text); aws ec2 describe-instances --instance-ids $id --query 'Reservations[0].Instances[0].IamInstanceProfile.Arn' --output text", "arn:aws:iam::123456789012:instance-profile/web"},
	{"aws ec2 associate-iam-instance-profile --instance-id $id --iam-instance-profile Name=web 2>&1 | grep -o 'There is an existing association for instance'", "There is an existing association for instance"},
	{"aws ec2 disassociate-iam-instance-profile --association-id $profile --query IamInstanceProfileAssociation.State --output text", "disassociating"},
	{"aws ec2 describe-instance-attribute --instance-id $id --attribute disableApiStop --query DisableApiStop.Value", "false"},
	{"aws ec2 describe-instance-types --instance-types t3.micro --query 'InstanceTypes[0].NetworkInfo.MaximumNetworkInterfaces'", "2"},
	{"aws ec2 get-launch-template-data --instance-id $id --query LaunchTemplateData.InstanceType --output text", "t3.micro"},
	{"aws ec2 get-password-data --instance-id $id --query PasswordData --output text", ""},
	{"golden=$(aws ec2 create-image --instance-id $id --name golden --query ImageId --output text) && pause && aws ec2 enable-image-deprecation --image-id $golden --deprecate-at $(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ) --query Return && aws ec2 describe-images --image-ids $golden --query 'length(Images[0].DeprecationTime)'", "true\n24"},
	{"aws ec2 delete-placement-group --group-name parts 2>&1 | grep -o InvalidPlacementGroup.InUse", "InvalidPlacementGroup.InUse"},
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	typeAll(t, around)
}

func TestInstanceSettings(t *testing.T) {
	t.Parallel()
	typeAll(t, settings)
}
