"""Certificates: names, keys, profiles, chains. Pure: no network, no files, no clock."""
