"""Makes the reference data of src/stats: `python stats.py` writes the JSON files beside it.

Independent sources: SciPy, statsmodels, NumPy, and mpmath where SciPy's doubles lose digits in a tail.
Numbers are written as strings, for exact reading, NaN and infinities too. Seeds are fixed, so a second run writes the same files.
"""

import json
import math
import pathlib

import mpmath as mp
import numpy as np
from scipy import stats

HERE = pathlib.Path(__file__).parent
mp.mp.dps = 50


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating, mp.mpf)):
        value = float(value)
        return "NaN" if math.isnan(value) else repr(value)
    return value


def write(name, data):
    (HERE / f"{name}.json").write_text(json.dumps(plain(data), separators=(",", ":")) + "\n")


def rng(seed):
    return np.random.default_rng(seed)


def exact(values):
    return [mp.mpf(float(v)) for v in values]


def mean_var(values):
    values = exact(values)
    mean = mp.fsum(values) / len(values)
    return mean, mp.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)


def t_two_sided(t, df):
    df = mp.mpf(df)
    return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True)


def samples():
    r = rng(1)
    yield r.normal(10, 2, 8), r.normal(11, 3, 8)
    yield r.normal(0, 1, 300), r.normal(0.1, 1, 10)
    yield 1e9 + r.normal(0, 1, 50), 1e9 + r.normal(0.3, 1, 50)
    yield np.append(r.normal(0, 1, 30), 1e12), r.normal(0, 1, 30)
    yield r.normal(0, 1e-3, 60), r.normal(1, 1e-3, 60)
    yield r.normal(0, 1e-4, 300), r.normal(5, 1e-4, 40)
    yield [1.0, 2.0], [1.5, 4.0]
    yield [5e-324, 1e-310, 3e-309], [1.0, 2.0, 4.0]


def ttest():
    cases = []
    for a, b in samples():
        (ma, va), (mb, vb) = mean_var(a), mean_var(b)
        na, nb = len(a), len(b)
        ea, eb = va / na, vb / nb
        t = (ma - mb) / mp.sqrt(ea + eb)
        df = (ea + eb) ** 2 / (ea**2 / (na - 1) + eb**2 / (nb - 1))
        case = {"a": a, "b": b, "welch": {"t": t, "df": df, "pvalue": t_two_sided(t, df)}}
        df = na + nb - 2
        pooled = ((na - 1) * va + (nb - 1) * vb) / df
        t = (ma - mb) / mp.sqrt(pooled * (mp.mpf(1) / na + mp.mpf(1) / nb))
        case["pooled"] = {"t": t, "df": df, "pvalue": t_two_sided(t, df)}
        t = (ma - mp.mpf(float(b[0]))) / mp.sqrt(ea)
        case["one_sample"] = {"t": t, "df": na - 1, "pvalue": t_two_sided(t, na - 1)}
        if na == nb:
            md, vd = mean_var([float(x) - float(y) for x, y in zip(a, b)])
            t = md / mp.sqrt(vd / na)
            case["paired"] = {"t": t, "df": na - 1, "pvalue": t_two_sided(t, na - 1)}
        easy = stats.ttest_ind(a, b, equal_var=False)
        if 1e-290 < easy.pvalue < 0.99 and abs(ma) < 1e6:
            assert abs(easy.pvalue / float(case["welch"]["pvalue"]) - 1) < 1e-6
        cases.append(case)
    write("ttest", cases)


METHODS = (
    "inverted_cdf averaged_inverted_cdf closest_observation interpolated_inverted_cdf hazen weibull "
    "linear median_unbiased normal_unbiased lower higher nearest midpoint"
).split()


def quantile():
    r = rng(2)
    inputs = [[3.0], [1.0, 2.0], [4.0, 4.0, 4.0], r.normal(0, 1, 7), r.normal(0, 1, 10), 1e9 + r.normal(0, 1, 23)]
    cases = []
    for values in inputs:
        for q in (0.0, 0.05, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 0.99, 1.0):
            found = {m: np.quantile(np.asarray(values), q, method=m) for m in METHODS}
            cases.append({"values": values, "q": q, "quantiles": found})
    write("quantile", cases)


def moments():
    r = rng(3)
    inputs = [r.normal(0, 1, 100), r.exponential(1, 1000), 1e9 + r.normal(0, 1, 200),
              np.append(r.normal(0, 1, 50), 1e12), [1.0, 2.0], [5e-324, 1e-310, 3e-309, 1e-308], r.normal(0, 1e-200, 20)]
    cases = []
    for values in inputs:
        mean, var = mean_var(values)
        m = [mp.fsum((v - mean) ** k for v in exact(values)) / len(values) for k in (2, 3, 4)]
        cases.append({"values": values, "mean": mean, "variance": var, "sum": mp.fsum(exact(values)),
                      "skewness": m[1] / m[0] ** mp.mpf(1.5), "kurtosis": m[2] / m[0] ** 2 - 3})
    write("moments", cases)


def distributions():
    cases = []

    def add(name, args, x, pdf, cdf, sf):
        cases.append({"name": name, "args": args, "x": x, "pdf": pdf, "cdf": cdf, "sf": sf})

    half = mp.mpf(1) / 2
    for x in (-38.0, -37.5, -20.0, -6.0, -1.0, -0.1, 0.0, 1e-10, 0.5, 3.0, 8.0, 30.0, 37.0):
        x_ = mp.mpf(x)
        add("normal", [], x, mp.npdf(x_), mp.erfc(-x_ / mp.sqrt(2)) / 2, mp.erfc(x_ / mp.sqrt(2)) / 2)
    for df in (1.0, 2.0, 3.5, 10.0, 57.3, 300.0, 10000.0, 1e6):
        for x in (-50.0, -3.0, -0.2, 0.0, 1e-8, 0.7, 2.0, 10.0, 36.0, 1e5, 1e20):
            d, x_ = mp.mpf(df), mp.mpf(x)
            tail = mp.betainc(d / 2, half, 0, d / (d + x_ * x_), regularized=True) / 2
            if tail < mp.mpf(10) ** -305:
                continue
            cdf, sf = (1 - tail, tail) if x >= 0 else (tail, 1 - tail)
            pdf = (1 + x_ * x_ / d) ** (-(d + 1) / 2) / (mp.sqrt(d) * mp.beta(d / 2, half))
            add("student", [df], x, pdf, cdf, sf)
    for df in (0.5, 1.0, 2.0, 5.0, 30.0, 250.0, 1e4):
        for factor in (1e-6, 0.01, 0.3, 0.9, 1.0, 1.3, 3.0, 20.0):
            a, x_ = mp.mpf(df) / 2, mp.mpf(df * factor) / 2
            sf = mp.gammainc(a, x_, mp.inf, regularized=True)
            cdf = mp.gammainc(a, 0, x_, regularized=True)
            if min(sf, cdf) < mp.mpf(10) ** -305:
                continue
            pdf = x_ ** (a - 1) * mp.exp(-x_) / mp.gamma(a) / 2
            add("chi_square", [df], df * factor, pdf, cdf, sf)
    for d1, d2 in ((1.0, 1.0), (2.0, 7.0), (5.5, 3.0), (10.0, 300.0), (299.0, 9.0), (1000.0, 2000.0)):
        for x in (1e-8, 0.01, 0.5, 1.0, 1.2, 4.0, 60.0, 1e6):
            a, b, x_ = mp.mpf(d1) / 2, mp.mpf(d2) / 2, mp.mpf(x)
            s = x_ * mp.mpf(d1) / mp.mpf(d2)
            cdf = mp.betainc(a, b, 0, s / (1 + s), regularized=True)
            sf = mp.betainc(b, a, 0, 1 / (1 + s), regularized=True)
            if min(sf, cdf) < mp.mpf(10) ** -305:
                continue
            pdf = s**a * (1 + s) ** -(a + b) / mp.beta(a, b) / x_
            add("fisher", [d1, d2], x, pdf, cdf, sf)
    write("distributions", cases)


if __name__ == "__main__":
    ttest()
    quantile()
    moments()
    distributions()
