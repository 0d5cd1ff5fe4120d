//! Writes docs/rpcs.md, the page of every RPC that is served: from the descriptors and the permission table.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use api::permission::{AUTHENTICATED, Own, Row, TABLE};
use proto::rpc::{METHODS, MethodInfo};

const HEAD: &str = "# RPCs

Every RPC of the contract, and what it asks of its caller. All are served in gRPC, gRPC-Web (binary and text), Connect (binary and JSON) and, where
a path stands, HTTP/JSON; the tests call each in every form, with every kind of caller, and read back what it did.

This page is made from the descriptors and the permission table by `cargo xtask docs`.

- *Permission*: what a role of the caller must carry where the user, schema or provider belongs. *none*: no token is needed; *token*: any valid one.
- *Oneself*: what users may do with themselves without a role. *only*: it is done with oneself and nobody else.

`user.credential.write`, and `user.write` where it moves a contact, reach nobody who may do more than the caller: see
[Credentials of others](compatibility.md#credentials-of-others).
";

fn main() -> io::Result<()> {
    io::stdout().write_all(page().unwrap_or_default().as_bytes())
}

fn page() -> Result<String, std::fmt::Error> {
    let mut page = HEAD.to_owned();
    let mut service = "";
    for (method, row) in METHODS.iter().zip(TABLE) {
        if method.service != service {
            service = method.service;
            let count = METHODS.iter().filter(|m| m.service == service).count();
            write!(
                page,
                "\n## `{service}` ({count})\n\n| RPC | HTTP | Permission | Oneself | |\n|---|---|---|---|---|\n"
            )?;
        }
        line(&mut page, method, row)?;
    }
    Ok(page)
}

fn line(page: &mut String, method: &MethodInfo, row: &Row) -> std::fmt::Result {
    let http = method
        .http
        .as_ref()
        .map(|rule| format!("`{} {}`", rule.verb, rule.template));
    let permission = match row.resource.or(row.method) {
        Some(AUTHENTICATED) => "token".to_owned(),
        Some(permission) => format!("`{permission}`"),
        None => "none".to_owned(),
    };
    let own = match row.own {
        Own::No => "",
        Own::Yes => "yes",
        Own::Only => "only",
    };
    let (name, http, note) = (method.name, http.unwrap_or_default(), row.note);
    writeln!(page, "| {name} | {http} | {permission} | {own} | {note} |")
}
