package iam

// linkedService is a service that has a linked role.
type linkedService struct {
	// role is the role's name, without suffix; policy is the name of AWS's
	// managed policy that it has.
	role, policy string
	// suffix tells that there may be several, with suffixes of one's own.
	suffix bool
}

// linkedServices are the services with linked roles, by service principal (each
// service's guide, "Using service-linked roles").
var linkedServices = map[string]linkedService{
	// Those that launch instances.
	"autoscaling.amazonaws.com":       {role: "AWSServiceRoleForAutoScaling", policy: "AutoScalingServiceRolePolicy", suffix: true},
	"spot.amazonaws.com":              {role: "AWSServiceRoleForEC2Spot", policy: "AWSEC2SpotServiceRolePolicy"},
	"spotfleet.amazonaws.com":         {role: "AWSServiceRoleForEC2SpotFleet", policy: "AWSEC2SpotFleetServiceRolePolicy"},
	"ec2fleet.amazonaws.com":          {role: "AWSServiceRoleForEC2Fleet", policy: "AWSEC2FleetServiceRolePolicy"},
	"ec2scheduled.amazonaws.com":      {role: "AWSServiceRoleForEC2ScheduledInstances", policy: "AWSServiceRoleForEC2ScheduledInstances"},
	"ec2fastlaunch.amazonaws.com":     {role: "AWSServiceRoleForEC2FastLaunch", policy: "EC2FastLaunchServiceRolePolicy"},
	"eks.amazonaws.com":               {role: "AWSServiceRoleForAmazonEKS", policy: "AmazonEKSServiceRolePolicy"},
	"eks-nodegroup.amazonaws.com":     {role: "AWSServiceRoleForAmazonEKSNodegroup", policy: "AWSServiceRoleForAmazonEKSNodegroup"},
	"eks-fargate.amazonaws.com":       {role: "AWSServiceRoleForAmazonEKSForFargate", policy: "AmazonEKSForFargateServiceRolePolicy"},
	"eks-connector.amazonaws.com":     {role: "AWSServiceRoleForAmazonEKSConnector", policy: "AmazonEKSConnectorServiceRolePolicy"},
	"ecs.amazonaws.com":               {role: "AWSServiceRoleForECS", policy: "AmazonECSServiceRolePolicy"},
	"batch.amazonaws.com":             {role: "AWSServiceRoleForBatch", policy: "BatchServiceRolePolicy"},
	"elasticbeanstalk.amazonaws.com":  {role: "AWSServiceRoleForElasticBeanstalk", policy: "AWSElasticBeanstalkServiceRolePolicy"},
	"elasticmapreduce.amazonaws.com":  {role: "AWSServiceRoleForEMRCleanup", policy: "AmazonEMRCleanupPolicy"},
	"imagebuilder.amazonaws.com":      {role: "AWSServiceRoleForImageBuilder", policy: "AWSServiceRoleForImageBuilder"},
	"autoscaling-plans.amazonaws.com": {role: "AWSServiceRoleForAutoScalingPlans_EC2AutoScaling", policy: "AWSAutoScalingPlansEC2AutoScalingPolicy"},
	"ec2.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest", policy: "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy",
	},

	// The others.
	"accountdiscovery.ssm.amazonaws.com": {role: "AWSServiceRoleForAmazonSSM_AccountDiscovery", policy: "AWSSystemsManagerAccountDiscoveryServicePolicy"},
	"acm.amazonaws.com":                  {role: "AWSServiceRoleForCertificateManager", policy: "CertificateManagerServiceRolePolicy"},
	"appmesh.amazonaws.com":              {role: "AWSServiceRoleForAppMesh", policy: "AWSAppMeshServiceRolePolicy"},
	"backup.amazonaws.com":               {role: "AWSServiceRoleForBackup", policy: "AWSBackupServiceLinkedRolePolicyForBackup"},
	"cassandra.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_CassandraTable", policy: "AWSApplicationAutoscalingCassandraTablePolicy",
	},
	"cks.kms.amazonaws.com":                         {role: "AWSServiceRoleForKeyManagementServiceCustomKeyStores", policy: "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy"},
	"cloudtrail.amazonaws.com":                      {role: "AWSServiceRoleForCloudTrail", policy: "CloudTrailServiceRolePolicy"},
	"codestar-notifications.amazonaws.com":          {role: "AWSServiceRoleForCodeStarNotifications", policy: "AWSCodeStarNotificationsServiceRolePolicy"},
	"config.amazonaws.com":                          {role: "AWSServiceRoleForConfig", policy: "AWSConfigServiceRolePolicy"},
	"connect.amazonaws.com":                         {role: "AWSServiceRoleForAmazonConnect", policy: "AmazonConnectServiceLinkedRolePolicy", suffix: true},
	"dms-fleet-advisor.amazonaws.com":               {role: "AWSServiceRoleForDMSFleetAdvisor", policy: "AWSDMSFleetAdvisorServiceRolePolicy"},
	"dms.amazonaws.com":                             {role: "AWSServiceRoleForDMSServerless", policy: "AWSDMSServerlessServiceRolePolicy"},
	"docdb-elastic.amazonaws.com":                   {role: "AWSServiceRoleForDocDB-Elastic", policy: "AmazonDocDB-ElasticServiceRolePolicy"},
	"ec2-instance-connect.amazonaws.com":            {role: "AWSServiceRoleForEc2InstanceConnect", policy: "Ec2InstanceConnectEndpoint"},
	"ecr.amazonaws.com":                             {role: "AWSServiceRoleForECRTemplate", policy: "ECRTemplateServiceRolePolicy"},
	"elasticache.amazonaws.com":                     {role: "AWSServiceRoleForElastiCache", policy: "ElastiCacheServiceRolePolicy"},
	"elasticfilesystem.amazonaws.com":               {role: "AWSServiceRoleForAmazonElasticFileSystem", policy: "AmazonElasticFileSystemServiceRolePolicy"},
	"elasticloadbalancing.amazonaws.com":            {role: "AWSServiceRoleForElasticLoadBalancing", policy: "AWSElasticLoadBalancingServiceRolePolicy"},
	"email.cognito-idp.amazonaws.com":               {role: "AWSServiceRoleForAmazonCognitoIdpEmailService", policy: "AmazonCognitoIdpEmailServiceRolePolicy"},
	"emr-containers.amazonaws.com":                  {role: "AWSServiceRoleForAmazonEMRContainers", policy: "AmazonEMRContainersServiceRolePolicy"},
	"emrwal.amazonaws.com":                          {role: "AWSServiceRoleForEMRWAL", policy: "EMRDescribeClusterPolicyForEMRWAL"},
	"fis.amazonaws.com":                             {role: "AWSServiceRoleForFIS", policy: "AmazonFISServiceRolePolicy"},
	"grafana.amazonaws.com":                         {role: "AWSServiceRoleForAmazonGrafana", policy: "AmazonGrafanaServiceLinkedRolePolicy"},
	"guardduty.amazonaws.com":                       {role: "AWSServiceRoleForAmazonGuardDuty", policy: "AmazonGuardDutyServiceRolePolicy"},
	"iotmanagedintegrations.amazonaws.com":          {role: "AWSServiceRoleForIoTManagedIntegrations", policy: "AWSIoTManagedIntegrationsRolePolicy"},
	"kafka.amazonaws.com":                           {role: "AWSServiceRoleForKafka", policy: "KafkaServiceRolePolicy"},
	"kafkaconnect.amazonaws.com":                    {role: "AWSServiceRoleForKafkaConnect", policy: "KafkaConnectServiceRolePolicy"},
	"lakeformation.amazonaws.com":                   {role: "AWSServiceRoleForLakeFormationDataAccess", policy: "LakeFormationDataAccessServiceRolePolicy"},
	"lex.amazonaws.com":                             {role: "AWSServiceRoleForLexBots", policy: "LexBotPolicy"},
	"lexv2.amazonaws.com":                           {role: "AWSServiceRoleForLexV2Bots", policy: "AmazonLexV2BotPolicy", suffix: true},
	"lightsail.amazonaws.com":                       {role: "AWSServiceRoleForLightsail", policy: "LightsailExportAccess"},
	"m2.amazonaws.com":                              {role: "AWSServiceRoleForAWSM2", policy: "AWSM2ServicePolicy"},
	"memorydb.amazonaws.com":                        {role: "AWSServiceRoleForMemoryDB", policy: "MemoryDBServiceRolePolicy"},
	"mq.amazonaws.com":                              {role: "AWSServiceRoleForAmazonMQ", policy: "AmazonMQServiceRolePolicy"},
	"mrk.kms.amazonaws.com":                         {role: "AWSServiceRoleForKeyManagementServiceMultiRegionKeys", policy: "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy"},
	"notifications.amazonaws.com":                   {role: "AWSServiceRoleForAwsUserNotifications", policy: "AWSUserNotificationsServiceLinkedRolePolicy"},
	"observability.aoss.amazonaws.com":              {role: "AWSServiceRoleForAmazonOpenSearchServerless", policy: "AmazonOpenSearchServerlessServiceRolePolicy"},
	"opensearchservice.amazonaws.com":               {role: "AWSServiceRoleForAmazonOpenSearchService", policy: "AmazonOpenSearchServiceRolePolicy"},
	"ops.apigateway.amazonaws.com":                  {role: "AWSServiceRoleForAPIGateway", policy: "APIGatewayServiceRolePolicy"},
	"ops.emr-serverless.amazonaws.com":              {role: "AWSServiceRoleForAmazonEMRServerless", policy: "AmazonEMRServerlessServiceRolePolicy"},
	"opsdatasync.ssm.amazonaws.com":                 {role: "AWSServiceRoleForSystemsManagerOpsDataSync", policy: "AWSSystemsManagerOpsDataSyncServiceRolePolicy"},
	"opsinsights.ssm.amazonaws.com":                 {role: "AWSServiceRoleForAmazonSSM_OpsInsights", policy: "AWSSSMOpsInsightsServiceRolePolicy"},
	"organizations.amazonaws.com":                   {role: "AWSServiceRoleForOrganizations", policy: "AWSOrganizationsServiceTrustPolicy"},
	"pullthroughcache.ecr.amazonaws.com":            {role: "AWSServiceRoleForECRPullThroughCache", policy: "AWSECRPullThroughCache_ServiceRolePolicy"},
	"ram.amazonaws.com":                             {role: "AWSServiceRoleForResourceAccessManager", policy: "AWSResourceAccessManagerServiceRolePolicy"},
	"rds.amazonaws.com":                             {role: "AWSServiceRoleForRDS", policy: "AmazonRDSServiceRolePolicy"},
	"redshift.amazonaws.com":                        {role: "AWSServiceRoleForRedshift", policy: "AmazonRedshiftServiceLinkedRolePolicy"},
	"replication.cassandra.amazonaws.com":           {role: "AWSServiceRoleForKeyspacesReplication", policy: "KeyspacesReplicationServiceRolePolicy"},
	"replication.ecr.amazonaws.com":                 {role: "AWSServiceRoleForECRReplication", policy: "ECRReplicationServiceRolePolicy"},
	"repository.sync.codeconnections.amazonaws.com": {role: "AWSServiceRoleForGitSync", policy: "AWSGitSyncServiceRolePolicy"},
	"resource-explorer-2.amazonaws.com":             {role: "AWSServiceRoleForResourceExplorer", policy: "AWSResourceExplorerServiceRolePolicy"},
	"rolesanywhere.amazonaws.com":                   {role: "AWSServiceRoleForRolesAnywhere", policy: "AWSRolesAnywhereServicePolicy"},
	"s3-outposts.amazonaws.com":                     {role: "AWSServiceRoleForS3OnOutposts", policy: "AWSS3OnOutpostsServiceRolePolicy"},
	"securityhub.amazonaws.com":                     {role: "AWSServiceRoleForSecurityHub", policy: "AWSSecurityHubServiceRolePolicy"},
	"ses.amazonaws.com":                             {role: "AWSServiceRoleForAmazonSES", policy: "AmazonSESServiceRolePolicy"},
	"shield.amazonaws.com":                          {role: "AWSServiceRoleForAWSShield", policy: "AWSShieldServiceRolePolicy"},
	"ssm-incidents.amazonaws.com":                   {role: "AWSServiceRoleForIncidentManager", policy: "AWSIncidentManagerServiceRolePolicy"},
	"ssm-quicksetup.amazonaws.com":                  {role: "AWSServiceRoleForSSMQuickSetup", policy: "SSMQuickSetupRolePolicy"},
	"ssm.amazonaws.com":                             {role: "AWSServiceRoleForAmazonSSM", policy: "AmazonSSMServiceRolePolicy"},
	"sso.amazonaws.com":                             {role: "AWSServiceRoleForSSO", policy: "AWSSSOServiceRolePolicy"},
	"support.amazonaws.com":                         {role: "AWSServiceRoleForSupport", policy: "AWSSupportServiceRolePolicy"},
	"trustedadvisor.amazonaws.com":                  {role: "AWSServiceRoleForTrustedAdvisor", policy: "AWSTrustedAdvisorServiceRolePolicy"},
	"vpcorigin.cloudfront.amazonaws.com":            {role: "AWSServiceRoleForCloudFrontVPCOrigin", policy: "AWSCloudFrontVPCOriginServiceRolePolicy"},
	"waf.amazonaws.com":                             {role: "AWSServiceRoleForWAFLogging", policy: "WAFLoggingServiceRolePolicy"},
	"wafv2.amazonaws.com":                           {role: "AWSServiceRoleForWAFV2Logging", policy: "WAFV2LoggingServiceRolePolicy"},
	"access-analyzer.amazonaws.com":                 {role: "AWSServiceRoleForAccessAnalyzer", policy: "AccessAnalyzerServiceRolePolicy"},
	"cloudhsm.amazonaws.com":                        {role: "AWSServiceRoleForCloudHSM", policy: "CloudHSMServiceRolePolicy"},
	"custom-resource.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_CustomResource", policy: "AWSApplicationAutoScalingCustomResourcePolicy",
	},
	"delivery.logs.amazonaws.com": {role: "AWSServiceRoleForLogDelivery", policy: "AWSServiceRoleForLogDeliveryPolicy"},
	"dynamodb.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", policy: "AWSApplicationAutoscalingDynamoDBTablePolicy",
	},
	"ecs.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_ECSService", policy: "AWSApplicationAutoscalingECSServicePolicy",
	},
	"es.amazonaws.com":                {role: "AWSServiceRoleForAmazonElasticsearchService", policy: "AmazonElasticsearchServiceRolePolicy"},
	"events.amazonaws.com":            {role: "AWSServiceRoleForCloudWatchEvents", policy: "CloudWatchEventsServiceRolePolicy"},
	"fsx.amazonaws.com":               {role: "AWSServiceRoleForAmazonFSx", policy: "AmazonFSxServiceRolePolicy"},
	"globalaccelerator.amazonaws.com": {role: "AWSServiceRoleForGlobalAccelerator", policy: "AWSGlobalAcceleratorSLRPolicy"},
	"inspector2.amazonaws.com":        {role: "AWSServiceRoleForAmazonInspector2", policy: "AmazonInspector2ServiceRolePolicy"},
	"ipam.amazonaws.com":              {role: "AWSServiceRoleForIPAM", policy: "AWSIPAMServiceRolePolicy"},
	"lambda.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency", policy: "AWSApplicationAutoscalingLambdaConcurrencyPolicy",
	},
	"macie.amazonaws.com": {role: "AWSServiceRoleForAmazonMacie", policy: "AmazonMacieServiceRolePolicy"},
	"rds.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_RDSCluster", policy: "AWSApplicationAutoscalingRDSClusterPolicy",
	},
	"replicator.lambda.amazonaws.com": {role: "AWSServiceRoleForLambdaReplicator", policy: "AWSLambdaReplicator"},
	"sagemaker.application-autoscaling.amazonaws.com": {
		role: "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint", policy: "AWSApplicationAutoscalingSageMakerEndpointPolicy",
	},
	"transitgateway.amazonaws.com": {role: "AWSServiceRoleForVPCTransitGateway", policy: "AWSVPCTransitGatewayServiceRolePolicy"},
}
