"""Azure Resource Manager: its gateway, subscriptions, resource groups, deployments and role assignments."""
