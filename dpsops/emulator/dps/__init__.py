"""The Device Provisioning Service: its resource in Resource Manager, its service API, and the device API over HTTPS and MQTT.

DPS writes the identities of devices into IoT hubs, so this folder imports `iothub`. Hubs know nothing of DPS.
"""
