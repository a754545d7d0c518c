"""Certificates for a loopback upstream, made on the spot and good for an hour. Never for anything else."""

from __future__ import annotations

import secrets
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HOUR = timedelta(hours=1)


def server_context(folder: Path, certificate: str, host: str) -> tuple[ssl.SSLContext, str | None]:
    """A server's TLS, and the file of the authority that a client has to trust for it, if there is one.

    `certificate` is good, self-signed, wrong-host or expired; `host` is a name or an address.
    """
    key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = f"authority {secrets.token_hex(8)}"  # two in one file must not be taken for each other
    if certificate == "self-signed":
        leaf = _certificate(leaf_key, leaf_key, issuer="upstream", host=host)
    else:
        named = "other.test" if certificate == "wrong-host" else host
        lasts = -_HOUR if certificate == "expired" else _HOUR
        leaf = _certificate(leaf_key, key, issuer=issuer, host=named, lasts=lasts)
    authority = _certificate(key, key, issuer=issuer)
    chain, bundle = folder / "chain.pem", folder / "authority.pem"
    chain.write_bytes(_pem(leaf) + _private(leaf_key))
    bundle.write_bytes(_pem(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, None if certificate == "self-signed" else str(bundle)


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    issuer: str,
    host: str | None = None,
    lasts: timedelta = _HOUR,
) -> x509.Certificate:
    """For a host, or for an authority where there is none."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(issuer if host is None else "upstream"))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * _HOUR)
        .not_valid_after(now + lasts)
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, form, serialization.NoEncryption())
