"""The moving average of one field, for each group; the point's other fields are kept.

@moving_avg().field('usage_idle').size(10).as('cpu_avg')
"""

import collections
import json

from agent import Agent
from udf_pb2 import INT, STREAM, STRING, Response


class Window:
    def __init__(self, values, size):
        self.values = collections.deque(values, maxlen=size)
        self.sum = float(sum(self.values))

    def push(self, value):
        """The mean of the last `size` values, this one included."""
        if len(self.values) == self.values.maxlen:
            self.sum -= self.values[0]
        self.values.append(value)
        self.sum += value
        return self.sum / len(self.values)


class MovingAverage:
    def info(self, info):
        info.wants, info.provides = STREAM, STREAM
        for name, kind in {"field": STRING, "size": INT, "as": STRING}.items():
            info.options[name].valueTypes.append(kind)

    def init(self, options):
        if not {"field", "size"} <= options.keys():
            raise ValueError("the options field and size are required")
        self.field = options["field"][0].stringValue
        self.size = options["size"][0].intValue
        self.name = options["as"][0].stringValue if "as" in options else "avg"
        if self.size < 1:
            raise ValueError(f"size is {self.size}: it must be 1 or more")
        self.windows = {}

    def point(self, point):
        window = self.windows.get(point.group)
        if window is None:
            window = self.windows[point.group] = Window((), self.size)
        response = Response(point=point)
        response.point.fieldsDouble[self.name] = window.push(point.fieldsDouble[self.field])
        self.agent.write(response)

    def snapshot(self):
        return json.dumps({group: list(w.values) for group, w in self.windows.items()}).encode()

    def restore(self, snapshot):
        windows = json.loads(snapshot)
        self.windows = {group: Window(values, self.size) for group, values in windows.items()}


if __name__ == "__main__":
    Agent(MovingAverage()).run()
