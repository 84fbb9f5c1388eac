//! The example of the README is the one in this crate's documentation, which is compiled and run.

#[test]
fn the_readme_shows_the_example_that_is_run() {
    let readme = include_str!("../../../README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("\n```").next());
    let docs = include_str!("../src/lib.rs");
    let block = docs.split("//! ```\n").nth(1).unwrap();
    let run: Vec<&str> = block
        .lines()
        .map(|line| line.strip_prefix("//!").unwrap().trim_start_matches(' '))
        .filter(|line| !line.starts_with("# "))
        .collect();
    let shown: Vec<&str> = shown.unwrap().lines().collect();
    assert_eq!(shown, run);
}
