//! The pages from outside: requests in, status and body out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod passkey;
mod world;
