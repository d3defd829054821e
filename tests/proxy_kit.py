"""Between a client and its server: bytes pass until a test says that they don't."""

from __future__ import annotations

import contextlib
import enum
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Address = str | tuple[str, int]
"""A unix socket's path, or host and port."""

CHUNK = 1 << 16  # bytes


class Cut(enum.Enum):
    """What becomes of bytes on their way to the server."""

    NOT = "they pass"
    BEFORE = "the connection is cut instead"
    AFTER = "they pass, and the connection is cut when the server has answered: nobody hears the answer"


class Proxy:
    """Listens at one address and forwards to another.

    ``decide`` sees what clients send, a chunk at a time, and may have the connection cut. ``hold`` keeps
    back whatever the server sends from then on.
    """

    def __init__(self, listen: Address, target: Address) -> None:
        self.decide: Callable[[bytes], Cut] = lambda _: Cut.NOT
        self.cuts = 0
        self._target = target
        self._held = threading.Event()
        self._over = threading.Event()
        self._pairs: list[_Pair] = []
        self._listener = _socket(listen)
        self._listener.bind(listen)
        self._listener.listen(64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = _socket(self._target)
            try:
                server.connect(self._target)
            except OSError:
                server.close()
                client.close()
                continue
            self._pairs.append(_Pair(self, client, server))

    def hold(self) -> None:
        """From now on nothing that a server sends arrives."""
        self._held.set()

    @property
    def held(self) -> bool:
        """Whether answers are kept back."""
        return self._held.is_set()

    def close(self) -> None:
        """Cut every connection and stop listening."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        for pair in self._pairs:
            pair.close()


class _Pair:
    """One client's connection and ours to the server, with a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._deaf = False
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._up, self._down)]
        for thread in self._threads:
            thread.start()

    def _up(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(CHUNK):
                what = self._proxy.decide(data)
                if what is not Cut.NOT:
                    self._proxy.cuts += 1
                if what is Cut.BEFORE:
                    break
                self._deaf = what is Cut.AFTER
                self._server.sendall(data)
        self._end()

    def _down(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(CHUNK):
                if self._deaf:
                    break
                if not self._proxy.held:
                    self._client.sendall(data)
        self._end()

    def _end(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._end()
        for thread in self._threads:
            thread.join()
        self._client.close()
        self._server.close()


def _socket(address: Address) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)


@contextlib.contextmanager
def proxy(listen: Address | Path, target: Address | Path) -> Iterator[Proxy]:
    """A proxy that runs as long as the block."""
    ends = [str(end) if isinstance(end, Path) else end for end in (listen, target)]
    running = Proxy(*ends)
    try:
        yield running
    finally:
        running.close()
