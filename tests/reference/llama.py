"""What llama.cpp itself makes of conversations: prompts, their tokens, and greedy answers.

llama.cpp as another project builds it (xllamacpp), on the very file that the catalogue has. Prompts come from its own
Jinja engine, so that ours is held against a second one. With another seed other conversations are taken.
"""

import json
import os
import pathlib
import random
import urllib.request

import xllamacpp
from reference import arguments

MODEL = "smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf"
ANSWER = 32

SYSTEMS = [None, "You answer in one sentence.", "Tu es un poète. ✒️", "  Spaces around.  "]
QUESTIONS = [
    "What is the capital of France?",
    "Why is the sky blue?\nOne line, please.",
    "Zähle auf: Äpfel, Öl, Übung — und 你好 🐻!",
    "def f(x):\n\treturn x ** 2  # what does it do?",
    "  1 + 1 = ?  ",
    "It's the dog's; they'll we've I'm   and\r\n\r\nDON'T 12345 3.14",
]
FOLLOW = ["Paris.", "Because of scattering.", "Gern."]


def post(address, path, body):
    request = urllib.request.Request(f"{address}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def conversations(seed):
    draw = random.Random(seed)
    for n, question in enumerate(QUESTIONS):
        messages = []
        system = SYSTEMS[n % len(SYSTEMS)] if seed == 0 else draw.choice(SYSTEMS)
        if system:
            messages.append({"role": "system", "content": system})
        if n % 2 == 1:
            messages.append({"role": "user", "content": draw.choice(QUESTIONS)})
            messages.append({"role": "assistant", "content": draw.choice(FOLLOW)})
        messages.append({"role": "user", "content": question})
        yield messages


def main():
    chosen = arguments(__doc__)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "reelsmith" / "models"
    params = xllamacpp.CommonParams()
    params.model.path = str(cache / MODEL)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 2048, 1, 2
    params.use_jinja, params.warmup = True, False
    server = xllamacpp.Server(params)
    address = server.listening_address
    cases = []
    for messages in conversations(chosen.seed):
        prompt = post(address, "/apply-template", {"messages": messages})["prompt"]
        tokens = post(address, "/tokenize", {"content": prompt, "add_special": False, "parse_special": True})["tokens"]
        options = {"temperature": 0, "n_predict": ANSWER, "cache_prompt": False, "return_tokens": True}
        answer = post(address, "/completion", {"prompt": tokens, **options})
        cases.append(
            {"messages": messages, "prompt": prompt, "prompt_tokens": tokens, "text": answer["content"], "tokens": answer["tokens"]}
        )
    out = pathlib.Path(chosen.out) / "llama-smollm2"
    out.mkdir(parents=True, exist_ok=True)
    made = {"model": MODEL, "by": f"xllamacpp {xllamacpp.__version__}", "answer": ANSWER, "cases": cases}
    (out / "case.json").write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
