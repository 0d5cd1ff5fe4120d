//! What this machine can do without Merlon, measured in the same minutes: a disk that only syncs, a server that only
//! echoes, a store without a server.

pub(crate) mod append;
pub(crate) mod echo;
pub(crate) mod sync;
