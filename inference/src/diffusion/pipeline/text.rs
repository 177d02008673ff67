//! Prompts to what the UNet is told: tokens of both encoders side by side, pooled text, and sizes.

use super::Steps;
use super::networks::Networks;
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::clip::{self, hidden};
use crate::diffusion::condition::sinusoids;
use crate::diffusion::prompt::{CHUNK_TOKENS, Chunk, tokenise, tokenise_pair, weigh};
use crate::diffusion::tokenizer::Tokenizer;
use crate::network::{Array, Feed};
use reelsmith_inference_core::Result;
use reelsmith_inference_core::image::ImageRequest;

/// What UNet and ControlNet are told beside the noise level; with guidance the negative prompt's comes first.
pub(super) struct Conditioning {
    /// (N, tokens, width).
    pub(super) text: Array,
    /// (N, projection): pooled text and the features of sizes.
    pub(super) added: Array,
}

/// A prompt, encoded.
struct Encoded {
    /// (tokens, width of both encoders).
    tokens: Vec<f32>,
    /// (projection of the second).
    pooled: Vec<f32>,
}

impl Conditioning {
    pub(super) fn of(
        request: &ImageRequest,
        checkpoint: &Checkpoint,
        tokenizers: &[Tokenizer; 2],
        networks: &mut Networks,
        steps: &Steps<'_>,
    ) -> Result<Self> {
        let is_guided = request.guidance_scale > 1.0;
        let (positive, negative) = match is_guided {
            true => {
                let pair = tokenise_pair(&request.prompt, &request.negative_prompt, tokenizers.each_ref())?;
                (pair.positive, Some(pair.negative))
            }
            false => (tokenise(&request.prompt, tokenizers.each_ref())?, None),
        };
        let empty = tokenizers.each_ref().map(Chunk::empty);
        let mut encode = |chunks: &[Vec<Chunk>; 2], skip: usize| {
            encoded(checkpoint, networks, (chunks, &empty), skip, steps)
        };
        let positive = encode(&positive, request.clip_skip as usize)?;
        let mut all = Vec::new();
        if let Some(negative) = negative {
            let nothing = request.negative_prompt.is_empty() && checkpoint.zeros_for_empty;
            all.push(match nothing {
                true => Encoded {
                    tokens: vec![0.0; positive.tokens.len()],
                    pooled: vec![0.0; positive.pooled.len()],
                },
                // Diffusers leaves no layer out for the negative prompt.
                false => encode(&negative, 0)?,
            });
        }
        all.push(positive);
        let config = &checkpoint.unet.config;
        let sizes = sizes(request, config.size_width);
        let tokens = all[0].tokens.len() / config.text_width;
        let text = all.iter().flat_map(|one| one.tokens.iter().copied()).collect();
        let added = all.iter().flat_map(|one| one.pooled.iter().chain(&sizes).copied()).collect();
        Ok(Self {
            text: Array::new(&[all.len(), tokens, config.text_width], text),
            added: Array::new(&[all.len(), config.projection], added),
        })
    }

    /// How many pictures the UNet sees at once: 2 with guidance.
    pub(super) fn batch(&self) -> usize {
        self.text.shape[0]
    }
}

/// Features of the sizes that SDXL is told (Podell et al., 2023, section 2.2): a picture that was as large as it is
/// now, nothing cut off.
fn sizes(request: &ImageRequest, width: usize) -> Vec<f32> {
    let (height, across) = (request.height as f32, request.width as f32);
    [height, across, 0.0, 0.0, height, across].iter().flat_map(|size| sinusoids(*size, width)).collect()
}

fn encoded(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    (chunks, empty): (&[Vec<Chunk>; 2], &[Chunk; 2]),
    skip: usize,
    steps: &Steps<'_>,
) -> Result<Encoded> {
    let mut sides = Vec::with_capacity(2);
    let mut pooled = Vec::new();
    for (n, chunks) in chunks.iter().enumerate() {
        steps.next()?;
        let (tokens, first) = one_encoder(checkpoint, networks, n, (chunks, &empty[n]), skip)?;
        sides.push((tokens, checkpoint.text[n].config.hidden_size));
        pooled = first;
    }
    let rows = sides[0].0.len() / sides[0].1;
    let row = |n: usize| sides.iter().flat_map(move |(tokens, width)| &tokens[n * width..][..*width]);
    Ok(Encoded { tokens: (0..rows).flat_map(row).copied().collect(), pooled })
}

/// The tokens (chunks x 77, width) of encoder `n`, and the first chunk's pooled text where the encoder gives it.
fn one_encoder(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    n: usize,
    (chunks, empty): (&[Chunk], &Chunk),
    skip: usize,
) -> Result<(Vec<f32>, Vec<f32>)> {
    let config = &checkpoint.text[n].config;
    let weights: Vec<f32> = chunks.iter().flat_map(|chunk| chunk.weights).collect();
    let is_weighed = weights.iter().any(|weight| *weight != 1.0);
    let runs: Vec<&Chunk> = chunks.iter().chain(is_weighed.then_some(empty)).collect();
    let ids: Vec<i64> = runs.iter().flat_map(|chunk| chunk.ids).map(i64::from).collect();
    // The empty text begins and ends.
    let ends = ends(&ids, i64::from(empty.ids[1]));
    let (shape, count) = ([runs.len(), CHUNK_TOKENS], [runs.len()]);
    // The last layer is never used, as SDXL was trained with the one before.
    let layer = hidden(config.num_hidden_layers - 1 - skip);
    let mut feeds = vec![(clip::IDS, Feed::Ints(&shape, &ids))];
    let mut outputs = vec![layer.as_str()];
    if checkpoint.text[n].gives_pooled() {
        feeds.push((clip::ENDS, Feed::Ints(&count, &ends)));
        outputs.push(clip::POOLED);
    }
    let mut made = networks.text(checkpoint, n)?.run_last(&feeds, &outputs)?;
    let pooled = made.get(1).map(|pooled| pooled.data[..config.projection_dim].to_vec()).unwrap_or_default();
    let mut tokens = made.swap_remove(0).data;
    let spoken = chunks.len() * CHUNK_TOKENS * config.hidden_size;
    if is_weighed {
        let (text, empty) = tokens.split_at_mut(spoken);
        weigh(text, empty, &weights, config.hidden_size)?;
        tokens.truncate(spoken);
    }
    super::check_finite("text encoder", &tokens)?;
    super::check_finite("text encoder", &pooled)?;
    Ok((tokens, pooled))
}

/// In which row of all tokens each chunk ends: at its first end mark, as transformers takes it.
fn ends(ids: &[i64], end: i64) -> Vec<i64> {
    let place = |ids: &[i64]| ids.iter().position(|id| *id == end).unwrap_or(CHUNK_TOKENS - 1);
    let rows = ids.chunks(CHUNK_TOKENS).enumerate();
    rows.map(|(row, ids)| (row * CHUNK_TOKENS + place(ids)) as i64).collect()
}
