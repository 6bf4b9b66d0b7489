"""Writes that may be sent twice: the key, the effect and the stored answer share one transaction. Both."""
