// Where the logs of a vault go.

import { logsType } from 'types.bicep'

// parameters

@description('Required. The diagnostic setting. Its resource exists.')
param logs logsType

// resources

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: logs.name
}

resource written 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: logs.setting
  scope: vault
  properties: union(logs.current, { workspaceId: logs.workspace, logs: logs.logs })
}
