"""
TLS: certificates, and the contexts made of them.

`Tls` provides `imailpy.interfaces.tls.ITls`. It is built without touching a
file; `reload` reads them, at start and whenever the operator asks.
"""

from imailpy.tls.provider import Tls
from imailpy.tls.settings import CertificateFiles, TlsSettings

__all__ = ["CertificateFiles", "Tls", "TlsSettings"]
