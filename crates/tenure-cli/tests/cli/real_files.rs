//! Files as strangers have them: packed, in another encoding, with other separators, with a row for each line.

use serde_json::json;

use crate::Place;

const LINES: &str = "invoice_no,stock_code,description,quantity,invoice_date,unit_price_gbp,customer_id,country\n\
    1,a,A,2,2011-01-31T23:30:00,1.25,7,France\n1,b,B,1,2011-01-31T23:30:00,1.00,7,France\n\
    1,b,B,1,2011-01-31T23:30:00,1.00,7,France\nC2,a,A,-1,2011-03-01T10:00:00,1.25,7,France\n\
    3,c,C,1,2011-03-01T10:00:00,1.00,,France\n1,d,D,1,2011-01-31T23:30:00,0.0,7,France\n";

#[test]
fn the_counts_of_a_summary_add_up_and_a_second_import_adds_nothing() {
    let place = Place::new();
    place.write("lines.csv", LINES);
    let run = || {
        let ran = place.run("import lines.csv --map uci_online_retail --store u.db --format json".split(' '));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        serde_json::from_str::<serde_json::Value>(&ran.out).unwrap()
    };
    let (first, second) = (run(), run());
    for (summary, imported, known) in [(&first, 2, 0), (&second, 0, 2)] {
        assert_eq!((&summary["imported"], &summary["known"]), (&json!(imported), &json!(known)));
        let parts = ["imported", "known", "joined", "duplicates", "left_out", "bad"];
        let sum: u64 = parts.iter().map(|part| summary[part].as_u64().unwrap()).sum();
        assert_eq!(summary["rows"], sum, "{summary}");
    }
    assert_eq!((&first["joined"], &first["equal_lines"]), (&json!(2), &json!(1)));
    assert_eq!(first["reasons"], json!([{"reason": "zero_price", "rows": 1, "first_line": 7}]));
    assert_eq!(first["problems"][0]["problem"], "missing_customer");
    let chinese = place.run("import lines.csv --map uci_online_retail --store u.db --lang zh-CN".split(' '));
    assert!(chinese.out.contains("缺少客户") && chinese.out.contains("单价为零"), "{}", chinese.out);

    let months = place.json("revenue --store u.db");
    let rows = months["answer"]["months"].as_array().unwrap();
    let net =
        |row: &serde_json::Value| (row["month"].as_str().unwrap().to_owned(), row["net"]["minor"].clone());
    let nets: Vec<_> = rows.iter().map(net).collect();
    let expected = [("2011-01", 450), ("2011-02", 0), ("2011-03", -125)];
    assert_eq!(nets, expected.map(|(month, minor)| (month.to_owned(), json!(minor))));
    assert_eq!(months["answer"]["total"]["customers"], 1);
    // The last half hour of January is February in Shanghai.
    place.write("cn.toml", "name = \"cn\"\nzone = \"Asia/Shanghai\"\n");
    let months = place.json("revenue --store u.db --policy cn.toml");
    assert_eq!(months["answer"]["months"][0]["month"], "2011-02");
    assert_eq!(place.line("revenue --store u.db --format csv").lines().count(), 4);
}

#[test]
fn other_separators_encodings_and_zones_are_told_on_the_command_line() {
    let place = Place::new();
    // 订单 in GBK.
    let mut bytes = b"order_id;customer_id;type;order_date;amount;currency\no1;7;".to_vec();
    bytes.extend(b"\xb6\xa9\xb5\xa5;2024-05-01;5;CNY\n");
    place.write("o.csv", bytes);
    let line =
        "import o.csv --map generic_orders --store o.db --delimiter ; --encoding gbk --zone Asia/Shanghai";
    place.line(line);
    assert!(place.line("log --store o.db").contains("2024-04-30T16:00:00Z"));
    for (wrong, said) in [
        ("--encoding latin1", "is not one of utf8, gb18030"),
        ("--encoding utf-16", "save it as UTF-8"),
        ("--delimiter ab", "is not one character"),
        ("--zone Mars", "--zone"),
        ("--delimiter ,", "there is no column \"type\"; the file has \"order_id;customer_id"),
    ] {
        let ran = place.run(format!("import o.csv --map generic_orders --store n.db {wrong}").split(' '));
        assert!(ran.code == Some(2) && ran.err.contains(said), "{wrong}: {ran:?}");
    }
    assert!(!place.files().contains(&"n.db".to_owned()));
}

#[test]
fn a_guess_is_a_mapping_that_imports_the_file() {
    let place = Place::new();
    place.write("o.csv", "订单号\t客户编号\t下单时间\t金额\nA1\tu7\t2024-05-01 08:30:00\t14.77\n");
    let ran = place.run("import o.csv --guess".split(' '));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("check: ") && ran.out.contains("# CHECK: "), "{ran:?}");
    place.write("guess.toml", ran.out);
    place.line("import o.csv --map guess.toml --store o.db");
    assert!(place.line("log --store o.db").contains("\"shop:u7\""));
    for (line, said) in [
        ("import o.csv --guess --store o.db", "cannot be used with"),
        ("import o.csv --map generic_orders", "--store"),
        ("import nothing.csv --guess", "cannot read nothing.csv"),
    ] {
        let ran = place.run(line.split(' '));
        assert!(ran.code == Some(2) && ran.err.contains(said), "{line}: {ran:?}");
    }
}
