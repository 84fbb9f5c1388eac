//! The names of things.

pub(super) const CHANNELS: [&str; 5] = ["web", "app", "store", "wecom", "phone"];
pub(super) const OFFICE_CHANNELS: [&str; 3] = ["email", "phone", "web"];
pub(super) const CAMPAIGNS: [&str; 6] =
    ["spring-sale", "newsletter", "members-day", "double-eleven", "year-end", "new-arrivals"];
pub(super) const SKUS: [&str; 24] = [
    "tea-green",
    "tea-oolong",
    "tea-puer",
    "coffee-beans",
    "coffee-drip",
    "mug-blue",
    "mug-white",
    "kettle",
    "scale",
    "grinder",
    "filter-100",
    "honey",
    "biscuits",
    "chocolate",
    "nuts",
    "jam",
    "apron",
    "towel",
    "teapot",
    "tray",
    "candle",
    "vase",
    "gift-box",
    "gift-card",
];
pub(super) const PAGES: [&str; 3] = ["view_product", "search", "add_to_cart"];
pub(super) const FEATURES: [&str; 6] =
    ["create_project", "invite_member", "export_report", "connect_source", "share_board", "run_query"];
pub(super) const TAGS: [&str; 8] = [
    "price-sensitive",
    "event-lover",
    "vip",
    "gift-buyer",
    "newsletter",
    "high-potential",
    "needs-care",
    "partner",
];
pub(super) const OWNERS: [&str; 8] = ["chen", "garcia", "ito", "kim", "mueller", "okafor", "smith", "wang"];
pub(super) const CITIES: [&str; 8] =
    ["Shanghai", "Beijing", "Shenzhen", "Chengdu", "Berlin", "Nairobi", "Lima", "Osaka"];
pub(super) const INDUSTRIES: [&str; 6] =
    ["education", "logistics", "manufacturing", "retail", "software", "health"];
pub(super) const CATEGORIES: [&str; 5] = ["delivery", "quality", "billing", "how_to", "bug"];
pub(super) const SEVERITIES: [&str; 3] = ["low", "normal", "high"];
pub(super) const REASONS: [&str; 5] = ["price", "moved_on", "missing_feature", "bad_service", "competitor"];
pub(super) const PAYMENT_REASONS: [&str; 3] = ["card_expired", "insufficient_funds", "bank_declined"];
pub(super) const OUTCOMES: [&str; 4] = ["reached", "no_answer", "interested", "later"];
pub(super) const COMMUNITIES: [&str; 3] = ["members-group", "users-forum", "tasting-circle"];
pub(super) const CREATIONS: [&str; 3] = ["beta-test", "recipe", "case-study"];
/// The stages of the pipeline before an opportunity is won or lost.
pub(super) const PIPELINE: [&str; 4] = ["contact", "needs", "quote", "negotiation"];
