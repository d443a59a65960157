"""What a lookup refuses."""

from __future__ import annotations

from ledger.errors import Malformed, NotFound, Unavailable


class FileMissing(Malformed):
    code = "lookup-file-missing"
    title = "Send the file itself as the request's body, with its Content-Length."
    http_status = 400


class FileIncomplete(Malformed):
    code = "lookup-file-incomplete"
    title = "The file ended before its announced length."
    http_status = 400


class FileTooLarge(Malformed):
    code = "lookup-file-too-large"
    title = "This file is larger than can be looked up."
    http_status = 413


class FileUnknown(Malformed):
    code = "lookup-file-unknown"
    title = "This is neither a video that can be read, nor a file that carries a manifest."
    http_status = 415


class LookupBusy(Unavailable):
    code = "lookup-busy"
    title = "Too many files are being looked up; try again in a moment."


class BindingMalformed(Malformed):
    code = "binding-malformed"
    title = "This is not a value of a soft binding that this service resolves."
    http_status = 400


class ManifestNotFound(NotFound):
    code = "manifest-not-found"
    title = "There is no such manifest here."
