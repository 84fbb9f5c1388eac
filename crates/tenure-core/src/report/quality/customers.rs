//! What is known of customers, what is missing, and who may be recorded twice.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{Found, QualityPolicy, share};
use crate::contact::{Channel, Contact};
use crate::id::CustomerId;
use crate::projection::identities::IdentitiesView;
use crate::projection::profile::ProfileView;
use crate::report::{Report, Shown};

/// Completeness and suspected duplicates.
///
/// A field is an attribute of the profile or a namespace of identities, whichever has it; a text without anything in it
/// is no value. Two customers are suspected to be one where an e-mail address or a telephone number, brought to one
/// spelling, is known of both: see [`Contact`]. Whether they are is for people to say; an `identity_merged` makes them so.
///
/// # Example
/// ```
/// use tenure_core::projection::identities::IdentitiesView;
/// use tenure_core::projection::profile::{Attribute, ProfileView};
/// use tenure_core::report::quality::{CustomerQuality, QualityPolicy};
/// use tenure_core::report::{Report, Shown};
/// use tenure_core::{CustomerId, Personal, Timestamp};
/// let policy = QualityPolicy { required: vec!["name".into()], ..QualityPolicy::default() };
/// let report = CustomerQuality { policy: &policy };
/// let mut sum = Default::default();
/// for (n, name, address) in [(1, "shop:ann", "ann@example.org"), (2, "shop:anna", "ANN@example.org")] {
///     let value = Personal(address.into());
///     let email = Attribute { attribute: "email".into(), value, since: Timestamp::MIN };
///     let view = (ProfileView { attributes: vec![email], full: false }, IdentitiesView::default());
///     report.add(&mut sum, Shown { id: CustomerId::from_bytes([n; 16]), name }, &view);
/// }
/// let answer = report.finish(sum);
/// assert_eq!((answer.fields[0].field.as_str(), answer.fields[0].missing.count), ("name", 2));
/// assert_eq!(answer.duplicates[0].customers.len(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CustomerQuality<'p> {
    /// What is required, and which fields are contacts.
    pub policy: &'p QualityPolicy,
}

/// The sum so far. It holds fingerprints and no addresses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomerQualitySum {
    customers: u64,
    present: BTreeMap<String, u64>,
    missing: BTreeMap<Box<str>, Found>,
    unreadable: BTreeMap<Channel, Found>,
    with_contact: BTreeMap<Channel, u64>,
    /// In no order.
    contacts: Vec<(Channel, [u8; 16], CustomerId)>,
}

/// What a population's data are like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CustomerQualityAnswer {
    /// All customers.
    pub customers: u64,
    /// The required fields in the policy's order, then the others that anybody has, by name.
    pub fields: Vec<FieldRow>,
    /// E-mail and telephone.
    pub contacts: Vec<ContactRow>,
    /// Customers with one contact: most customers first.
    pub duplicates: Vec<Duplicate>,
}

/// How many customers a field is known of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldRow {
    /// The attribute or namespace.
    pub field: String,
    /// Whether the policy requires it.
    pub required: bool,
    /// How many customers have it.
    pub customers: u64,
    /// Their share of all, 0 to 1; 0 where there are none.
    pub share: f64,
    /// Who lacks it; counted for required fields alone.
    pub missing: Found,
}

/// How many customers can be reached by one sort of contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactRow {
    /// Which sort.
    pub field: Channel,
    /// How many customers have one that can be read.
    pub customers: u64,
    /// Who has a text there that is none.
    pub unreadable: Found,
}

/// Customers who share a contact. Which one is not told: it is personal data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Duplicate {
    /// What they share.
    pub field: Channel,
    /// Who: at least two, by id.
    pub customers: Vec<CustomerId>,
}

/// The text of a value that may be a contact: a number is one that lost its quotes.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

impl Report for CustomerQuality<'_> {
    type View = (ProfileView, IdentitiesView);
    type Acc = CustomerQualitySum;
    type Answer = CustomerQualityAnswer;

    fn add(&self, sum: &mut CustomerQualitySum, customer: Shown<'_>, (profile, identities): &Self::View) {
        sum.customers += 1;
        let attributes = profile.attributes.iter().filter(|attribute| !is_empty(&attribute.value.0));
        let attributes = attributes.map(|one| (one.attribute.as_str(), text(&one.value.0)));
        let linked = identities.linked.iter().filter(|one| !one.value.0.trim().is_empty());
        let linked = linked.map(|one| (one.namespace.as_str(), Some(one.value.0.clone())));
        let mut present = BTreeSet::new();
        let mut contacts = BTreeSet::new();
        let mut unreadable = BTreeSet::new();
        for (name, text) in attributes.chain(linked) {
            present.insert(name);
            let Some(channel) = self.policy.channel(name) else { continue };
            let contact = text.and_then(|text| match channel {
                Channel::Email => Contact::email(&text),
                Channel::Phone => Contact::phone(&text, self.policy.calling_code),
            });
            match contact {
                Some(contact) => drop(contacts.insert((channel, contact.fingerprint()))),
                None => drop(unreadable.insert(channel)),
            }
        }
        for required in self.policy.required.iter().filter(|name| !present.contains(name.as_ref())) {
            sum.missing.entry(required.clone()).or_default().add(customer.name);
        }
        for name in present {
            if let Some(count) = sum.present.get_mut(name) {
                *count += 1;
            } else {
                sum.present.insert(name.to_owned(), 1);
            }
        }
        for channel in unreadable {
            sum.unreadable.entry(channel).or_default().add(customer.name);
        }
        for channel in contacts.iter().map(|(channel, _)| *channel).collect::<BTreeSet<_>>() {
            *sum.with_contact.entry(channel).or_default() += 1;
        }
        sum.contacts
            .extend(contacts.into_iter().map(|(channel, fingerprint)| (channel, fingerprint, customer.id)));
    }

    fn merge(&self, into: &mut CustomerQualitySum, other: CustomerQualitySum) {
        into.customers += other.customers;
        for (name, count) in other.present {
            *into.present.entry(name).or_default() += count;
        }
        for (name, found) in other.missing {
            into.missing.entry(name).or_default().merge(found);
        }
        for (channel, found) in other.unreadable {
            into.unreadable.entry(channel).or_default().merge(found);
        }
        for (channel, count) in other.with_contact {
            *into.with_contact.entry(channel).or_default() += count;
        }
        into.contacts.extend(other.contacts);
    }

    fn finish(&self, mut sum: CustomerQualitySum) -> CustomerQualityAnswer {
        let customers = sum.customers;
        let mut row = |field: &str, required| {
            let with = sum.present.get(field).copied().unwrap_or(0);
            let missing = sum.missing.remove(field).unwrap_or_default();
            FieldRow {
                field: field.into(),
                required,
                customers: with,
                share: share(with, customers),
                missing,
            }
        };
        let is_required = |name: &str| self.policy.required.iter().any(|required| required.as_ref() == name);
        let mut fields: Vec<_> = self.policy.required.iter().map(|name| row(name, true)).collect();
        let others: Vec<String> = sum.present.keys().filter(|name| !is_required(name)).cloned().collect();
        fields.extend(others.into_iter().map(|field| {
            let with = sum.present.get(&field).copied().unwrap_or(0);
            let share = share(with, customers);
            FieldRow { field, required: false, customers: with, share, missing: Found::default() }
        }));
        let contacts = Channel::ALL.map(|channel| ContactRow {
            field: channel,
            customers: sum.with_contact.get(&channel).copied().unwrap_or(0),
            unreadable: sum.unreadable.remove(&channel).unwrap_or_default(),
        });
        CustomerQualityAnswer {
            customers,
            fields,
            contacts: contacts.into(),
            duplicates: duplicates(sum.contacts),
        }
    }
}

fn duplicates(mut contacts: Vec<(Channel, [u8; 16], CustomerId)>) -> Vec<Duplicate> {
    contacts.sort_unstable();
    let same =
        |a: &(Channel, [u8; 16], CustomerId), b: &(Channel, [u8; 16], CustomerId)| (a.0, a.1) == (b.0, b.1);
    let groups = contacts.chunk_by(same).filter(|group| group.len() > 1);
    let mut found: Vec<Duplicate> = groups
        .filter_map(|group| {
            let (field, ..) = *group.first()?;
            Some(Duplicate { field, customers: group.iter().map(|(.., id)| *id).collect() })
        })
        .collect();
    found.sort_by(|a, b| b.customers.len().cmp(&a.customers.len()).then_with(|| a.cmp(b)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::Personal;
    use crate::projection::identities::Identity;
    use crate::projection::profile::Attribute;
    use crate::time::Timestamp;

    fn customer(attributes: &[(&str, Value)], linked: &[(&str, &str)]) -> (ProfileView, IdentitiesView) {
        let since = Timestamp::MIN;
        let attributes = attributes.iter().map(|(name, value)| Attribute {
            attribute: (*name).into(),
            value: Personal(value.clone()),
            since,
        });
        let linked = linked.iter().map(|(namespace, value)| Identity {
            namespace: (*namespace).into(),
            value: Personal((*value).into()),
            since,
        });
        let profile = ProfileView { attributes: attributes.collect(), full: false };
        (profile, IdentitiesView { linked: linked.collect(), ..IdentitiesView::default() })
    }

    fn answer(policy: &QualityPolicy, views: &[(ProfileView, IdentitiesView)]) -> CustomerQualityAnswer {
        let report = CustomerQuality { policy };
        let mut sum = CustomerQualitySum::default();
        for (n, view) in (0_u8..).zip(views) {
            let name = format!("c{n}");
            report.add(&mut sum, Shown { id: CustomerId::from_bytes([n; 16]), name: &name }, view);
        }
        report.finish(sum)
    }

    #[test]
    fn a_required_field_is_there_as_attribute_or_as_identity_and_blank_is_nothing() {
        let policy =
            QualityPolicy { required: vec!["name".into(), "email".into()], ..QualityPolicy::default() };
        let views = [
            customer(&[("name", "Ann".into()), ("city", "Kyiv".into())], &[("email", "ann@example.org")]),
            customer(&[("name", "  ".into()), ("city", Value::Null)], &[("email", " ")]),
        ];
        let rows = answer(&policy, &views).fields;
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.field.as_str(), row.required, row.customers, row.missing.count, row.share))
            .collect();
        assert_eq!(told, [("name", true, 1, 1, 0.5), ("email", true, 1, 1, 0.5), ("city", false, 1, 0, 0.5)]);
        assert_eq!(rows[0].missing.examples.first().map(String::as_str), Some("c1"));
    }

    #[test]
    fn one_contact_of_two_customers_is_a_suspicion_wherever_it_stands() {
        let policy = QualityPolicy { calling_code: "86".parse().ok(), ..QualityPolicy::default() };
        let views = [
            customer(&[("email", "Ann@Example.org".into()), ("phone", 13_800_138_000_i64.into())], &[]),
            customer(&[], &[("email", "ann@example.org"), ("phone", "+86 138 0013 8000")]),
            customer(&[("mobile", "0086-13800138000".into())], &[("email", "bob@example.org")]),
            // The same address twice at one customer is no duplicate.
            customer(&[("email", "dan@example.org".into())], &[("email", "DAN@example.org")]),
        ];
        let answer = answer(&policy, &views);
        let told: Vec<_> = answer
            .duplicates
            .iter()
            .map(|one| (one.field, one.customers.iter().map(|id| id.as_bytes()[0]).collect::<Vec<_>>()))
            .collect();
        assert_eq!(told, [(Channel::Phone, vec![0, 1, 2]), (Channel::Email, vec![0, 1])]);
        assert!(!format!("{answer:?} {}", serde_json::to_string(&answer).unwrap()).contains("example.org"));
    }

    #[test]
    fn what_is_no_address_is_counted_and_not_quoted() {
        let views = [
            customer(&[("email", "none".into())], &[]),
            customer(&[("email", true.into())], &[("phone", "call me")]),
        ];
        let rows = answer(&QualityPolicy::default(), &views).contacts;
        let told: Vec<_> = rows.iter().map(|row| (row.field, row.customers, row.unreadable.count)).collect();
        assert_eq!(told, [(Channel::Email, 0, 2), (Channel::Phone, 0, 1)]);
        assert_eq!(rows[0].unreadable.examples.iter().collect::<Vec<_>>(), ["c0", "c1"]);
    }

    #[test]
    fn whoever_has_a_contact_that_can_be_read_counts_once() {
        let both = [("email", "ann@example.org".into()), ("phone", "+49 30 123456".into())];
        let views = [
            customer(&both, &[("email", "ann@example.com"), ("email", "none")]),
            customer(&[("email", "bob@example.org".into())], &[]),
        ];
        let rows = answer(&QualityPolicy::default(), &views).contacts;
        let told: Vec<_> = rows.iter().map(|row| (row.field, row.customers, row.unreadable.count)).collect();
        assert_eq!(told, [(Channel::Email, 2, 1), (Channel::Phone, 1, 0)]);
    }

    #[test]
    fn merged_sums_are_the_sum_over_all() {
        let policy = QualityPolicy { required: vec!["name".into()], ..QualityPolicy::default() };
        let report = CustomerQuality { policy: &policy };
        let views = [
            customer(&[("email", "ann@example.org".into())], &[("phone", "none")]),
            customer(&[("name", "Ann".into())], &[("email", "ANN@example.org")]),
            customer(&[("city", "Kyiv".into()), ("phone", "+49 30 123456".into())], &[]),
        ];
        let ones = views.iter().zip(0_u8..).map(|(view, n)| {
            let (mut sum, name) = (CustomerQualitySum::default(), format!("c{n}"));
            report.add(&mut sum, Shown { id: CustomerId::from_bytes([n; 16]), name: &name }, view);
            sum
        });
        let ones: Vec<_> = ones.collect();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let mut sum = CustomerQualitySum::default();
            for index in order {
                report.merge(&mut sum, ones[index].clone());
            }
            assert_eq!(report.finish(sum), answer(&policy, &views), "{order:?}");
        }
        assert_eq!(answer(&policy, &views).duplicates.len(), 1);
    }

    #[test]
    fn examples_are_the_first_by_name_however_they_come() {
        let names: Vec<String> = (0..20).map(|n| format!("c{n:02}")).collect();
        let (mut forward, mut backward) = (Found::default(), Found::default());
        for name in &names {
            forward.add(name);
        }
        names.iter().rev().for_each(|name| backward.add(name));
        assert_eq!(forward, backward);
        assert_eq!((forward.count, forward.examples.last().map(String::as_str)), (20, Some("c04")));
    }
}
