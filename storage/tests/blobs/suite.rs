//! What every store of bytes must do.

use crate::{Place, faults};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path as Location;
use reelsmith_storage::{Digest, ErrorKind, limits};
use std::path::{Path, PathBuf};

/// Runs every case. They share the place, and use different bytes.
pub(crate) async fn conforms(place: &Place) {
    sizes_around_the_part_size_come_back_whole(place).await;
    storing_twice_keeps_one_object(place).await;
    eight_writers_of_the_same_bytes_make_one_object(place).await;
    ranges_are_exact(place).await;
    what_is_absent_is_said_to_be(place).await;
    deleting_is_repeatable(place).await;
    a_file_is_replaced_only_by_verified_bytes(place).await;
    damage_is_noticed(place).await;
    what_is_too_large_for_memory_is_refused(place).await;
    faults::a_dropped_upload_leaves_nothing(place).await;
    faults::a_dropped_download_leaves_nothing(place).await;
    faults::a_file_that_changes_meanwhile_is_refused(place).await;
}

/// Bytes that differ by `seed` and have no period near a part's size.
pub(crate) fn content(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64 (Marsaglia, "Xorshift RNGs", 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

pub(crate) fn file(place: &Place, name: &str, bytes: &[u8]) -> PathBuf {
    let path = place.room.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

pub(crate) fn location(digest: &Digest) -> Location {
    let hex = digest.to_string();
    Location::from(format!("sha256/{}/{hex}", &hex[..2]))
}

async fn objects(place: &Place, digest: &Digest) -> usize {
    let folder = Location::from(format!("sha256/{}", &digest.to_string()[..2]));
    let found: Vec<_> = place.raw.list(Some(&folder)).try_collect().await.unwrap();
    found.iter().filter(|meta| meta.location == location(digest)).count()
}

async fn sizes_around_the_part_size_come_back_whole(place: &Place) {
    const MIB: usize = 1 << 20;
    let sizes = [0, 1, 5 * MIB, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB, 21 * MIB + 12_345];
    for (seed, size) in sizes.into_iter().enumerate() {
        let bytes = content(seed as u64, size);
        let (digest, stored) = place.blobs.put_file(&file(place, "in", &bytes)).await.unwrap();
        assert_eq!((digest, stored), (Digest::of(&bytes), size as u64));
        assert_eq!(place.blobs.size(&digest).await.unwrap(), Some(size as u64));
        assert!(place.blobs.get_bytes(&digest).await.unwrap() == bytes, "{size} bytes in memory");
        let out = place.room.path().join("new/folder/out");
        assert_eq!(place.blobs.get_to_file(&digest, &out).await.unwrap(), size as u64);
        assert!(std::fs::read(&out).unwrap() == bytes, "{size} bytes in a file");
        std::fs::remove_dir_all(place.room.path().join("new")).unwrap();

        place.blobs.delete(&digest).await.unwrap();
        assert_eq!(place.blobs.put_bytes(bytes.clone()).await.unwrap(), digest);
        assert!(place.blobs.get_bytes(&digest).await.unwrap() == bytes, "{size} bytes put from memory");
    }
}

async fn storing_twice_keeps_one_object(place: &Place) {
    let bytes = content(100, 9 << 20);
    let path = file(place, "twice", &bytes);
    let first = place.blobs.put_file(&path).await.unwrap();
    let written = place.raw.head(&location(&first.0)).await.unwrap();
    assert_eq!(place.blobs.put_file(&path).await.unwrap(), first);
    assert_eq!(place.blobs.put_bytes(bytes).await.unwrap(), first.0);
    let still = place.raw.head(&location(&first.0)).await.unwrap();
    assert_eq!(
        (written.last_modified, written.e_tag),
        (still.last_modified, still.e_tag),
        "it was not written again"
    );
    assert_eq!(objects(place, &first.0).await, 1);
}

async fn eight_writers_of_the_same_bytes_make_one_object(place: &Place) {
    for size in [70_000, 12 << 20] {
        let bytes = content(200, size);
        let path = file(place, "eight", &bytes);
        let barrier = tokio::sync::Barrier::new(8);
        let writers = (0..8).map(|_| async {
            barrier.wait().await;
            place.blobs.put_file(&path).await.unwrap().0
        });
        let digests = futures::future::join_all(writers).await;
        assert_eq!(digests, vec![Digest::of(&bytes); 8]);
        assert_eq!(objects(place, &digests[0]).await, 1);
        assert!(place.blobs.get_bytes(&digests[0]).await.unwrap() == bytes);
    }
}

async fn ranges_are_exact(place: &Place) {
    let size = (8 << 20) + 1000;
    let bytes = content(300, size);
    let digest = place.blobs.put_bytes(bytes.clone()).await.unwrap();
    let ranges =
        [0..0, 0..1, 0..size, 1..2, 262_143..262_145, 8_388_600..8_388_700, size - 1..size, size..size];
    for range in ranges {
        let stream = place.blobs.get_range(&digest, range.start as u64..range.end as u64).await.unwrap();
        let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert!(pieces.concat() == bytes[range.clone()], "bytes {range:?}");
    }
    let size = size as u64;
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    for range in [0..size + 1, size + 1..size + 2, 5..4, u64::MAX - 1..u64::MAX] {
        let refused = place.blobs.get_range(&digest, range.clone()).await.map(drop).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "bytes {range:?}");
    }
    let empty = place.blobs.put_bytes(Bytes::new()).await.unwrap();
    let pieces: Vec<Bytes> = place.blobs.get_range(&empty, 0..0).await.unwrap().try_collect().await.unwrap();
    assert!(pieces.concat().is_empty());
}

async fn what_is_absent_is_said_to_be(place: &Place) {
    let digest = Digest::of(b"never stored");
    assert_eq!(place.blobs.size(&digest).await.unwrap(), None);
    let target = place.room.path().join("absent");
    let errors = [
        place.blobs.get_bytes(&digest).await.unwrap_err(),
        place.blobs.get_to_file(&digest, &target).await.unwrap_err(),
        place.blobs.get_range(&digest, 0..1).await.map(drop).unwrap_err(),
        place.blobs.put_file(Path::new("/no/such/file")).await.unwrap_err(),
    ];
    for error in &errors {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert!(errors[0].to_string().contains(&digest.to_string()), "{}", errors[0]);
    assert!(errors[3].to_string().contains("/no/such/file"), "{}", errors[3]);
    assert!(!target.exists());
}

async fn deleting_is_repeatable(place: &Place) {
    let digest = place.blobs.put_bytes(content(400, 1000)).await.unwrap();
    place.blobs.delete(&digest).await.unwrap();
    place.blobs.delete(&digest).await.unwrap();
    assert_eq!(place.blobs.size(&digest).await.unwrap(), None);
}

async fn a_file_is_replaced_only_by_verified_bytes(place: &Place) {
    let target = file(place, "target", b"before");
    let digest = place.blobs.put_bytes(content(500, 3000)).await.unwrap();
    place.raw.put(&location(&digest), content(501, 3000).to_vec().into()).await.unwrap();
    place.blobs.get_to_file(&digest, &target).await.unwrap_err();
    assert_eq!(std::fs::read(&target).unwrap(), b"before");
    place.blobs.delete(&digest).await.unwrap();
    place.blobs.put_bytes(content(500, 3000)).await.unwrap();
    place.blobs.get_to_file(&digest, &target).await.unwrap();
    assert!(std::fs::read(&target).unwrap() == content(500, 3000));
}

async fn damage_is_noticed(place: &Place) {
    let bytes = content(600, 9 << 20);
    let digest = place.blobs.put_bytes(bytes.clone()).await.unwrap();
    let mut flipped = bytes.to_vec();
    flipped[4 << 20] ^= 1;
    let shorter = bytes[..bytes.len() - 1].to_vec();
    for damaged in [flipped, shorter] {
        place.raw.put(&location(&digest), damaged.into()).await.unwrap();
        let target = place.room.path().join("damaged");
        let error = place.blobs.get_to_file(&digest, &target).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(place.blobs.get_bytes(&digest).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(!target.exists());
    }
    // The last damage changed the size, which storing again notices and mends by itself.
    place.blobs.put_bytes(bytes.clone()).await.unwrap();
    assert!(place.blobs.get_bytes(&digest).await.unwrap() == bytes);
}

async fn what_is_too_large_for_memory_is_refused(place: &Place) {
    let path = place.room.path().join("large");
    std::fs::File::create(&path).unwrap().set_len(limits::IN_MEMORY_BYTES + 1).unwrap();
    let (digest, size) = place.blobs.put_file(&path).await.unwrap();
    assert_eq!(size, limits::IN_MEMORY_BYTES + 1);
    assert_eq!(place.blobs.get_bytes(&digest).await.unwrap_err().kind(), ErrorKind::TooLarge);
    place.blobs.delete(&digest).await.unwrap();
}
