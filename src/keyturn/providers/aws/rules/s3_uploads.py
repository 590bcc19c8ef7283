"""S3's uploads in parts: what is of an upload that this session began is judged with it, anybody else's is not known."""

from __future__ import annotations

from typing import Final

from keyturn.model.assessment import Kind, Reversibility
from keyturn.model.change import Effect
from keyturn.providers.aws.rules import Context, Fired, Said, rule

S3: Final = "https://docs.aws.amazon.com/AmazonS3/latest/API/"


@rule(
    "S3017",
    ["s3:AbortMultipartUpload"],
    Kind.DATA_LOSS,
    Effect.DELETE,
    Reversibility.R4,
    S3 + "API_AbortMultipartUpload.html",
)
def upload_aborted(context: Context) -> Fired:
    """The parts that were uploaded so far are freed; the object of that key, if there is one, stands."""
    if context.operation.within:
        return Said(
            f"The parts of its own upload ({context.operation.within}) would be discarded; nobody has seen them.",
            kind=Kind.NOTE,
            effect=Effect.UPDATE,
            reversibility=Reversibility.R1,
        )
    return (
        f"The parts of somebody's upload to {context.ref.id} would be discarded; what stands there stays.",
        {},
    )


@rule(
    "S3100",
    ["s3:UploadPart", "s3:UploadPartCopy", "s3:CompleteMultipartUpload"],
    Kind.OVERWRITE,
    Effect.UPDATE,
    Reversibility.R4,
    S3 + "API_UploadPart.html",
)
def foreign_upload(context: Context) -> Fired:
    """Who knows an upload's id and may write the key can add parts to it, or complete it: a part of the same number is overwritten."""
    if context.operation.within:
        return None
    return f"The upload to {context.ref.id} was not begun in this session: what it holds is not known.", {}
