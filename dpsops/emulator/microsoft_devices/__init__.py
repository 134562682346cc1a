"""What provisioning services and IoT hubs share: both are resources of the provider Microsoft.Devices.

Their management has the same errors, request bodies, passing states, shared access policies and CA certificates; their data
planes have the same signatures and check certificate chains alike. Nothing here knows either of them.
"""
