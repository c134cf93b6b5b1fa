"""The base of every service's settings."""

from ipaddress import ip_address

from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Settings read once, in a composition root, from environment variables under the subclass's prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_port(host: str, port: int) -> str:
    """``host:port`` as gRPC writes it, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_only_gateway_calls(host: str, *, has_secret: bool, trusts_network: bool, prefix: str) -> None:
    """Raises ValueError if a service behind the gateway could be called by others, who could pose as any tenant."""
    if not (is_loopback(host) or has_secret or trusts_network):
        raise ValueError(
            f"host {host} is reachable from other machines and anyone could pose as a tenant: set "
            f"{prefix}GATEWAY_SECRET_FILE, or {prefix}TRUSTS_NETWORK=true if a NetworkPolicy admits the gateway alone"
        )
