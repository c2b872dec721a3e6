package ec2

// spotFleetTag is the tag that EC2 gives to the instances of a Spot Fleet.
const spotFleetTag = "aws:ec2spot:fleet-request-id"
