// Issues certificates for a fleet in shards on Azure Container Apps: a job for each shard, as a replica is not told which one it is.
//
// Before: a user-assigned identity with the roles of an issuer (docs/identities.md) and AcrPull on the registry; an image in which
// dpsops is on the path; in the environment, a storage (Azure Files) with devices.csv and infra/prod.toml.
//
//   az deployment group create --resource-group rg-fleet --template-file issue-shards.bicep --parameters ...
//   for shard in $(seq 16); do az containerapp job start --resource-group rg-fleet --name issue-$shard; done
//
// A shard that fails is started again up to three times, and finishes the rest.
@description('Required. The resource ID of the Container Apps environment.')
param environmentId string

@description('Required. The name of the storage in that environment, a read-only share with devices.csv and infra/prod.toml.')
param storageName string

@description('Required. The resource ID of the user-assigned identity that issues.')
param identityId string

@description('Required. The client ID of that identity.')
param identityClientId string

@description('Required. The registry of the image, as in NAME.azurecr.io.')
param registry string

@description('Required. The image, by its digest.')
param image string

@description('Optional. How many shards.')
param shards int = 16

@description('Optional. Where the jobs run.')
param location string = resourceGroup().location

resource issue 'Microsoft.App/jobs@2025-01-01' = [
  for index in range(1, shards): {
    name: 'issue-${index}'
    location: location
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: {
        '${identityId}': {}
      }
    }
    properties: {
      environmentId: environmentId
      configuration: {
        triggerType: 'Manual'
        replicaTimeout: 86400
        replicaRetryLimit: 3
        manualTriggerConfig: {
          parallelism: 1
          replicaCompletionCount: 1
        }
        registries: [
          {
            server: registry
            identity: identityId
          }
        ]
      }
      template: {
        containers: [
          {
            name: 'dpsops'
            image: image
            command: ['sh', '-c']
            args: [
              'cd /fleet && exec dpsops --env prod device issue --from devices.csv --shard ${index}/${shards} --keep-going'
            ]
            env: [
              {
                name: 'AZURE_CLIENT_ID'
                value: identityClientId
              }
              {
                name: 'AZURE_SUBSCRIPTION_ID'
                value: subscription().subscriptionId
              }
            ]
            resources: {
              cpu: json('0.25')
              memory: '0.5Gi'
            }
            volumeMounts: [
              {
                volumeName: 'work'
                mountPath: '/fleet'
              }
            ]
          }
        ]
        volumes: [
          {
            name: 'work'
            storageType: 'AzureFile'
            storageName: storageName
          }
        ]
      }
    }
  }
]
