"""The embedded Azure: Azure's REST APIs on this machine, for unmodified clients, and no kinder than Azure.

One file or folder for each service, with the same anatomy in each: `routes` (HTTP in and out), `state` (its
documents), `rules` (what is valid and what is refused). `azure.py` finds the service of a request and runs
it in one transaction; `server.py` puts TLS, Azure's host names and a proxy around it. It shares no code
with the program that it tests.
"""
