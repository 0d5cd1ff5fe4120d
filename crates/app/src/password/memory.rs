//! The memory that Argon2 fills: nineteen mebibytes for a hash of ours. Getting them from the system and clearing them takes a fifth of the
//! time that the hash takes, so they are used again while somebody waits.

use argon2::{Argon2, Block};

use super::MEMORY;

/// Memory to hash in, as much as the largest hash so far took; none at first.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

impl Memory {
    /// Derives bytes from a password with Argon2 (RFC 9106); whether its parameters, the salt and the length allow it. What was in
    /// the memory does not matter: every block is written before it is read.
    pub(super) fn derive(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> bool {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0 = vec![Block::new(); blocks];
        }
        argon2
            .hash_password_into_with_memory(password, salt, out, &mut self.0)
            .is_ok()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This, unless a hash that was made elsewhere has made it larger than those of ours need.
    pub(super) fn if_usual(self) -> Option<Self> {
        (1..=MEMORY as usize).contains(&self.0.len()).then_some(self)
    }
}
