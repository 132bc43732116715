"""One api line a request for any ASGI application, and windows of them: ``app = ApiLog(app)``.

It needs loguru, NumPy and asyncio: no framework, no server, and nothing of the rest of Sevenfold.
"""

from sevenfold.asgi.apilog import ApiLog
from sevenfold.asgi.limits import Limits
from sevenfold.asgi.notes import LOGGED, failed, note
from sevenfold.asgi.windows import Windows

__all__ = ["LOGGED", "ApiLog", "Limits", "Windows", "failed", "note"]
