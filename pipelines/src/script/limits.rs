//! Limits of a script. Each is named in the error that it causes and in `docs/script.md`.

/// Bytes of a script, Markdown or JSON.
pub const SCRIPT_BYTES: usize = 64 * 1024;
/// Scenes of a script.
pub const SCENES: usize = 60;
/// Words of one scene.
pub const SCENE_WORDS: usize = 200;
/// Characters of one scene: its words with room for long ones, and a bound where there are no spaces.
pub const SCENE_CHARS: usize = 2000;
/// Characters that are counted as a word where a text has fewer words: an English word with its space.
pub const WORD_CHARS: usize = 6;
/// Characters of the title: what YouTube takes (YouTube Data API, `videos` resource, `snippet.title`).
pub const TITLE_CHARS: usize = 100;
/// Characters of a heading: more cannot be read in the time that it stands.
pub const HEADING_CHARS: usize = 80;
/// Characters of a picture's description.
pub const PROMPT_CHARS: usize = 1000;
/// Characters of a path.
pub const PATH_CHARS: usize = 1000;
/// Speaking rate: lowest and highest, as the voice takes it.
pub const SPEED: (f64, f64) = (0.5, 2.0);
/// Silence after a scene, in seconds: lowest and highest.
pub const PAUSE: (f64, f64) = (0.0, 10.0);
