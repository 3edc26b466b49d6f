"""Flags windows whose mean differs from recent history, by Welch's t-test.

@ttest().field('hotend').size(3600).alpha(0.001)

For each group the last `size` normal values are kept with their mean and variance, updated value by
value (Welford's recurrence, with its inverse for the value that leaves). A window joins the history
only if it looks as if drawn from it: p above alpha.
"""

import collections
import json
import math

from scipy.stats import ttest_ind_from_stats

from agent import Agent
from udf_pb2 import BATCH, DOUBLE, INT, STREAM, STRING, Response


class Moments:
    """Count, mean and sum of squared deviations of the last `size` values (None: of all)."""

    def __init__(self, size=None):
        self.size = size
        self.values = collections.deque()
        self.mean = self.squares = 0.0

    def push(self, value):
        if len(self.values) == self.size:
            self.drop_oldest()
        self.values.append(value)
        before = value - self.mean
        self.mean += before / len(self.values)
        self.squares += before * (value - self.mean)

    def drop_oldest(self):
        value = self.values.popleft()
        with_it = value - self.mean
        self.mean -= with_it / len(self.values) if self.values else self.mean
        self.squares -= with_it * (value - self.mean)

    def summary(self):
        """Mean, standard deviation and count: what SciPy asks for."""
        n = len(self.values)
        variance = max(self.squares, 0.0) / (n - 1) if n > 1 else 0.0
        return self.mean, math.sqrt(variance), n


class TTest:
    def info(self, info):
        info.wants, info.provides = BATCH, STREAM
        for name, kind in {"field": STRING, "size": INT, "alpha": DOUBLE}.items():
            info.options[name].valueTypes.append(kind)

    def init(self, options):
        if options.keys() != {"field", "size", "alpha"}:
            raise ValueError("the options field, size and alpha are required")
        self.field = options["field"][0].stringValue
        self.size = options["size"][0].intValue
        self.alpha = options["alpha"][0].doubleValue
        if self.size < 2:
            raise ValueError(f"size is {self.size}: it must be 2 or more")
        self.histories = {}

    def begin_batch(self, begin):
        self.window = Moments()

    def point(self, point):
        self.window.push(point.fieldsDouble[self.field])

    def end_batch(self, end):
        history = self.histories.setdefault(end.group, Moments(self.size))
        normal = True
        if history.values:
            t, p = ttest_ind_from_stats(*history.summary(), *self.window.summary(), equal_var=False)
            response = Response()
            point = response.point
            point.time, point.name, point.group = end.tmax, end.name, end.group
            point.tags.update(end.tags)
            point.fieldsDouble.update({"t": t, "pvalue": p})
            self.agent.write(response)
            normal = p > self.alpha
        if normal:
            for value in self.window.values:
                history.push(value)

    def snapshot(self):
        return json.dumps({group: list(h.values) for group, h in self.histories.items()}).encode()

    def restore(self, snapshot):
        self.histories = {}
        for group, values in json.loads(snapshot).items():
            history = self.histories[group] = Moments(self.size)
            for value in values:
                history.push(value)


if __name__ == "__main__":
    Agent(TTest()).run()
