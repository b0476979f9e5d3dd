"""Where Google's platform looks for the function it is told to call."""

from handlers.gcp import gcp_entry_point

__all__ = ["gcp_entry_point"]
