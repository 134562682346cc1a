"""What Azure's SDKs leave open: a signer in the vault, and the words of an error."""
