//! Bringing bodies of old schema versions forward, on read; what is stored is never rewritten.

use core::fmt;
use std::collections::BTreeMap;

use super::{FactError, Kind, Wire};

/// One step from a schema version to a later one: a pure function of the old wire form.
#[derive(Clone, Copy)]
pub struct Upcaster {
    /// The kind it is for.
    pub kind: Kind,
    /// The version it reads.
    pub from: u16,
    /// The version it writes.
    pub to: u16,
    /// The translation. It changes the fields; the schema number is set by [`Upcasters::upcast`].
    pub step: fn(Wire) -> Result<Wire, FactError>,
}

impl fmt::Debug for Upcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.kind.name(), self.from, self.to)
    }
}

/// The chain of upcasters of every kind, checked when it is made.
///
/// # Laws
/// Every version of a kind below its current one leads to the current one, in finitely many steps, in one way.
///
/// # Example
/// ```
/// use tenure_core::{Kind, Upcasters, Wire};
/// let mut old = Wire::new(Kind::SurveyAnswered);
/// old.schema = 1; // survey and score were properties then
/// old.data.insert("survey".into(), "nps".into());
/// old.data.insert("score".into(), 9.into());
/// let new = Upcasters::builtin().upcast(old)?;
/// assert_eq!((new.schema, new.subject.as_deref(), new.number), (2, Some("nps"), Some(9)));
/// # Ok::<(), tenure_core::FactError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Upcasters {
    steps: BTreeMap<(Kind, u16), Upcaster>,
}

impl Upcasters {
    /// The upcasters of this build's catalogue.
    pub fn builtin() -> Self {
        let steps = BUILTIN.iter().map(|step| ((step.kind, step.from), *step)).collect();
        Self { steps }
    }

    /// A chain of these steps for kinds whose newest version is `current(kind)`.
    ///
    /// # Errors
    /// [`UpcasterError`]: two steps from one version, a step that does not lead upwards (a cycle), a step beyond the
    /// current version, or a version from which no chain leads to it (a gap).
    pub fn new(steps: &[Upcaster], current: impl Fn(Kind) -> u16) -> Result<Self, UpcasterError> {
        let mut by_version = BTreeMap::new();
        for step in steps {
            let Upcaster { kind, from, to, .. } = *step;
            if to <= from {
                return Err(UpcasterError::Cycle { kind, from, to });
            }
            if to > current(kind) {
                return Err(UpcasterError::Beyond { kind, to, current: current(kind) });
            }
            if by_version.insert((kind, from), *step).is_some() {
                return Err(UpcasterError::Twice { kind, from });
            }
        }
        for &kind in Kind::ALL {
            for version in 1..current(kind) {
                // Every step leads upwards and none beyond the current version, so having one each is enough.
                if !by_version.contains_key(&(kind, version)) {
                    return Err(UpcasterError::Gap { kind, version, current: current(kind) });
                }
            }
        }
        Ok(Self { steps: by_version })
    }

    /// Brings a wire form to the current schema of its kind. Unknown kinds pass unchanged.
    ///
    /// # Errors
    /// [`FactError::NewerSchema`] if it was written by a later build; [`FactError::Field`] if the old form is not
    /// what its schema says.
    pub fn upcast(&self, mut wire: Wire) -> Result<Wire, FactError> {
        let kind = wire.known_kind();
        if kind == Kind::Foreign {
            return Ok(wire);
        }
        let known = kind.schema();
        if wire.schema > known {
            return Err(FactError::NewerSchema { kind: wire.kind, schema: wire.schema, known });
        }
        while let Some(step) = self.steps.get(&(kind, wire.schema)) {
            wire = (step.step)(wire)?;
            wire.schema = step.to;
        }
        Ok(wire)
    }
}

const BUILTIN: &[Upcaster] =
    &[Upcaster { kind: Kind::SurveyAnswered, from: 1, to: 2, step: survey_answered_1_to_2 }];

/// Version 1 kept survey and score as properties; version 2 has them in the header, where a store can be asked for
/// them with its own tools.
fn survey_answered_1_to_2(mut wire: Wire) -> Result<Wire, FactError> {
    let survey = wire.data.remove("survey").ok_or_else(|| wire.missing("data.survey"))?;
    let survey = survey.as_str().ok_or_else(|| wire.refuse("data.survey", "it is not a text"))?.to_owned();
    let score = wire.data.remove("score").ok_or_else(|| wire.missing("data.score"))?;
    wire.number = Some(score.as_i64().ok_or_else(|| wire.refuse("data.score", "it is not a whole number"))?);
    wire.subject = Some(survey);
    Ok(wire)
}

/// Why upcasters do not make a chain. A mistake in a program, found when it starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpcasterError {
    /// No step from a version.
    #[error("no upcaster for {} from schema {version} (current {current})", kind.name())]
    Gap {
        /// The kind.
        kind: Kind,
        /// The version that leads nowhere.
        version: u16,
        /// The version to reach.
        current: u16,
    },
    /// A step that does not lead upwards.
    #[error("the upcaster for {} from schema {from} leads back to {to}", kind.name())]
    Cycle {
        /// The kind.
        kind: Kind,
        /// The version read.
        from: u16,
        /// The version written.
        to: u16,
    },
    /// A step to a version that the catalogue does not know.
    #[error("an upcaster for {} leads to schema {to}, beyond the current {current}", kind.name())]
    Beyond {
        /// The kind.
        kind: Kind,
        /// The version written.
        to: u16,
        /// The current version.
        current: u16,
    },
    /// Two steps from one version.
    #[error("two upcasters for {} from schema {from}", kind.name())]
    Twice {
        /// The kind.
        kind: Kind,
        /// The version both read.
        from: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: u16, to: u16) -> Upcaster {
        Upcaster { kind: Kind::SurveyAnswered, from, to, step: Ok }
    }

    fn current(n: u16) -> impl Fn(Kind) -> u16 {
        move |kind| if kind == Kind::SurveyAnswered { n } else { 1 }
    }

    #[test]
    fn the_builtin_chain_is_whole() {
        assert!(Upcasters::new(BUILTIN, Kind::schema).is_ok());
    }

    #[test]
    fn gaps_cycles_and_doubles_are_refused() {
        let new = |steps: &[Upcaster], n| Upcasters::new(steps, current(n)).map(|_| ());
        assert_eq!(new(&[step(1, 2), step(2, 4), step(3, 4)], 4), Ok(()));
        assert!(matches!(new(&[step(1, 2)], 3), Err(UpcasterError::Gap { version: 2, .. })));
        assert!(matches!(
            new(&[step(1, 2), step(2, 1)], 2),
            Err(UpcasterError::Cycle { from: 2, to: 1, .. })
        ));
        assert!(matches!(new(&[step(1, 3)], 2), Err(UpcasterError::Beyond { to: 3, .. })));
        assert!(matches!(new(&[step(1, 2), step(1, 2)], 2), Err(UpcasterError::Twice { from: 1, .. })));
    }
}
