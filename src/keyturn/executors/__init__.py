"""All I/O towards providers."""

import sys

sys.modules.setdefault("urllib3.contrib.pyopenssl", None)  # type: ignore[arg-type]  # None: not to be imported
"""botocore would load a second OpenSSL by it, where pyOpenSSL is installed for something else, and then use Python's own all the same
(botocore/httpsession.py, "always use the std lib SSLContext"). That is four megabytes for nothing.
"""
