"""The key that push services know us by (RFC 8292), and what a browser's subscription has to be."""

import base64
import binascii

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dispatch.store.recipients import Subscription


def fresh_pem() -> str:
    """A new private key (P-256) as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public_key(private_pem: str) -> str:
    """The public key as browsers want it: an uncompressed point in base64url without padding."""
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not an elliptic key")
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


def is_usable(subscription: Subscription) -> bool:
    """Whether a push can be encrypted for a subscription: its keys are a point and a secret."""
    try:
        point = base64.urlsafe_b64decode(subscription.p256dh + "==")
        auth = base64.urlsafe_b64decode(subscription.auth + "==")
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except (ValueError, binascii.Error):
        return False
    return len(auth) == 16  # noqa: PLR2004 - RFC 8291, 3.2
