"""Writes reference.json: what SciPy computes of the same inputs, for tests/scipy.rs.

Only for development. Run:
    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scipy==1.17.1 numpy==2.4.6
    /tmp/venv/bin/python generate.py
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

ALTERNATIVES = {"TwoSided": "two-sided", "Less": "less", "Greater": "greater"}
rng = np.random.default_rng(20260101)


def pcg64(seed, count):
    """PCG64 (XSL-RR 128/64) from its definition, and two positions below 1000 of each word."""
    bits64, bits128 = (1 << 64) - 1, (1 << 128) - 1
    multiplier = 0x2360ED051FC65DA44385DF649FCCF645
    increment = (0x0A02BDBF7BB3C0A7AC28FA16A64ABF96 << 1 | 1) & bits128
    state = ((seed + increment) * multiplier + increment) & bits128
    for _ in range(count):
        state = (state * multiplier + increment) & bits128
        rotation, word = state >> 122, (state >> 64 ^ state) & bits64
        word = (word >> rotation | word << (64 - rotation)) & bits64
        yield from ((half * 1000) >> 32 for half in (word >> 32, word & 0xFFFFFFFF))


def sample(n, decimals=6, shift=0.0):
    return [float(value) for value in np.round(rng.normal(shift, 1.0, n), decimals)]


def distributions():
    levels = [1e-12, 1e-6, 0.00035, 0.005, 0.025, 0.2, 0.4999, 0.6, 0.95, 0.975, 0.9995]
    freedoms = [1, 2, 3, 7, 9, 29, 100, 1000]
    return {
        "normal": [[p, float(stats.norm.ppf(p))] for p in levels],
        "student": [[p, df, float(stats.t.ppf(p, df))] for p in levels for df in freedoms],
        "noncentral": [
            [critical, df, nc, float(stats.nct.sf(critical, df, nc) + stats.nct.cdf(-critical, df, nc))]
            for df in [3, 5, 9, 29, 99]
            for nc in [0.5, 2.0, 3.5]
            for critical in [1.5, 2.5]
        ],
    }


def spending():
    """The O'Brien-Fleming type, as in R's gsDesign::sfLDOF."""
    return [
        [alpha, t, float(2 - 2 * stats.norm.cdf(stats.norm.isf(alpha / 2) / np.sqrt(t)))]
        for alpha in [0.05, 0.01]
        for t in [0.2, 1 / 3, 0.5, 0.6, 0.8, 1.0]
    ]


def power():
    """Two-sided paired t test on log ratios: the smallest n by going through them."""
    cases = []
    for sd, ratio, alpha, wanted in [
        (0.05, 1.03, 0.05, 0.8),
        (0.05, 1.10, 0.05, 0.9),
        (0.02, 0.99, 0.01, 0.8),
        (0.30, 1.20, 0.0167, 0.8),
    ]:
        def reached(n):
            critical, nc = stats.t.ppf(1 - alpha / 2, n - 1), np.sqrt(n) * abs(np.log(ratio)) / sd
            return stats.nct.sf(critical, n - 1, nc) + stats.nct.cdf(-critical, n - 1, nc)

        n = next(n for n in range(2, 10_000) if reached(n) >= wanted)
        cases.append({"sd": sd, "log_effect": float(np.log(ratio)), "alpha": alpha, "wanted": wanted,
                      "blocks": n, "power": float(reached(n))})
    return cases


def wilcoxon():
    samples = [("exact", sample(n, shift=shift)) for n, shift in [(1, 0), (6, 1), (10, 0.5), (23, 0.3), (50, 0.2)]]
    samples += [("asymptotic", sample(n, shift=0.2)) for n in [51, 80]]
    samples += [("asymptotic", sample(n, decimals=1, shift=0.3)) for n in [60, 75]]
    samples += [("asymptotic", sample(55, shift=0.3) + [0.0, 0.0, 0.5, -0.5])]
    # "exact" does not know ties and zeros: all choices of signs are gone through.
    every = stats.PermutationMethod(n_resamples=np.inf)
    samples += [(every, sample(n, decimals=0, shift=shift)) for n, shift in [(6, 1), (8, 0.7), (13, 0.6)]]
    return [
        {"x": x, "alternative": name, "exact": method != "asymptotic",
         "statistic": float(stats.wilcoxon(x, alternative="greater", method=method, correction=True).statistic),
         "p": float(stats.wilcoxon(x, alternative=scipys, method=method, correction=True).pvalue)}
        for method, x in samples for name, scipys in ALTERNATIVES.items()
    ]


def mann_whitney():
    pairs = [("exact", sample(m), sample(n, shift=0.7)) for m, n in [(1, 3), (5, 8), (12, 7), (30, 25), (50, 50)]]
    pairs += [("asymptotic", sample(m), sample(n, shift=0.4)) for m, n in [(51, 10), (60, 70)]]
    pairs += [("asymptotic", sample(m, decimals=1), sample(n, decimals=1, shift=0.4)) for m, n in [(60, 52), (55, 9)]]
    every = stats.PermutationMethod(n_resamples=np.inf)
    pairs += [(every, sample(m, decimals=0), sample(n, decimals=0, shift=0.7)) for m, n in [(4, 4), (6, 9)]]
    cases = []
    for method, x, y in pairs:
        for name, scipys in ALTERNATIVES.items():
            test = stats.mannwhitneyu(x, y, alternative=scipys, method=method)
            cases.append({"x": x, "y": y, "alternative": name, "exact": method != "asymptotic",
                          "statistic": float(test.statistic), "p": float(test.pvalue)})
    return cases


def estimates():
    cases = []
    for n in [1, 2, 7, 20]:
        x, y = sample(n), sample(n + 3, shift=0.5)
        walsh = [(x[i] + x[j]) / 2 for i in range(n) for j in range(i, n)]
        cases.append({"x": x, "y": y, "hodges_lehmann": float(np.median(walsh)),
                      "shift": float(np.median(np.subtract.outer(x, y))), "median": float(np.median(x)),
                      "geometric_mean": float(stats.gmean(np.exp(x)))})
    return cases


def student_and_floor():
    cases = []
    for n in [2, 8, 30]:
        x = sample(n)
        low, high = stats.t.interval(0.95, n - 1, np.mean(x), stats.sem(x))
        floor = np.expm1(stats.t.ppf(0.975, n) * np.sqrt(np.mean(np.square(x))) / np.sqrt(12))
        cases.append({"x": x, "low": float(low), "high": float(high), "floor": float(floor)})
    return cases


def bca():
    cases = []
    for n in [10, 15, 30]:
        for name, statistic in [("mean", np.mean), ("sd", lambda x, axis: np.std(x, axis=axis, ddof=1))]:
            x = [float(value) for value in np.round(rng.lognormal(0.0, 0.5, n), 6)]
            result = stats.bootstrap((x,), statistic, method="BCa", n_resamples=200_000, batch=10_000, rng=rng)
            interval = result.confidence_interval
            cases.append({"x": x, "statistic": name, "low": float(interval.low), "high": float(interval.high)})
    return cases


reference = {
    "scipy": scipy.__version__,
    "positions": list(pcg64(42, 4)),
    **distributions(),
    "spending": spending(),
    "power": power(),
    "wilcoxon": wilcoxon(),
    "mann_whitney": mann_whitney(),
    "estimates": estimates(),
    "student_intervals": student_and_floor(),
    "bca": bca(),
}
Path(__file__).with_name("reference.json").write_text(json.dumps(reference, indent=None) + "\n")
