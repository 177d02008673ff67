"""XTTS-v2, small, against coqui-tts: conditioning, GPT, speaker encoder and vocoder with random weights under the
true keys; front ends, latents, tokens and sound are recorded.
"""

import json

import torch
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.models.xtts import Xtts, wav_to_mel_cloning

from reference import arguments, filled, uniform, write_case

# Copies under a second name, constants, and counters: no weights of the model's own.
DERIVED = ("gpt.gpt_inference.", "gpt.gpt.wte.", "hifigan_decoder.speaker_encoder.torch_spec.")


def settings(seed: int) -> dict:
    """XTTS-v2's structure at a sixteenth of its width; fresh seeds have other widths, depths and vocabularies."""
    variant = seed % 4
    audio = 50 + 7 * variant
    return dict(
        gpt_layers=2 + variant % 2, gpt_n_model_channels=(64, 96, 128, 48)[variant],
        gpt_n_heads=(4, 6, 8, 2)[variant], gpt_number_text_tokens=60 + variant, gpt_start_text_token=59,
        gpt_stop_text_token=0, gpt_num_audio_tokens=audio, gpt_start_audio_token=audio - 2,
        gpt_stop_audio_token=audio - 1, gpt_use_perceiver_resampler=True, gpt_max_audio_tokens=24 + variant,
        gpt_max_text_tokens=30 + variant, gpt_max_prompt_tokens=70, gpt_code_stride_len=1024,
        decoder_input_dim=(64, 96, 128, 48)[variant], d_vector_dim=512, input_sample_rate=22050,
        output_sample_rate=24000, output_hop_length=256, cond_d_vector_in_each_upsampling_layer=True)


def number(name: str, shape, seed: int) -> torch.Tensor:
    """As `filled`; what is divided by, or whose root is, stays about one."""
    value = filled(name, shape, seed)
    return 1 + value if name.endswith(("running_var", "mel_stats")) else value


def load(model, seed: int) -> dict:
    """Fills the model, and gives name to shape of what a checkpoint holds."""
    manifest, state = {}, model.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point() and not name.startswith(DERIVED):
            state[name] = number(name, tensor.shape, seed)
            manifest[name] = list(tensor.shape)
    for name in [name for name in state if name.startswith(DERIVED[:2])]:
        del state[name]
    model.load_state_dict(state, strict=False)
    model.eval()
    return manifest


def distribution(seed: int) -> dict:
    """What transformers makes of scores: penalty, temperature, top-k and top-p, in its order."""
    from transformers.generation.logits_process import (
        RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)
    scores = torch.from_numpy(uniform("scores", seed, 40)).reshape(1, 40) * 4
    past = torch.tensor([[1, 1, 5, 7, 7, 39]])
    chain = [RepetitionPenaltyLogitsProcessor(5.0), TemperatureLogitsWarper(0.75), TopKLogitsWarper(12),
             TopPLogitsWarper(0.85)]
    made = scores
    for step in chain:
        made = step(past, made)
    return dict(scores=scores[0], past=past[0], shares=made.softmax(-1)[0])


def main(folder, seed: int):
    """Sample to latents and embedding, text tokens to codes, codes to sound, whole and in chunks."""
    args = settings(seed)
    model = Xtts(XttsConfig(model_args=XttsArgs(**args)))
    manifest = load(model, seed)
    rate = (22050, 24000, 48000, 16000)[seed % 4]
    sample = torch.from_numpy(uniform("sample", seed, int(1.6 * rate))).reshape(1, -1) * 0.5
    import torchaudio
    at22 = torchaudio.functional.resample(sample, rate, 22050)
    mel = wav_to_mel_cloning(at22, mel_norms=model.mel_stats, n_fft=2048, hop_length=256, win_length=1024, power=2,
                             normalized=False, sample_rate=22050, f_min=0, f_max=8000, n_mels=80)
    conditioning = model.get_gpt_cond_latents(at22, 22050, length=30, chunk_length=1)
    at16 = torchaudio.functional.resample(at22, 22050, 16000)
    encoder = model.hifigan_decoder.speaker_encoder
    filterbank = encoder.torch_spec(at16.clone())
    speaker = model.get_speaker_embedding(at22, 22050)

    text = torch.from_numpy(((uniform("text", seed, 9) + 1) * 28).astype("int64")).reshape(1, -1) + 1
    penalty = 5.0
    codes = model.gpt.generate(cond_latents=conditioning, text_inputs=text, do_sample=False, num_beams=1,
                               repetition_penalty=penalty)
    lengths = torch.tensor([codes.shape[-1] * 1024])
    latents = model.gpt(text, torch.tensor([text.shape[-1]]), codes, lengths, cond_latents=conditioning,
                        return_attentions=False, return_latent=True)
    hidden = model.gpt.mel_head(latents)
    wav = model.hifigan_decoder(latents, g=speaker)
    slow = torch.nn.functional.interpolate(latents.transpose(1, 2), scale_factor=1 / 0.8, mode="linear")
    slow = model.hifigan_decoder(slow.transpose(1, 2), g=speaker)

    model.tokenizer.encode = lambda text_, lang: text[0].tolist()
    chunk = 5 + seed % 3
    # Of one candidate only the likeliest can be drawn.
    chunks = list(model.inference_stream("x", "en", conditioning, speaker, stream_chunk_size=chunk, top_k=1,
                                         repetition_penalty=penalty, overlap_wav_len=256))
    case = dict(script="xtts.py", seed=seed, rate=rate, penalty=penalty, chunk=chunk, overlap=256,
                config=json.loads(json.dumps(dict(model_args=args))), weights=manifest,
                start_text=59, stop_text=0, chunks=[len(part) for part in chunks])
    tensors = dict(
        resampled=at22[0, :4000], mel=mel[0], filterbank=filterbank[0], conditioning=conditioning[0],
        speaker=speaker.reshape(-1), text=text[0], codes=codes[0], latents=latents[0], logits=hidden[0],
        wav=wav.reshape(-1), slow=slow.reshape(-1)[:6000], streamed=torch.cat(chunks), **distribution(seed))
    write_case(folder / f"xtts-{seed}", case, tensors)


if __name__ == "__main__":
    given = arguments(__doc__)
    main(given.out, given.seed)
