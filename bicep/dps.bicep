// The Device Provisioning Service, linked to its hubs by their connection strings, which never leave Azure.

// parameters

@description('Required. Name of the service.')
@minLength(3)
@maxLength(64)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. How the hub of a device is chosen.')
@allowed([
  'Hashed'
  'GeoLatency'
  'Static'
])
param allocationPolicy string

@description('Required. Hubs, which exist: name, location, allocationWeight and applyAllocationPolicy of each.')
param hubs array

// resources

resource linkedHubs 'Microsoft.Devices/IotHubs@2023-06-30' existing = [for hub in hubs: {
  name: hub.name
}]

resource dps 'Microsoft.Devices/provisioningServices@2022-12-12' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'S1'
    capacity: 1
  }
  properties: {
    allocationPolicy: allocationPolicy
    iotHubs: [for (hub, i) in hubs: {
      connectionString: 'HostName=${linkedHubs[i].properties.hostName};SharedAccessKeyName=${linkedHubs[i].listKeys().value[0].keyName};SharedAccessKey=${linkedHubs[i].listKeys().value[0].primaryKey}'
      location: hub.location
      allocationWeight: hub.allocationWeight
      applyAllocationPolicy: hub.applyAllocationPolicy
    }]
  }
}

// outputs

@description('Name of the service.')
output name string = dps.name

@description('ID scope.')
output idScope string = dps.properties.idScope

@description('Host of the operations on the service.')
output serviceHost string = dps.properties.serviceOperationsHostName

@description('Host at which devices register.')
output deviceHost string = dps.properties.deviceProvisioningHostName
