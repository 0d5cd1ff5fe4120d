//! The document as one HTML page: services, then types. Text and links only; it needs no script.

use std::fmt::Write;

use super::node::Node;

/// Writes to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{
        let _ = write!($out, $($text)*);
    }};
}

/// The page of a document.
pub(super) fn render(document: &Node) -> String {
    let none = Node::Map(Vec::new());
    let (info, paths) = (
        document.get("info").unwrap_or(&none),
        document.get("paths").unwrap_or(&none),
    );
    let schemas = document
        .get("components")
        .and_then(|components| components.get("schemas"))
        .unwrap_or(&none);
    let mut out = String::with_capacity(1 << 20);
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Merlon API</title>\n");
    out.push_str("<link rel=\"stylesheet\" href=\"/openapi/style.css\">\n</head>\n<body>\n");
    let services = document.list("tags");
    navigation(&mut out, services, paths);
    out.push_str("<main>\n<h1>Merlon API</h1>\n");
    paragraphs(&mut out, info.text("description"));
    introduction(&mut out);
    for service in services {
        section(&mut out, service, paths);
    }
    out.push_str("<section id=\"types\">\n<h2>Types</h2>\n");
    for (name, schema) in schemas.entries() {
        type_of_name(&mut out, name, schema);
    }
    out.push_str("</section>\n</main>\n</body>\n</html>\n");
    out
}

fn introduction(out: &mut String) {
    out.push_str(
        "<p>For tools: <a href=\"/openapi/v3.json\">OpenAPI 3.1 document</a>. The examples below are for a ",
    );
    out.push_str("shell with your own ids in the place of theirs, and</p>\n<pre><code>export MERLON=http://127.0.0.1:8080\n");
    out.push_str("export TOKEN=$(cat merlon-data/automation.pat)</code></pre>\n");
}

/// All operations of a service as (path, verb, operation).
fn operations<'a>(paths: &'a Node, service: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Node)> {
    let all = paths.entries().iter().flat_map(|(path, verbs)| {
        verbs
            .entries()
            .iter()
            .map(move |(verb, operation)| (path.as_str(), verb.as_str(), operation))
    });
    all.filter(move |(_, _, operation)| operation.list("tags").contains(&Node::from(service)))
}

fn navigation(out: &mut String, services: &[Node], paths: &Node) {
    out.push_str("<nav aria-label=\"Services\">\n");
    for service in services {
        let name = service.text("name");
        let (package, short) = name.rsplit_once('.').unwrap_or(("", name));
        put!(
            out,
            "<details>\n<summary><a href=\"#{name}\">{short}</a> <small>{package}</small></summary>\n<ul>\n"
        );
        for (_, verb, operation) in operations(paths, name) {
            let id = operation.text("operationId");
            let short = id.rsplit('.').next().unwrap_or(id);
            put!(
                out,
                "<li><a href=\"#{id}\">{short}</a> <small>{}</small></li>\n",
                verb.to_uppercase()
            );
        }
        out.push_str("</ul>\n</details>\n");
    }
    out.push_str("<p><a href=\"#types\">Types</a></p>\n</nav>\n");
}

fn section(out: &mut String, service: &Node, paths: &Node) {
    let name = service.text("name");
    put!(out, "<section id=\"{name}\">\n<h2>{name}</h2>\n");
    paragraphs(out, service.text("description"));
    for (path, verb, operation) in operations(paths, name) {
        article(out, path, verb, operation);
    }
    out.push_str("</section>\n");
}

fn article(out: &mut String, path: &str, verb: &str, operation: &Node) {
    let id = operation.text("operationId");
    let short = id.rsplit('.').next().unwrap_or(id);
    put!(
        out,
        "<article id=\"{id}\">\n<h3><a href=\"#{id}\">{short}</a></h3>\n"
    );
    put!(
        out,
        "<p class=\"line\"><b class=\"{verb}\">{}</b> <code>{}</code></p>\n",
        verb.to_uppercase(),
        escape(path)
    );
    paragraphs(out, operation.text("description"));
    parameters(out, operation.list("parameters"));
    if let Some(media) = operation.get("requestBody").and_then(json) {
        out.push_str("<h4>Body</h4>\n<p>");
        put!(out, "{}", type_name(media.get("schema").unwrap_or(media)));
        put!(
            out,
            "{}</p>\n",
            if operation
                .get("requestBody")
                .is_some_and(|body| body.flag("required"))
            {
                ""
            } else {
                ", may be left out"
            }
        );
    }
    answers(out, operation);
    put!(
        out,
        "<pre><code>{}</code></pre>\n</article>\n",
        escape(&curl(path, verb, operation))
    );
}

fn parameters(out: &mut String, parameters: &[Node]) {
    if parameters.is_empty() {
        return;
    }
    out.push_str("<h4>Parameters</h4>\n<table>\n<thead><tr><th>Name</th><th>In</th><th>Type</th><th>Meaning</th></tr></thead>\n");
    out.push_str("<tbody>\n");
    for parameter in parameters {
        let must = if parameter.flag("required") {
            " <small>required</small>"
        } else {
            ""
        };
        let kind = parameter.get("schema").map(type_name).unwrap_or_default();
        put!(
            out,
            "<tr><td><code>{}</code>{must}</td>",
            escape(parameter.text("name"))
        );
        put!(out, "<td>{}</td><td>{kind}</td><td>", parameter.text("in"));
        put!(out, "{}</td></tr>\n", inline(parameter.text("description")));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn answers(out: &mut String, operation: &Node) {
    let responses = operation.get("responses").map(Node::entries).unwrap_or_default();
    let Some((status, success)) = responses.first() else {
        return;
    };
    let kind = json(success)
        .and_then(|media| media.get("schema"))
        .map(type_name)
        .unwrap_or_default();
    put!(
        out,
        "<h4>Answer</h4>\n<p>{status}: {kind}. Errors: <a href=\"#google.rpc.Status\">google.rpc.Status</a></p>\n"
    );
}

fn json(holder: &Node) -> Option<&Node> {
    holder
        .get("content")
        .and_then(|content| content.get("application/json"))
}

/// A call that can be pasted into a shell.
fn curl(path: &str, verb: &str, operation: &Node) -> String {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    for parameter in operation.list("parameters") {
        let (name, sample) = (parameter.text("name"), parameter.text("example"));
        match parameter.text("in") {
            "path" => target = target.replace(&format!("{{{name}}}"), sample),
            _ if parameter.get("example").is_some() => {
                query.push(format!("{name}={}", sample.replace('+', "%2B")));
            }
            _ => {}
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let mut call = match verb {
        "get" => format!("curl \"$MERLON{target}\""),
        _ => format!("curl -X {} \"$MERLON{target}\"", verb.to_uppercase()),
    };
    if operation.get("security").is_none() {
        call.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
    }
    if let Some(sample) = operation
        .get("requestBody")
        .and_then(json)
        .and_then(|media| media.get("example"))
    {
        let sample = serde_json::to_string_pretty(sample)
            .unwrap_or_default()
            .replace('\'', "'\\''");
        put!(
            call,
            " \\\n  -H 'Content-Type: application/json' \\\n  -d '{sample}'"
        );
    }
    call
}

fn type_of_name(out: &mut String, name: &str, schema: &Node) {
    put!(
        out,
        "<article id=\"{name}\">\n<h3><a href=\"#{name}\">{name}</a></h3>\n"
    );
    paragraphs(out, schema.text("description"));
    let properties = schema.get("properties").map(Node::entries).unwrap_or_default();
    if !properties.is_empty() {
        out.push_str(
            "<table>\n<thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead>\n<tbody>\n",
        );
        for (property, inner) in properties {
            let required = schema.list("required").contains(&Node::from(property.as_str()));
            let must = if required { " <small>required</small>" } else { "" };
            put!(
                out,
                "<tr><td><code>{}</code>{must}</td><td>{}</td>",
                escape(property),
                type_name(inner)
            );
            put!(out, "<td>{}</td></tr>\n", inline(inner.text("description")));
        }
        out.push_str("</tbody>\n</table>\n");
    }
    out.push_str("</article>\n");
}

/// What a value is, in a word or two, with its limits.
fn type_name(schema: &Node) -> String {
    let target = schema.text("$ref");
    if !target.is_empty() {
        let name = target.rsplit('/').next().unwrap_or(target);
        let short = name.rsplit('.').next().unwrap_or(name);
        return format!("<a href=\"#{name}\">{short}</a>");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", type_name(items));
    }
    if !schema.list("enum").is_empty() {
        return "one of a list".to_owned();
    }
    let format = schema.text("format");
    let mut name = if format.is_empty() {
        schema.text("type").to_owned()
    } else {
        format!("{} ({format})", schema.text("type"))
    };
    let limit = |key: &str| match schema.get(key) {
        Some(Node::Number(number)) => Some(*number),
        _ => None,
    };
    match (limit("minLength"), limit("maxLength")) {
        (Some(least), Some(most)) => put!(name, ", {least} to {most} characters"),
        (None, Some(most)) => put!(name, ", up to {most} characters"),
        _ => {}
    }
    name
}

/// Paragraphs and lists of a description.
fn paragraphs(out: &mut String, text: &str) {
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        if paragraph.trim_start().starts_with("- ") {
            out.push_str("<ul>\n");
            for line in paragraph.lines().filter_map(|line| line.strip_prefix("- ")) {
                put!(out, "<li>{}</li>\n", inline(line));
            }
            out.push_str("</ul>\n");
        } else {
            put!(out, "<p>{}</p>\n", inline(paragraph));
        }
    }
}

/// Text with `code` in it.
fn inline(text: &str) -> String {
    let mut out = String::new();
    for (index, part) in text.split('`').enumerate() {
        if index % 2 == 1 {
            put!(out, "<code>{}</code>", escape(part));
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
