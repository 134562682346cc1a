"""dpsops: IoT devices that can prove who they are, with a root key that no one can ever read.

The domain in ten lines. A *root* is a CA certificate whose private key was made in a Key Vault and never
leaves it. The Device Provisioning Service (*DPS*) trusts a root once its *possession is proven*: the vault
signs a code that DPS names. A *leaf* is a device's certificate, signed by the root in the vault; its common
name is the *device ID*, which is also its registration ID in DPS and its name in the IoT Hub. Leaf, key and
chain are kept together in one vault *secret*. An *environment* is one resource group with vault, hubs and
DPS, written down in `infra/NAME.toml`. A *generation* is one root with its own name; rotating means moving
to the next. Azure is the only state: every command observes, decides, acts, and can be run again. The
*embedded Azure* is an Azure on this machine that speaks the same REST APIs, for the environment `local`.
"""

__version__ = "0.1.0"
