//! What somebody may have meant: the known name that is nearest to one that is not known.

/// The nearest of some names, where one is near: at most a third of its letters are wrong, missing, too many or in
/// each other's place, the case of letters apart. Of several the first.
///
/// # Example
/// ```
/// use tenure_core::near::nearest;
/// assert_eq!(nearest("atrisk", ["active", "at_risk"]), Some("at_risk"));
/// assert_eq!(nearest("usd", ["EUR", "USD"]), Some("USD"));
/// assert_eq!(nearest("gone", ["active", "at_risk"]), None);
/// ```
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let far = |other: &str| strsim::osa_distance(&lower, &other.to_lowercase());
    let near = |(distance, other): &(usize, &str)| *distance * 3 <= other.chars().count().max(3);
    names
        .into_iter()
        .map(|other| (far(other), other))
        .filter(near)
        .min_by_key(|(far, _)| *far)
        .map(|(_, o)| o)
}

/// A question to append to a message: `: did you mean "at_risk"?`; empty where no name is near.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, names).map_or_else(String::new, |other| format!("; did you mean \"{other}\"?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_each_others_place_are_one_mistake_and_the_nearest_wins() {
        assert_eq!(nearest("Asia/Shangahi", ["Asia/Shanghai", "Asia/Manila"]), Some("Asia/Shanghai"));
        assert_eq!(nearest("tick_opened", ["ticket_reopened", "ticket_opened"]), Some("ticket_opened"));
        assert_eq!(nearest("ab", ["ba"]), Some("ba"));
        assert_eq!(nearest("ab", ["xy"]), None);
        assert_eq!(nearest("", [""; 0]), None);
        assert_eq!(did_you_mean("nmae", ["name"]), "; did you mean \"name\"?");
    }
}
