//! The file descriptors of this process, of which every connection takes one.

use std::io;

/// Kept for the databases, artifacts, models and the pipes of programs that are run.
const RESERVE: u64 = 512;

/// Makes room for `connections`, as far as the system allows, and gives how many there is room for.
///
/// # Errors
/// The system does not tell its limit.
pub fn make_room(connections: usize) -> io::Result<usize> {
    let limit = raised(connections as u64 + RESERVE)?;
    Ok(connections.min(usize::try_from(room(limit)).unwrap_or(usize::MAX)))
}

/// Connections that fit beside the rest: a small limit is shared half and half.
fn room(limit: u64) -> u64 {
    limit.saturating_sub(RESERVE).max(limit / 2).max(1)
}

/// Raises the limit towards `wanted` and gives what holds now.
fn raised(wanted: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a whole `rlimit` of ours, which the call fills.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur >= wanted {
        return Ok(limit.rlim_cur);
    }
    let higher = libc::rlimit { rlim_cur: wanted.min(limit.rlim_max), ..limit };
    // SAFETY: the pointer is to a whole `rlimit` of ours, which the call only reads.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const higher) } {
        0 => Ok(higher.rlim_cur),
        // What held before still holds.
        _ => Ok(limit.rlim_cur),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_limit_is_shared_with_the_rest_of_the_process() {
        assert_eq!((room(20_000), room(1024), room(256), room(1)), (19_488, 512, 128, 1));
    }

    #[test]
    fn no_more_connections_are_promised_than_descriptors_there_are() {
        assert_eq!(make_room(1).expect("a limit"), 1);
        let limit = raised(0).expect("a limit");
        assert!(make_room(100).expect("a limit") as u64 <= limit);
        let most = make_room(usize::MAX / 2).expect("a limit") as u64;
        assert!(most < raised(0).expect("a limit"), "{most}");
    }
}
