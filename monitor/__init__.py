"""The wirewatch daemon: decides when to poll and to send, and remembers what happened."""

__version__ = "0.1.0"
