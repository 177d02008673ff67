//! Language models on this machine: GGUF files through llama.cpp.
//!
//! A file's header is checked before llama.cpp sees it (`llama/gguf`), a conversation is written as the model's own
//! template has it (`llama/template`), goes through the network together with others (`llama/run`), and each token is
//! chosen here (`llama/sampler`), under a JSON schema where one is given (`llama/schema`).

mod gguf;
mod memory;
mod run;
mod sampler;
mod schema;
mod template;
mod vocabulary;

use gguf::{Facts, Header};
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};
use reelsmith_inference_core::chat::{Asked, Chat, ChatRequest, ChatResponse, DEFAULT_MAX_TOKENS};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Result};
use run::{BATCH, Prepared, Runner};
use schema::Grammars;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use template::Template;
use vocabulary::Vocabulary;

/// Tokens of context where nobody says, if the model was trained with as many.
pub const DEFAULT_CONTEXT: u32 = 8192;
/// Conversations that go through the network together, at the most.
pub const SLOTS: usize = 4;

/// How a model is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LlamaConfig {
    /// Threads of one run; at least 1.
    pub threads: usize,
    /// Tokens of context that all conversations of one call share, up to those the model was trained with.
    pub context: u32,
    /// All layers are put on the first graphics card; takes effect where this is built with the feature `cuda`.
    pub card: bool,
}

impl LlamaConfig {
    /// On the processor, with the usual context.
    pub fn new(threads: usize) -> Self {
        Self { threads, context: DEFAULT_CONTEXT, card: false }
    }
}

/// A loaded language model.
pub struct Llama {
    // Before the model: it refers to it.
    runner: Runner,
    vocabulary: Arc<Vocabulary>,
    template: Template,
    grammars: OnceLock<Grammars>,
    name: String,
    room: usize,
    footprint: Footprint,
    _model: Arc<LlamaModel>,
}

/// What the file at `path` takes when it is loaded, by its header.
///
/// # Errors
/// Those of [`Llama::open`] that concern the header.
pub fn footprint(path: &Path, context: u32) -> Result<Footprint> {
    let (header, facts) = gguf::read(path)?;
    Ok(memory::footprint(&header, &facts, room(&facts, context)))
}

/// Tokens of context: as many as asked for, but no more than the model was trained with.
fn room(facts: &Facts, context: u32) -> usize {
    // llama.cpp pads to 256.
    (context.clamp(256, facts.context.max(256)) / 256 * 256) as usize
}

impl Llama {
    /// Loads the GGUF file at `path`; `name` is what it calls itself in answers.
    ///
    /// # Errors
    /// `ModelMissing`; `ModelCorrupt`, with the field of the header that is impossible; `InvalidRequest` for an
    /// architecture or a vocabulary that is not supported, or a model without a chat template; `RuntimeMissing` on a
    /// processor without AVX2; `OutOfMemory` if there is no room for the context.
    pub fn open(path: &Path, name: &str, config: LlamaConfig) -> Result<Self> {
        check_processor()?;
        let (header, facts) = gguf::read(path)?;
        let room = room(&facts, config.context);
        let footprint = memory::footprint(&header, &facts, room);
        let model = Arc::new(load(path, &header, config)?);
        let vocabulary = Arc::new(Vocabulary::new(Arc::clone(&model)));
        let template = template(&header, &model, &vocabulary, path)?;
        let runner = Runner::new(context(&model, room, config)?, room, SLOTS);
        Ok(Self {
            runner,
            vocabulary,
            template,
            grammars: OnceLock::new(),
            name: name.to_owned(),
            room,
            footprint,
            _model: model,
        })
    }

    fn grammars(&self) -> Result<&Grammars> {
        if let Some(grammars) = self.grammars.get() {
            return Ok(grammars);
        }
        let grammars = Grammars::new(Arc::clone(&self.vocabulary))?;
        Ok(self.grammars.get_or_init(|| grammars))
    }

    /// Checks a request, and makes of it what the network needs.
    fn prepare<'a>(&self, request: &'a ChatRequest, control: &'a dyn Control) -> Result<Prepared<'a>> {
        let begun = Instant::now();
        request.check()?;
        let grammar = request.schema.as_deref().map(|schema| self.grammars()?.compile(schema)).transpose()?;
        // Every token has at least one byte, and those of text some four: what is far longer than the context is
        // not even written as a prompt.
        let most_bytes = self.room.saturating_mul(64).max(1 << 16);
        let bytes: usize = request.messages.iter().map(|message| message.content.len()).sum();
        if bytes > most_bytes {
            return Err(self.too_long(&format!("{bytes} bytes"), None));
        }
        let messages = self.vocabulary.marked(&request.messages)?;
        // Marks, and what the template writes around the messages.
        let tokens = self.vocabulary.prompt(&self.template.render(&messages, 2 * most_bytes)?);
        let left = self.room.saturating_sub(tokens.len());
        let most = match request.max_tokens {
            Some(most) if most as usize > left => {
                return Err(self.too_long(&format!("{} tokens", tokens.len()), Some(most)));
            }
            Some(most) => most,
            None => DEFAULT_MAX_TOKENS.min(left as u32),
        };
        if most == 0 || tokens.is_empty() {
            return Err(self.too_long(&format!("{} tokens", tokens.len()), None));
        }
        Ok(Prepared { request, control, tokens, most, grammar, begun })
    }

    fn too_long(&self, length: &str, answer: Option<u32>) -> InferenceError {
        let answer = answer.map_or(String::new(), |most| format!(", the answer may have {most}"));
        let message = format!(
            "the conversation has {length}{answer}, and the context of {} holds {} tokens for both; shorten it, or \
             raise the context (chat.context) where the model allows more",
            self.name, self.room
        );
        InferenceError::new(ErrorKind::InvalidRequest, message)
    }
}

impl Chat for Llama {
    fn context_length(&self) -> Option<u32> {
        Some(self.room as u32)
    }

    fn footprint(&self, request: &ChatRequest) -> Footprint {
        let grammar = if request.schema.is_some() { memory::GRAMMAR } else { 0 };
        Footprint { peak_activation: self.footprint.peak_activation + grammar, ..self.footprint }
    }

    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        self.chat_together(&[Asked { request, control }]).pop().unwrap_or_else(|| {
            Err(InferenceError::new(ErrorKind::Engine, "the language model gave no answer"))
        })
    }

    fn chat_together(&mut self, asked: &[Asked<'_>]) -> Vec<Result<ChatResponse>> {
        let prepared = asked.iter().map(|one| self.prepare(one.request, one.control));
        let mut results: Vec<Option<Result<ChatResponse>>> = Vec::new();
        let mut waiting = std::collections::VecDeque::new();
        for (place, prepared) in prepared.enumerate() {
            results.push(match prepared {
                Ok(prepared) => {
                    waiting.push_back((place, prepared));
                    None
                }
                Err(error) => Some(Err(error)),
            });
        }
        for (place, answer) in self.runner.run(&self.vocabulary, waiting) {
            let named = answer.map(|answer| ChatResponse { answered_by: self.name.clone(), ..answer });
            results[place] = Some(named);
        }
        let lost = || Err(InferenceError::new(ErrorKind::Engine, "the language model gave no answer"));
        results.into_iter().map(|result| result.unwrap_or_else(lost)).collect()
    }
}

#[cfg(test)]
mod tests;

/// llama.cpp as a whole is set up once, and lasts as long as the program.
fn backend() -> Result<&'static LlamaBackend> {
    static BACKEND: OnceLock<std::result::Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        send_logs_to_tracing(LogOptions::default());
        LlamaBackend::init().map_err(|error| error.to_string())
    });
    backend.as_ref().map_err(|why| {
        InferenceError::new(ErrorKind::RuntimeMissing, format!("llama.cpp could not be set up: {why}"))
    })
}

/// llama.cpp is built for x86-64-v3, which every processor since 2013 (Intel) and 2015 (AMD) has.
fn check_processor() -> Result<()> {
    #[cfg(target_arch = "x86_64")]
    {
        let has = std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("fma")
            && std::is_x86_feature_detected!("f16c")
            && std::is_x86_feature_detected!("bmi2");
        if !has {
            return Err(InferenceError::new(
                ErrorKind::RuntimeMissing,
                "language models need a processor with AVX2, FMA, F16C and BMI2; let a server answer instead (chat.url)",
            ));
        }
    }
    Ok(())
}

fn load(path: &Path, header: &Header, config: LlamaConfig) -> Result<LlamaModel> {
    let layers = if config.card { u32::MAX >> 1 } else { 0 };
    let params = LlamaModelParams::default().with_n_gpu_layers(layers);
    LlamaModel::load_from_file(backend()?, path, &params).map_err(|error| {
        let message = format!(
            "llama.cpp cannot load {} ({} tensors), though its header is sound; fetch it again",
            path.display(),
            header.tensors.len()
        );
        InferenceError::new(ErrorKind::ModelCorrupt, message).with_source(error)
    })
}

fn template(header: &Header, model: &LlamaModel, vocabulary: &Vocabulary, path: &Path) -> Result<Template> {
    let Some(source) = header.text("tokenizer.chat_template") else {
        let message =
            format!("{} has no chat template; choose a model that was trained to chat", path.display());
        return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    };
    let vocab = model.vocab();
    Template::new(source, vocabulary.name(vocab.bos()), vocabulary.name(vocab.eos()))
}

fn context(
    model: &Arc<LlamaModel>,
    room: usize,
    config: LlamaConfig,
) -> Result<llama_cpp_2::context::LlamaContext<'static>> {
    let threads = i32::try_from(config.threads.clamp(1, 512)).unwrap_or(1);
    let params = LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(room as u32))
        .with_n_batch(BATCH as u32)
        .with_n_ubatch(BATCH as u32)
        .with_n_seq_max(SLOTS as u32)
        .with_kv_unified(true)
        .with_n_threads(threads)
        .with_n_threads_batch(threads);
    // SAFETY: the context refers to the model behind the `Arc`, which does not move; `Llama` holds the `Arc` as well,
    // never hands the context out, and its fields are dropped in order, the context before the last `Arc`.
    let lasting: &'static LlamaModel = unsafe { &*Arc::as_ptr(model) };
    lasting.new_context(backend()?, params).map_err(|error| {
        let message = format!("there is no memory for a context of {room} tokens; lower chat.context");
        InferenceError::new(ErrorKind::OutOfMemory, message).with_source(error)
    })
}
