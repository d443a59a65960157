"""What can be wrong with a seal, a certificate or a time-stamp. Codes are permanent."""

from __future__ import annotations

from ledger.errors import Malformed, Refused, Unavailable


class SealRequestMalformed(Malformed):
    code = "seal-request-malformed"
    title = "The request for a seal says too much, too little, or contradicts itself."


class SealedInPlace(Malformed):
    code = "sealed-in-place"
    title = "Source and target of a seal are the same file: that would destroy it."


class MediaNotSealable(Malformed):
    code = "media-not-sealable"
    title = "The file is not of a kind that is sealed here."


class ManifestMalformed(Malformed):
    code = "manifest-malformed"
    title = "The file's manifest store cannot be read."


class SealUnavailable(Unavailable):
    code = "seal-unavailable"
    title = "The seal could not be made now; the signer or the time-stamp authority did not answer."


class SealNotSound(Refused):
    """The file that was just sealed does not pass our own checks; it never leaves."""

    code = "seal-not-sound"
    title = "The sealed file was read again and did not hold."


class CertificateRefused(Refused):
    code = "certificate-refused"
    title = "The certificate cannot seal."


class CertificateMalformed(CertificateRefused):
    code = "certificate-malformed"
    title = "A certificate or its chain is not X.509 v3 in PEM."


class CertificateWithoutPurpose(CertificateRefused):
    code = "certificate-without-purpose"
    title = "The certificate lacks the extended key usage that claims are signed under."


class CertificateUsageWrong(CertificateRefused):
    code = "certificate-usage-wrong"
    title = "The certificate's key usage, identifiers or algorithm are not those of the profile."


class CertificateIsAuthority(CertificateRefused):
    code = "certificate-is-authority"
    title = "The signing certificate is that of an authority, or is signed by itself."


class CertificateExpired(CertificateRefused):
    code = "certificate-expired"
    title = "A certificate of the chain is not in force at that time."


class CertificateLivesTooLong(CertificateRefused):
    code = "certificate-lives-too-long"
    title = "The signing certificate is valid for longer than 366 days."


class CertificateChainDisordered(CertificateRefused):
    code = "certificate-chain-disordered"
    title = "The chain is not leaf first, each signed by the next."


class CertificateUntrusted(CertificateRefused):
    code = "certificate-untrusted"
    title = "The chain does not end under one of the roots that are trusted for this purpose."


class CertificateKeyMismatch(CertificateRefused):
    code = "certificate-key-mismatch"
    title = "The private key is not that of the certificate."


class CertificateForDevelopment(CertificateRefused):
    code = "certificate-for-development"
    title = "Production does not seal with a certificate that this service made itself."


class TimeStampRefused(Malformed):
    """A request that the time-stamp authority answers with a failure (RFC 3161, 2.4.2)."""

    code = "time-stamp-refused"
    title = "The time-stamp request is not one that this authority answers."
