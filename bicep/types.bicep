// What the resources that dpsops writes are made of.

// types

@export()
@description('A vault to write.')
type vaultType = {
  @description('Name, which is unique in all of Azure.')
  @minLength(3)
  @maxLength(24)
  name: string

  @description('Region.')
  location: string

  @description('All of its tags.')
  tags: object

  @description('SKU; premium keeps keys in hardware.')
  sku: 'standard' | 'premium'

  @description('Whether nobody can purge the vault, or anything in it, before its retention ends. It cannot be undone.')
  purgeProtection: bool

  @description('Days that deleted objects of the vault, and the vault itself, are kept. It cannot be changed later.')
  @minValue(7)
  @maxValue(90)
  softDeleteRetentionDays: int

  @description('Its properties as they are now, which stay; empty for a new vault.')
  current: object
}

@export()
@description('An IoT Hub to write.')
type hubType = {
  @description('Name, which is unique in all of Azure.')
  @minLength(3)
  @maxLength(50)
  name: string

  @description('Region.')
  location: string

  @description('All of its tags.')
  tags: object

  @description('SKU.')
  sku: 'F1' | 'S1' | 'S2' | 'S3' | 'B1' | 'B2' | 'B3'

  @description('Number of units.')
  @minValue(1)
  @maxValue(200)
  capacity: int

  @description('Whether it has access policies that stay. Their keys are read inside Azure.')
  keepPolicies: bool

  @description('Its identity as it is now, which stays; of type None for a new hub.')
  identity: object

  @description('Its properties as they are now, which stay; empty for a new hub.')
  current: object
}

@export()
@description('A Device Provisioning Service to write.')
type serviceType = {
  @description('Name, which is unique in all of Azure.')
  @minLength(3)
  @maxLength(50)
  name: string

  @description('Region.')
  location: string

  @description('All of its tags.')
  tags: object

  @description('Number of units.')
  @minValue(1)
  capacity: int

  @description('How the hub of a device is chosen.')
  allocationPolicy: 'Hashed' | 'GeoLatency' | 'Static'

  @description('All of its links.')
  links: {
    @description('Name of the hub.')
    hub: string

    @description('Host of the hub.')
    host: string

    @description('The link of a hub that somebody else has linked, as the service shows it; empty for a link of ours.')
    connectionString: string

    @description('Region of the hub.')
    location: string

    @description('Share of the devices that the hub gets.')
    @minValue(0)
    @maxValue(1000)
    allocationWeight: int?

    @description('Whether the allocation policy may choose the hub.')
    applyAllocationPolicy: bool?
  }[]

  @description('Which addresses may reach it, as it is now; it stays.')
  ipFilterRules: array

  @description('Whether public networks may reach it, as it is now; it stays.')
  publicNetworkAccess: string

  @description('Its private endpoints, as they are now; they stay.')
  privateEndpointConnections: array

  @description('Whether its data stays in its region, as it is now; it stays.')
  enableDataResidency: bool

  @description('Host of the portal, as it is now; it stays.')
  portalOperationsHostName: string?
}

@export()
@description('A Device Provisioning Service to write, with links by its own identity.')
type identityServiceType = {
  @description('Name, which is unique in all of Azure.')
  @minLength(3)
  @maxLength(50)
  name: string

  @description('Region.')
  location: string

  @description('All of its tags.')
  tags: object

  @description('Number of units.')
  @minValue(1)
  capacity: int

  @description('How the hub of a device is chosen.')
  allocationPolicy: 'Hashed' | 'GeoLatency' | 'Static'

  @description('Whether it has access policies that stay. Their keys are read inside Azure.')
  keepPolicies: bool

  @description('Its identity: one of its own, and those that it has now.')
  identity: object

  @description('Its links to hubs of ours.')
  links: {
    @description('Name of the hub.')
    hub: string

    @description('Host of the hub.')
    host: string

    @description('Region of the hub.')
    location: string

    @description('Share of the devices that the hub gets.')
    @minValue(0)
    @maxValue(1000)
    allocationWeight: int

    @description('Whether the allocation policy may choose the hub.')
    applyAllocationPolicy: bool
  }[]

  @description('Its links to hubs that somebody else has linked, as they are now; they stay.')
  otherLinks: array

  @description('Names of the hubs on which its identity has yet to get its role.')
  allowOn: string[]

  @description('Its properties as they are now, which stay; empty for a new service.')
  current: object
}

@export()
@description('A diagnostic setting to write.')
type logsType = {
  @description('Name of the resource whose logs it sends.')
  @minLength(3)
  @maxLength(50)
  name: string

  @description('Name of the setting.')
  setting: string

  @description('ID of the Log Analytics workspace that it sends them to.')
  workspace: string

  @description('All of the logs that it sends.')
  logs: array

  @description('Its other properties as they are now, which stay; empty for a new setting.')
  current: object
}

@export()
@description('A role to assign.')
type assignmentType = {
  @description('Name of the resource that it is assigned on.')
  resource: string

  @description('ID of the built-in role.')
  role: string

  @description('Object ID of the principal that gets it.')
  principalId: string

  @description('Type of the principal. With it, a principal that is still being replicated is no failure.')
  principalType: 'User' | 'Group' | 'ServicePrincipal'
}
