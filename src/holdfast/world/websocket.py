"""WebSocket clients: frames from a socket to a sink, without a copy.

Here: connecting, whole messages, pings, close codes. When to reconnect and what to subscribe is somebody else's.
"""

from __future__ import annotations

import asyncio
import ssl

from picows import WSCloseCode, WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from holdfast.model.errors import Retryable
from holdfast.ports.transport import FrameSink

BROKEN = 1006  # RFC 6455, 7.1.5: no close frame was received
_TEXT = WSMsgType.TEXT
_DATA = (_TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION)
NO_CODE = 1005  # the close frame carried none


class _Listener(WSListener):
    """Hands whole messages to the sink and says when the read buffer is empty."""

    def __init__(self, sink: FrameSink) -> None:
        self._sink = sink
        self._whole = sink.frame
        self._part = b""
        self._closing = (BROKEN, "the connection broke")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin:
            self._whole(frame.get_payload_as_memoryview())
        elif kind in _DATA:
            self._part += frame.get_payload_as_bytes()
            if frame.fin:
                whole, self._part = self._part, b""
                self._whole(memoryview(whole))
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            self._closing = (int(code.value) or NO_CODE, frame.get_close_reason() or "")
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        # Pings are answered by the library, with their own payload.
        if frame.last_in_buffer:
            self._sink.batch_end()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._sink.closed(*self._closing)


class _Stream:
    """See FrameStream."""

    def __init__(self, transport: WSTransport) -> None:
        self._transport = transport

    def send(self, text: bytes) -> None:
        if not self._transport.is_disconnected:
            self._transport.send(WSMsgType.TEXT, text)

    async def close(self) -> None:
        if not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode.OK)
            try:
                async with asyncio.timeout(self.goodbye_s):
                    await self._transport.wait_disconnected()
            except TimeoutError:
                self._transport.disconnect(graceful=False)

    goodbye_s = 2.0


class WebSocketClient:
    """Opens WebSockets. A connection that is silent for `ping_after_s` is pinged, and given up as broken when the pong
    does not come within `pong_within_s`."""

    def __init__(
        self, *, ping_after_s: float = 30.0, pong_within_s: float = 15.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._ping_after_s = ping_after_s
        self._pong_within_s = pong_within_s
        self._tls = tls

    async def connect(self, url: str, sink: FrameSink, *, timeout_s: float = 10.0) -> _Stream:
        """See FrameTransport.connect."""
        try:
            async with asyncio.timeout(timeout_s):
                transport, _ = await ws_connect(
                    lambda: _Listener(sink),
                    url,
                    ssl_context=self._tls,
                    websocket_handshake_timeout=timeout_s,
                    enable_auto_ping=True,
                    auto_ping_idle_timeout=self._ping_after_s,
                    auto_ping_reply_timeout=self._pong_within_s,
                )
        except (OSError, TimeoutError, WSError) as error:
            raise Retryable(f"No WebSocket to {url}: {str(error) or 'no answer in time'}") from error
        return _Stream(transport)
