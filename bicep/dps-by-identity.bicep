// The Device Provisioning Service, linked to its hubs by its own identity: there is no key.

import { identityServiceType } from 'types.bicep'

// parameters

@description('Required. The service. Its hubs exist.')
param service identityServiceType

// variables

var dataContributor = '4fc6c259-987e-4a07-842e-c321cc9d413f' // IoT Hub Data Contributor

// resources

resource hubs 'Microsoft.Devices/IotHubs@2023-06-30' existing = [
  for name in service.allowOn: {
    name: name
  }
]

resource written 'Microsoft.Devices/provisioningServices@2026-11-01' = {
  name: service.name
  location: service.location
  tags: service.tags
  sku: {
    name: 'S1'
    capacity: service.capacity
  }
  identity: service.identity
  properties: union(
    service.current,
    {
      allocationPolicy: service.allocationPolicy
      iotHubs: concat(
        service.otherLinks,
        map(service.links, link => {
          authenticationType: 'SystemAssigned'
          hostName: link.host
          location: link.location
          allocationWeight: link.allocationWeight
          applyAllocationPolicy: link.applyAllocationPolicy
        })
      )
    },
    service.keepPolicies
      ? {
          authorizationPolicies: listKeys(
            resourceId('Microsoft.Devices/provisioningServices', service.name),
            '2022-12-12'
          ).value
        }
      : {}
  )
}

resource allowances 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in service.allowOn: {
    name: guid(hubs[i].id, written.id, dataContributor)
    scope: hubs[i]
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataContributor)
      principalId: written.identity.principalId
      principalType: 'ServicePrincipal'
    }
  }
]
