//! As many turns and chapters as there may be.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_turns_in_a_hundred_chapters_become_an_episode() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    // Titles and a description of which each character takes four bytes: no row has room for all of them twice.
    let wide = "𝄞".repeat(97);
    let about = "𝄞".repeat(4000);
    let chapters: String =
        (0..100).map(|n| format!("# {n:02} {wide}\n{}", "hum: [pause 0s] Hi.\n".repeat(10))).collect();
    let script = format!("---\ntitle: Long\ndescription: \"{about}\"\n---\n{chapters}");
    let podcast = prepare(&desk, &runner, &script).await.unwrap();
    assert_eq!((podcast.turns.len(), podcast.chapters.len()), (1000, 100));
    let id = runner.submit(podcast).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let artifacts = runner.artifacts(&id).await.unwrap();
    let report = std::fs::read(fetched(&desk, &artifacts, "report.json").await).unwrap();
    let report: PodcastReport = serde_json::from_slice(&report).unwrap();
    assert_eq!((report.turns.len(), report.sound.chapters.len()), (1000, 100));
    let text = std::fs::read_to_string(fetched(&desk, &artifacts, "transcript.txt").await).unwrap();
    assert_eq!(text.matches("] hum: Hi.").count(), 1000);
    runner.shutdown().await;
}
