"""A fleet: the log folders of many hosts, byte for byte, in one place, over a broker.

`sending` reads a folder and sends pieces of its files, `receiving` puts them into a mirror; both use positions, so that
a piece that comes twice changes nothing, and a lost one is sent again. Only `nats_broker` knows the broker.
"""
