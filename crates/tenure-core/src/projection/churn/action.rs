//! What a signal proposes to do.

use crate::text::Language;

/// An action that has a name in both languages. A policy may propose others by codes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// An offer for this customer alone.
    ExclusiveOffer,
    /// A call to ask how things are.
    CareCall,
    /// Ask how satisfied the customer is.
    SatisfactionSurvey,
    /// Solve what is open.
    ProblemSolving,
    /// Remind of the end of a contract or trial.
    RenewalReminder,
    /// Do what was planned or forgotten.
    FollowUp,
    /// Help with a payment that failed.
    PaymentHelp,
    /// Remind of what must be running out.
    ReplenishmentReminder,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ExclusiveOffer,
        Self::CareCall,
        Self::SatisfactionSurvey,
        Self::ProblemSolving,
        Self::RenewalReminder,
        Self::FollowUp,
        Self::PaymentHelp,
        Self::ReplenishmentReminder,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExclusiveOffer => "exclusive_offer",
            Self::CareCall => "care_call",
            Self::SatisfactionSurvey => "satisfaction_survey",
            Self::ProblemSolving => "problem_solving",
            Self::RenewalReminder => "renewal_reminder",
            Self::FollowUp => "follow_up",
            Self::PaymentHelp => "payment_help",
            Self::ReplenishmentReminder => "replenishment_reminder",
        }
    }

    /// The action of a code; none for a code of a policy's own.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.code() == code)
    }

    /// How it is called.
    pub const fn label(self, language: Language) -> &'static str {
        let (en, zh_cn) = match self {
            Self::ExclusiveOffer => ("exclusive offer", "专属优惠"),
            Self::CareCall => ("care call", "关怀电话"),
            Self::SatisfactionSurvey => ("satisfaction survey", "满意度回访"),
            Self::ProblemSolving => ("problem solving", "问题解决"),
            Self::RenewalReminder => ("renewal reminder", "续约提醒"),
            Self::FollowUp => ("follow-up", "跟进回访"),
            Self::PaymentHelp => ("help with payment", "付款协助"),
            Self::ReplenishmentReminder => ("replenishment reminder", "补货提醒"),
        };
        match language {
            Language::En => en,
            Language::ZhCn => zh_cn,
        }
    }

    /// How an action of any code is called; the code itself of one that is a policy's own.
    pub fn label_of(code: &str, language: Language) -> &str {
        Self::named(code).map_or(code, |action| action.label(language))
    }
}
