"""Which route answered a request: the template of its path, which many requests share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sevenfold.asgi.types import Scope


def route_of(scope: Scope, asked_below: str) -> str | None:
    """Return the template of the route that the framework has noted in the scope, None where it noted none.

    Starlette and FastAPI note a ``route``, Litestar a ``path_template``.

    Parameters
    ----------
    scope : dict
        The request's, after the application has seen it.
    asked_below : str
        The ``root_path`` before that: the part that mounts add to it stands in front of the template.

    Examples
    --------
    >>> route_of({"path_template": "/items/{id}"}, "")
    '/items/{id}'
    """
    route = scope.get("route")
    if route is None:
        template = scope.get("path_template")
        return template if isinstance(template, str) else None
    template = getattr(route, "path_format", None) or getattr(route, "path", None)
    if not isinstance(template, str):
        return None
    if not hasattr(route, "endpoint"):  # a mount, of something that has no routes: its own path is in the root_path
        template = "/{path}"
    return _mounted_at(scope, asked_below) + template


def _mounted_at(scope: Scope, asked_below: str) -> str:
    """Return where mounts lie, with the names of their parameters instead of the values."""
    prefix = scope.get("root_path", "").removeprefix(asked_below)
    if not prefix:
        return ""
    names: dict[str, Any] = {str(value): name for name, value in scope.get("path_params", {}).items()}
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in prefix.split("/"))
