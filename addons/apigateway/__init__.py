"""Alibaba Cloud API Gateway as mitmproxy add-ons: protocol, stages, definitions and lifecycle."""

__version__ = "0.1.0"
