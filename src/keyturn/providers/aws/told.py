"""Calls of the plane's own that are no operation of AWS: what a service only tells the place of is fetched from there."""

from __future__ import annotations

from typing import Final

CODE: Final = "keyturn:FunctionCode"
"""``{"FunctionName", "Qualifier"}`` -> ``{"Body"}``. The code of a Lambda function, from the place that GetFunction tells for some
minutes: whoever makes the plane's calls asks for the place and fetches it at once, so that it is in no record. By the backup role.
"""
