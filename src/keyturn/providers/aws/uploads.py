"""S3's uploads in parts: which operations belong to one, and how its beginning was answered.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html: the parts are no object before CompleteMultipartUpload, and
are discarded by AbortMultipartUpload.
"""

from __future__ import annotations

from typing import Any, Final
from xml.sax.saxutils import escape

BEGINS: Final = "s3:CreateMultipartUpload"
PART: Final = "s3:UploadPart"

BELONG: Final = frozenset(
    {PART, "s3:UploadPartCopy", "s3:CompleteMultipartUpload", "s3:AbortMultipartUpload"}
)


def mark(name: str, parameters: dict[str, Any]) -> bytes:
    """What the answer to the upload's beginning holds (API_CreateMultipartUpload); empty for what belongs to no upload."""
    upload = parameters.get("UploadId") if name in BELONG else None
    return f"<UploadId>{escape(str(upload))}</UploadId>".encode() if upload else b""
