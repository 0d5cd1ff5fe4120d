//! Every condition of every operation, as its caller sees it.
