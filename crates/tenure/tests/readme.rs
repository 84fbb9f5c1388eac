//! The example of the README is the one in this crate's documentation, which is compiled and run; the Chinese README
//! shows the same, with other comments.

const ENGLISH: &str = include_str!("../../../README.md");
const CHINESE: &str = include_str!("../../../README.zh-CN.md");

fn example(readme: &str) -> Vec<&str> {
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("\n```").next());
    shown.unwrap_or_default().lines().collect()
}

#[test]
fn the_readme_shows_the_example_that_is_run() {
    let docs = include_str!("../src/lib.rs");
    let block = docs.split("//! ```\n").nth(1).unwrap();
    let run: Vec<&str> = block
        .lines()
        .map(|line| line.strip_prefix("//!").unwrap().trim_start_matches(' '))
        .filter(|line| !line.starts_with("# "))
        .collect();
    assert_eq!(example(ENGLISH), run);
}

#[test]
fn the_chinese_readme_shows_the_same_code_commands_and_sections() {
    let code = |readme| -> Vec<&str> {
        example(readme).iter().map(|line| line.split(" //").next().unwrap_or_default()).collect()
    };
    assert_eq!(code(CHINESE), code(ENGLISH));
    let commands = |readme: &'static str| -> Vec<String> {
        let lines = readme.lines().filter_map(|line| line.strip_prefix("$ "));
        let bare = lines.map(|line| line.split('#').next().unwrap_or_default().trim_end());
        // The Chinese page runs the demo in Chinese.
        bare.map(|line| line.replace(" --lang zh-CN", "")).collect()
    };
    assert_eq!(commands(CHINESE), commands(ENGLISH));
    let shape = |readme: &'static str| -> Vec<&str> {
        let mark = |line: &'static str| {
            line.split(' ').next().filter(|mark| matches!(*mark, "#" | "##" | "-" | "|"))
        };
        readme.lines().filter_map(mark).collect()
    };
    assert_eq!(shape(CHINESE), shape(ENGLISH));
}
