//! Scores and segments of a population against naive versions of each rule.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::select;
use tenure_core::id::CustomerId;
use tenure_core::projection::rfm::{Rfm, RfmPolicy, RfmValues, RfmView};
use tenure_core::report::rfm::{Population, RfmAnswer, RfmEdges, RfmError, RfmReport};
use tenure_core::report::{Report, Shown};
use tenure_core::{Currency, Rates, Timestamp, Zone};

type Customer = (String, RfmValues);

fn view((_, values): &Customer) -> RfmView {
    let usd: Currency = "USD".parse().unwrap();
    RfmView { values: Some(*values), currencies: Some((usd, usd)), ..RfmView::default() }
}

fn report(policy: &str) -> (Rfm, RfmReport) {
    let policy: RfmPolicy = toml::from_str(policy).unwrap();
    let rfm = Rfm::new(policy, Zone::UTC, None, Rates::default()).unwrap();
    let report = RfmReport::new(&rfm, Timestamp::MAX);
    (rfm, report)
}

fn collect(report: &RfmReport, customers: &[Customer]) -> Population {
    let mut all = Population::default();
    for customer in customers {
        let mut id = [0; 16];
        id.iter_mut().zip(customer.0.bytes()).for_each(|(to, from)| *to = from);
        report.add(&mut all, Shown { id: CustomerId::from_bytes(id), name: &customer.0 }, &view(customer));
    }
    all
}

fn answer(policy: &str, customers: &[Customer]) -> RfmAnswer {
    let (_, report) = report(policy);
    report.finish(collect(&report, customers)).unwrap()
}

/// Few distinct values, so that there are ties; names of which some differ only beyond ASCII or in length.
fn population() -> impl Strategy<Value = Vec<Customer>> {
    let values = (0..12_u32, 1..6_u64, -3..40_i64).prop_map(|(recency_days, frequency, m)| RfmValues {
        recency_days,
        frequency,
        monetary_minor: i128::from(m) * 50,
    });
    prop::collection::btree_map("s:[ab中]{1,4}", values, 0..40)
        .prop_map(|all| all.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

type Triple = (u8, u8, u8);

fn scores_of(answer: &RfmAnswer) -> BTreeMap<String, Triple> {
    let row = |row: &tenure_core::report::rfm::RfmRow| (row.scores.r, row.scores.f, row.scores.m);
    answer.customers.iter().map(|r| (r.customer.clone(), row(r))).collect()
}

fn axes(values: &RfmValues) -> [i128; 3] {
    [values.recency_days.into(), values.frequency.into(), values.monetary_minor]
}

/// Five times the type-7 quantiles at k/5.
fn quintiles_times_5(mut values: Vec<i128>) -> Vec<i128> {
    values.sort_unstable();
    let last = values.len() - 1;
    (1..5)
        .map(|k| {
            let (h, rest) = (last * k / 5, (last * k % 5) as i128);
            values[h] * (5 - rest) + values[(h + 1).min(last)] * rest
        })
        .collect()
}

/// Scores of every customer from a rule for one axis: `(axis, value) -> score`.
fn by_axis(customers: &[Customer], rule: impl Fn(usize, &str, i128) -> u8) -> BTreeMap<String, Triple> {
    let of = |(name, values): &Customer| {
        let [r, f, m] = axes(values);
        (name.clone(), (rule(0, name, r), rule(1, name, f), rule(2, name, m)))
    };
    customers.iter().map(of).collect()
}

fn column(customers: &[Customer], axis: usize) -> Vec<i128> {
    customers.iter().map(|(_, values)| axes(values)[axis]).collect()
}

/// How many customers stand before this one: worse on the axis, or equal with a smaller id.
fn before(customers: &[Customer], axis: usize, name: &str, value: i128) -> usize {
    let worse = |other: i128| if axis == 0 { other > value } else { other < value };
    customers
        .iter()
        .filter(|(n, values)| {
            let other = axes(values)[axis];
            worse(other) || (other == value && n.as_bytes() < name.as_bytes())
        })
        .count()
}

fn score(number: usize) -> u8 {
    number.try_into().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn value(customers in population()) {
        prop_assume!(!customers.is_empty());
        let edges: Vec<_> = (0..3).map(|axis| quintiles_times_5(column(&customers, axis))).collect();
        let naive = by_axis(&customers, |axis, _, value| {
            let below = score(edges[axis].iter().filter(|edge| **edge < value * 5).count());
            if axis == 0 { 5 - below } else { 1 + below }
        });
        prop_assert_eq!(scores_of(&answer("", &customers)), naive);
    }

    #[test]
    fn equal_values_get_equal_scores_by_value(customers in population()) {
        let got = scores_of(&answer("", &customers));
        for (name, values) in &customers {
            for (other, others) in &customers {
                prop_assert!(values != others || got[name] == got[other]);
            }
        }
    }

    #[test]
    fn r_package(customers in population()) {
        prop_assume!(!customers.is_empty());
        let naive = by_axis(&customers, |axis, _, value| {
            let unit = if axis == 2 { 100 } else { 1 };
            let mut edges = vec![i128::MIN];
            edges.extend(quintiles_times_5(column(&customers, axis)).iter().map(|edge| edge + 5 * unit));
            edges.push(i128::MAX);
            let bins: Vec<_> = (0..5).filter(|bin| edges[*bin] <= value * 5 && value * 5 < edges[bin + 1]).collect();
            assert_eq!(bins.len(), 1);
            if axis == 0 { 5 - score(bins[0]) } else { 1 + score(bins[0]) }
        });
        prop_assert_eq!(scores_of(&answer("scoring = 'r_package'", &customers)), naive);
    }

    #[test]
    fn fixed(customers in population()) {
        let policy = "scoring = 'fixed'\nfixed = { r_days = [2, 4, 6, 8], f = [2, 3, 4, 5], m = ['0.50', '0.501', 5, '12.5'] }";
        let edges = [[2_000, 4_000, 6_000, 8_000], [2_000, 3_000, 4_000, 5_000], [50_000, 50_100, 500_000, 1_250_000]];
        let naive = by_axis(&customers, |axis, _, value| {
            let reached = score(edges[axis].iter().filter(|edge| value * 1_000 >= **edge).count());
            if axis == 0 { 5 - reached } else { 1 + reached }
        });
        prop_assert_eq!(scores_of(&answer(policy, &customers)), naive);
    }

    #[test]
    fn rank(customers in population()) {
        let n = customers.len();
        let naive = by_axis(&customers, |axis, name, value| score(5 * before(&customers, axis, name, value) / n + 1));
        prop_assert_eq!(scores_of(&answer("scoring = 'rank'", &customers)), naive);
    }

    #[test]
    fn ntile(customers in population()) {
        let n = customers.len();
        // A list of the tiles in order, as SQL fills them.
        let tiles: Vec<u8> = (0..5).flat_map(|t| vec![score(t + 1); n / 5 + usize::from(t < n % 5)]).collect();
        let naive = by_axis(&customers, |axis, name, value| tiles[before(&customers, axis, name, value)]);
        prop_assert_eq!(scores_of(&answer("scoring = 'ntile'", &customers)), naive);
    }

    #[test]
    fn rank_average(customers in population()) {
        let n = customers.len() as i128;
        let naive = by_axis(&customers, |axis, _, value| {
            let worse = |other: i128| if axis == 0 { other > value } else { other < value };
            let all = column(&customers, axis);
            let below = all.iter().filter(|other| worse(**other)).count() as i128;
            let equal = all.iter().filter(|other| **other == value).count() as i128;
            let ranks: i128 = (below + 1..=below + equal).sum();
            // The least s with s * n >= 5 * ranks / equal.
            (1..=5).find(|s| i128::from(*s) * n * equal >= 5 * ranks).unwrap()
        });
        prop_assert_eq!(scores_of(&answer("scoring = 'rank_average'", &customers)), naive);
    }

    #[test]
    fn nested(customers in population()) {
        let rank = |group: &[&Customer], name: &str, axis: usize| {
            let group: Vec<Customer> = group.iter().map(|customer| (*customer).clone()).collect();
            let value = axes(&group.iter().find(|(n, _)| n == name).unwrap().1)[axis];
            score(5 * before(&group, axis, name, value) / group.len() + 1)
        };
        let all: Vec<&Customer> = customers.iter().collect();
        let r: BTreeMap<_, _> = all.iter().map(|c| (&c.0, rank(&all, &c.0, 0))).collect();
        let same_r = |name: &String| all.iter().copied().filter(|c| r[&c.0] == r[name]).collect::<Vec<_>>();
        let f: BTreeMap<_, _> = all.iter().map(|c| (&c.0, rank(&same_r(&c.0), &c.0, 1))).collect();
        let naive: BTreeMap<_, _> = all
            .iter()
            .map(|c| {
                let group: Vec<_> = same_r(&c.0).into_iter().filter(|o| f[&o.0] == f[&c.0]).collect();
                (c.0.clone(), (r[&c.0], f[&c.0], rank(&group, &c.0, 2)))
            })
            .collect();
        prop_assert_eq!(scores_of(&answer("scoring = 'nested'", &customers)), naive);
    }

    #[test]
    fn chinese_segments_by_means_and_by_fixed_values(customers in population()) {
        let n = customers.len() as i128;
        let sums: Vec<i128> = (0..3).map(|axis| column(&customers, axis).iter().sum()).collect();
        let names = [
            "general_retain", "important_retain", "general_keep", "important_keep",
            "general_develop", "important_develop", "general_value", "important_value",
        ];
        let code = |bits: [bool; 3]| names[usize::from(bits[0]) * 4 + usize::from(bits[1]) * 2 + usize::from(bits[2])];
        for row in answer("map = 'segments_cn_8'", &customers).customers {
            let (r, f, m) = (i128::from(row.recency_days), i128::from(row.frequency), row.monetary.minor);
            prop_assert_eq!(row.segment, code([r * n <= sums[0], f * n >= sums[1], m * n >= sums[2]]));
        }
        let by_scores = answer("map = 'segments_cn_8'\ncn.cut = 'score_mean'", &customers);
        let scores: Vec<_> = scores_of(&by_scores).into_values().collect();
        let sum = |axis: fn(&Triple) -> u8| scores.iter().map(|s| i128::from(axis(s))).sum::<i128>();
        let sums = [sum(|s| s.0), sum(|s| s.1), sum(|s| s.2)];
        for row in by_scores.customers {
            let s = [row.scores.r, row.scores.f, row.scores.m].map(|score| i128::from(score) * n);
            prop_assert_eq!(row.segment, code([s[0] > sums[0], s[1] > sums[1], s[2] > sums[2]]));
        }
        let fixed = "map = 'segments_cn_8'\ncn = { cut = 'fixed', r_days = 5, f = 3, average = '3.335' }";
        for row in answer(fixed, &customers).customers {
            let rich = row.monetary.minor * 10 >= i128::from(row.frequency) * 3_335;
            prop_assert_eq!(row.segment, code([row.recency_days <= 5, row.frequency >= 3, rich]));
        }
    }

    #[test]
    fn tiers_by_shares_and_by_cuts(customers in population(), a in 0..=10_usize, b in 0..=10_usize, of in select(vec!["sum", "r", "f", "m", "recency_days", "frequency", "monetary"])) {
        let basis = |row: &tenure_core::report::rfm::RfmRow| -> i128 {
            let (r, f, m) = (i128::from(row.scores.r), i128::from(row.scores.f), i128::from(row.scores.m));
            // The greater the better.
            match of {
                "sum" => r + f + m,
                "r" => r,
                "f" => f,
                "m" => m,
                "recency_days" => -i128::from(row.recency_days),
                "frequency" => row.frequency.into(),
                _ => row.monetary.minor,
            }
        };
        let tenth = |n: usize| format!("{}.{}", n / 10, n % 10);
        let shares = format!("map = 'tiers_abc'\ntiers = {{ of = '{of}', shares = ['{}', '{}'] }}", tenth(a), tenth(b));
        let got = answer(&shares, &customers);
        let n = customers.len();
        for row in &got.customers {
            let better = got.customers.iter().filter(|other| basis(other) > basis(row)).count();
            // In a tier iff fewer are better than the tier has places.
            let tier = if better * 10 < n * a { "a" } else if better * 10 < n * (a + b) { "b" } else { "c" };
            prop_assert_eq!(&row.segment, tier);
        }
        let (low, high) = (a.min(b), a.max(b));
        let (cut_a, cut_b) = if of == "recency_days" { (low, high) } else { (high, low) };
        let cuts = format!("map = 'tiers_abc'\ntiers = {{ of = '{of}', by = 'cuts', cuts = ['{cut_a}.5', '{cut_b}'] }}");
        prop_assume!(of != "recency_days" || cut_a < cut_b);
        for row in answer(&cuts, &customers).customers {
            let scale = if of == "monetary" { 100 } else { 1 };
            let sign = if of == "recency_days" { -1 } else { 1 };
            let reaches = |twice: i128| basis(&row) * 2 >= sign * scale * twice;
            let (cut_a, cut_b) = (cut_a as i128, cut_b as i128);
            let tier = if reaches(2 * cut_a + 1) { "a" } else if reaches(2 * cut_b) { "b" } else { "c" };
            prop_assert_eq!(&row.segment, tier);
        }
    }

    #[test]
    fn any_split_of_the_population_gives_equal_answers(
        customers in population(),
        cuts in prop::collection::vec(0..40_usize, 3),
        scoring in select(vec!["value", "rank", "ntile", "rank_average", "nested", "r_package"]),
        map in select(vec!["segments_11", "segments_r_package_10", "segments_cn_8", "tiers_abc"]),
    ) {
        let policy = format!("scoring = '{scoring}'\nmap = '{map}'");
        let whole = answer(&policy, &customers);
        let (_, report) = report(&policy);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(customers.len())).collect();
        cuts.sort_unstable();
        let parts = [&customers[..cuts[0]], &customers[cuts[0]..cuts[1]], &customers[cuts[1]..cuts[2]], &customers[cuts[2]..]];
        let [a, b, c, d] = parts.map(|part| collect(&report, part));
        // ((d + b) + (a + c)), with the identity in between.
        let (mut left, mut right) = (d, a);
        report.merge(&mut left, b);
        report.merge(&mut left, Population::default());
        report.merge(&mut right, c);
        report.merge(&mut left, right);
        prop_assert_eq!(report.finish(left).unwrap(), whole);
    }

    #[test]
    fn parts_add_up_and_each_customer_is_in_one_segment(
        customers in population(),
        scoring in select(vec!["value", "rank", "ntile", "rank_average", "nested", "r_package"]),
        map in select(vec!["segments_11", "segments_r_package_10", "segments_cn_8", "tiers_abc"]),
    ) {
        let got = answer(&format!("scoring = '{scoring}'\nmap = '{map}'"), &customers);
        prop_assert_eq!(got.customers.len(), customers.len());
        prop_assert_eq!(got.segments.iter().map(|segment| segment.customers).sum::<u64>(), customers.len() as u64);
        prop_assert!(got.customers.is_sorted_by(|a, b| a.customer.as_bytes() < b.customer.as_bytes()));
        let listed: BTreeSet<_> = got.segments.iter().map(|segment| segment.code.as_str()).collect();
        prop_assert_eq!(listed.len(), got.segments.len());
        for row in &got.customers {
            prop_assert!(listed.contains(row.segment.as_str()));
            prop_assert!([row.scores.r, row.scores.f, row.scores.m].iter().all(|score| (1..=5).contains(score)));
        }
        let shares: f64 = got.segments.iter().map(|segment| segment.share).sum();
        prop_assert!(got.segments.iter().all(|segment| (0.0..=1.0).contains(&segment.share)));
        prop_assert!(customers.is_empty() || (shares - 1.0).abs() < 1e-9);
    }

    /// Edges that were kept score every customer alone as they scored the population, after a round trip too.
    #[test]
    fn kept_edges_place_each_customer_alone(
        customers in population(),
        scoring in select(vec!["value", "r_package"]),
        map in select(vec!["segments_11", "segments_cn_8", "tiers_abc"]),
    ) {
        prop_assume!(!customers.is_empty());
        let (rfm, report) = report(&format!("scoring = '{scoring}'\nmap = '{map}'"));
        let whole = report.finish(collect(&report, &customers)).unwrap();
        let kept: RfmEdges = serde_json::from_str(&serde_json::to_string(&whole.edges).unwrap()).unwrap();
        prop_assert_eq!(&kept, &whole.edges);
        for row in &whole.customers {
            let (_, values) = customers.iter().find(|(name, _)| *name == row.customer).unwrap();
            let alone = kept.place(&rfm, values).unwrap();
            prop_assert_eq!((alone.scores, alone.segment), (row.scores, row.segment.as_str()));
        }
        let again = report.clone().with_edges(kept).finish(collect(&report, &customers)).unwrap();
        prop_assert_eq!(again, whole);
    }
}

fn customer(name: &str, recency_days: u32, frequency: u64, monetary_minor: i128) -> Customer {
    (name.into(), RfmValues { recency_days, frequency, monetary_minor })
}

#[test]
fn the_json_of_an_answer_is_the_documented_one() {
    let (_, report) = report("");
    let mut all = collect(&report, &[customer("shop:b", 1, 2, 500), customer("shop:a", 3, 1, -100)]);
    let shown = Shown { id: CustomerId::from_bytes([9; 16]), name: "shop:c" };
    report.add(&mut all, shown, &RfmView { without_amount: 1, ..RfmView::default() });
    let mut json = serde_json::to_value(report.finish(all).unwrap()).unwrap();
    assert_eq!(
        json["customers"],
        serde_json::json!([
            {"customer": "shop:a", "recency_days": 3, "frequency": 1, "monetary": {"minor": -100, "currency": "USD"},
             "r": 1, "f": 1, "m": 1, "segment": "lost"},
            {"customer": "shop:b", "recency_days": 1, "frequency": 2, "monetary": {"minor": 500, "currency": "USD"},
             "r": 5, "f": 5, "m": 5, "segment": "champions"},
        ])
    );
    assert_eq!(json["segments"][0], serde_json::json!({"code": "champions", "customers": 1, "share": 0.5}));
    assert_eq!(json["edges"]["scores"]["r"], serde_json::json!([1.4, 1.8, 2.2, 2.6]));
    assert_eq!(json["unscored"], serde_json::json!(["shop:c"]));
    let counts = serde_json::json!({"scored": 2, "unscored": 1, "without_amount": 1, "missing_rate": 0, "missing": null});
    assert_eq!(json["counts"].take(), counts);
}

#[test]
fn a_segment_of_ones_own_is_the_first_that_matches() {
    let policy = "
        map = 'own'
        segment = [{ code = 'vip', r = [4, 5], fm = [4, 5] }, { code = 'recent', r = [4, 5] }]";
    let all: Vec<_> = (0..10).map(|n| customer(&format!("s:{n}"), 10 - n, n.into(), i128::from(n))).collect();
    let got = answer(policy, &all);
    let count = |code: &str| got.segments.iter().find(|segment| segment.code == code).unwrap().customers;
    assert_eq!((count("vip"), count("recent"), count("others")), (4, 0, 6));
}

#[test]
fn several_currencies_without_one_in_the_policy_are_refused_by_name() {
    let (_, report) = report("");
    let mut all = collect(&report, &[customer("s:a", 1, 1, 1)]);
    let eur: Currency = "EUR".parse().unwrap();
    let other = RfmView { currencies: Some((eur, eur)), ..view(&customer("s:b", 1, 1, 1)) };
    report.add(&mut all, Shown { id: CustomerId::from_bytes([2; 16]), name: "s:b" }, &other);
    let error = report.finish(all).unwrap_err();
    assert_eq!(error, RfmError::MixedCurrencies { first: eur, second: "USD".parse().unwrap() });
    assert!(error.to_string().contains("EUR") && error.hint().contains("currency"));
}

#[test]
fn edges_of_another_policy_and_scorings_without_edges_are_refused() {
    let (rfm, by_value) = report("");
    let all = [customer("s:a", 1, 1, 1)];
    let edges = by_value.finish(collect(&by_value, &all)).unwrap().edges;
    let (other, by_rank) = report("scoring = 'rank'");
    assert!(matches!(edges.place(&other, &all[0].1), Err(RfmError::OtherPolicy { .. })));
    assert!(edges.place(&rfm, &all[0].1).is_ok());
    let error = by_rank.clone().with_edges(edges).finish(collect(&by_rank, &all)).unwrap_err();
    assert!(matches!(error, RfmError::OtherPolicy { .. }));
    let none = by_rank.finish(collect(&by_rank, &all)).unwrap().edges;
    assert!(matches!(none.place(&other, &all[0].1), Err(RfmError::NoEdges { .. })));
}

#[test]
fn nobody_at_all_has_an_answer_without_edges() {
    let got = answer("map = 'segments_cn_8'", &[]);
    assert!(got.customers.is_empty() && got.edges.scores.is_none() && got.edges.cn.is_none());
    assert!(got.segments.iter().all(|segment| segment.customers == 0 && segment.share == 0.0));
    assert_eq!(got.edges.currency.code(), "XXX");
}
