//! Every setting there is: its name in the file, its variable, its default and what it means.

/// One setting. Its variable is `REELSMITH_` and the name in capitals, dots as underscores.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Name in the configuration file, dotted for tables: `device.threads`.
    pub name: &'static str,
    /// What holds when nobody sets it, in words.
    pub default: &'static str,
    /// Allowed values and meaning.
    pub help: &'static str,
}

impl Key {
    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("REELSMITH_{}", self.name.to_uppercase().replace('.', "_"))
    }
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { name, default, help }
}

/// All settings, sorted by name. The table of `docs/cli.md` is this one (checked by a test).
pub const KEYS: &[Key] = &[
    key("blobs", "local", "local or s3: where finished artifacts are kept"),
    key("chat.connect_seconds", "5", "1 to 600: until a connection to the server must stand"),
    key("chat.context", "8192", "256 to 1048576: tokens of context, up to those a model was trained with"),
    key("chat.key", "none", "key that is sent to the server as a bearer token"),
    key("chat.model", "qwen2.5-coder-1.5b-instruct", "language model: a catalogue id or a .gguf file"),
    key(
        "chat.order",
        "local, with chat.url remote-first",
        "local, remote, local-first or remote-first: who answers, and who where that fails",
    ),
    key("chat.read_seconds", "60", "1 to 3600: the longest silence of the server"),
    key("chat.remote_model", "none", "the model's name on the server"),
    key("chat.retries", "2", "0 to 20: tries after the first one"),
    key("chat.total_seconds", "600", "1 to 86400: for a whole answer of the server, with all tries"),
    key("chat.url", "none", "address of an OpenAI-compatible server, for example http://localhost:11434/v1"),
    key("commercial_use", "false", "true or false: refuse models whose licence forbids commercial use"),
    key("data_dir", "$XDG_DATA_HOME/reelsmith", "jobs, artifacts and scratch files"),
    key(
        "device.isolate",
        "true",
        "true or false: the service runs models in a process of their own, whose crash costs no more than its requests",
    ),
    key(
        "device.keep_alive_seconds",
        "300",
        "0 to 604800: how long a model stays loaded that nobody asks for; 0 is until others need its room",
    ),
    key("device.kind", "cpu", "cpu or cuda: what makes pictures (cuda needs `models pull onnxruntime-cuda`)"),
    key(
        "device.memory",
        "half of the memory, or 9/10 of the card's",
        "256MiB to 1024GiB: bytes that models may take together",
    ),
    key(
        "device.patience_seconds",
        "900",
        "10 to 86400: how long that process may go without a step before it is taken for hung and ended",
    ),
    key("device.queue", "256", "1 to 10000: requests that may wait for the device"),
    key(
        "device.threads",
        "the CPU cores",
        "1 to 256: threads that models compute with; x264 takes as many as it likes",
    ),
    key("hub.endpoint", "HF_ENDPOINT, else https://huggingface.co", "address of the model hub"),
    key("hub.offline", "false", "true or false: never fetch anything"),
    key("image_guidance", "5", "0 to 50: guidance scale of pictures"),
    key(
        "image_model",
        "none",
        "text-to-image model: a catalogue id, a .safetensors file or a diffusers folder",
    ),
    key(
        "image_sampler",
        "euler",
        "euler, euler_ancestral, dpmpp_2m_karras, unipc, lcm or ddim: sampler of pictures",
    ),
    key("image_steps", "30", "1 to 1000: denoise steps of pictures"),
    key("jobs.queue", "1000", "1 to 100000: unfinished jobs before new ones are refused with 429"),
    key("jobs.slots", "2", "1 to 16: jobs worked on at once"),
    key("listen", "127.0.0.1:8787", "address and port to serve on"),
    key("log.filter", "warn, for serve info", "tracing filter, for example info,reelsmith=debug"),
    key("log.format", "text", "text or json"),
    key("models_dir", "$XDG_CACHE_HOME/reelsmith/models", "model files, shared by everything that uses them"),
    key("s3.access_key", "none", "S3 access key"),
    key("s3.bucket", "none", "S3 bucket, which must exist"),
    key("s3.endpoint", "none", "S3 server: https://, or http:// on a network you trust"),
    key("s3.region", "us-east-1", "S3 region"),
    key("s3.secret_key", "none", "S3 secret key"),
    key("server.assets_dir", "none", "folder whose pictures and music scripts sent to the API may name"),
    key("server.drain_seconds", "20", "1 to 600: how long open requests may take to end at shutdown"),
    key(
        "server.head_seconds",
        "10",
        "1 to 600: how long the head of a request may take, and an idle connection is kept",
    ),
    key(
        "server.hosts",
        "none",
        "names, parted by commas, under which a service on a loopback address may be called beside localhost",
    ),
    key("server.max_body", "1MiB", "1KiB to 64MiB: largest request body"),
    key("server.max_connections", "11000", "1 to 200000: connections at once; further ones wait"),
    key("server.max_requests", "256", "1 to 100000: requests answered at once, to the last byte, before 503"),
    key("server.max_streams", "10000", "1 to 100000: event streams open at once before 503"),
    key(
        "server.timeout_seconds",
        "30",
        "1 to 600: how long a request may take until its answer begins, and its caller to take a piece of it",
    ),
    key("tools.espeak", "from PATH", "the espeak-ng program, which sounds out languages other than English"),
    key("tools.ffmpeg", "from PATH", "the ffmpeg program"),
    key("tools.ffprobe", "from PATH", "the ffprobe program"),
    key("tools.npm", "from PATH", "the npm program, which fetches from the npm registry"),
    key("tools.pip", "from PATH", "the pip program, which fetches from the Python index"),
    key("upscale_model", "none", "model that enlarges pictures: a catalogue id or a file"),
    key("video_encoder", "x264", "x264, or auto: NVENC where it encodes a few frames on trial, else x264"),
    key("voice_model", "kokoro-82m-fp32", "model that speaks, from `reelsmith models list`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn the_documentation_lists_every_setting_with_its_default_and_meaning() {
        let doc = include_str!("../../../docs/cli.md");
        let head = "| name | default | allowed, and meaning |\n|---|---|---|\n";
        let (_, table) = doc.split_once(head).expect("the table of settings");
        let found: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let row = |key: &Key| format!("| `{}` | {} | {} |", key.name, key.default, key.help);
        let expected: Vec<String> = KEYS.iter().map(row).collect();
        assert_eq!(found, expected, "docs/cli.md lists what this file says, in its order");
    }
}
