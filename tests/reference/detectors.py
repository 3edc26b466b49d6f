"""Makes the reference data of the detectors that draw random numbers or have no other source.

`python detectors.py` writes the JSON files beside it. Where a detector is random (isolation forest,
half-space trees, KSWIN) the scores or rates of scikit-learn and river are kept and compared in
distribution; S-H-ESD and KNN-CAD are written here from their papers, as plainly as possible.
"""

import numpy as np
from scipy.stats import norm, t as student

from stats import rng, write


def isolation_forest():
    from sklearn.ensemble import IsolationForest
    from sklearn.ensemble._iforest import _average_path_length

    r = rng(30)
    x = np.concatenate([r.normal(0, 1, 380), r.uniform(-8, 8, 20)])
    y = np.concatenate([0.5 * x[:380] + r.normal(0, 0.3, 380), r.uniform(-8, 8, 20)])
    rows = np.column_stack([x, y])
    scores = np.mean([-IsolationForest(n_estimators=500, max_samples=256, random_state=seed)
                      .fit(rows).score_samples(rows) for seed in range(5)], axis=0)
    sizes = [2, 3, 10, 100, 256, 4096]
    write("isolation_forest", {"x": x, "y": y, "scores": scores, "sizes": sizes,
                               "average_path": _average_path_length(np.array(sizes))})


def half_space_trees():
    from river.anomaly import HalfSpaceTrees

    r = rng(31)
    rows = np.clip(np.column_stack([r.normal(0.4, 0.08, 1000), r.normal(0.6, 0.08, 1000)]), 0, 1)
    probes = r.uniform(0, 1, (200, 2))
    scores = []
    for seed in range(20):
        trees = HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=seed)
        for a, b in rows:
            trees.learn_one({"a": a, "b": b})
        scores.append([trees.score_one({"a": a, "b": b}) for a, b in probes])
    write("half_space_trees", {"x": rows[:, 0], "y": rows[:, 1], "probe_x": probes[:, 0],
                               "probe_y": probes[:, 1], "scores": np.mean(scores, axis=0)})


def kswin():
    """Delays after a step of one standard deviation, and alarms without one."""
    from river.drift import KSWIN

    r = rng(32)
    delays = []
    for seed in range(40):
        detector = KSWIN(alpha=0.001, window_size=100, stat_size=30, seed=seed)
        for i in range(400):
            detector.update(r.normal(2 if i >= 150 else 0, 1))
            if i >= 150 and detector.drift_detected:
                delays.append(i - 150)
                break
    alarms, values = 0, 12000
    detector = KSWIN(alpha=0.005, window_size=100, stat_size=30, seed=1)
    for _ in range(values):
        detector.update(r.normal(0, 1))
        alarms += detector.drift_detected
    write("kswin", {"delay": float(np.mean(delays)), "found": len(delays), "alarm_share": alarms / values})


def seasonal_hybrid_esd():
    from statsmodels.tsa.seasonal import STL

    r = rng(33)
    cases = []
    for period, n, planted in ((12, 144, {40: 9.0, 90: -8.0, 121: 5.0}), (24, 240, {100: 30.0, 101: 25.0})):
        i = np.arange(n)
        values = 50 + 0.02 * i + 8 * np.sin(i * 2 * np.pi / period) + r.normal(0, 1, n)
        for at, by in planted.items():
            values[at] += by
        window = 10 * n + 1
        jump = lambda span: int(np.ceil(span / 10))
        trend = int(np.ceil(1.5 * period / (1 - 1.5 / window))) | 1
        low_pass = period | 1
        fit = STL(values, period=period, seasonal=window, trend=trend, low_pass=low_pass, seasonal_deg=0,
                  robust=True, seasonal_jump=jump(window), trend_jump=jump(trend),
                  low_pass_jump=jump(low_pass)).fit(inner_iter=1, outer_iter=15)
        season = np.array([fit.seasonal[k::period].mean() for k in range(period)])[i % period]
        rest = list(zip(values - season - np.median(values), range(n)))
        removed, count = [], 0
        for k in range(1, int(n * 0.1) + 1):
            left = np.array([v for v, _ in rest])
            centre = np.median(left)
            sigma = np.median(np.abs(left - centre)) / norm.ppf(0.75)
            far = int(np.argmax(np.abs(left - centre)))
            score = abs(left[far] - centre) / sigma
            removed.append({"index": rest[far][1], "score": score})
            del rest[far]
            p = 1 - 0.05 / (2 * (n - k + 1))
            q = student.ppf(p, n - k - 1)
            if score > (n - k) * q / np.sqrt((n - k - 1 + q * q) * (n - k + 1)):
                count = k
        cases.append({"period": period, "values": values, "outliers": removed[:count]})
    write("seasonal_hybrid_esd", cases)


def knn_cad(training=20, calibration=10, dimension=3, k=4):
    """Each value with the runs of the window it belongs to, every distance anew."""
    values = rng(34).normal(0, 1, 90)
    values[60] = 7
    history, conformity, scores = [], [], []
    for x in values:
        history = (history + [x])[-(training + calibration + dimension - 1):]
        runs = [np.array(history[i:i + dimension]) for i in range(len(history) - dimension + 1)]
        score = np.nan
        if len(runs) > training:
            newest = runs[-1]
            distance = np.sort([np.linalg.norm(newest - run) for run in runs[:training]])[:k].mean()
            if len(conformity) >= calibration:
                score = np.mean(np.array(conformity[-calibration:]) < distance)
            conformity.append(distance)
        scores.append(score)
    write("knn_cad", {"values": values, "scores": scores})


if __name__ == "__main__":
    isolation_forest()
    half_space_trees()
    seasonal_hybrid_esd()
    knn_cad()
    kswin()
