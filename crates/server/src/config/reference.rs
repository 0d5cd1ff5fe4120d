//! The reference page of all settings, made from the same tables that read them, so that it cannot be wrong for long.

use std::fmt::Write;

use super::SECTIONS;
use super::key::Key;

const HEAD: &str = "# Configuration

<!-- Generated from the tables in crates/server/src/config; a test fails when this page is stale. -->

Merlon starts without any configuration. Settings come from three places, and a later one wins: a YAML file
(`merlon start --config merlon.yaml` or `MERLON_CONFIG=merlon.yaml`), environment variables, flags of the command line. A key that does
not exist is refused with the name of the nearest one that does.

```yaml
server:
  listen: 0.0.0.0:8080
  external_url: https://id.example.com
smtp:
  host: mail.example.com
  sender: no-reply@example.com
```

The variable of a key is `MERLON_`, then the key in upper case with two underscores for each dot. A duration is a whole number with a unit:
`30s`, `10m`, `1h`, `2d`. In variables the parts of a list are separated by commas.
";

/// The whole page, as Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for (name, sentence, keys) in SECTIONS {
        let _ = write!(
            page,
            "\n## {name}\n\n{sentence}\n\n| key | form | default | meaning |\n|---|---|---|---|\n"
        );
        for key in keys {
            row(&mut page, key);
        }
    }
    page
}

fn row(page: &mut String, key: &Key) {
    let default = match key.default {
        None => "not set".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let (path, variable, form) = (key.path, key.variable(), key.form.describe());
    let _ = writeln!(
        page,
        "| `{path}`<br>`{variable}` | {form} | {default} | {} |",
        key.meaning
    );
}
