"""dpsops: IoT devices that can prove who they are, with a root key that no one can ever read.

The domain in a few lines:

- A *root* is a CA certificate whose private key was created in a Key Vault and never leaves it. It is *sealed*, by a tag, as the
  last step of its creation: a sealed root is finished.
- The Device Provisioning Service (*DPS*) marks a root as *verified* after a *proof of possession*: the vault signs a verification
  code that DPS generates.
- A *device certificate* (in code: `leaf`) is the end of a certificate chain under a root, which signs it in the vault. Its common
  name is the *device ID*, which is also the registration ID in DPS and the device ID in the IoT Hub.
- A *bundle* is a device's private key, its certificate and the certificate chain, as one PEM text in one vault *secret*.
- An *environment* is one resource group with a vault, hubs and a DPS. `infra/NAME.toml` describes it.
- A *generation* is one root, with a name of its own (`root-gN`). A *rotation* moves all devices to the next generation.
- Azure is the only state: every command observes, decides and acts, and can be run again.
- The *embedded Azure* runs on this machine and speaks Azure's REST APIs. The environment `local` uses it.
"""

__version__ = "0.1.0"
