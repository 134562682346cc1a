"""How a deployment is waited for: as the SDK does it, with a look at how far it is after each question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.mgmt.core.polling.arm_polling import ARMPolling


class WatchedPolling(ARMPolling):
    """Calls `look` each time when the operation has been asked for its state and has not ended yet.

    seconds: the pause before it is asked again, if it does not say itself. endpoint: where relative addresses begin.
    """

    def __init__(self, seconds: float, endpoint: str, look: Callable[[], None]) -> None:
        options: dict[str, Any] = {"path_format_arguments": {"endpoint": endpoint}}
        super().__init__(seconds, **options)
        self._look = look

    def update_status(self) -> None:
        """Asks for the state."""
        super().update_status()
        if not self.finished():
            self._look()
