"""Input that keeps coming while a test does something else."""
import threading


class Feed(threading.Thread):
    """Produces pieces (lists of records) one after another in the background, with a pause after each; a broker that is away only
    delays it. The last piece waits for finish(): however slow the machine is, what a test does until then it does with input still
    to come."""

    def __init__(self, produce, pieces, pause):
        super().__init__(daemon=True)
        self.produce, self.pieces, self.pause, self.error, self.finishing = produce, pieces, pause, None, threading.Event()
        self.start()

    def run(self):
        try:
            for piece in self.pieces[:-1]:
                self.produce(piece)
                self.finishing.wait(self.pause)
            self.finishing.wait()
            self.produce(self.pieces[-1])
        except BaseException as error:  # shown by finish()
            self.error = error

    def finish(self, seconds=180):
        """What is left comes without pauses."""
        self.finishing.set()
        self.join(seconds)
        assert not self.is_alive() and self.error is None, self.error
