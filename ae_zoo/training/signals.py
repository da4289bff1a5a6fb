"""SIGTERM and Ctrl-C while a training runs."""

import os
import signal
import sys
import threading

from ae_zoo.errors import TrainingError

ENDS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Notes a SIGTERM or Ctrl-C, by which the training ends after its step.

    A context manager. It gives the previous handlers back at its end, and Ctrl-C its
    own at the first signal, so that a second one acts at once. Outside the main thread,
    where Python allows no handlers, it does nothing.

    Args:
        resume: the command that goes on with the training.

    Attributes:
        received: the signal that came, or None.
        agreed: what several workers have agreed on, of whom only some got a signal;
            None where there is one worker.
    """

    def __init__(self, resume: str = "ae-zoo train ... --resume"):
        self.resume = resume
        self.received: signal.Signals | None = None
        self.agreed: bool | None = None
        self._previous, self._farewell = {}, None

    @property
    def due(self) -> bool:
        """Whether the training has to end."""
        return self.received is not None if self.agreed is None else self.agreed

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in ENDS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind, *_):
        for number in list(self._previous):
            self._give_back(number)
        if self._farewell is not None:
            print(self._farewell, file=sys.stderr, flush=True)
        elif kind is None and self.received is not None:
            signal.raise_signal(self.received)  # too late for the training

    def _note(self, number, frame) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
            # Not print, which this may have interrupted.
            os.write(2, b"\nThe training ends after this step; Ctrl-C ends it now.\n")
        self._give_back(signal.SIGINT)

    def _give_back(self, number) -> None:
        if number in self._previous:
            # None stands for a handler that Python did not set.
            signal.signal(number, self._previous.pop(number) or signal.SIG_DFL)

    def end(self, where: str) -> None:
        """Ends the training, whose checkpoint is written.

        Args:
            where: the last step, in words.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after SIGTERM, with the code 143.
            TrainingError: another worker got the signal.
        """
        if self.received is None:
            raise TrainingError(
                f"Another worker was told to end, so all end after {where}: go on with "
                f"`{self.resume}` on every worker."
            )
        self._farewell = (
            f"{self.received.name} ended the training after {where}, which is kept: "
            f"go on with `{self.resume}`."
        )
        if self.received == signal.SIGINT:
            raise KeyboardInterrupt(self._farewell)
        raise SystemExit(128 + self.received)
