"""Preconditions that AWS enforces and moto does not look at.

  - CopyObject with IfMatch or IfNoneMatch, on what stands at the destination (API_CopyObject).
  - UpdateAlias with RevisionId, which is new after each update. API_UpdateAlias: "Only update the alias if the revision ID matches
    the ID that's specified."
  - RemovePermission with RevisionId: moto compares a list with it, and so refuses whatever is given.

PutObject, CompleteMultipartUpload, DeleteObject, a function's policy and conditions on items moto enforces itself.
"""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import unquote

from moto.awslambda import models as functions
from moto.awslambda import responses as function_responses
from moto.awslambda.exceptions import PreconditionFailedException
from moto.s3 import responses as objects
from moto.s3.exceptions import PreconditionFailed


def fill_preconditions() -> None:
    """Once or more often: what is filled stays so."""
    if hasattr(objects.S3Response, "standin_copy"):
        return
    copy = objects.S3Response.standin_copy = objects.S3Response.copy_object
    update = function_responses.LambdaResponse.update_alias
    take_off = functions.LambdaBackend.remove_permission
    change = functions.LambdaAlias.update

    def copy_object(self: Any) -> Any:
        wanted, none = self.headers.get("If-Match"), self.headers.get("If-None-Match")
        stands = self.backend.get_object(self.bucket_name, self.parse_key_name())
        if wanted and (stands is None or wanted.strip('"') != stands.etag.strip('"')):
            raise PreconditionFailed("If-Match")
        if none == "*" and stands is not None:
            raise PreconditionFailed("If-None-Match")
        return copy(self)

    def update_alias(self: Any) -> Any:
        wanted = json.loads(self.body).get("RevisionId")
        function, _, name = self.path.rstrip("/").rsplit("/", 2)
        alias = self.backend.get_alias(name, unquote(function.rpartition("/")[2])) if wanted else None
        if alias is not None and alias.revision_id != wanted:
            raise PreconditionFailedException(
                "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias."
            )
        return update(self)

    def renewed(self: Any, *given: Any, **named: Any) -> None:
        change(self, *given, **named)
        self.revision_id = str(uuid.uuid4())

    def remove(self: Any, function: str, sid: str, revision: Any = "") -> None:
        told = revision[0] if isinstance(revision, list) and revision else revision
        take_off(self, function, sid, told)

    objects.S3Response.copy_object = copy_object
    functions.LambdaBackend.remove_permission = remove
    function_responses.LambdaResponse.update_alias = update_alias
    functions.LambdaAlias.update = renewed
