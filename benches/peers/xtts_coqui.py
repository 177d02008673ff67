"""XTTS-v2 at its true size with random weights: makes the model's folder for `cargo run --example xtts_speed`, and
measures coqui-tts on the same weights, text and count of codes.

    python benches/peers/xtts_coqui.py FOLDER [--codes 100] [--threads 2] [--runs 3]
"""

import argparse
import json
import pathlib
import time

import torch
from safetensors.torch import save_file
from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig
from TTS.tts.models.xtts import Xtts

# The published configuration's shapes (`config.json` of coqui/XTTS-v2).
ARGS = dict(
    gpt_layers=30, gpt_n_model_channels=1024, gpt_n_heads=16, gpt_number_text_tokens=6681, gpt_start_text_token=261,
    gpt_stop_text_token=0, gpt_num_audio_tokens=1026, gpt_start_audio_token=1024, gpt_stop_audio_token=1025,
    gpt_use_perceiver_resampler=True, gpt_max_audio_tokens=605, gpt_max_text_tokens=402, gpt_max_prompt_tokens=70,
    gpt_code_stride_len=1024, decoder_input_dim=1024, d_vector_dim=512, input_sample_rate=22050,
    output_sample_rate=24000, output_hop_length=256, cond_d_vector_in_each_upsampling_layer=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--codes", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    torch.set_grad_enabled(False)
    model = Xtts(XttsConfig(model_args=XttsArgs(**ARGS)))
    # The end of speech is never the likeliest, so that as many codes are made as are asked for.
    model.gpt.mel_head.bias.data[ARGS["gpt_stop_audio_token"]] = -1e4
    model.eval()
    given.folder.mkdir(parents=True, exist_ok=True)
    if not (given.folder / "model.safetensors").exists():
        left_out = ("gpt.gpt_inference.", "gpt.gpt.wte.")
        state = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()
                 if not name.startswith(left_out)}
        save_file(state, str(given.folder / "model.safetensors"))
        (given.folder / "config.json").write_text(json.dumps(dict(model_args=ARGS)))
    text = torch.arange(40)[None] % 200 + 5
    voice, speaker = torch.randn(1, 32, 1024) * 0.1, torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1)
    model.tokenizer.encode = lambda text_, lang: text[0].tolist()
    model.gpt.max_gen_mel_tokens = given.codes

    def timed(chunk: int):
        begin, work, first, samples = time.perf_counter(), time.process_time(), None, 0
        for part in model.inference_stream("x", "en", voice, speaker, stream_chunk_size=chunk):
            first = first or time.perf_counter() - begin
            samples += len(part)
        return first, time.perf_counter() - begin, time.process_time() - work, samples / 24000

    for _ in range(given.runs):
        first, total, work, seconds = timed(20)
        print(f"coqui-tts, streamed: first chunk {first:.2f} s, {total:.2f} s ({work:.2f} s of processor) for "
              f"{seconds:.2f} s of speech, real-time factor {total / seconds:.2f}", flush=True)
    begin = time.perf_counter()
    made = model.gpt.generate(cond_latents=voice, text_inputs=text, do_sample=True, num_beams=1, top_k=50,
                              top_p=0.85, temperature=0.75, repetition_penalty=10.0)
    latents = model.gpt(text, torch.tensor([text.shape[-1]]), made, torch.tensor([made.shape[-1] * 1024]),
                        cond_latents=voice, return_latent=True)
    wav = model.hifigan_decoder(latents, g=speaker)
    total, seconds = time.perf_counter() - begin, wav.numel() / 24000
    print(f"coqui-tts, whole: {total:.2f} s for {seconds:.2f} s of speech, real-time factor {total / seconds:.2f}")
    begin = time.perf_counter()
    model.get_gpt_cond_latents(torch.randn(1, 22050 * 12) * 0.1, 22050, length=30, chunk_length=4)
    model.get_speaker_embedding(torch.randn(1, 22050 * 12) * 0.1, 22050)
    print(f"coqui-tts: a voice of 12 s in {time.perf_counter() - begin:.2f} s")


if __name__ == "__main__":
    main()
