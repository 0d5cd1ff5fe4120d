//! Crate `zitadel` 5.7.7, unmodified, against a running Merlon: `zitadel.resources.user.v3alpha` and `zitadel.auth.v1` over gRPC.

mod api;
mod schema_api;
#[path = "../../../rust-shared/mod.rs"]
mod shared;
