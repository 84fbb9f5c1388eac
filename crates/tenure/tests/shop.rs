//! The example `shop` runs, says what its readers see, and adds nothing when it is run again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../examples/shop.rs"]
#[expect(dead_code, reason = "a program has a main")]
mod shop;

const STANDS: &str = "\
shop:ann is at_risk since 2024-05-09T12:00:00Z, bought for 40.27 USD
shop:ann was new in January
  2024-01-05T12:00:00Z prospect
  2024-01-05T12:00:00Z new
  2024-02-01T12:00:00Z active
  2024-05-09T12:00:00Z at_risk
at_risk: 1
churned: 1
shop:ann: loyal_customers
shop:ben: at_risk
";

fn told(path: &std::path::Path) -> String {
    let mut out = Vec::new();
    pollster::block_on(shop::run(path, &mut out)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_story_of_a_shop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let first = "\
o-1 recorded, shop:ann -> prospect, shop:ann -> new
o-2 recorded, shop:ben -> prospect, shop:ben -> new
o-3 recorded, shop:ann -> active
by July, shop:ben -> at_risk, shop:ann -> at_risk, shop:ben -> churned, shop:ann -> churned
o-4 late, shop:ann not at_risk after all, shop:ann not churned after all, shop:ann -> at_risk
";
    assert_eq!(told(&path), format!("{first}{STANDS}"));
    // Everything is known by now; what silence did since is computed anew.
    let again = "\
o-1 known
o-2 known
o-3 known
by July, shop:ben -> at_risk, shop:ben -> churned, shop:ann -> at_risk
o-4 late
";
    assert_eq!(told(&path), format!("{again}{STANDS}"));
}
