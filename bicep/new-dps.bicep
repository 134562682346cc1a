// A new Device Provisioning Service, linked to its hubs by keys of theirs, which never leave Azure.

import { serviceType } from 'types.bicep'

// parameters

@description('Required. The service. Its hubs exist.')
param service serviceType

// variables

// What the service does in a hub: it writes devices' identities and their twins.
var rights = [
  'RegistryWrite'
  'ServiceConnect'
  'DeviceConnect'
]

// resources

// A link has a key of the first policy that has these rights; without one, the deployment fails. What else a service can have is
// not named here: Azure makes of it what it makes of a new service.
resource written 'Microsoft.Devices/provisioningServices@2022-12-12' = {
  name: service.name
  location: service.location
  tags: service.tags
  sku: {
    name: 'S1'
    capacity: service.capacity
  }
  properties: {
    allocationPolicy: service.allocationPolicy
    iotHubs: [
      for link in service.links: {
        connectionString: map(
          filter(
            listKeys(resourceId('Microsoft.Devices/IotHubs', link.hub), '2023-06-30').value,
            key => empty(filter(rights, right => !contains(key.rights, right)))
          ),
          key => 'HostName=${link.host};SharedAccessKeyName=${key.keyName};SharedAccessKey=${key.primaryKey}'
        )[0]
        location: link.location
        allocationWeight: link.allocationWeight
        applyAllocationPolicy: link.applyAllocationPolicy
      }
    ]
  }
}
