// Where the logs of a Device Provisioning Service go.

import { logsType } from 'types.bicep'

// parameters

@description('Required. The diagnostic setting. Its resource exists.')
param logs logsType

// resources

resource service 'Microsoft.Devices/provisioningServices@2022-12-12' existing = {
  name: logs.name
}

resource written 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: logs.setting
  scope: service
  properties: union(logs.current, { workspaceId: logs.workspace, logs: logs.logs })
}
