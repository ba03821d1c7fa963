"""`wirewatch demo`: the real daemon, watching a small news site of our own.

The daemon is a process of its own, started as ``wirewatch run -c DIR`` on a configuration that a
visitor can read. Around it, on loopback only: `site` publishes, `receivers` are the chat room and
the mailbox, `programme` says what is published when and which alerts must come of it, `director`
leads through it, `show` tells it in the terminal, `verdict` compares what was expected with what
arrived.
"""
