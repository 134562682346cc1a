"""What Azure's SDKs leave open: a vault's key as a signer, the CA certificates of DPS and hubs in one form, the data planes
that have no SDK, a device's side, the words of an error, and the transport under all of them."""
