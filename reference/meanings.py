"""What each setting, exit code and variable means, for the pages of the reference. A test fails if one has no meaning here."""

from __future__ import annotations

from collections.abc import Mapping

from dpsops.cli.exits import Exit

SETTINGS: Mapping[str, str] = {
    "location": "The region of all resources. A resource that is there stays where it is.",
    "resource_group": "The resource group. `up` makes it if it is not there.",
    "subscription": "The ID of the subscription; else `AZURE_SUBSCRIPTION_ID`, else the default one of `az`.",
    "tags": "Tags of every resource, at most 50.",
    "vault.name": "The Key Vault with the root's key: 3 to 24 letters, digits and hyphens, unique in the whole of Azure, and "
    "taken while a deleted vault of that name can be recovered.",
    "vault.sku": "`premium` keeps keys in an HSM, if the root's key asks for it.",
    "vault.purge_protection": "Nobody can destroy a deleted key before its time. It cannot be turned off again.",
    "vault.soft_delete_days": "How many days a deleted key, secret or vault can be recovered. Fixed when the vault is made.",
    "vault.logs": "The Log Analytics workspace, by its resource ID, to which the logs of vault and DPS go.",
    "dps.name": "The Device Provisioning Service. Unique in the whole of Azure.",
    "dps.allocation": "Which hub a device gets: by weight, the nearest, or always the first.",
    "dps.link": "How the DPS reaches the hubs: with a key of each, or with its own identity.",
    "hub.name": "An IoT Hub. Unique in the whole of Azure. There is a table `[[hub]]` for each.",
    "hub.location": "Its region; without it, that of the environment.",
    "hub.sku": "Its SKU, which says what a unit costs and carries. F1 is free, once in a subscription.",
    "hub.capacity": "Its units: F1 has one, S3 and B3 at most ten.",
    "hub.weight": "Its share of the devices, against the other hubs. 0: no new devices.",
    "root.key": "The kind of the root's key: `RSA-2048`, `RSA-3072`, `RSA-4096`, `EC-P256`, `EC-P384`; with `-HSM` at the end in "
    "the HSM of a premium vault. It counts for the next root.",
    "root.years": "How many years the next root is valid.",
    "root.organization": "O= of the next root's subject: letters, digits, spaces and `. - ' & ( )`.",
    "root.warn_days": "How many days before its root expires `status` begins to ask for a rotation.",
    "root.prove_to_hubs": "Whether the root is proven to the hubs too, for devices that connect without the DPS.",
    "root.path_length": "How many CAs may be below the next root (RFC 5280, 4.2.1.9).",
    "device.vaults": "The vaults with the devices' secrets; without it, the root's vault. One that holds any must stay here.",
    "leaf.days": "How many days a device's certificate is valid.",
    "leaf.fresh_minutes": "For how many minutes `device renew` makes no other one, unless the device has used it. 0: never.",
    "group.id": "The ID of the enrollment group of all devices.",
    "group.reprovisioning": "What becomes of a device's data if it registers again and its hub changes.",
    "group.twin": "The desired properties that a device has at first.",
    "group.certificate_policy.namespace": "Devices may ask DPS for a certificate: the namespace of Azure Device Registry.",
    "group.certificate_policy.authority": "The certificate authority there that issues it.",
    "group.certificate_policy.name": "Its policy, which says how long a certificate is valid.",
    "access.principals.id": "The object ID (not the application's ID) of who gets the roles on vault, DPS and hubs. Without "
    "`principals`, whoever runs `up` gets them.",
    "access.principals.type": "What it is.",
    "waits.connect_seconds": "How long dpsops waits until a host is connected.",
    "waits.answer_seconds": "How long it waits until a host has answered.",
    "waits.request_seconds": "How long it waits for one request, with its repetitions and the pauses between them.",
    "waits.operation_seconds": "How long it waits for a deployment, a what-if, or a key that the vault makes.",
    "waits.sign_in_seconds": "How long it waits for `az`.",
    "waits.role_seconds": "How long it waits for new roles to take effect, in all.",
    "waits.registration_seconds": "How long it waits until a device is registered.",
    "limits.secret_creates": "How many new secrets a vault takes in 10 seconds.",
    "limits.secret_operations": "How many other requests a vault takes in 10 seconds.",
    "limits.signatures": "How many signatures the root's key makes in 10 seconds; else by its type.",
    "limits.dps_operations": "How many requests the DPS takes in a minute.",
    "limits.registry_operations": "How many operations on its identities a hub takes in a minute; else by its SKU and units.",
    "limits.hub_queries": "How many queries a hub takes in a minute; else by its SKU and units.",
    "limits.bulk_counts": "Whether a request that changes many identities counts once for each device, or once for the call.",
    "embedded.operation_seconds": "How many seconds a deployment, or a resource in it, takes on the embedded Azure.",
    "embedded.certificate_seconds": "How many seconds the vault takes there for a certificate.",
    "embedded.role_seconds": "After how many seconds a new role takes effect there.",
    "embedded.deletion_seconds": "After how many seconds what is deleted in a vault is seen among the deleted there.",
}

EXITS: Mapping[Exit, str] = {
    Exit.DONE: "Done, or there was nothing to do.",
    Exit.FAILED: "It has failed. What was done stays done; the same words continue.",
    Exit.WRONG_USE: "Wrong use: an argument, an option, a file or a setting. Nothing was changed.",
    Exit.SOME_FAILED: "Of many devices, some have failed; or a person must do what remains. The result names them.",
    Exit.NOT_ALLOWED: "Nobody is signed in, or who is may not do it.",
    Exit.CHANGES_PENDING: "Changes are pending: `plan --detailed-exitcode` alone.",
    Exit.INTERRUPTED: "Ctrl-C. What was done stays done; the same words continue.",
}

VARIABLES: Mapping[str, str] = {
    "DPSOPS_ENV": "The environment, if `--env` does not name one.",
    "AZURE_SUBSCRIPTION_ID": "The subscription, if the settings name none.",
    "AZURE_TENANT_ID": "The tenant of the identity that signs in with a secret or a token.",
    "AZURE_CLIENT_ID": "The client that signs in with a secret, a token, or as a managed identity; else whoever `az` knows.",
    "AZURE_CLIENT_SECRET": "The secret of that client.",
    "AZURE_FEDERATED_TOKEN_FILE": "A file with a token that Entra ID takes for that client, as in Kubernetes.",
    "AZURE_AUTHORITY_HOST": "Where to sign in. Only Azure's public cloud is accepted.",
    "AZURE_SDK_CLOUD_CONF": "The cloud that Azure's SDKs use. Only Azure's public cloud is accepted.",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "Where a job on GitHub gets a token; GitHub sets it for a job with `id-token: write`.",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "With what the job asks for it; GitHub sets it.",
    "GH_TOKEN": "The token with which `pipeline setup` reads on GitHub.",
    "GITHUB_TOKEN": "The same, if `GH_TOKEN` is not set.",
    "GITHUB_API_URL": "The address of GitHub's API; GitHub sets it in a job.",
    "GITHUB_ACTIONS": "`true` in a job on GitHub: then there are a summary, outputs and annotations.",
    "GITHUB_STEP_SUMMARY": "The file that the summary of the step goes to; GitHub sets it.",
    "GITHUB_OUTPUT": "The file that the outputs of the step go to; GitHub sets it.",
    "HTTPS_PROXY": "The proxy, which the embedded Azure that is served is too (`local env`); or `https_proxy`.",
    "REQUESTS_CA_BUNDLE": "A file or a directory of CA certificates to trust, such as that of a company's proxy.",
    "CURL_CA_BUNDLE": "The same, if `REQUESTS_CA_BUNDLE` is not set.",
    "SSL_CERT_FILE": "The CA certificates that OpenSSL trusts; `local env` prints it for other programs.",
    "NODE_EXTRA_CA_CERTS": "The same for Node.js; `local env` prints it, and dpsops does not read it.",
    "TERM": "With `dumb`, progress is lines and no spinner.",
    "SYSTEMROOT": "On Windows, the directory in which `az` is run.",
}

LIBRARIES: Mapping[str, str] = {
    "NO_PROXY": "Hosts that are reached without the proxy (Requests).",
    "AZURE_CONFIG_DIR": "Where `az` has its settings and tokens (Azure CLI).",
    "NO_COLOR": "No colours in the progress (Rich).",
}
