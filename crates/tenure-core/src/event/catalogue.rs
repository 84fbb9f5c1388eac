//! The catalogue of facts: every kind, who acts in it, and where each of its fields stands on the wire.
//!
//! One row a kind. From it come the typed [`CustomerEvent`], the small integer [`Kind`] and both directions of the
//! translation between the typed fact and its [`Wire`] form; so a kind is added in one place.

use serde_json::{Map, Value};

use super::field::{self, Slot};
use super::wire::{FactError, Wire};
use super::{Nps, OrderLine, Period, Survey};
use crate::id::{Customer, EventId};
use crate::money::Money;
use crate::privacy::{Masked, Privacy};
use crate::time::Timestamp;

/// Who acts in a fact. Only what the customer does counts as activity, unless a policy says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The customer acts: orders, signs up, complains.
    Customer,
    /// We act, or a clock does: send, follow up, resolve.
    Us,
}

macro_rules! catalogue {
    ($(
        $(#[$doc:meta])*
        $kind:ident $name:literal schema $schema:literal by $by:ident {
            $( $(#[$field_doc:meta])* $slot:ident $field:ident : $type:ty ),* $(,)?
        }
    )*) => {
        /// What happened, typed: the catalogue of customer facts, version 1.
        ///
        /// Header fields that a kind does not name (and properties in `data` beside the named ones) stay on the
        /// [`Event`](super::Event) that this is read from; they are not lost, only not typed.
        ///
        /// # Laws
        /// `CustomerEvent::from_wire(&fact.to_wire()) == Ok(fact)` for every fact that [`Self::check`] accepts.
        /// `Debug` prints `***` for what [`Kind::privacy`] calls personal.
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub enum CustomerEvent {
            $( $(#[$doc])* $kind { $( $(#[$field_doc])* $field: $type ),* }, )*
            /// A fact of a kind that this version does not know: kept, counted, and skipped by every projection.
            Foreign {
                /// The kind as it was named.
                kind: String,
                /// Its properties.
                properties: Map<String, Value>,
            },
        }

        /// Which fact, as a small integer. In process only: stores and files keep the name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Kind {
            $( $(#[$doc])* $kind, )*
            /// A kind that this version does not know.
            Foreign,
        }

        impl Kind {
            /// Every kind of the catalogue, in its order, without [`Kind::Foreign`].
            pub const ALL: &'static [Self] = &[$( Self::$kind ),*];

            /// The stable `snake_case` name; `foreign` for [`Kind::Foreign`].
            pub const fn name(self) -> &'static str {
                match self { $( Self::$kind => $name, )* Self::Foreign => "foreign" }
            }

            /// The kind of this name; none if the catalogue has no such kind.
            pub fn named(name: &str) -> Option<Self> {
                match name { $( $name => Some(Self::$kind), )* _ => None }
            }

            /// The newest schema version of its body that this build knows, from 1.
            pub const fn schema(self) -> u16 {
                match self { $( Self::$kind => $schema, )* Self::Foreign => u16::MAX }
            }

            /// Who acts. What an unknown kind means is unknown, so it is no activity.
            pub const fn by(self) -> By {
                match self { $( Self::$kind => By::$by, )* Self::Foreign => By::Us }
            }
        }

        impl core::fmt::Debug for CustomerEvent {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $( Self::$kind { $( $field ),* } => f
                        .debug_struct(stringify!($kind))
                        $( .field(
                            stringify!($field),
                            &Masked(Kind::$kind.privacy(stringify!($field)), $field),
                        ) )*
                        .finish(), )*
                    Self::Foreign { kind, properties } => f
                        .debug_struct("Foreign")
                        .field("kind", kind)
                        .field("properties", properties)
                        .finish(),
                }
            }
        }

        impl Kind {
            /// Its typed fields: in which place of the wire form each stands, and how it is called.
            pub(crate) const fn fields(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $( Self::$kind => &[$( (stringify!($slot), stringify!($field)) ),*], )*
                    Self::Foreign => &[("all", "properties")],
                }
            }
        }

        impl CustomerEvent {
            /// Which kind of fact this is.
            pub const fn kind(&self) -> Kind {
                match self { $( Self::$kind { .. } => Kind::$kind, )* Self::Foreign { .. } => Kind::Foreign }
            }

            /// The fact in its wire form, without id, customer, instant, channel and context.
            pub fn to_wire(&self) -> Wire {
                let mut wire = Wire::new(self.kind());
                self.write(&mut wire);
                wire
            }

            /// Writes the typed fields over those of `wire` and leaves its other ones.
            pub(super) fn write(&self, wire: &mut Wire) {
                match self {
                    $( Self::$kind { $( $field ),* } => {
                        $( field::$slot::put($field, wire, stringify!($field)); )*
                    } )*
                    Self::Foreign { kind, properties } => {
                        wire.kind = kind.as_str().into();
                        field::all::put(properties, wire, "properties");
                    }
                }
            }

            /// Reads the typed fact from its wire form. A newer or older schema must be brought to the current one
            /// before ([`Upcasters`](super::Upcasters)).
            ///
            /// # Errors
            /// [`FactError`] naming the kind and the field: one is missing, of another type, or out of range.
            pub fn from_wire(wire: &Wire) -> Result<Self, FactError> {
                let fact = match Kind::named(&wire.kind) {
                    $( Some(Kind::$kind) => Self::$kind {
                        $( $field: <$type as Slot<field::$slot>>::take(wire, stringify!($field))? ),*
                    }, )*
                    Some(Kind::Foreign) | None => {
                        Self::Foreign { kind: wire.kind.clone().into(), properties: wire.data.clone() }
                    }
                };
                fact.check()?;
                Ok(fact)
            }
        }
    };
}

catalogue! {
    // Acquisition.
    /// Somebody became known as a possible customer.
    LeadCaptured "lead_captured" schema 1 by Customer {
        /// The campaign that brought the lead.
        subject campaign: Option<String>,
        /// What the lead cost us.
        amount cost: Option<Money>,
    }
    /// Attributes of the profile were set or, with null, removed.
    ProfileUpdated "profile_updated" schema 1 by Us {
        /// Name to value; null removes one.
        all attributes: Map<String, Value>,
    }
    /// A further identity of the customer became known, such as an e-mail address or an open id.
    IdentityLinked "identity_linked" schema 1 by Us {
        /// Where the identity is valid: `email`, `phone`, `wechat`.
        data namespace: String,
        /// The identity itself: personal data.
        data value: String,
    }
    /// This customer (the survivor) and another one are the same person.
    IdentityMerged "identity_merged" schema 1 by Us {
        /// The one that goes on under this customer.
        subject other: Customer,
    }
    /// A tag was put on the customer.
    TagAdded "tag_added" schema 1 by Us {
        /// The tag.
        subject tag: String,
    }
    /// A tag was taken off the customer.
    TagRemoved "tag_removed" schema 1 by Us {
        /// The tag.
        subject tag: String,
    }
    /// The customer gave or withdrew consent for a purpose.
    ConsentChanged "consent_changed" schema 1 by Customer {
        /// What for: `marketing_email`, `profiling`.
        subject purpose: String,
        /// Given (true) or withdrawn.
        data granted: bool,
    }
    /// Somebody on our side became responsible for the customer.
    OwnerAssigned "owner_assigned" schema 1 by Us {
        /// The new owner.
        actor owner: String,
    }
    // Engagement.
    /// The customer opened an account.
    SignedUp "signed_up" schema 1 by Customer {}
    /// A trial began.
    TrialStarted "trial_started" schema 1 by Customer {
        /// Which trial or product.
        subject trial: Option<String>,
        /// When it ends by itself.
        data end: Option<Timestamp>,
    }
    /// The customer opened the product, site or app.
    SessionStarted "session_started" schema 1 by Customer {}
    /// Any named product event with properties.
    Tracked "tracked" schema 1 by Customer {
        /// Its name.
        subject name: String,
        /// Its properties.
        all properties: Map<String, Value>,
    }
    /// We sent a message.
    MessageSent "message_sent" schema 1 by Us {
        /// The campaign or template.
        subject campaign: Option<String>,
    }
    /// The customer opened a message.
    MessageOpened "message_opened" schema 1 by Customer {
        /// The campaign or template.
        subject campaign: Option<String>,
    }
    /// The customer followed a link in a message.
    MessageClicked "message_clicked" schema 1 by Customer {
        /// The campaign or template.
        subject campaign: Option<String>,
    }
    /// A follow-up was planned.
    FollowUpPlanned "follow_up_planned" schema 1 by Us {
        /// Who is to do it.
        actor who: Option<String>,
        /// By when.
        data due_at: Timestamp,
    }
    /// A follow-up was done.
    FollowUpLogged "follow_up_logged" schema 1 by Us {
        /// Who did it.
        actor who: Option<String>,
        /// What came of it.
        data outcome: Option<String>,
    }
    // Sales.
    /// A possible deal was opened.
    OpportunityOpened "opportunity_opened" schema 1 by Us {
        /// The opportunity.
        subject opportunity: String,
        /// What it may bring.
        amount value: Option<Money>,
        /// The stage of the pipeline it starts in.
        data stage: Option<String>,
    }
    /// A deal moved in the pipeline.
    OpportunityStageChanged "opportunity_stage_changed" schema 1 by Us {
        /// The opportunity.
        subject opportunity: String,
        /// What it may bring, where that changed.
        amount value: Option<Money>,
        /// The stage it is in now.
        data stage: String,
    }
    /// A deal was won.
    OpportunityWon "opportunity_won" schema 1 by Customer {
        /// The opportunity.
        subject opportunity: String,
        /// What it brings.
        amount value: Option<Money>,
    }
    /// A deal was lost.
    OpportunityLost "opportunity_lost" schema 1 by Us {
        /// The opportunity.
        subject opportunity: String,
        /// What it would have brought.
        amount value: Option<Money>,
        /// Why.
        data reason: Option<String>,
    }
    /// A quote went out.
    QuoteSent "quote_sent" schema 1 by Us {
        /// The quote or its opportunity.
        subject quote: Option<String>,
        /// The sum quoted.
        amount value: Option<Money>,
    }
    /// A contract was signed, or renewed under the same name.
    ContractSigned "contract_signed" schema 1 by Customer {
        /// The contract.
        subject contract: Option<String>,
        /// Its value.
        amount value: Option<Money>,
        /// From when it runs; from the fact's instant if absent.
        data start: Option<Timestamp>,
        /// When it ends by itself; never if absent.
        data end: Option<Timestamp>,
    }
    /// A contract ended before or without a term.
    ContractEnded "contract_ended" schema 1 by Us {
        /// The contract; all of the customer's if absent.
        subject contract: Option<String>,
        /// Why.
        data reason: Option<String>,
    }
    // Commerce.
    /// The customer bought.
    OrderPlaced "order_placed" schema 1 by Customer {
        /// The order.
        subject order: Option<String>,
        /// Its total; not negative, may be zero.
        amount total: Option<Money>,
        /// What was bought.
        data lines: Vec<OrderLine>,
    }
    /// Money went back to the customer.
    OrderRefunded "order_refunded" schema 1 by Us {
        /// The order it was paid for.
        subject order: Option<String>,
        /// What was paid back; not negative.
        amount refund: Option<Money>,
    }
    /// A subscription began.
    SubscriptionStarted "subscription_started" schema 1 by Customer {
        /// The subscription.
        subject subscription: Option<String>,
        /// What is due every period.
        amount recurring: Option<Money>,
        /// How often.
        data period: Option<Period>,
    }
    /// A subscription changed its price or plan.
    SubscriptionChanged "subscription_changed" schema 1 by Customer {
        /// The subscription.
        subject subscription: Option<String>,
        /// What is due every period from now on.
        amount recurring: Option<Money>,
        /// How often.
        data period: Option<Period>,
    }
    /// A subscription went on into a further period.
    SubscriptionRenewed "subscription_renewed" schema 1 by Us {
        /// The subscription.
        subject subscription: Option<String>,
        /// What is due every period.
        amount recurring: Option<Money>,
        /// How often.
        data period: Option<Period>,
    }
    /// A payment did not go through.
    PaymentFailed "payment_failed" schema 1 by Us {
        /// What was to be paid.
        subject what: Option<String>,
        /// How much.
        amount due: Option<Money>,
        /// Why.
        data reason: Option<String>,
    }
    /// The customer said that a subscription is to end; it runs on until it has ended.
    SubscriptionCancelled "subscription_cancelled" schema 1 by Customer {
        /// The subscription.
        subject subscription: Option<String>,
        /// Why.
        data reason: Option<String>,
    }
    /// A subscription is over.
    SubscriptionEnded "subscription_ended" schema 1 by Us {
        /// The subscription; all of the customer's if absent.
        subject subscription: Option<String>,
    }
    // Service.
    /// The customer asked for help or complained.
    TicketOpened "ticket_opened" schema 1 by Customer {
        /// The ticket.
        subject ticket: String,
        /// What it is about.
        data category: Option<String>,
        /// How bad it is.
        data severity: Option<String>,
        /// Whether it is a complaint.
        flag complaint: bool,
    }
    /// We answered a ticket.
    TicketResponded "ticket_responded" schema 1 by Us {
        /// The ticket.
        subject ticket: String,
    }
    /// A ticket was solved.
    TicketResolved "ticket_resolved" schema 1 by Us {
        /// The ticket.
        subject ticket: String,
    }
    /// A solved ticket was not solved.
    TicketReopened "ticket_reopened" schema 1 by Customer {
        /// The ticket.
        subject ticket: String,
        /// What it is about.
        data category: Option<String>,
        /// How bad it is.
        data severity: Option<String>,
        /// Whether it is a complaint.
        flag complaint: bool,
    }
    // Voice.
    /// The customer answered a survey.
    SurveyAnswered "survey_answered" schema 2 by Customer {
        /// Which survey.
        subject survey: Survey,
        /// NPS 0 to 10, CSAT 1 to 5, CES 1 to 7.
        number score: i64,
    }
    /// The customer posted a review.
    ReviewPosted "review_posted" schema 1 by Customer {
        /// What it is about.
        subject about: Option<String>,
        /// Stars, 1 to 5.
        number stars: i64,
    }
    // Loyalty.
    /// The customer was given points.
    PointsEarned "points_earned" schema 1 by Us {
        /// What for.
        subject reason: Option<String>,
        /// How many; not negative.
        number points: i64,
    }
    /// The customer spent points.
    PointsRedeemed "points_redeemed" schema 1 by Customer {
        /// What for.
        subject reason: Option<String>,
        /// How many; not negative.
        number points: i64,
    }
    /// The customer recommended us to somebody.
    Referred "referred" schema 1 by Customer {
        /// The one who came, or the code used.
        subject who: Option<String>,
    }
    /// The customer joined a community or group.
    CommunityJoined "community_joined" schema 1 by Customer {
        /// Which one.
        subject community: Option<String>,
    }
    /// The customer made something with us: an idea, a test, content.
    CoCreated "co_created" schema 1 by Customer {
        /// What.
        subject what: Option<String>,
    }
    // Retention.
    /// We made an offer.
    OfferMade "offer_made" schema 1 by Us {
        /// The offer or campaign.
        subject offer: Option<String>,
        /// What it is worth to the customer.
        amount worth: Option<Money>,
        /// What for: `win_back`, `upgrade`.
        data purpose: Option<String>,
    }
    /// The customer took an offer.
    OfferAccepted "offer_accepted" schema 1 by Customer {
        /// The offer or campaign.
        subject offer: Option<String>,
    }
    /// It is certain that the customer has left.
    ChurnConfirmed "churn_confirmed" schema 1 by Us {
        /// Why.
        data reason: Option<String>,
    }
    // Governance.
    /// A fact was wrong and is taken back. A correction: resolved before the fold, never seen by a projection.
    EventVoided "event_voided" schema 1 by Us {
        /// The fact taken back, recorded on the same customer.
        subject target: EventId,
        /// Why.
        data why: Option<String>,
    }
    /// The customer asked to be forgotten.
    ErasureRequested "erasure_requested" schema 1 by Customer {}
}

impl Kind {
    /// Whether it corrects what we know instead of telling about the customer; such facts are resolved before
    /// the fold.
    pub const fn corrects(self) -> bool {
        matches!(self, Self::EventVoided | Self::IdentityMerged)
    }

    /// How private a field of [`CustomerEvent`] is. Attributes of a profile are personal, whatever their names, and so
    /// are identities; reasons and outcomes are free text, which may say anything.
    pub fn privacy(self, field: &str) -> Privacy {
        match (self, field) {
            (Self::ProfileUpdated, "attributes") | (Self::IdentityLinked, "value") => Privacy::Pii,
            (
                Self::OpportunityLost
                | Self::ContractEnded
                | Self::PaymentFailed
                | Self::SubscriptionCancelled
                | Self::ChurnConfirmed,
                "reason",
            )
            | (Self::FollowUpLogged, "outcome")
            | (Self::EventVoided, "why") => Privacy::Sensitive,
            _ => Privacy::Plain,
        }
    }

    /// Whether the body of its facts holds personal data.
    pub const fn body_privacy(self) -> Privacy {
        match self {
            Self::ProfileUpdated | Self::IdentityLinked => Privacy::Pii,
            _ => Privacy::Plain,
        }
    }
}

impl CustomerEvent {
    /// Checks what types alone do not say: ranges, and that an end lies after its start.
    ///
    /// # Errors
    /// [`FactError`] naming the field.
    pub fn check(&self) -> Result<(), FactError> {
        let refuse = |field, why| Err(FactError::field(self.kind(), field, why));
        match self {
            Self::OrderPlaced { total: Some(money), .. }
            | Self::OrderRefunded { refund: Some(money), .. }
            | Self::SubscriptionStarted { recurring: Some(money), .. }
            | Self::SubscriptionChanged { recurring: Some(money), .. }
            | Self::SubscriptionRenewed { recurring: Some(money), .. }
            | Self::LeadCaptured { cost: Some(money), .. }
                if money.minor < 0 =>
            {
                refuse("amount", "it is negative; money that goes back is an order_refunded of its own")
            }
            Self::SurveyAnswered { survey, score } if !survey.range().contains(score) => match survey {
                Survey::Nps => refuse("number", "an NPS score is 0 to 10"),
                Survey::Csat => refuse("number", "a CSAT score is 1 to 5"),
                Survey::Ces => refuse("number", "a CES score is 1 to 7"),
            },
            Self::ReviewPosted { stars, .. } if !(1..=5).contains(stars) => {
                refuse("number", "stars are 1 to 5")
            }
            Self::PointsEarned { points, .. } | Self::PointsRedeemed { points, .. } if *points < 0 => {
                refuse("number", "points are not negative")
            }
            Self::ContractSigned { start: Some(start), end: Some(end), .. } if end <= start => {
                refuse("data.end", "the contract ends before it starts")
            }
            _ => Ok(()),
        }
    }

    /// The NPS group of a survey answer: promoter (9, 10), passive (7, 8) or detractor; none for other facts.
    pub fn nps(&self) -> Option<Nps> {
        match self {
            Self::SurveyAnswered { survey: Survey::Nps, score } => Some(Nps::of(*score)),
            _ => None,
        }
    }
}
