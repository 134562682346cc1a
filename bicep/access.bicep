// What the identity that runs dpsops may do: no more than it needs, on these resources alone.

// parameters

@description('Required. Name of the vault.')
param vaultName string

@description('Required. Name of the provisioning service.')
param dpsName string

@description('Required. Hubs: name of each.')
param hubs array

@description('Required. Object ID of the principal.')
param principalId string

@description('Required. Type of the principal. With it, a principal that is still being replicated is no failure.')
@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
param principalType string

// variables

var vaultRoles = [
  'a4417e6f-fecd-4de8-b567-7b0420556985' // Key Vault Certificates Officer: the root
  '12338af0-0e69-4776-bea7-57ae8d297424' // Key Vault Crypto User: sign with the root's key
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd7' // Key Vault Secrets Officer: the devices' leaves
]
var dpsRole = 'dfce44e4-17b7-4bd1-a6d1-04996ec95633' // Device Provisioning Service Data Contributor
var hubRole = '4ea46cd5-c1b2-4a8e-910b-273211f9ce47' // IoT Hub Registry Contributor

// resources

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource dps 'Microsoft.Devices/provisioningServices@2022-12-12' existing = {
  name: dpsName
}

resource linkedHubs 'Microsoft.Devices/IotHubs@2023-06-30' existing = [for hub in hubs: {
  name: hub.name
}]

resource vaultAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in vaultRoles: {
  name: guid(vault.id, principalId, role)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: principalId
    principalType: principalType
  }
}]

resource dpsAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dps.id, principalId, dpsRole)
  scope: dps
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dpsRole)
    principalId: principalId
    principalType: principalType
  }
}

resource hubAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (hub, i) in hubs: {
  name: guid(linkedHubs[i].id, principalId, hubRole)
  scope: linkedHubs[i]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', hubRole)
    principalId: principalId
    principalType: principalType
  }
}]
