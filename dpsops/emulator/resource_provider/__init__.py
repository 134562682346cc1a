"""What every resource provider is written in, as Azure's own are in the contract with Resource Manager.

Resource IDs and types, the gateway's errors, regions, tags and long-running operations. Nothing here knows a provider, or
the gateway in front of them (`arm`).
"""
