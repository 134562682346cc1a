"""Everything that speaks to Azure: the vault, with its key as a signer; the CA certificates of DPS and hubs behind one interface;
deployments; the data planes without an SDK; a device's own requests; the meaning of Azure's errors; and the transport."""
