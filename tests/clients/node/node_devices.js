// azure-iot-provisioning-device and azure-iot-device, over HTTPS, MQTT and WebSockets; azure-iothub is at the other end.
'use strict';

const assert = require('assert');
const fs = require('fs');
const { Client: Device, Message } = require('azure-iot-device');
const { Http: DeviceHttp } = require('azure-iot-device-http');
const { Mqtt: DeviceMqtt, MqttWs: DeviceMqttWs } = require('azure-iot-device-mqtt');
const { ProvisioningDeviceClient } = require('azure-iot-provisioning-device');
const { Http } = require('azure-iot-provisioning-device-http');
const { Mqtt, MqttWs } = require('azure-iot-provisioning-device-mqtt');
const { X509Security } = require('azure-iot-security-x509');
const { Client, Registry } = require('azure-iothub');
const { attempt, ground, run, soon, wish } = require('./saying');

const HUB = 'azure-iothub';
const WAYS = [
  ['register over HTTPS', Http, 'azure-iot-provisioning-device-http', DeviceHttp, 'azure-iot-device-http'],
  ['register over MQTT', Mqtt, 'azure-iot-provisioning-device-mqtt', DeviceMqtt, 'azure-iot-device-mqtt'],
  ['register over WebSockets', MqttWs, 'azure-iot-provisioning-device-mqtt', DeviceMqttWs, 'azure-iot-device-mqtt over WebSockets'],
];

async function main() {
  const devices = Object.entries(ground.devices);
  for (const [index, [operation, Transport, client, DeviceTransport, deviceClient]] of WAYS.entries()) {
    const [name, { bundle }] = devices[index];
    const pem = fs.readFileSync(bundle, 'utf8');
    const certificate = { cert: pem, key: pem };
    let host = ground.hub.host;
    await attempt(operation, client, async () => {
      const security = new X509Security(name, certificate);
      const dps = ProvisioningDeviceClient.create(ground.dps.global, ground.dps.scope, new Transport(), security);
      const result = await soon(dps.register());
      assert.equal(result.status, 'assigned');
      host = result.assignedHub;
    });
    const device = Device.fromConnectionString(`HostName=${host};DeviceId=${name};x509=true`, DeviceTransport);
    // over HTTPS the device asks for messages, and takes options only with how often
    const polls = DeviceTransport === DeviceHttp ? { http: { receivePolicy: { interval: 1 } } } : {};
    await soon(device.setOptions({ ...certificate, ...polls }));
    await attempt('connect', deviceClient, () => soon(device.open()));
    await attempt('telemetry', deviceClient, async () => {
      const message = new Message(JSON.stringify({ temperature: 21 }));
      message.contentType = 'application/json';
      message.properties.add('colour', 'red');
      await soon(device.sendEvent(message));
    });
    await attempt('cloud-to-device', deviceClient, async () => {
      const heard = new Promise((resolve) => device.on('message', resolve));
      wish(name);
      const message = await soon(heard);
      assert.equal(message.getData().toString(), 'hello');
      await soon(device.complete(message));
    });
    if (DeviceTransport !== DeviceHttp) await talk(device, name, deviceClient);
    await device.close();
  }
}

async function talk(device, name, client) {
  const registry = Registry.fromConnectionString(ground.hub.connection);
  let twin;
  await attempt('twin read', client, async () => {
    twin = await soon(device.getTwin());
    assert.equal(twin.properties.desired.$version, 1);
  });
  await attempt('twin reported', client, async () => {
    const reported = new Promise((resolve, reject) => {
      twin.properties.reported.update({ battery: 55 }, (error) => (error ? reject(error) : resolve()));
    });
    await soon(reported);
    assert.equal((await registry.getTwin(name)).responseBody.properties.reported.battery, 55);
  });
  await attempt('twin desired', [client, HUB], async () => {
    const heard = new Promise((resolve) => {
      twin.on('properties.desired', (delta) => delta.interval && resolve(delta));
    });
    await registry.updateTwin(name, { properties: { desired: { interval: 60 } } }, '*');
    assert.equal((await soon(heard)).interval, 60);
  });
  await attempt('direct method', [client, HUB], async () => {
    device.onDeviceMethod('reboot', (asked, answer) => answer.send(207, { had: asked.payload }));
    const service = Client.fromConnectionString(ground.hub.connection);
    const call = { methodName: 'reboot', payload: { in: 3 }, responseTimeoutInSeconds: 15, connectTimeoutInSeconds: 5 };
    const { result } = await soon(service.invokeDeviceMethod(name, call));
    assert.deepEqual(result, { status: 207, payload: { had: { in: 3 } } });
  });
}

run(main);
