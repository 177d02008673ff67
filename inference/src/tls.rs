//! The one TLS implementation that this process uses.

use std::sync::Once;

/// Makes sure that there is one, before a client is made.
pub(crate) fn provide() {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error says that another part of the process has installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
