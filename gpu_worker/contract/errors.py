"""The errors of the contract. Their codes are permanent (ADR 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar


class ContractError(Exception):
    """Something that one side refuses. Members are ids, sizes and limits, never prose about people.

    `is_worth_another_attempt`: the job itself is sound, so that a new attempt may succeed.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    is_worth_another_attempt: ClassVar[bool] = False

    def __init__(self, **members: object) -> None:
        super().__init__(self.code)
        self.members = members

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value}" for name, value in self.members.items())
        return f"{self.code}({shown})"


class PermitError(ContractError):
    """The worker does not start: nothing was fetched, and this permit gave it no secret."""


class PermitMalformed(PermitError):
    code = "permit-malformed"
    title = "This is not a permit."


class PermitSignature(PermitError):
    code = "permit-signature"
    title = "The permit's signature is wrong."


class PermitKeyUnknown(PermitError):
    code = "permit-key-unknown"
    title = "The permit is signed with a key that is not among the service's."


class PermitExpired(PermitError):
    code = "permit-expired"
    title = "The permit has run out."


class PermitNotYetValid(PermitError):
    code = "permit-not-yet-valid"
    title = "The permit's time has not come."


class PermitJobMismatch(PermitError):
    code = "permit-job-mismatch"
    title = "The permit is for another job."


class PermitTooLong(PermitError):
    code = "permit-too-long"
    title = "The job asks for more seconds than permitted."


class PermitTooLarge(PermitError):
    code = "permit-too-large"
    title = "The job asks for more pixels than permitted."


class PermitTerritory(PermitError):
    code = "permit-territory"
    title = "The backend's licence does not cover where this is made for."


class PermitRedeemed(PermitError):
    code = "permit-redeemed"
    title = "The permit was redeemed before."


class JobMalformed(ContractError):
    code = "job-malformed"
    title = "This is not a job."


class RedemptionMalformed(ContractError):
    code = "redemption-malformed"
    title = "This is not the answer to a redemption."


class Cancelled(ContractError):
    code = "cancelled"
    title = "The service called the job off."


class CaptureUnreadable(ContractError):
    code = "capture-unreadable"
    title = "A capture is cut short, changed, for another job, or not a video."


class ParentUnreadable(ContractError):
    code = "parent-unreadable"
    title = "The parent's file is not the one that the job names, or not a video."


class BackendUnknown(ContractError):
    code = "backend-unknown"
    title = "This worker does not have the backend that the job names."


class BackendFailed(ContractError):
    code = "backend-failed"
    title = "The backend could not make the video."


class DeadlinePassed(ContractError):
    code = "deadline-passed"
    title = "The job took longer than its permit allows."


class WorkerStopped(ContractError):
    code = "worker-stopped"
    title = "The worker was told to stop, and gave the job back."
    is_worth_another_attempt = True


class WorkerLost(ContractError):
    code = "worker-lost"
    title = "The process that made the video died."
    is_worth_another_attempt = True


class ServiceUnreachable(ContractError):
    code = "service-unreachable"
    title = "The service did not answer, or answered with an error of its own."
    is_worth_another_attempt = True


class ServiceRefused(ContractError):
    code = "service-refused"
    title = "The service refused a call."


class ReceiptMalformed(ContractError):
    code = "receipt-malformed"
    title = "This is not a receipt."


class ReceiptSignature(ContractError):
    code = "receipt-signature"
    title = "The receipt's signature is wrong."


class ReceiptKeyUnknown(ContractError):
    code = "receipt-key-unknown"
    title = "The receipt is signed with a key that is not among the workers'."


def by_code() -> Mapping[str, type[ContractError]]:
    """Return every error of the contract by its code."""
    return {kind.code: kind for kind in _kinds(ContractError) if "code" in vars(kind)}


def _kinds(family: type[ContractError]) -> Iterator[type[ContractError]]:
    for kind in family.__subclasses__():
        yield kind
        yield from _kinds(kind)
