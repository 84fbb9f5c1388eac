//! Which kinds of customers there are, and in which shares.

use core::fmt;
use core::str::FromStr;

use super::SimulateError;
use super::random::Random;

/// How a customer does business with us. Each has a policy preset of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Archetype {
    /// Trade without a contract: orders until the customer silently leaves.
    Retail,
    /// Software by subscription: trial, sessions, renewals, failed payments, cancellation.
    Saas,
    /// Business with businesses: leads, opportunities, contracts, follow-ups.
    B2b,
}

impl Archetype {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Retail, Self::Saas, Self::B2b];

    /// The stable name, which is also that of the policy preset.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retail => "retail",
            Self::Saas => "saas",
            Self::B2b => "b2b",
        }
    }
}

impl fmt::Display for Archetype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kinds of customers and their weights.
///
/// # Example
/// ```
/// use tenure_testkit::simulate::{Archetype, Mix};
/// assert_eq!("retail=6,saas=3,b2b=1".parse::<Mix>()?, Mix::default());
/// assert_eq!("saas".parse::<Mix>()?, Mix::only(Archetype::Saas));
/// assert!("retail=0".parse::<Mix>().is_err());
/// # Ok::<(), tenure_testkit::simulate::SimulateError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Weight of each archetype, in the order of [`Archetype::ALL`]; one of them is not 0.
    weights: [u32; 3],
}

impl Mix {
    /// Customers of one kind.
    pub const fn only(archetype: Archetype) -> Self {
        Self {
            weights: match archetype {
                Archetype::Retail => [1, 0, 0],
                Archetype::Saas => [0, 1, 0],
                Archetype::B2b => [0, 0, 1],
            },
        }
    }

    pub(super) fn pick(self, random: &mut Random) -> Archetype {
        let mut place = random.below(self.weights.iter().copied().map(u64::from).sum());
        for (archetype, weight) in Archetype::ALL.into_iter().zip(self.weights) {
            match place.checked_sub(weight.into()) {
                Some(rest) => place = rest,
                None => return archetype,
            }
        }
        Archetype::Retail // Not reached: the place lies below the sum of the weights.
    }
}

impl Default for Mix {
    /// Six shoppers and three subscribers to one business.
    fn default() -> Self {
        Self { weights: [6, 3, 1] }
    }
}

impl FromStr for Mix {
    type Err = SimulateError;

    fn from_str(text: &str) -> Result<Self, SimulateError> {
        let refuse = |why| SimulateError::Mix { text: text.into(), why };
        let mut weights = [None; 3];
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let weight =
                weight.trim().parse().map_err(|_| refuse("a weight is a whole number up to 4294967295"))?;
            let known =
                Archetype::ALL.into_iter().zip(&mut weights).find(|(known, _)| known.name() == name.trim());
            let (_, place) = known.ok_or_else(|| refuse("the kinds are retail, saas and b2b"))?;
            if place.replace(weight).is_some() {
                return Err(refuse("a kind is named twice"));
            }
        }
        let weights = weights.map(Option::unwrap_or_default);
        if weights == [0; 3] { Err(refuse("one weight must not be 0")) } else { Ok(Self { weights }) }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (archetype, weight) in
            Archetype::ALL.into_iter().zip(self.weights).filter(|(_, weight)| *weight > 0)
        {
            write!(f, "{comma}{archetype}={weight}")?;
            comma = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_come_in_the_shares_of_the_mix() {
        let mut random = Random::of(1, 1, "mix");
        let mut counts = [0_u32; 3];
        for _ in 0..10_000 {
            counts[Mix::default().pick(&mut random) as usize] += 1;
        }
        for (count, expected) in counts.into_iter().zip([6_000, 3_000, 1_000]) {
            assert!(count.abs_diff(expected) < 200, "{counts:?}");
        }
        assert_eq!(Mix::only(Archetype::B2b).pick(&mut random), Archetype::B2b);
    }

    #[test]
    fn a_wrong_mix_is_refused_with_its_reason() {
        for bad in
            ["", "shop", "retail=", "retail=-1", "retail=1,retail=2", "saas=0,b2b=0", "retail=4294967296"]
        {
            assert!(bad.parse::<Mix>().is_err(), "{bad:?}");
        }
        let mix: Mix = "b2b=2, retail=1".parse().unwrap();
        assert_eq!(mix.to_string(), "retail=1,b2b=2");
        assert_eq!(mix.to_string().parse::<Mix>().unwrap(), mix);
    }
}
