//! Everything that can be due for a customer.

/// What is due. The person, or the model of the archetype, does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    // Lives.
    /// The first touch.
    Begin,
    /// The true death: nothing is said of it, but some customers say good-bye.
    Leave,
    /// A dead customer lives again.
    Return,
    // What every customer has to do with: see `relation.rs`.
    /// A second account turns out to be the same person.
    Merge,
    /// Somebody else is taken for the same person.
    MergeWrongly,
    /// A fact that was recorded wrongly is taken back: the place among the mistakes.
    TakeBack(u32),
    /// The profile gains or loses an attribute.
    Profile,
    /// A tag is put on or taken off.
    Tag,
    /// Consent is given or withdrawn.
    Consent(bool),
    /// Somebody becomes the owner.
    Owner,
    /// A campaign goes out.
    Message,
    /// A message of this campaign is opened.
    Open(u32),
    /// A link in it is followed.
    Click(u32),
    /// The customer needs help.
    Ticket,
    /// We answer a ticket.
    Respond(u32),
    /// We solve it; it may come back unless it did before.
    Resolve {
        /// The number in its name.
        ticket: u32,
        /// Whether it may come back.
        may_return: bool,
    },
    /// It was not solved.
    Reopen(u32),
    /// We ask how satisfied the customer is, or how easy it was.
    AskAfterTicket,
    /// We ask whether the customer would recommend us.
    AskNps,
    /// The customer joins a community.
    Join,
    /// The customer makes something with us.
    Create,
    /// The customer recommends us.
    Refer,
    /// It is certain that the customer has left.
    ConfirmChurn,
    // Retail, and use of a product.
    /// A visit to the shop, or a session.
    Visit,
    /// Something is looked at or used: so many more are to come.
    Browse(u8),
    /// An order.
    Order,
    /// Part of an order is paid back.
    Refund {
        /// The number in its name.
        order: u32,
        /// How much.
        minor: u32,
    },
    /// The customer writes what the order was like.
    Review(u32),
    /// Somebody looks whether there was an order since this one.
    Miss(u32),
    /// An offer is accepted.
    Accept,
    // Subscriptions.
    /// The trial is over.
    TrialOver,
    /// The customer subscribes.
    Subscribe,
    /// A period of the subscription of this number ends.
    Renew(u32),
    /// A failed payment is tried again.
    Retry(u32),
    /// The customer cancels the subscription of this number.
    Cancel(u32),
    // Deals.
    /// An opportunity is opened.
    Deal,
    /// The opportunity of this number moves on: to which stage of the pipeline.
    Advance {
        /// The number in its name.
        deal: u32,
        /// The place of the stage.
        stage: u8,
    },
    /// The contract is up for renewal.
    RenewContract(u32),
    /// The contract ends early.
    EndContract(u32),
    /// A follow-up is planned.
    PlanFollowUp,
    /// It is done.
    FollowUp,
}
