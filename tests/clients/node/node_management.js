// Microsoft's newer SDKs: @azure/identity, the @azure/arm-* clients and those of Key Vault.
'use strict';

const assert = require('assert');
const { DefaultAzureCredential } = require('@azure/identity');
const { IotDpsClient } = require('@azure/arm-deviceprovisioningservices');
const { IotHubClient } = require('@azure/arm-iothub');
const { KeyVaultManagementClient } = require('@azure/arm-keyvault');
const { ResourceManagementClient } = require('@azure/arm-resources');
const { CertificateClient } = require('@azure/keyvault-certificates');
const { KeyClient, CryptographyClient } = require('@azure/keyvault-keys');
const { SecretClient } = require('@azure/keyvault-secrets');
const { attempt, ground, run } = require('./saying');

const subscription = process.env.AZURE_SUBSCRIPTION_ID;
const { location } = ground;
const GROUP = 'rg-node';

async function all(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

async function main() {
  const credential = new DefaultAzureCredential();
  await attempt('sign in', '@azure/identity', async () => {
    assert.ok((await credential.getToken('https://management.azure.com/.default')).token);
  });
  await resources(new ResourceManagementClient(credential, subscription));
  await hubs(new IotHubClient(credential, subscription));
  await provisioning(new IotDpsClient(credential, subscription));
  await vaults(new KeyVaultManagementClient(credential, subscription));
  await contents(credential);
}

async function resources(client) {
  await attempt('management read', '@azure/arm-resources', async () => {
    assert.equal((await client.resourceGroups.get(ground.group)).properties.provisioningState, 'Succeeded');
    const types = (await all(client.resources.listByResourceGroup(ground.group))).map((each) => each.type);
    assert.ok(types.includes('Microsoft.Devices/IotHubs'), types);
    assert.equal((await client.providers.get('Microsoft.Devices')).registrationState, 'Registered');
  });
  await attempt('management create', '@azure/arm-resources', async () => {
    const made = await client.resourceGroups.createOrUpdate(GROUP, { location, tags: { made: 'by Node' } });
    assert.equal(made.name, GROUP);
    const changed = await client.resourceGroups.update(GROUP, { tags: { made: 'again' } });
    assert.deepEqual(changed.tags, { made: 'again' });
  });
}

async function hubs(client) {
  await attempt('management read', '@azure/arm-iothub', async () => {
    const hub = await client.iotHubResource.get(ground.group, ground.hub.name);
    assert.equal(hub.properties.hostName, ground.hub.host);
    assert.ok((await all(client.iotHubResource.listKeys(ground.group, ground.hub.name))).length >= 5);
    assert.ok((await all(client.iotHubResource.listBySubscription())).length >= 1);
  });
  await attempt('management create', '@azure/arm-iothub', async () => {
    const sku = { name: 'S1', capacity: 1 };
    const made = await client.iotHubResource.beginCreateOrUpdateAndWait(GROUP, 'iot-node', { location, sku });
    assert.equal(made.properties.state, 'Active');
    const changed = await client.iotHubResource.beginUpdateAndWait(GROUP, 'iot-node', { tags: { made: 'by Node' } });
    assert.deepEqual(changed.tags, { made: 'by Node' });
  });
}

async function provisioning(client) {
  const dps = client.iotDpsResource;
  await attempt('management read', '@azure/arm-deviceprovisioningservices', async () => {
    const service = await dps.get(ground.group, ground.dps.name);
    assert.equal(service.properties.idScope, ground.dps.scope);
    assert.ok((await all(dps.listBySubscription())).length >= 1);
    assert.ok((await client.dpsCertificate.list(ground.group, ground.dps.name)).value.length >= 1);
  });
  await attempt('management create', '@azure/arm-deviceprovisioningservices', async () => {
    const wanted = { location, sku: { name: 'S1', capacity: 1 }, properties: {} };
    const made = await dps.createOrUpdate(GROUP, 'dps-node', wanted);
    assert.equal(made.properties.state, 'Active');
    await dps.delete(GROUP, 'dps-node');
  });
}

async function vaults(client) {
  await attempt('management read', '@azure/arm-keyvault', async () => {
    const vault = await client.vaults.get(ground.group, ground.vault.name);
    assert.equal(vault.properties.vaultUri.replace(/\/$/, ''), ground.vault.url);
    assert.ok((await all(client.vaults.listByResourceGroup(ground.group))).length >= 1);
  });
  await attempt('management create', '@azure/arm-keyvault', async () => {
    const properties = {
      tenantId: process.env.AZURE_TENANT_ID,
      sku: { family: 'A', name: 'standard' },
      enableRbacAuthorization: true,
    };
    const made = await client.vaults.beginCreateOrUpdateAndWait(GROUP, 'kv-node-clients', { location, properties });
    assert.equal(made.properties.provisioningState, 'Succeeded');
    await client.vaults.delete(GROUP, 'kv-node-clients');
    assert.equal((await client.vaults.getDeleted('kv-node-clients', location)).name, 'kv-node-clients');
    await client.vaults.beginPurgeDeletedAndWait('kv-node-clients', location);
  });
}

async function contents(credential) {
  const { url } = ground.vault;
  await attempt('vault certificate', '@azure/keyvault-certificates', async () => {
    const client = new CertificateClient(url, credential);
    const policy = { issuerName: 'Self', subject: 'CN=node', keyType: 'EC', keyCurveName: 'P-256' };
    const poller = await client.beginCreateCertificate('node-certificate', policy);
    const made = await poller.pollUntilDone();
    assert.ok(made.cer.length > 100);
    const names = (await all(client.listPropertiesOfCertificates())).map((each) => each.name);
    assert.ok(names.includes('node-certificate') && names.includes('root-g1'), names);
  });
  await attempt('vault secret', '@azure/keyvault-secrets', async () => {
    const client = new SecretClient(url, credential);
    await client.setSecret('node-secret', 'hello', { tags: { made: 'by Node' } });
    assert.equal((await client.getSecret('node-secret')).value, 'hello');
    const poller = await client.beginDeleteSecret('node-secret');
    await poller.pollUntilDone();
    await client.beginRecoverDeletedSecret('node-secret').then((recovery) => recovery.pollUntilDone());
  });
  await attempt('vault key', '@azure/keyvault-keys', async () => {
    const client = new KeyClient(url, credential);
    const key = await client.createEcKey('node-key', { curve: 'P-256' });
    const crypto = new CryptographyClient(key, credential);
    const signed = await crypto.signData('ES256', Buffer.from('hello'));
    assert.ok((await crypto.verifyData('ES256', Buffer.from('hello'), signed.result)).result);
    assert.ok((await all(client.listPropertiesOfKeys())).length >= 1);
  });
}

run(main);
