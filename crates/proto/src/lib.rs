//! The contract as Rust types: messages, service traits, method table, validators; knows nothing of the server.

mod generated {
    #![allow(
        missing_docs,
        unreachable_pub,
        missing_debug_implementations,
        unused_qualifications,
        rustdoc::all,
        clippy::all,
        clippy::pedantic,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
    include!(concat!(env!("OUT_DIR"), "/debug.rs"));
}
pub mod rpc;
#[cfg(test)]
mod tests;
pub mod validate;
pub mod wkt;

use std::io::Read;

use flate2::read::GzDecoder;

pub use generated::*;

/// All our files and what they import, as an encoded `google.protobuf.FileDescriptorSet` with the comments of the
/// sources: food for server reflection and for an `OpenAPI` document. Unpacked at each call, as it is seldom wanted; fails
/// only if it was built in broken, which tests rule out.
pub fn descriptor_set() -> std::io::Result<Vec<u8>> {
    let packed: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.gz"));
    let mut unpacked = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The files of `grpc.health.v1`, which the transport serves beside ours: food for server reflection only.
pub const INFRASTRUCTURE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/infrastructure.bin"));
