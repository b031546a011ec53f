"""DataGen: a description in, a synthetic dataset out, one model call per record."""

__version__ = "0.1.0"
