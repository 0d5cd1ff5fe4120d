//! Generated pages are fresh.

#[test]
fn the_configuration_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == server::config::reference(),
        "docs/configuration.md is stale; write it anew with: cargo run -p server -- config-reference > docs/configuration.md"
    );
}
