"""Kubernetes through Prometheus and OpenCost: requests and use of containers, load of nodes, GPUs; parts of nodes by pod."""

from connectors.kubernetes.live import CONNECTOR

__all__ = ["CONNECTOR"]
