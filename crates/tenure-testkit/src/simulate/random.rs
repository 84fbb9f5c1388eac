//! Where chance comes from: one stream of numbers for each seed, customer and purpose, and the distributions on it.
//!
//! Every number is the same on every machine: the generator works on integers, uniform floats are exact, and logarithm and
//! exponential come from the crate `libm`, not from the platform. (A crate of distributions would use the platform's as
//! soon as anything else in a build turns on the `std` feature of `num-traits`.)

use core::f64::consts::TAU;

use rand_core::Rng;
use rand_pcg::Pcg64Mcg;

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The stream of one customer for one purpose. Streams of other customers, seeds and purposes have nothing to do
    /// with it: their states are hashes.
    pub fn of(seed: u64, customer: u64, purpose: &str) -> Self {
        let mut hash = blake3::Hasher::new_derive_key("tenure simulated customers 1");
        hash.update(&seed.to_le_bytes()).update(&customer.to_le_bytes()).update(purpose.as_bytes());
        let mut state = [0; 16];
        hash.finalize_xof().fill(&mut state);
        Self(Pcg64Mcg::new(u128::from_le_bytes(state)))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number below `n`; 0 if that is 0. The bias of at most n / 2^64 is of no account here.
    pub fn below(&mut self, n: u64) -> u64 {
        // The high half of a product with a number below n is below n.
        u64::try_from((u128::from(self.bits()) * u128::from(n)) >> 64).unwrap_or_default()
    }

    /// A float in the open interval 0 to 1.
    pub fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a float exactly")]
        let bits = (self.bits() >> 11) as f64;
        (bits + 0.5) / 9_007_199_254_740_992.0
    }

    /// True in `per_mille` of 1,000 cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of some things; none of nothing.
    pub fn one_of<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        things.get(usize::try_from(self.below(things.len() as u64)).unwrap_or_default())
    }

    /// One of some words.
    pub fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.one_of(words).copied().unwrap_or_default()
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.unit())
    }

    /// Standard normal.
    ///
    /// # Source
    /// Box and Muller, "A Note on the Generation of Random Normal Deviates", Annals of Mathematical Statistics 29(2),
    /// 1958.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.unit()));
        radius * libm::cos(TAU * self.unit())
    }

    /// Lognormal with this median.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// Gamma with this shape and mean.
    ///
    /// # Source
    /// Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 26(3), 2000; below shape 1
    /// with the power of a uniform number that they give there.
    pub fn gamma(&mut self, shape: f64, mean: f64) -> f64 {
        let boost = if shape < 1.0 { libm::exp(libm::log(self.unit()) / shape) } else { 1.0 };
        let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let cube = 1.0 + c * x;
            let v = cube * cube * cube;
            if v > 0.0 && libm::log(self.unit()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return mean / shape * boost * d * v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(numbers: impl Iterator<Item = f64>) -> f64 {
        let numbers: Vec<f64> = numbers.collect();
        numbers.iter().sum::<f64>() / f64::from(u32::try_from(numbers.len()).unwrap())
    }

    #[test]
    fn distributions_have_the_moments_of_their_names() {
        let mut random = Random::of(1, 1, "moments");
        let mut draw = |number: fn(&mut Random) -> f64| {
            let numbers: Vec<f64> = (0..200_000).map(|_| number(&mut random)).collect();
            let first = mean(numbers.iter().copied());
            (first, mean(numbers.iter().map(|n| (n - first) * (n - first))))
        };
        let close = |(mean, variance): (f64, f64), to: (f64, f64)| {
            assert!((mean - to.0).abs() < 0.03, "mean {mean}, not {}", to.0);
            assert!((variance - to.1).abs() < 0.06 * to.1, "variance {variance}, not {}", to.1);
        };
        close(draw(Random::unit), (0.5, 1.0 / 12.0));
        close(draw(Random::normal), (0.0, 1.0));
        close(draw(|random| random.exponential(2.0)), (2.0, 4.0));
        close(draw(|random| random.gamma(0.5, 1.0)), (1.0, 2.0));
        close(draw(|random| random.gamma(4.0, 2.0)), (2.0, 1.0));
        let (lognormal, _) = draw(|random| random.lognormal(1.0, 0.5));
        assert!((lognormal - (0.125_f64).exp()).abs() < 0.02, "{lognormal}");
        let (chance, _) = draw(|random| f64::from(u8::from(random.chance(250))));
        assert!((chance - 0.25).abs() < 0.01, "{chance}");
    }

    /// The numbers that seed 7 gave when this was written: they must not move, on any machine or in any build.
    #[test]
    fn the_same_seed_gives_the_same_bits_everywhere() {
        let mut random = Random::of(7, 1, "person");
        let drawn = [
            random.bits(),
            random.exponential(1.0).to_bits(),
            random.normal().to_bits(),
            random.lognormal(3.0, 1.2).to_bits(),
            random.gamma(0.6, 2.0).to_bits(),
        ];
        assert_eq!(
            drawn,
            [
                9_967_842_970_835_169_189,
                4_611_721_049_110_437_030,
                4_608_686_066_831_270_652,
                4_612_432_374_071_653_668,
                4_604_332_308_506_752_359
            ]
        );
    }

    #[test]
    fn streams_of_customers_and_purposes_differ() {
        let first = |seed, customer, purpose| Random::of(seed, customer, purpose).bits();
        let all = [first(1, 1, "a"), first(1, 1, "b"), first(1, 2, "a"), first(2, 1, "a")];
        for (n, one) in all.iter().enumerate() {
            assert!(!all[n + 1..].contains(one));
        }
    }
}
