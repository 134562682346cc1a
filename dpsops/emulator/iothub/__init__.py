"""IoT Hub: its resource in Resource Manager, its service API with the device registry, and the devices' side over MQTT."""
