"""Makes `extremes.json`: every statistic of the same ten values at scales from 1e-308 to 1e308.

The values are doubles, read as exact numbers; everything is computed from the definitions with mpmath and
3,000 bits, so that 1e308 to the fourth power is as exact as 1. Keys are expressions of a script over the
arrays `a`, `b` and `t` (0, 1, 2 …) and the number `x`; values are decimal numbers, also where no double can hold them.

    python3 tests/reference/extremes.py
"""

import json
import pathlib

import mpmath as mp

HERE = pathlib.Path(__file__).parent
mp.mp.prec = 3000
SCALES = [-308, -300, -200, -160, -154, -150, -100, -30, 0, 30, 100, 150, 154, 160, 200, 300, 307, 308]
A = [0.31, -1.27, 0.93, 1.61, -0.42, 0.17, -1.58, 0.76, 1.13, -0.89]
B = [1.02, 1.49, -0.63, 1.71, 0.55, 1.38, 0.21, 1.66, 0.94, 1.17]
X = 1.43


def mean(v):
    return mp.fsum(v) / len(v)


def moment(v, power):
    m = mean(v)
    return mp.fsum((x - m) ** power for x in v) / len(v)


def var(v):
    return moment(v, 2) * len(v) / (len(v) - 1)


def sd(v):
    return mp.sqrt(var(v))


def quantile(v, q):
    v = sorted(v)
    at = (len(v) - 1) * mp.mpf(q)
    low = int(at)
    return v[low] + (v[min(low + 1, len(v) - 1)] - v[low]) * (at - low)


def median(v):
    return quantile(v, 0.5)


def mad(v):
    m = median(v)
    return median([abs(x - m) for x in v])


def two_sided(t, df):
    return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True)


def welch(a, b):
    ea, eb = var(a) / len(a), var(b) / len(b)
    t = (mean(a) - mean(b)) / mp.sqrt(ea + eb)
    return t, (ea + eb) ** 2 / (ea**2 / (len(a) - 1) + eb**2 / (len(b) - 1))


def pooled(a, b):
    n, m = len(a), len(b)
    s = ((n - 1) * var(a) + (m - 1) * var(b)) / (n + m - 2)
    return (mean(a) - mean(b)) / mp.sqrt(s * (mp.mpf(1) / n + mp.mpf(1) / m))


def levene(groups):
    z = [[abs(x - median(g)) for x in g] for g in groups]
    n, k = sum(map(len, z)), len(z)
    whole = mean([x for g in z for x in g])
    between = mp.fsum(len(g) * (mean(g) - whole) ** 2 for g in z) / (k - 1)
    within = mp.fsum((x - mean(g)) ** 2 for g in z for x in g) / (n - k)
    return between / within


def cov(a, b):
    ma, mb = mean(a), mean(b)
    return mp.fsum((x - ma) * (y - mb) for x, y in zip(a, b))


def slopes(x, y):
    return [(y[i] - y[j]) / (x[i] - x[j]) for i in range(len(x)) for j in range(i)]


def ew(v, alpha):
    alpha = mp.mpf(alpha)
    m, s = v[0], mp.mpf(0)
    for x in v[1:]:
        d = x - m
        m += alpha * d
        s = (1 - alpha) * (s + alpha * d * d)
    return m, s


def grubbs(v):
    return max(abs(x - mean(v)) for x in v) / sd(v)


def chi2(counts):
    e = mean(counts)
    return mp.fsum((c - e) ** 2 / e for c in counts)


def power(v, k):
    m = mean(v)
    n = len(v)
    x = mp.fsum((y - m) * mp.expjpi(mp.mpf(-2) * k * i / n) for i, y in enumerate(v))
    return abs(x) ** 2 / n


def statistics(a, b, x):
    n = len(a)
    t = [mp.mpf(i) for i in range(n)]
    tw, dfw = welch(a, b)
    q1, q3 = quantile(a, 0.25), quantile(a, 0.75)
    ewm, ewv = ew(a, 0.3)
    out = {}
    for make in ["moving_stats(10)", "moving_stats(100)", "running_stats()"]:
        s = f"{make}.push(a)"
        out |= {
            f"{s}.mean": mean(a), f"{s}.sum": mp.fsum(a), f"{s}.variance": var(a), f"{s}.stddev": sd(a),
            f"{s}.skewness": moment(a, 3) / moment(a, 2) ** 1.5,
            f"{s}.kurtosis": moment(a, 4) / moment(a, 2) ** 2 - 3, f"{s}.z(x)": (x - mean(a)) / sd(a),
            f"{s}.min": min(a), f"{s}.max": max(a),
        }
    out |= {
        "timed_stats(\"1h\").push(times, a).variance": var(a),
        "timed_stats(\"1h\").push(times, a).stddev": sd(a),
        "timed_stats(\"1h\").push(times, a).kurtosis": moment(a, 4) / moment(a, 2) ** 2 - 3,
        "running_stats().push(a).merge(running_stats().push(b)).stddev": sd(a + b),
        "running_stats().push(a).merge(running_stats().push(b)).skewness":
            moment(a + b, 3) / moment(a + b, 2) ** 1.5,
        "{ let s = ew_stats(0.3); s.push(a); s.mean }": ewm,
        "{ let s = ew_stats(0.3); s.push(a); s.variance }": ewv,
        "{ let s = ew_stats(0.3); s.push(a); s.stddev }": mp.sqrt(ewv),
        "{ let s = ew_stats(0.3); s.push(a); s.z(x) }": (x - ewm) / mp.sqrt(ewv),
        "{ let s = hour_of_day(); s.push(times, a); s.stddev(0) }": sd(a),
        "{ let s = hour_of_day(); s.push(times, a); s.z(0, x) }": (x - mean(a)) / sd(a),
        "mean(a)": mean(a), "sum(a)": mp.fsum(a), "variance(a)": var(a), "stddev(a)": sd(a),
        "skewness(a)": moment(a, 3) / moment(a, 2) ** 1.5, "kurtosis(a)": moment(a, 4) / moment(a, 2) ** 2 - 3,
        "series(a).stddev": sd(a), "series(a).sum": mp.fsum(a),
        "median(a)": median(a), "quantile(a, 0.1)": quantile(a, mp.mpf(0.1)), "mad(a)": mad(a), "iqr(a)": q3 - q1,
        "median([a[1], a[3]])": median([a[1], a[3]]),
        "tukey_fences(a, 1.5).lower": q1 - 1.5 * (q3 - q1), "tukey_fences(a, 0.1).upper": q3 + mp.mpf(0.1) * (q3 - q1),
        "moving_order(10).push(a).median": median(a), "moving_order(10).push(a).mad": mad(a),
        "moving_order(10).push(a).iqr": q3 - q1,
        "moving_order(10).push(a).hampel(x).score":
            (x - median(a)) / (mad(a) * mp.mpf(1.482602218505602)),
        "welch_ttest(a, b).t": tw, "welch_ttest(a, b).df": dfw, "welch_ttest(a, b).pvalue": two_sided(tw, dfw),
        "welch_ttest(running_stats().push(a), moving_stats(10).push(b)).pvalue": two_sided(tw, dfw),
        "pooled_ttest(a, b).t": pooled(a, b),
        "one_sample_ttest(a, x).t": (mean(a) - x) / (sd(a) / mp.sqrt(n)),
        "paired_ttest(a, b).t":
            mean([p - q for p, q in zip(a, b)]) / (sd([p - q for p, q in zip(a, b)]) / mp.sqrt(n)),
        "f_test(a, b).f": var(a) / var(b), "levene([a, b]).f": levene([a, b]),
        "grubbs(a).statistic": grubbs(a),
        "pearson(a, b)": cov(a, b) / mp.sqrt(cov(a, a) * cov(b, b)),
        "moving_correlation(10).push(a, b).value": cov(a, b) / mp.sqrt(cov(a, a) * cov(b, b)),
        "linear_fit(t, a).slope": cov(t, a) / cov(t, t),
        "linear_fit(t, a).intercept": mean(a) - cov(t, a) / cov(t, t) * mean(t),
        "linear_fit(a, t).slope": cov(t, a) / cov(a, a), "linear_fit(a, b).slope": cov(b, a) / cov(a, a),
        "linear_fit(a, b).r": cov(a, b) / mp.sqrt(cov(a, a) * cov(b, b)),
        "theil_sen(t, a).slope": median(slopes(t, a)), "theil_sen(a, b).slope": median(slopes(a, b)),
        "theil_sen(a, t).slope": median(slopes(a, t)),
        "{ let s = moving_trend(10); s.push(times, a); s.linear.slope }": cov(t, a) / cov(t, t),
        "chi_square_fit(counts).chi2": chi2([abs(v) for v in a]),
        "diff(a)[1]": a[2] - a[1], "cumsum(a)[-1]": mp.fsum(a), "dot(a, b)": mp.fsum(p * q for p, q in zip(a, b)),
        "rolling_mean(a, 4)[-1]": mean(a[-4:]), "rolling_sum([a[6], a[7], a[8], a[9]], 4)[-1]": mp.fsum(a[-4:]),
        "rolling_stddev(a, 4)[-1]": sd(a[-4:]), "rolling_median(a, 4)[-1]": median(a[-4:]),
        "rolling_quantile(a, 4, 0.3)[-1]": quantile(a[-4:], mp.mpf(0.3)),
        "power_spectrum(a).max": max(power(a, k) for k in range(1, 6)),
        "autocorrelation(a, 1)[1]": mp.fsum(
            (a[i] - mean(a)) * (a[i + 1] - mean(a)) for i in range(n - 1)) / cov(a, a),
        "{ let s = rate(); s.push(times[0], a[0]); s.push(times[1], a[1]) }": a[1] - a[0],
        "interpolate([a[0], 0.0 / 0.0, a[2]])[1]": (a[0] + a[2]) / 2,
        "normal_cdf(x, a[0], counts[1])": mp.ncdf((x - a[0]) / abs(a[1])),
    }
    return out


def main():
    cases = []
    for scale in SCALES:
        # Written and read as a script writes them: the nearest doubles.
        a, b = ([float(f"{v}e{scale}") for v in values] for values in (A, B))
        x = float(f"{X}e{scale}")
        exact = statistics([mp.mpf(v) for v in a], [mp.mpf(v) for v in b], mp.mpf(x))
        cases.append({
            "scale": scale, "a": [repr(v) for v in a], "b": [repr(v) for v in b], "x": repr(x),
            "exact": {k: mp.nstr(v, 20) for k, v in exact.items()},
        })
    (HERE / "extremes.json").write_text(json.dumps(cases, indent=0) + "\n")


main()
