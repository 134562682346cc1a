"""The embedded Azure: Azure's REST APIs on this machine, for unmodified clients, and no kinder than Azure.

A folder for each service, with the same names for the same tasks: `service` (its hosts, who may call, which operations
there are), `routes` (HTTP in and out), `rules` (what is valid and what is refused), `state` (its documents) and `errors`.
In `dps`, `iothub` and `keyvault` the routes, rules and state are those of the resource in Resource Manager; what the
resource offers at its own host is in modules that are named for their object. `arm` has many objects and a module, or a
few, for each.

`azure.py` finds the service of a request and runs it in one transaction; `server.py` puts TLS, Azure's host names and a
proxy around it. It shares no code with the program that it tests.
"""
