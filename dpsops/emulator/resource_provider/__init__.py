"""What every resource provider is written in (Azure's name for it is the resource provider contract).

Resource IDs and types, the gateway's errors, regions, tags and long-running operations. Nothing here knows a provider, or
the gateway in front of them (`arm`).
"""
