"""MQTT 3.1.1 as a server speaks it: packets, topics, a client's conversation, and the connection that carries it."""
