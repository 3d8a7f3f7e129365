r"""What the draws of several chains are worth: rank-normalised split R-hat, and effective sample sizes.

All of them take draws of shape (chains, draws) and give one number.

References:
    Vehtari, Gelman, Simpson, Carpenter, Buerkner, Rank-normalization, folding, and localization: an improved R-hat,
    Bayesian Analysis 16 (2021); Geyer, Practical Markov chain Monte Carlo, Statistical Science 7 (1992).
"""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtri
from scipy.stats import rankdata


def r_hat(draws: np.ndarray) -> float:
    r"""The spread of all halves of chains over the spread within one, :math:`\hat R`; 1 where they agree.

    The larger one of two: for the ranks, which sees chains that live in different places, and for the ranks of
    distances from the median, which sees chains of different width. Above 1.01, do not trust the draws.
    """
    if not _usable(draws):
        return np.nan
    halves = _halves(draws)
    return max(_spread_ratio(_normal_scores(halves)), _spread_ratio(_normal_scores(abs(halves - np.median(halves)))))


def bulk_size(draws: np.ndarray) -> float:
    """How many independent draws would give the mean of the ranks as well."""
    return _size(_normal_scores(_halves(draws))) if _usable(draws) else np.nan


def tail_size(draws: np.ndarray) -> float:
    """How many independent draws would give the 5 % and 95 % quantiles as well, the worse of both."""
    if not _usable(draws):
        return np.nan
    halves = _halves(draws)
    return min(_size((halves <= np.quantile(draws, q)).astype(float)) for q in (0.05, 0.95))


def mean_size(draws: np.ndarray) -> float:
    """How many independent draws would give the mean as well."""
    return _size(_halves(draws)) if _usable(draws) else np.nan


def _usable(draws: np.ndarray) -> bool:
    return draws.shape[1] >= 4 and bool(np.all(np.isfinite(draws))) and bool(np.ptp(draws) > 0)


def _halves(draws: np.ndarray) -> np.ndarray:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]]).astype(float)


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks among all draws."""
    ranks = rankdata(draws, axis=None).reshape(draws.shape)
    return ndtri((ranks - 0.375) / (draws.size + 0.25))


def _spread_ratio(draws: np.ndarray) -> float:
    n = draws.shape[1]
    within, between = np.mean(np.var(draws, axis=1, ddof=1)), np.var(np.mean(draws, axis=1), ddof=1)
    return float(np.sqrt((n - 1) / n + between / within)) if within > 0 else np.inf


def _size(draws: np.ndarray) -> float:
    r"""N / (1 + 2 sum of autocorrelations), summed in pairs until a pair is negative, made decreasing.

    The autocorrelation counts what parts the chains, too: :math:`\rho_t = 1 - (W - \bar c_t) / V`.
    """
    num_chains, n = draws.shape
    centred = draws - draws.mean(axis=1, keepdims=True)
    length = next_fast_len(2 * n, real=True)
    power = np.abs(rfft(centred, length)) ** 2
    covariance = irfft(power, length)[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + (np.var(draws.mean(axis=1), ddof=1) if num_chains > 1 else 0.0)
    if total == 0:
        return np.nan
    rho = 1 - (within - covariance) / total
    rho[0] = 1.0
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    last = negative[0] if len(negative) else len(pairs)
    # what is left of a pair that is negative in sum still counts where its first half is positive
    rest = max(rho[2 * last], 0.0) if last < len(pairs) else 0.0
    tau = -1 + 2 * np.sum(np.minimum.accumulate(pairs[:last])) + rest
    return float(draws.size / max(tau, 1 / np.log10(draws.size)))
