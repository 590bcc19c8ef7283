"""The AWS gateway: agents' SDKs speak to it as they would to AWS, with a session's key that is worth nothing elsewhere."""

from keyturn.surfaces.aws_gateway.server import Gateway, GatewayConfig, serve

__all__ = ["Gateway", "GatewayConfig", "serve"]
