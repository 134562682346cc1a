"""User-assigned managed identities and their federated credentials (`Microsoft.ManagedIdentity`). No resource has one."""
