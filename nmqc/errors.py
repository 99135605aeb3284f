"""What nmqc says when it gives no number. A refusal is an answer, not a crash.

Each refusal carries a ``code`` (stable, for scripts: docs/interface.md) and a reason in one line that
says what is wrong and what to do next. A reason never quotes a header value that could name a person.
"""


class NmqcError(Exception):
    """Base of every refusal that nmqc makes on purpose.

    Parameters
    ----------
    code : str
        A stable word for scripts, such as ``"not_a_flood"``.
    reason : str
        One line: what is wrong, and the next step.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class UnusableInput(NmqcError):
    """The file cannot be read, or is not what the command needs."""


class CannotMeasure(NmqcError):
    """The data are readable, but this quantity cannot be had from them."""


class BadConfiguration(NmqcError):
    """A limits file, a site's configuration or a database address cannot be used as it is."""


class HistoryUnavailable(NmqcError):
    """The history cannot be opened, read or written; the results themselves stand."""
