"""One api line for each request of any ASGI application, and windows of requests: ``app = ApiLog(app)``.

It needs loguru, NumPy and asyncio: no framework, no server, and nothing of the rest of Sevenfold.
"""

from sevenfold.asgi.apilog import ApiLog
from sevenfold.asgi.limits import Limits
from sevenfold.asgi.notes import LOGGED, failed, note
from sevenfold.asgi.windows import Windows

__all__ = ["LOGGED", "ApiLog", "Limits", "Windows", "failed", "note"]
