"""A fleet: the log folders of many hosts, byte for byte, in one place, over a broker.

`sending` reads a folder and sends pieces of its files, `receiving` puts them into a mirror; both go by positions, so
that a piece that comes twice does nothing, and one that is lost is sent again. Only `nats_broker` knows the broker.
"""
