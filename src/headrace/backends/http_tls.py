"""TLS towards upstreams: what is trusted, and what went wrong in words for people."""

from __future__ import annotations

import functools
import ssl

from headrace.errors import UpstreamError

CA_SETTING = "HEADRACE_CA_BUNDLE"

_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
)
_UNTRUSTED = f"; where that is right, name the file of its authority in {CA_SETTING}"

# OpenSSL's X509_V_ERR_* numbers.
_CERTIFICATE = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed" + _UNTRUSTED,
    19: "its certificate comes from an authority that is not trusted here" + _UNTRUSTED,
    20: "its certificate comes from an authority that is not trusted here" + _UNTRUSTED,
    21: "its certificate comes from an authority that is not trusted here" + _UNTRUSTED,
    23: "its certificate has been revoked",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
}


@functools.cache
def context(ca_bundle: str | None) -> ssl.SSLContext:
    """The system's authorities, and the operator's beside them. Raises OSError where that file cannot be read.

    Cached: reading the system's authorities takes about 10 ms, and a context is made to be shared.
    """
    made = ssl.create_default_context()
    made.set_alpn_protocols(["http/1.1"])
    if ca_bundle is not None:
        made.load_verify_locations(cafile=ca_bundle)
    return made


def tls_error(origin: str, error: OSError) -> UpstreamError:
    """What a failed handshake means. Nothing of the request has been sent by then."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = _CERTIFICATE.get(error.verify_code, f"its certificate is not trusted ({error.verify_message})")
        return UpstreamError("upstream_tls", f"no safe connection to {origin}: {words}")
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        words = "it does not speak TLS; its address may have to begin with http://"
        if error.reason not in _NOT_TLS:
            words = f"the TLS handshake failed ({(error.reason or 'no reason given').replace('_', ' ').lower()})"
        return UpstreamError("upstream_tls", f"no safe connection to {origin}: {words}")
    words = "it closed the connection within the TLS handshake"
    return UpstreamError("upstream_tls", f"no safe connection to {origin}: {words}", retryable=True)
