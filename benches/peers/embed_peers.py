"""all-MiniLM-L6-v2 by sentence-transformers and by plain ONNX Runtime, for `reelsmith-benches embed`.

`embed_peers.py st|ort MODEL THREADS` answers a line on standard input, a JSON list of texts, with a line of JSON: wall
and CPU seconds, and the first text's vector. Both sort by length and take 32 texts at once in fp32; the ONNX form is
exported from the same weights.
"""

import json
import pathlib
import resource
import sys
import tempfile
import time

import numpy as np


def seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def sentence_transformers(model: pathlib.Path, threads: int):
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    torch.set_num_threads(threads)
    transformer = Transformer(str(model), max_seq_length=256)
    pooling = Pooling(transformer.get_embedding_dimension(), "mean")
    encoder = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    return lambda texts: encoder.encode(texts, batch_size=32)


def onnx_runtime(model: pathlib.Path, threads: int):
    import onnxruntime
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = BertModel.from_pretrained(model, attn_implementation="eager", add_pooling_layer=False)

        def forward(self, ids, mask, types):
            return self.bert(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    file = tempfile.NamedTemporaryFile(suffix=".onnx")
    some = torch.ones(2, 8, dtype=torch.int64)
    axes = {name: {0: "n", 1: "s"} for name in ["ids", "mask", "types", "states"]}
    torch.onnx.export(Encoder().eval(), (some, some, some * 0), file.name, input_names=["ids", "mask", "types"],
                      output_names=["states"], dynamic_axes=axes, opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(file.name, options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(256)

    def encode(texts):
        order = sorted(range(len(texts)), key=lambda n: -len(texts[n]))
        made = [None] * len(texts)
        tokenizer.enable_padding()
        for start in range(0, len(order), 32):
            batch = order[start : start + 32]
            encoded = tokenizer.encode_batch([texts[n] for n in batch])
            ids, mask, types = (np.array([getattr(each, name) for each in encoded])
                                for name in ["ids", "attention_mask", "type_ids"])
            states = session.run(None, dict(ids=ids, mask=mask, types=types))[0]
            mask = mask[..., None].astype(np.float32)
            vectors = (states * mask).sum(1) / mask.sum(1)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            for n, vector in zip(batch, vectors):
                made[n] = vector
        return np.stack(made)

    return encode


def main():
    name, model, threads = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    encode = {"st": sentence_transformers, "ort": onnx_runtime}[name](model, threads)
    for line in sys.stdin:
        texts = json.loads(line)
        cpu, wall = seconds(), time.perf_counter()
        made = encode(texts)
        print(json.dumps(dict(cpu=seconds() - cpu, wall=time.perf_counter() - wall, first=made[0].tolist())), flush=True)


if __name__ == "__main__":
    main()
