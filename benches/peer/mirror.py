"""Every point, as it came: what the messages alone cost."""

from agent import Agent
from udf_pb2 import STREAM, Response


class Mirror:
    def info(self, info):
        info.wants, info.provides = STREAM, STREAM

    def init(self, options):
        if options:
            raise ValueError("mirror has no options")

    def point(self, point):
        self.agent.write(Response(point=point))

    def snapshot(self):
        return b""

    def restore(self, snapshot):
        pass


if __name__ == "__main__":
    Agent(Mirror()).run()
