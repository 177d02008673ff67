//! Byte-pair merging of one word.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// What a pair of tokens becomes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merge {
    /// Earlier ones go first.
    pub(crate) rank: u32,
    /// The token made.
    pub(crate) id: u32,
}

/// A token of the word, or what is left of one that went into its neighbour.
struct Link {
    id: u32,
    previous: Option<usize>,
    next: Option<usize>,
    is_gone: bool,
}

/// Merges `ids` in place of their pairs until none is left to merge: the pair of the lowest rank first, of
/// equals the leftmost. A heap over a linked list, since a word may be as long as the prompt: n log n.
pub(crate) fn merge(ids: &[u32], pairs: &HashMap<(u32, u32), Merge>, out: &mut Vec<u32>) {
    let mut links: Vec<Link> = (0..ids.len())
        .map(|n| Link {
            id: ids[n],
            previous: n.checked_sub(1),
            next: (n + 1 < ids.len()).then_some(n + 1),
            is_gone: false,
        })
        .collect();
    let mut heap: BinaryHeap<_> = (0..ids.len()).filter_map(|at| candidate(&links, pairs, at)).collect();
    while let Some(Reverse((_, at, id))) = heap.pop() {
        // The pair may have been merged with others since it was put here.
        let is_current = candidate(&links, pairs, at).is_some_and(|Reverse((.., now))| now == id);
        let Some(right) = links[at].next.filter(|_| is_current) else { continue };
        links[at].id = id;
        links[at].next = links[right].next;
        links[right].is_gone = true;
        if let Some(next) = links[at].next {
            links[next].previous = Some(at);
        }
        let neighbours = [links[at].previous, Some(at)];
        heap.extend(neighbours.into_iter().flatten().filter_map(|at| candidate(&links, pairs, at)));
    }
    out.extend(links.iter().filter(|link| !link.is_gone).map(|link| link.id));
}

/// What the token at `at` and the one after it would become: rank, place and token.
fn candidate(
    links: &[Link],
    pairs: &HashMap<(u32, u32), Merge>,
    at: usize,
) -> Option<Reverse<(u32, usize, u32)>> {
    let left = &links[at];
    let right = left.next.filter(|_| !left.is_gone)?;
    let merge = pairs.get(&(left.id, links[right].id))?;
    Some(Reverse((merge.rank, at, merge.id)))
}
