"""Who is calling: bearer tokens for everything, HTTP Basic only to get one."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, cast

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.authentication import BasicAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from ledger.accounts.models import Account


def caller(request: Request) -> Account:
    """Return the account that is signed in, where a view asks for one."""
    return cast(Account, request.user)


class BearerAuthentication(TokenAuthentication):
    """`Authorization: Bearer cs_...`: 401 for anything that is no token in force."""

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return the account and its token. Knox takes the header for UTF-8, which it may not be."""
        if not token.isascii():
            raise AuthenticationFailed
        return super().authenticate_credentials(token)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # Registers.
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class PasswordAuthentication(BasicAuthentication):
    """HTTP Basic (RFC 7617) with the e-mail and the password, in UTF-8."""

    www_authenticate_realm = "countersign"


class PasswordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # As above.
    target_class = PasswordAuthentication
    name = "password"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "basic"}


class AddressThrottle(SimpleRateThrottle):
    """How often one address may try to sign in."""

    scope = "sign-in-address"

    def get_cache_key(self, request: Request, view: Any) -> str:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class EmailThrottle(SimpleRateThrottle):
    """How often anybody may try to sign in as one e-mail: guessing from many addresses is slow too.

    The key is a hash, so that no address of a person lies in the cache.
    """

    scope = "sign-in-email"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        email = _email_tried(request)
        if email is None:
            return None
        ident = hashlib.sha256(email.strip().casefold().encode()).hexdigest()
        return self.cache_format % {"scope": self.scope, "ident": ident}


def _email_tried(request: Request) -> str | None:
    scheme, _, credentials = get_authorization_header(request).partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(credentials).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
