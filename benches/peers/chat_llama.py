"""llama.cpp as xllamacpp builds it: answers each line (a JSON object) with what a conversation took."""

import json
import os
import sys
import urllib.request

import xllamacpp

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

model, threads, context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
params = xllamacpp.CommonParams()
params.model.path = model
params.n_ctx, params.n_parallel = context, 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
params.use_jinja = True
server = xllamacpp.Server(params)
address = f"{server.listening_address}/v1/chat/completions"

for line in sys.stdin:
    asked = json.loads(line)
    body = {
        "messages": [{"role": "user", "content": asked["prompt"]}],
        "max_tokens": asked["tokens"],
        "temperature": 0,
        "cache_prompt": False,
        "ignore_eos": asked["tokens"] > 1,
    }
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        timings = json.load(answer)["timings"]
    cost = {
        "prompt_tokens": timings["prompt_n"],
        "prefill_seconds": timings["prompt_ms"] / 1000,
        "answer_tokens": timings["predicted_n"],
        "decode_seconds": timings["predicted_ms"] / 1000,
    }
    print(json.dumps(cost), file=answers, flush=True)
