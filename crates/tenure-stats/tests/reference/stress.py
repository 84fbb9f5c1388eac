"""Answers of the purchase models at extreme points, at 40 digits: python3 stress.py > stress.csv (needs mpmath, a minute).

The formulas are those of the literature, with Gauss's hypergeometric function, and nothing is rearranged: the library
computes the same numbers by other ways. Removable singularities are approached to 10^-40 with digits to spare.
"""

from mpmath import mp, mpf, hyp2f1, loggamma, log, exp

mp.dps = 120
TINY = mpf(10) ** -40


def off(value):
    """A parameter at which a formula has a pole that cancels, moved aside by less than what is printed."""
    return value + TINY


def lg(x):
    return loggamma(x)


def beta_geometric(p, x, tx, T, t, modified):
    r, alpha, a, b = p
    more = 1 if modified else 0
    # a = 1 and a + b = 1 are poles of the printed formula.
    k = a if a != 1 else off(a)
    B = b if k + b != 1 else off(b)
    D = (lg(r + x) - lg(r) + lg(a + b) + lg(b + x + more) - lg(b) - lg(a + b + x + more) + r * log(alpha))
    here = exp(-(r + x) * log(alpha + T))
    if modified:
        left = a / (b + x) * exp(-(r + x) * log(alpha + tx))
    else:
        left = a / (b + x - 1) * exp(-(r + x) * log(alpha + tx)) if x > 0 else mpf(0)
    ll = D + log(here + left)
    alive = here / (here + left)
    z = t / (alpha + T + t)
    power = ((alpha + T) / (alpha + T + t)) ** (r + x)
    first = k + B + x - 1 + more
    expected = alive * first / (k - 1) * (1 - power * hyp2f1(r + x, B + x + more, first, z, maxterms=10**7))
    p0 = 1 - alive * (1 - power)
    return ll, alive, expected, p0


def pareto(p, x, tx, T, t):
    r, alpha, s, beta = p
    w = r + s + x
    m, d = max(alpha, beta), abs(alpha - beta)
    q = s + 1 if alpha >= beta else r + x

    def integral(start, end):
        """s / w A0: s times the integral of (alpha + u)^-(r+x) (beta + u)^-(s+1)."""
        F = lambda u: hyp2f1(w, q, w + 1, d / (m + u), maxterms=10**7) / (m + u) ** w
        return s / w * (F(start) - F(end))

    here = (alpha + T) ** -(r + x) * (beta + T) ** -s
    left = integral(tx, T)
    ll = lg(r + x) - lg(r) + r * log(alpha) + s * log(beta) + log(here + left)
    alive = here / (here + left)
    S = s if s != 1 else off(s)
    expected = alive * (r + x) * (beta + T) / ((alpha + T) * (S - 1)) * (1 - ((beta + T) / (beta + T + t)) ** (S - 1))
    still = (alpha + T + t) ** -(r + x) * (beta + T + t) ** -s
    silent = (still + integral(T, T + t)) / here
    p0 = 1 - alive * (1 - silent)
    return ll, alive, expected, p0


BETA_GEOMETRIC = [
    ("0.2425945", "4.413602", "0.792922", "2.425907"),  # CDNOW
    ("0.55", "10.6", "1", "1.6"),
    ("0.5", "6", "1.000000001", "2"),
    ("0.5", "6", "0.999999", "2"),
    ("0.5", "6", "1.00001", "0.3"),
    ("0.3", "5", "0.375", "0.625"),  # a + b = 1
    ("0.3", "5", "0.35", "0.5"),
    ("20", "1", "0.05", "0.2"),
    ("0.01", "1000", "5", "50"),
]
PARETO = [
    ("0.553277", "10.577683", "0.606240", "11.668735"),  # CDNOW
    ("0.5", "10", "1", "10"),
    ("0.5", "10", "1.000000001", "12"),
    ("0.5", "12", "0.999999", "10"),
    ("0.3", "0.001", "0.6", "1000"),
    ("0.3", "1000", "0.6", "0.001"),
    ("20", "1", "3", "0.5"),
    ("0.01", "100", "0.01", "1"),
]
# Repeat purchases, recency, age, horizon. Numbers that doubles hold exactly, or that are read from their decimals.
HISTORIES = [
    (0, "0", "39", "39"),
    (0, "0", "0.000001", "1"),
    (0, "0", "100000000", "10000"),
    (1, "3.9", "39", "52"),
    (2, "30.43", "38.86", "39"),
    (10, "0.00099", "0.001", "0.001"),
    (10, "500000", "1000000", "1000000"),
    (100, "35.1", "39", "1000"),
    (1000, "399.6", "400", "1000000"),
    (10000, "3999.6", "4000", "52"),
    (10000, "2000", "4000", "0.000001"),
    (10000, "100000", "100000", "100000000"),
]


def main():
    print("model,p1,p2,p3,p4,x,t_x,T,t,log_likelihood,p_alive,expected_purchases,p_no_purchase")
    models = [("BG/NBD", BETA_GEOMETRIC, lambda p, *h: beta_geometric(p, *h, False)),
              ("MBG/NBD", BETA_GEOMETRIC, lambda p, *h: beta_geometric(p, *h, True)),
              ("Pareto/NBD", PARETO, pareto)]
    # As doubles: what is read from these decimals is what the library is given.
    number = lambda text: mpf(float(text))
    for name, parameters, answers in models:
        for p in parameters:
            for x, tx, T, t in HISTORIES:
                got = answers([number(v) for v in p], x, number(tx), number(T), number(t))
                cells = [name, *p, str(x), tx, T, t] + [mp.nstr(v, 40) for v in got]
                print(",".join(cells), flush=True)


if __name__ == "__main__":
    main()
