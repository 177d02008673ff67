//! Which instructions the inner loops use.

/// The instruction set of an inner loop. Both give the very same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust.
    Scalar,
    /// AVX2, on processors that were found to have it.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

/// The proof that the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avx2(());

impl Kernel {
    /// The fastest that this processor can run.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Self::Avx2(Avx2(()));
        }
        Self::Scalar
    }
}

/// Runs the local function `body`, compiled a second time with AVX2 where `kernel` says so. For
/// loops over integers that the compiler vectorises by itself.
macro_rules! twins {
    ($kernel:expr, $body:ident($($name:ident: $type:ty),*)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn avx2($($name: $type),*) {
            $body($($name),*)
        }
        match $kernel {
            $crate::yuv::kernel::Kernel::Scalar => $body($($name),*),
            #[cfg(target_arch = "x86_64")]
            $crate::yuv::kernel::Kernel::Avx2(_) => {
                // SAFETY: an `Avx2` exists only where the processor was found to have AVX2.
                unsafe { avx2($($name),*) }
            }
        }
    }};
}
pub(crate) use twins;
