use crate::Place;

#[test]
fn the_demo_says_the_same_each_time_and_adds_nothing_the_second_time() {
    let place = Place::new();
    let (first, second) = (place.run(["demo"]), place.run(["demo"]));
    assert_eq!((first.code, second.code), (Some(0), Some(0)));
    assert_eq!(first.out, second.out);
    assert!(first.err.contains("Imported 6919, Known already 0"), "{}", first.err);
    assert!(second.err.contains("Imported 0, Known already 6919"), "{}", second.err);
    assert_eq!(place.line("log --store tenure-demo.db --ids").lines().count(), 6_919);
    assert_eq!(place.files(), ["tenure-demo.db"]);
}

#[test]
fn the_demo_tells_three_stories_in_tables_of_a_page() {
    let out = Place::new().line("demo --quiet");
    for story in ["won back (since 1998-06-15)", "churned (since 1997-05-01)", "loyal (since 1998-05-29)"] {
        assert!(out.contains(story), "{story}");
    }
    let widest = out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 120, "{widest}");
}

#[test]
fn the_demo_speaks_chinese() {
    let out = Place::new().line("demo --quiet --lang zh-CN");
    for label in [
        "客户生命周期阶段",
        "流失风险客户",
        "重要价值客户",
        "一年内下单4次",
        "自 1997-01-01 起沉默",
        "下一步",
    ] {
        assert!(out.contains(label), "{label}: {out}");
    }
}

#[test]
fn the_demo_does_not_mix_with_the_facts_of_others() {
    let place = Place::new();
    place.write("a.jsonl", crate::order("ann", "2024-01-05T00:00:00Z", 100));
    place.line("import a.jsonl --store shop.db");
    let ran = place.run(["demo", "--store", "shop.db"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("shop.db holds other facts than those of the demo"), "{}", ran.err);
    assert_eq!(place.line("log --store shop.db --ids").lines().count(), 1);
}
