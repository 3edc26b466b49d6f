"""A small agent: frames in, a handler's answers out. Written from the protocol's description.

It does what a careful Python author would: it reads what has arrived, handles every whole frame of
it, writes the answers in one go, and makes a fresh message for each request (one that is parsed
into again and again keeps the memory of all it ever held).
"""

import os
import sys
import traceback

from udf_pb2 import Request, Response

READ = 1 << 18
STDIN, STDOUT = 0, 1


class Agent:
    """Serves requests from standard input with `handler`, until the input ends.

    The handler has `info(response)`, `init(options)` and, where its edges need them, `point`,
    `begin_batch` and `end_batch`; `snapshot()` returns bytes and `restore(bytes)` takes them.
    `init` and `restore` raise ValueError to refuse. It answers with `agent.write`.
    """

    def __init__(self, handler):
        self.handler = handler
        self.output = []
        handler.agent = self

    def run(self):
        try:
            for frame in frames():
                if frame is None:
                    self.flush()
                else:
                    self.dispatch(Request.FromString(frame))
        except Exception as error:
            traceback.print_exc()
            self.write(Response(error={"error": str(error)}))
            self.flush()
            sys.exit(1)
        self.flush()

    def write(self, response):
        data = response.SerializeToString()
        self.output.append(varint(len(data)))
        self.output.append(data)

    def flush(self):
        data = memoryview(b"".join(self.output))
        self.output.clear()
        while data:
            data = data[os.write(STDOUT, data) :]

    def dispatch(self, request):
        handler = self.handler
        match request.WhichOneof("message"):
            case "point":
                handler.point(request.point)
            case "begin":
                handler.begin_batch(request.begin)
            case "end":
                handler.end_batch(request.end)
            case "keepalive":
                self.write(Response(keepalive={"time": request.keepalive.time}))
            case "info":
                response = Response()
                handler.info(response.info)
                self.write(response)
            case "init":
                options = {option.name: option.values for option in request.init.options}
                self.write(Response(init=verdict(handler.init, options)))
            case "snapshot":
                self.write(Response(snapshot={"snapshot": handler.snapshot()}))
            case "restore":
                self.write(Response(restore=verdict(handler.restore, request.restore.snapshot)))
            case other:
                raise ValueError(f"a request of an unknown kind: {other}")


def verdict(call, argument):
    """The fields of an answer to init or restore."""
    try:
        call(argument)
    except ValueError as refusal:
        return {"success": False, "error": str(refusal)}
    return {"success": True}


def frames():
    """The frames of standard input; None whenever all that has arrived was handed out."""
    rest = b""
    while chunk := os.read(STDIN, READ):
        data = rest + chunk
        at = 0
        while True:
            start, size = header(data, at)
            if size is None or start + size > len(data):
                break
            at = start + size
            yield data[start:at]
        rest = data[at:]
        yield None
    if rest:
        raise EOFError("the input ended inside a frame")


def header(data, at):
    """Where the frame that `at` heads starts, and its size: None if more bytes are needed."""
    size = shift = 0
    for start, byte in enumerate(data[at : at + 5], at + 1):
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return start, size
        shift += 7
    if shift == 35:
        raise ValueError("a frame length of more than five bytes")
    return at, None


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
