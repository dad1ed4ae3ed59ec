"""An S3-compatible bucket as the place of scheduled exports.

boto3 only signs: every request leaves through ``integrations.http_client``, so that an endpoint that somebody typed in reaches no
private network unless the operator allows it.
"""

import re
from typing import IO, Any, ClassVar
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.client import Config
from defusedxml.ElementTree import fromstring
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from integrations.http_client import Answer, HttpError, request

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*){0,9}")
# Seconds that a signature is good for, and that one part may take.
SIGNED_FOR = 900
DEADLINE = 600.0
REGION = "us-east-1"


class BucketRefuses(Exception):
    """The other side answered with an error. ``is_permanent``: trying again will not help."""

    def __init__(self, text: str, *, is_permanent: bool) -> None:
        super().__init__(text)
        self.is_permanent = is_permanent


def require_bucket(*, bucket: str, prefix: str, endpoint: str) -> None:
    """Raises ``ValidationError`` for names that no bucket has, and an endpoint that is no web address."""
    if not BUCKET.fullmatch(bucket):
        raise ValidationError(_("A bucket's name is 3 to 63 small letters, digits, dots and dashes."), code="bucket")
    if prefix and not PREFIX.fullmatch(prefix):
        raise ValidationError(_("A folder is letters, digits, dots and dashes, with / between: warehouse/hilo."), code="folder")
    if endpoint and not _is_endpoint(endpoint):
        raise ValidationError(_("The endpoint is a web address: https://s3.example.com"), code="endpoint")


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_port = parts.port != 0
    except ValueError:
        return False
    return is_port and parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.username or parts.fragment)


class BucketStore:
    """Raises ``HttpError`` where nobody answers, ``BucketRefuses`` where the answer is an error."""

    # What leaves as one request; S3 takes parts from 5 MiB on, and at most 10,000 of them.
    part: ClassVar[int] = 16 * 1024 * 1024

    def __init__(self, *, bucket: str, prefix: str, endpoint: str, region: str, key_id: str, key: str) -> None:
        require_bucket(bucket=bucket, prefix=prefix, endpoint=endpoint)
        self._bucket, self._prefix = bucket, prefix
        self._signer = boto3.client(
            "s3",
            endpoint_url=endpoint or None,
            region_name=region or REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=key,
            # Names before the host mean another certificate for every bucket; every server knows the path.
            config=Config(signature_version="s3v4", s3={"addressing_style": "path" if endpoint else "auto"}),
        )

    def put(self, name: str, file: IO[bytes]) -> None:
        """Write the whole object or nothing. A large one leaves in parts, so that memory does not grow with it."""
        where = {"Bucket": self._bucket, "Key": f"{self._prefix}/{name}" if self._prefix else name}
        first = file.read(self.part)
        second = file.read(self.part)
        if not second:
            self._send("put_object", "PUT", where, first)
            return
        begun = self._send("create_multipart_upload", "POST", where, b"")
        upload = {**where, "UploadId": _text(begun.content, "UploadId")}
        try:
            tags = []
            for number, content in enumerate(_parts(first, second, file, self.part), start=1):
                answer = self._send("upload_part", "PUT", {**upload, "PartNumber": number}, content)
                tags.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(answer.headers.get('etag', ''))}</ETag></Part>")
            body = f"<CompleteMultipartUpload>{''.join(tags)}</CompleteMultipartUpload>"
            done = self._send("complete_multipart_upload", "POST", upload, body.encode())
            # S3 may say 200 and name an error in the body.
            if b"<Error>" in done.content:
                raise BucketRefuses(_text(done.content, "Code") or "complete_multipart_upload", is_permanent=False)
        except Exception:
            self._send("abort_multipart_upload", "DELETE", upload, b"", may_fail=True)
            raise

    def _send(self, what: str, method: str, where: dict[str, Any], content: bytes, *, may_fail: bool = False) -> Answer:
        url = self._signer.generate_presigned_url(what, Params=where, ExpiresIn=SIGNED_FOR, HttpMethod=method)
        try:
            answer = request(method, url, content=content, max_bytes=1 << 20, timeout=60, deadline=DEADLINE, follow_redirects=False)
        except HttpError:
            if may_fail:
                return Answer(0, {}, b"", "")
            raise
        if answer.status >= 300 and not may_fail:
            code = _text(answer.content, "Code") or str(answer.status)
            raise BucketRefuses(f"{self._bucket}: {code}", is_permanent=400 <= answer.status < 500 and answer.status not in (408, 429))
        return answer


def _parts(first: bytes, second: bytes, file: IO[bytes], size: int) -> Any:
    yield first
    yield second
    while content := file.read(size):
        yield content


def _text(content: bytes, name: str) -> str:
    """The text of the first element of that name, whatever its namespace."""
    try:
        root = fromstring(content)
    except Exception:
        return ""
    return next((str(each.text or "") for each in root.iter() if each.tag.rpartition("}")[2] == name), "")
