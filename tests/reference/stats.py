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
    for df in (0.3, 1.0, 2.0, 3.5, 10.0, 57.3, 300.0, 10000.0, 1e6):
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


def ewm():
    import pandas as pd

    r = rng(4)
    values = pd.Series(5 + r.normal(0, 1, 60))
    times = np.cumsum(r.integers(1, 9, 60)).astype(float)
    even = values.ewm(alpha=0.2, adjust=False)
    mean, uneven = values[0], []
    for i, x in enumerate(values):
        if i:
            mean += -math.expm1(-(times[i] - times[i - 1]) / 10) * (x - mean)
        uneven.append(mean)
    write("ewm", {"alpha": 0.2, "values": values.to_numpy(), "times": times, "mean": even.mean().to_numpy(),
                  "variance": even.var(bias=True).fillna(0).to_numpy(), "uneven_mean": uneven})


def trend():
    r = rng(5)
    cases = []
    for n, offset in ((5, 0.0), (40, 0.0), (41, 1e9)):
        x = np.cumsum(r.uniform(0.1, 2, n))
        y = offset + 3 * x + r.normal(0, 5, n)
        fit, robust = stats.linregress(x, y), stats.theilslopes(y, x)
        cases.append({"x": x, "y": y, "slope": fit.slope, "intercept": fit.intercept, "r": fit.rvalue,
                      "theil_slope": robust[0], "theil_intercept": robust[1],
                      "spearman": stats.spearmanr(x, y).statistic})
    write("trend", cases)


def rolling():
    import pandas as pd

    values = pd.Series(rng(6).normal(100, 10, 250))
    w, big = values.rolling(7), values.rolling(100)
    found = {"mean": w.mean(), "sum": w.sum(), "std": w.std(), "median": w.median(), "min": w.min(), "max": w.max(),
             "quantile": w.quantile(0.9), "mean100": big.mean(), "std100": big.std()}
    write("rolling", {"values": values.to_numpy()} | {k: v.to_numpy() for k, v in found.items()})


def spectrum():
    from statsmodels.tsa.stattools import acf

    r = rng(7)
    cases = []
    for n, offset in ((2, 0.0), (17, 0.0), (60, 1e6), (64, 3.0)):
        values = offset + np.sin(np.arange(n) * 0.7) + r.normal(0, 0.3, n)
        power = np.abs(np.fft.rfft(values - values.mean())) ** 2 / n
        power[0] = 0
        cases.append({"values": values, "power": power, "acf": acf(values, nlags=n // 2, fft=False)})
    write("spectrum", cases)


def ks():
    r = rng(8)
    two = []
    for n, m, shift in ((5, 7, 0.0), (30, 30, 0.5), (50, 80, 1.0), (100, 100, 3.0), (300, 40, 0.1), (600, 700, 0.1)):
        a, b = r.normal(0, 1, n), r.normal(shift, 1, m)
        if n == 50:
            a, b = np.round(a, 1), np.round(b, 1)
        if n * m <= 250_000:
            found = stats.ks_2samp(a, b, method="exact")
            pvalue = found.pvalue
        else:
            found = stats.ks_2samp(a, b)
            pvalue = stats.kstwobign.sf(found.statistic * math.sqrt(n * m / (n + m)))
        two.append({"a": a, "b": b, "statistic": found.statistic, "pvalue": pvalue})
    normal = []
    for n, shift in ((1, 0.3), (4, 0.0), (20, 0.0), (100, 0.1), (130, 0.3), (100, 2.0), (1000, 0.0), (1000, 1.0)):
        values = r.normal(shift, 1, n)
        found = stats.kstest(values, "norm", method="exact")
        normal.append({"values": values, "statistic": found.statistic, "pvalue": found.pvalue,
                       "tolerance": 1e-3 if n > 200 and found.pvalue > 1e-3 else 1e-9})
    limit = [{"x": x, "sf": stats.kstwobign.sf(x)} for x in (0.3, 0.7, 0.99, 1.0, 1.5, 3.0, 15.0)]
    write("ks", {"two": two, "normal": normal, "limit": limit})


def adwin_by_the_paper(values, delta, clock=32, side=5, per_row=5):
    """ADWIN with every bucket a list of its values; returns the changes and the window."""
    rows, changes = [], []
    for i, x in enumerate(values):
        new = [float(x)]
        for row in range(40):
            if row == len(rows):
                rows.append([])
            rows[row].append(new)
            if len(rows[row]) <= per_row:
                break
            new = rows[row].pop(0) + rows[row].pop(0)
        changed = (i + 1) % clock == 0
        while changed:
            buckets = [bucket for row in reversed(rows) for bucket in row]
            window = np.concatenate(buckets)
            n, changed = len(window), False
            if n <= 2 * side:
                break
            confidence = math.log(2 * math.log(n) / delta)
            for cut in np.cumsum([len(bucket) for bucket in buckets])[:-1]:
                if min(cut, n - cut) < side:
                    continue
                m = 1 / (cut - side + 1) + 1 / (n - cut - side + 1)
                bound = math.sqrt(2 * m * window.var() * confidence) + 2 / 3 * confidence * m
                if abs(window[:cut].mean() - window[cut:].mean()) > bound:
                    changed = True
            if changed:
                rows[-1].pop(0)
                while rows and not rows[-1]:
                    rows.pop()
                if not changes or changes[-1] != i:
                    changes.append(i)
    return changes, np.concatenate([bucket for row in reversed(rows) for bucket in row])


def drift():
    from river.drift import PageHinkley

    r = rng(9)
    values = np.concatenate([r.normal(0.3, 0.1, 700), r.normal(0.7, 0.1, 500), r.normal(0.5, 0.2, 900),
                             r.normal(3.0, 0.2, 600)])
    hinkley, found = PageHinkley(30, 0.005, 50.0, 1.0), []
    for i, x in enumerate(values):
        hinkley.update(float(x))
        if hinkley.drift_detected:
            found.append(float(i))
    # River's ADWIN looks at fewer cuts than the paper, so it is no reference here.
    changes, window = adwin_by_the_paper(values, 0.002)
    write("drift", {"values": values, "page_hinkley": found, "adwin": [float(i) for i in changes],
                    "adwin_width": float(len(window)), "adwin_mean": window.mean()})


def bayes():
    r = rng(10)
    values = np.concatenate([r.normal(0, 1, 60), r.normal(6, 0.5, 50), r.normal(6, 4, 60)])
    hazard, p = 1 / 50, np.array([1.0])
    mean, kappa, alpha, beta = np.array([0.0]), np.array([1.0]), np.array([1.0]), np.array([1.0])
    surprise, length = [], []
    for x in values:
        density = stats.t.pdf(x, 2 * alpha, mean, np.sqrt(beta * (kappa + 1) / (alpha * kappa)))
        surprise.append(-math.log(float(density @ p)))
        p = np.concatenate([[hazard * (density @ p)], (1 - hazard) * density * p])
        p /= p.sum()
        beta = np.concatenate([[1.0], beta + kappa * (x - mean) ** 2 / (2 * (kappa + 1))])
        mean = np.concatenate([[0.0], (kappa * mean + x) / (kappa + 1)])
        kappa, alpha = np.concatenate([[1.0], kappa + 1]), np.concatenate([[1.0], alpha + 0.5])
        length.append(float(np.argmax(p)))
    write("bayes", {"values": values, "surprise": surprise, "run_length": length, "within_10": p[:11].sum()})


def pelt():
    """Optimal partitioning without pruning."""
    r = rng(11)
    cases = []
    for n, cost, min_size, factor in ((90, "mean", 1, 3), (90, "mean", 5, 2), (120, "mean_variance", 2, 5),
                                      (120, "mean_variance", 8, 3), (60, "mean", 7, 0.1)):
        third = n // 3
        values = np.concatenate([r.normal(0, 1, third), r.normal(3, 1, third), r.normal(3, 4, n - 2 * third)])
        z = (values - values.mean()) / values.std()
        penalty = factor * math.log(n)
        best, back = [-penalty] + [math.inf] * n, [0] * (n + 1)
        for to in range(min_size, n + 1):
            for start in range(0, to - min_size + 1):
                part = z[start:to]
                squares = ((part - part.mean()) ** 2).sum()
                total = squares if cost == "mean" else len(part) * math.log(max(squares / len(part), 1e-12))
                total += best[start] + penalty
                if total < best[to]:
                    best[to], back[to] = total, start
        changes, at = [], back[n]
        while at > 0:
            changes.append(at)
            at = back[at]
        cases.append({"values": values, "cost": cost, "penalty": penalty, "min_size": min_size, "changes": changes[::-1]})
    write("pelt", cases)


def pareto():
    r = rng(12)
    cases = []
    for n, shape in ((50, 0.3), (200, -0.2), (200, 0.05), (30, 0.8)):
        excesses = stats.genpareto.rvs(shape, scale=2.0, size=n, random_state=r)
        found, _, scale = stats.genpareto.fit(excesses, floc=0)
        x = float(np.median(excesses)) * 3
        if found < 0:
            x = min(x, -0.9 * scale / found)
        cases.append({"excesses": excesses, "shape": found, "scale": scale, "x": x,
                      "sf": stats.genpareto.sf(x, found, scale=scale)})
    write("pareto", cases)


def holt_winters():
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    r, m = rng(13), 7
    i = np.arange(20 * m)
    values = 100 + 0.3 * i + 10 * np.sin(i * 2 * np.pi / m) + r.normal(0, 2, len(i))
    first, second = values[:m], values[m:2 * m]
    trend = (second.mean() - first.mean()) / m
    along = trend * (np.arange(m) - (m - 1) / 2)
    season = ((first - first.mean() - along) + (second - second.mean() - along)) / 2
    model = ExponentialSmoothing(values[2 * m:], trend="add", seasonal="add", seasonal_periods=m,
                                 initialization_method="known", initial_level=second.mean() + along[-1],
                                 initial_trend=trend, initial_seasonal=season)
    fit = model.fit(smoothing_level=0.3, smoothing_trend=0.1, smoothing_seasonal=0.2, optimized=False)
    # Its forecast of one whole period ahead takes the season before the last update: stop before.
    write("holt_winters", {"values": values, "residuals": fit.resid, "forecast": fit.forecast(6), "noise": 2.0})


def stl():
    from statsmodels.tsa.seasonal import STL

    r = rng(14)
    i = np.arange(120)
    values = 20 + 0.1 * i + 5 * np.sin(i * 2 * np.pi / 12) + r.normal(0, 1, len(i))
    values[50] += 30
    cases = []
    for robust in (False, True):
        fit = STL(values, period=12, seasonal=7, seasonal_deg=0, robust=robust, seasonal_jump=1, trend_jump=3, low_pass_jump=2).fit(
            inner_iter=1 if robust else 2, outer_iter=15 if robust else 0)
        cases.append({"values": values, "robust": robust, "seasonal": fit.seasonal, "trend": fit.trend})
    write("stl", cases)


def variance():
    r = rng(15)
    cases = []
    for sizes, scales in (((10, 12), (1, 1)), ((50, 40), (1, 2)), ((30, 45, 25), (1, 1, 3)), ((300, 200), (1, 9))):
        samples = [r.normal(5, scale, n) for n, scale in zip(sizes, scales)]
        a, b = samples[:2]
        f = a.var(ddof=1) / b.var(ddof=1)
        d = stats.f(len(a) - 1, len(b) - 1)
        case = {"samples": samples, "f": f, "f_pvalue": min(1.0, 2 * min(d.cdf(f), d.sf(f)))}
        for centre in ("median", "mean", "trimmed"):
            found = stats.levene(*samples, center=centre)
            case[centre] = {"f": found.statistic, "pvalue": found.pvalue}
        cases.append(case)
    write("variance", cases)


def mann_whitney():
    r = rng(16)
    cases = []
    for n, m, shift, ties in ((3, 4, 1, False), (8, 8, 0, False), (8, 40, 2, False), (5, 5, 9, False), (60, 70, 0.3, False),
                              (30, 40, 1, True), (300, 300, 3, False)):
        a, b = r.normal(0, 1, n), r.normal(shift, 1, m)
        if ties:
            a, b = np.round(a), np.round(b)
        found = stats.mannwhitneyu(a, b)
        cases.append({"a": a, "b": b, "u": found.statistic, "pvalue": found.pvalue})
    write("mann_whitney", cases)


def chi_square():
    fit, table = [], []
    for observed, expected in (([16, 18, 16, 14, 12, 12], None), ([10, 20, 30], [1, 2, 3.5]), ([900, 100], [1, 1])):
        scaled = None if expected is None else np.array(expected) * sum(observed) / sum(expected)
        found = stats.chisquare(observed, scaled)
        fit.append({"observed": [float(o) for o in observed], "expected": expected and [float(e) for e in expected],
                    "chi2": found.statistic, "pvalue": found.pvalue})
    for rows in ([[10, 20], [20, 20]], [[10, 20, 30], [6, 9, 17]], [[5, 900], [800, 3]], [[10, 10], [10, 11]]):
        for correction in (True, False):
            found = stats.chi2_contingency(rows, correction=correction)
            table.append({"rows": [[float(x) for x in row] for row in rows], "correction": correction,
                          "chi2": found.statistic, "df": float(found.dof), "pvalue": found.pvalue})
    write("chi_square", {"fit": fit, "table": table})


if __name__ == "__main__":
    ttest()
    quantile()
    moments()
    distributions()
    ewm()
    trend()
    rolling()
    spectrum()
    ks()
    drift()
    bayes()
    pelt()
    pareto()
    holt_winters()
    stl()
    variance()
    mann_whitney()
    chi_square()
