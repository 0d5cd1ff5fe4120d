//! The RPC house over real sockets: each wire form, each way to fail, and input that means harm.

mod rpc {
    mod complete;
    mod hostile;
    mod rest;
    mod server;
    mod wires;
}
