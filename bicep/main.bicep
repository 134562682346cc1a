// Everything that dpsops needs in one resource group: a vault for the root's key, hubs, the
// provisioning service that links them, and the roles of the identity that runs dpsops.

targetScope = 'resourceGroup'

// parameters

@description('Optional. Region of the vault and of the provisioning service.')
param location string = resourceGroup().location

@description('Optional. Tags of every resource.')
param tags object = {}

@description('Required. Name of the Key Vault. It is unique in all of Azure.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('Optional. SKU of the vault; premium keeps keys in hardware.')
@allowed([
  'standard'
  'premium'
])
param vaultSku string = 'standard'

@description('Optional. Whether nobody can purge the vault, or anything in it, before its retention ends. It cannot be undone.')
param purgeProtection bool = true

@description('Optional. Days that deleted objects of the vault, and the vault itself, are kept. It cannot be changed later.')
@minValue(7)
@maxValue(90)
param softDeleteRetentionDays int = 90

@description('Required. Name of the Device Provisioning Service. It is unique in all of Azure.')
@minLength(3)
@maxLength(64)
param dpsName string

@description('Optional. How the provisioning service chooses the hub of a device.')
@allowed([
  'Hashed'
  'GeoLatency'
  'Static'
])
param allocationPolicy string = 'Hashed'

@description('Required. IoT Hubs: name, location, sku, capacity, allocationWeight and applyAllocationPolicy of each.')
param hubs array

@description('Required. Object ID of the principal that runs dpsops.')
param principalId string

@description('Optional. Type of that principal.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param principalType string = 'ServicePrincipal'

// resources

module vault 'vault.bicep' = {
  name: 'vault'
  params: {
    name: vaultName
    location: location
    tags: tags
    sku: vaultSku
    purgeProtection: purgeProtection
    softDeleteRetentionDays: softDeleteRetentionDays
  }
}

module linkedHubs 'hub.bicep' = [for hub in hubs: {
  name: 'hub-${hub.name}'
  params: {
    name: hub.name
    location: hub.location
    tags: tags
    sku: hub.sku
    capacity: hub.capacity
  }
}]

// The names of the hubs are passed on, not the outputs of their modules: what-if skips a module with a parameter that
// it cannot evaluate.
module dps 'dps.bicep' = {
  name: 'dps'
  params: {
    name: dpsName
    location: location
    tags: tags
    allocationPolicy: allocationPolicy
    hubs: hubs
  }
  dependsOn: [
    linkedHubs
  ]
}

module access 'access.bicep' = {
  name: 'access'
  params: {
    vaultName: vaultName
    dpsName: dpsName
    hubs: hubs
    principalId: principalId
    principalType: principalType
  }
  dependsOn: [
    dps
    linkedHubs
    vault
  ]
}

// outputs

@description('Name of the vault.')
output vaultName string = vault.outputs.name

@description('URL of the vault, with a slash at its end.')
output vaultUri string = vault.outputs.uri

@description('Name of the provisioning service.')
output dpsName string = dps.outputs.name

@description('ID scope that devices present to the provisioning service.')
output idScope string = dps.outputs.idScope

@description('Host of the operations on the provisioning service.')
output dpsHost string = dps.outputs.serviceHost

@description('Host at which devices register, the same for all provisioning services.')
output deviceHost string = dps.outputs.deviceHost

@description('Name and host of each hub.')
output hubs array = [for (hub, i) in hubs: {
  name: linkedHubs[i].outputs.name
  host: linkedHubs[i].outputs.host
}]
