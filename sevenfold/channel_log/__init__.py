"""What the fixture `channel_log` of `sevenfold.capture` gives a test: what would stand in the log files."""

from sevenfold.channel_log.log import ChannelLog, capture_worker, capturing
from sevenfold.channel_log.records import CapturedRecord

__all__ = ["CapturedRecord", "ChannelLog", "capture_worker", "capturing"]
