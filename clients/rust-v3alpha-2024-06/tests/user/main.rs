//! Crate `zitadel` 4.4.0, unmodified, against a running Merlon: `zitadel.user.v3alpha` and `zitadel.auth.v1` over gRPC.

mod api;
mod schema_api;
#[path = "../../../rust-shared/mod.rs"]
mod shared;
