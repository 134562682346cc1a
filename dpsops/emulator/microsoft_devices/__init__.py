"""What provisioning services and IoT hubs share: both are resources of the provider Microsoft.Devices.

Their management has the same errors, bodies, states of passage, access policies and CA certificates; their data planes have
the same signatures and judge the same chains. Nothing here knows either of them.
"""
