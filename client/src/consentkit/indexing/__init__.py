"""An index of a data set: for every picture the digest of its stored bytes, of those it was made of, and views.

Downloaders re-encode: the registry knows the original, the shard holds other bytes. Through the index either is found.
"""
