//go:build awscli

package awscli

import "testing"

// TestEndpointWalk goes through a VPC endpoint. Where *.localhost leads nowhere,
// the server is the client's proxy: the request names the endpoint all the same.
func TestEndpointWalk(t *testing.T) {
	t.Parallel()
	typeAll(t, []line{
		{"vpc=$(aws ec2 describe-vpcs --query 'Vpcs[0].VpcId' --output text); subnet=$(aws ec2 describe-subnets --query 'Subnets[0].SubnetId' --output text); table=$(aws ec2 describe-route-tables --query 'RouteTables[0].RouteTableId' --output text)", ""},
		{"aws ec2 describe-vpc-endpoint-services --service-names com.amazonaws.eu-west-1.kms --query 'ServiceDetails[0].PrivateDnsName' --output text", "kms.eu-west-1.amazonaws.com"},
		{`id=$(aws ec2 create-vpc-endpoint --vpc-id $vpc --vpc-endpoint-type Interface --service-name com.amazonaws.eu-west-1.kms --subnet-ids $subnet --policy-document '{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:List*","Resource":"*"}]}' --query VpcEndpoint.VpcEndpointId --output text)`, ""},
		{`for i in 1 2 3 4 5 6 7 8 9 10; do state=$(aws ec2 describe-vpc-endpoints --vpc-endpoint-ids $id --query 'VpcEndpoints[0].State' --output text); [ $state = available ] && break; sleep 1; done; echo $state`, "available"},
		{"name=$(aws ec2 describe-vpc-endpoints --vpc-endpoint-ids $id --query 'VpcEndpoints[0].DnsEntries[0].DnsName' --output text)", ""},
		{"through() { HTTP_PROXY=$AWS_ENDPOINT_URL NO_PROXY= aws --endpoint-url http://$name \"$@\" 2>&1; }", ""},
		{"through kms list-keys --query Keys", "[]"},
		{"through kms create-key | grep -o 'because no VPC endpoint policy allows the kms:CreateKey action'", "because no VPC endpoint policy allows the kms:CreateKey action"},
		{"aws kms create-key --query KeyMetadata.KeyState --output text", "Enabled"},
		{"aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=ListKeys --query 'Events[0].CloudTrailEvent' --output text | grep -c $id", "1"},
		{"aws ec2 modify-vpc-endpoint --vpc-endpoint-id $id --reset-policy --query Return", "true"},
		{"through kms create-key --query KeyMetadata.KeyState --output text", "Enabled"},
		{"gateway=$(aws ec2 create-vpc-endpoint --vpc-id $vpc --service-name com.amazonaws.eu-west-1.s3 --route-table-ids $table --query VpcEndpoint.VpcEndpointId --output text) && aws ec2 describe-route-tables --route-table-ids $table --query \"length(RouteTables[0].Routes[?GatewayId=='$gateway'])\"", "1"},
		{"aws ec2 delete-vpc-endpoints --vpc-endpoint-ids $id $gateway vpce-0123456789abcdef0 --query 'Unsuccessful[].Error.Code' --output text", "InvalidVpcEndpoint.NotFound"},
		{"through kms list-keys | grep -o InvalidVpcEndpointId.NotFound", "InvalidVpcEndpointId.NotFound"},
	})
}

// TestFleetWalk has fleets launch by themselves, and ends them.
func TestFleetWalk(t *testing.T) {
	t.Parallel()
	typeAll(t, []line{
		{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text)", ""},
		{"aws ec2 create-launch-template --launch-template-name walk --launch-template-data \"{\\\"ImageId\\\":\\\"$image\\\",\\\"InstanceType\\\":\\\"t3.micro\\\"}\" --query LaunchTemplate.LatestVersionNumber", "1"},
		{"fleet=$(aws ec2 create-fleet --launch-template-configs 'LaunchTemplateSpecification={LaunchTemplateName=walk,Version=$Latest}' --target-capacity-specification TotalTargetCapacity=2,OnDemandTargetCapacity=1,DefaultTargetCapacityType=spot --query FleetId --output text)", ""},
		{`settled() { for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do [ "$(aws ec2 describe-fleets --fleet-ids $fleet --query 'Fleets[0].[FleetState,ActivityStatus,FulfilledCapacity]' --output text | tr '\t' ' ')" = "$1" ] && echo settled && return; sleep 1; done; }`, ""},
		{"settled 'active fulfilled 2.0'", "settled"},
		{"aws ec2 describe-fleet-instances --fleet-id $fleet --query 'length(ActiveInstances[?SpotInstanceRequestId])'", "1"},
		{"aws ec2 modify-fleet --fleet-id $fleet --target-capacity-specification TotalTargetCapacity=1,OnDemandTargetCapacity=1 --query Return", "true"},
		{"settled 'active fulfilled 1.0'", "settled"},
		{"aws ec2 describe-fleet-history --fleet-id $fleet --start-time 2020-01-01T00:00:00Z --event-type fleet-change --query 'HistoryRecords[].EventInformation.EventSubType' --output text | tr '\\t' ' '", "submitted active progress progress modify_in_progress modify_succeeded"},
		{"aws ec2 delete-fleets --fleet-ids $fleet --terminate-instances --query 'SuccessfulFleetDeletions[0].CurrentFleetState' --output text", "deleted_terminating"},
		{`role=$(aws iam create-role --role-name tagging --assume-role-policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"spotfleet.amazonaws.com"},"Action":"sts:AssumeRole"}}' --query Role.Arn --output text) && aws iam attach-role-policy --role-name tagging --policy-arn arn:aws:iam::aws:policy/service-role/AmazonEC2SpotFleetTaggingRole`, ""},
		{"spot=$(aws ec2 request-spot-fleet --spot-fleet-request-config \"{\\\"IamFleetRole\\\":\\\"$role\\\",\\\"TargetCapacity\\\":1,\\\"LaunchSpecifications\\\":[{\\\"ImageId\\\":\\\"$image\\\",\\\"InstanceType\\\":\\\"t3.micro\\\"}]}\" --query SpotFleetRequestId --output text)", ""},
		{`for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do state=$(aws ec2 describe-spot-fleet-requests --spot-fleet-request-ids $spot --query 'SpotFleetRequestConfigs[0].ActivityStatus' --output text); [ "$state" = fulfilled ] && break; sleep 1; done; echo $state`, "fulfilled"},
		{"aws ec2 describe-spot-fleet-instances --spot-fleet-request-id $spot --query 'length(ActiveInstances)'", "1"},
		{"aws ec2 cancel-spot-fleet-requests --spot-fleet-request-ids $spot --terminate-instances --query 'SuccessfulFleetRequests[0].CurrentSpotFleetRequestState' --output text", "cancelled_terminating"},
		{"aws ec2 describe-spot-price-history --query SpotPriceHistory", "[]"},
	})
}

// TestCapacityWalk launches into a Capacity Reservation.
func TestCapacityWalk(t *testing.T) {
	t.Parallel()
	typeAll(t, []line{
		{"image=$(aws ec2 describe-images --owners amazon --filters 'Name=name,Values=al2023-ami-2023.*-x86_64' --query 'Images[0].ImageId' --output text)", ""},
		{"room=$(aws ec2 create-capacity-reservation --instance-type t3.micro --instance-platform Linux/UNIX --availability-zone eu-west-1b --instance-count 1 --instance-match-criteria targeted --query CapacityReservation.CapacityReservationId --output text)", ""},
		{"id=$(aws ec2 run-instances --image-id $image --instance-type t3.micro --capacity-reservation-specification \"CapacityReservationTarget={CapacityReservationId=$room}\" --query 'Instances[0].InstanceId' --output text) && aws ec2 describe-instances --instance-ids $id --query \"Reservations[0].Instances[0].[Placement.AvailabilityZone,CapacityReservationId=='$room']\" --output text", "eu-west-1b\tTrue"},
		{"aws ec2 describe-capacity-reservations --capacity-reservation-ids $room --query 'CapacityReservations[0].[State,AvailableInstanceCount]' --output text", "active\t0"},
		{"aws ec2 run-instances --image-id $image --instance-type t3.micro --capacity-reservation-specification \"CapacityReservationTarget={CapacityReservationId=$room}\" 2>&1 | grep -o ReservationCapacityExceeded", "ReservationCapacityExceeded"},
		{"aws ec2 modify-capacity-reservation --capacity-reservation-id $room --instance-count 2 --query Return", "true"},
		{"aws ec2 get-capacity-reservation-usage --capacity-reservation-id $room --query 'AvailableInstanceCount'", "1"},
		{"aws ec2 cancel-capacity-reservation --capacity-reservation-id $room --query Return", "true"},
	})
}
