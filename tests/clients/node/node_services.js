// azure-iothub and azure-iot-provisioning-service, each signed in with a connection string.
'use strict';

const assert = require('assert');
const { Amqp } = require('azure-iothub/dist/amqp');
const { AmqpWs } = require('azure-iothub/dist/amqp_ws');
const { Client, Registry } = require('azure-iothub');
const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');
const { attempt, ground, run, soon } = require('./saying');

const HUB = 'azure-iothub';
const DPS = 'azure-iot-provisioning-service';
const KEYS = { primaryKey: 'c2l4dGVlbiBieXRlcy4uLg==', secondaryKey: 'YW5vdGhlciBzaXh0ZWVuLi4=' };
const AT_ONCE = 5;

async function main() {
  await provisioning(ProvisioningServiceClient.fromConnectionString(ground.dps.connection));
  await registry(Registry.fromConnectionString(ground.hub.connection));
  for (const transport of [Amqp, AmqpWs]) {
    await attempt('AMQP refused', HUB, async () => {
      const client = Client.fromConnectionString(ground.hub.connection, transport);
      client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
      await soon(assert.rejects(client.open()), AT_ONCE);
    });
  }
}

async function provisioning(client) {
  const attestation = { type: 'symmetricKey', symmetricKey: KEYS };
  await attempt('enrollment create', DPS, async () => {
    const wanted = { registrationId: 'press-1', deviceId: 'press-1', attestation, provisioningStatus: 'enabled' };
    assert.equal((await client.createOrUpdateIndividualEnrollment(wanted)).responseBody.registrationId, 'press-1');
    const group = { enrollmentGroupId: 'presses', attestation, provisioningStatus: 'enabled' };
    assert.equal((await client.createOrUpdateEnrollmentGroup(group)).responseBody.enrollmentGroupId, 'presses');
    const enrollments = [{ registrationId: 'press-2', attestation }];
    const bulk = await new Promise((resolve, reject) => {
      // a callback: without one this SDK never answers
      client.runBulkEnrollmentOperation({ mode: 'create', enrollments }, (error, result) => (error ? reject(error) : resolve(result)));
    });
    assert.equal(bulk.isSuccessful, true);
  });
  await attempt('enrollment read', DPS, async () => {
    const shown = (await client.getIndividualEnrollment('press-1')).responseBody;
    shown.provisioningStatus = 'disabled';
    const changed = (await client.createOrUpdateIndividualEnrollment(shown)).responseBody;
    assert.equal(changed.provisioningStatus, 'disabled');
    const mechanism = (await client.getIndividualEnrollmentAttestationMechanism('press-1')).responseBody;
    assert.equal(mechanism.symmetricKey.primaryKey, KEYS.primaryKey);
    assert.equal((await client.getEnrollmentGroup('presses')).responseBody.enrollmentGroupId, 'presses');
  });
  await attempt('enrollment query', DPS, async () => {
    const query = client.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 10);
    const found = (await next(query)).map((each) => each.registrationId);
    assert.ok(found.includes('press-1') && found.includes('press-2'), found);
    const groups = await next(client.createEnrollmentGroupQuery({ query: 'SELECT * FROM enrollmentGroups' }, 10));
    assert.ok(groups.some((each) => each.enrollmentGroupId === 'presses'));
    const states = client.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'presses', 10);
    assert.deepEqual(await next(states), []);
    for (const each of ['press-1', 'press-2']) await client.deleteIndividualEnrollment(each);
    await client.deleteEnrollmentGroup('presses');
  });
}

// The next page of a query of this SDK.
function next(query) {
  return new Promise((resolve, reject) => {
    query.next((error, page) => (error ? reject(error) : resolve(page)));
  });
}

async function registry(client) {
  await attempt('registry create', HUB, async () => {
    const authentication = { symmetricKey: KEYS };
    const made = await client.create({ deviceId: 'saw-1', status: 'enabled', authentication });
    assert.equal(made.responseBody.authentication.symmetricKey.primaryKey, KEYS.primaryKey);
    await client.create({ deviceId: 'saw-2', status: 'disabled' });
  });
  await attempt('registry read', HUB, async () => {
    const shown = (await client.get('saw-1')).responseBody;
    const changed = await client.update({ ...shown, status: 'disabled' });
    assert.equal(changed.responseBody.status, 'disabled');
    assert.ok((await client.list()).responseBody.some((each) => each.deviceId === 'saw-1'));
    assert.ok((await client.getRegistryStatistics()).responseBody.totalDeviceCount >= 2);
    const twin = (await client.getTwin('saw-1')).responseBody;
    const tagged = await client.updateTwin('saw-1', { tags: { hall: 3 } }, twin.etag);
    assert.equal(tagged.responseBody.tags.hall, 3);
  });
  await attempt('registry bulk', HUB, async () => {
    const added = await client.addDevices([{ deviceId: 'saw-3' }, { deviceId: 'saw-4' }]);
    assert.equal(added.responseBody.isSuccessful, true);
    await client.updateDevices([{ deviceId: 'saw-3', status: 'disabled' }], true);
    assert.equal((await client.get('saw-3')).responseBody.status, 'disabled');
    await client.removeDevices([{ deviceId: 'saw-3' }, { deviceId: 'saw-4' }], true);
    await assert.rejects(client.get('saw-4'), { name: 'DeviceNotFoundError' });
  });
  await attempt('registry query', HUB, async () => {
    const query = client.createQuery("SELECT * FROM devices WHERE tags.hall = 3", 10);
    assert.deepEqual((await query.nextAsTwin()).result.map((each) => each.deviceId), ['saw-1']);
    for (const each of ['saw-1', 'saw-2']) await client.delete(each);
  });
}

run(main);
