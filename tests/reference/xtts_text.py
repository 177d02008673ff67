"""How XTTS reads: numbers, sentences and tokens of coqui-tts and its libraries, with a small vocabulary trained here.
"""

from num2words import num2words
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer, multilingual_cleaners, split_sentence

import random

from reference import arguments, write_case

import torch

COUNTED = ["en", "es", "fr", "de", "it", "pt", "nl", "tr", "pl", "cs", "ru", "hu", "ko"]
RANKED = ["en", "fr", "de", "nl", "tr"]
MONEY = ["en", "es", "fr", "de", "it", "nl"]

LINES = {
    "en": ["Hello Mr. Smith, it's 14% of $20.15 & more!", "In 12.5 seconds the 1st of 100,000 came: \"well\".",
           "Dr. Jones paid £5 on the 23rd, at 0.05 degrees — C#.", "He said [yes] twice… see a@b.com"],
    "es": ["Hola Sr. García, son 20,15€ y 1.500 personas.", "La Dra. Martínez ganó el 14% @ casa; 21 más 3,14."],
    "fr": ["Bonjour Mr. Dupond : 80 fois 20€ pour le 1er test.", "Il y avait 1.984 soldats et 71,5° à l'ombre."],
    "de": ["Frau Dr. Müller zahlt 20,15€ am 3. Mai 2024.", "Es gab 1.001 Soldaten & 12,5 Prozent; das macht £1."],
    "it": ["Sig. Rossi ha 28 anni e 3,14 figli.", "C'erano 1.108 soldati & $20 in C#."],
    "pt": ["Olá Sr. Silva, eram 1.200 pessoas & 12,5 graus.", "Dra. Costa tem 2.024 livros."],
    "nl": ["Dhr. Jansen heeft 22 fietsen en 12,5% korting.", "Dat is de 3de van 1.001, voor 20€."],
    "tr": ["Merhaba B. Yılmaz, 50 asker vardı İstanbul'da.", "Bu 1. test ve %14 dolu."],
    "pl": ["Dzień dobry, P. Kowalski: 12,5 sekundy i 2.022 ludzi.", "Moja temperatura to 36,6°."],
    "cs": ["P. Novák má 14% baterie a 5.300 korun", "Za 12,5 vteřiny přišlo 22 000 lidí"],
    "ru": ["Здравствуйте г-н Иванов, 2,024 рубля и 12.5%!", "У меня 21 яблоко @ дома."],
    "hu": ["Dr. Szabó 12,5 másodperc alatt 2.002 szót írt", "50 katona volt & 14%"],
    "ko": ["12.5 초 안에 50 명의 병사가 있었다.", "물엿은 한글이다 & 좋아요! 안녕하세요"],
    "ar": ["مرحبا بالعالم & السلام عليكم", "لدي % في البطارية"],
    "hi": ["नमस्ते दुनिया & आप कैसे हैं @ घर", "यह एक परीक्षण है।"],
}
LONG = ("The quick brown fox jumps over the lazy dog. It was not amused! Was it ever? Nobody knows for certain, and "
        "nobody asked. Then the rain came down on the hills, and everything was quiet for a very long while. ")


def said(code: str, n: int) -> bool:
    """Whether num2words counts it: in Turkish it swallows the one of 341001 and the seven of 175,007,000,000."""
    swallowed = any(n // power % 10 == 1 and n // power > 100 for power in (10 ** 3, 10 ** 6, 10 ** 9))
    alone = n >= 10 ** 9 and 0 < n // 10 ** 6 % 1000 < 10
    return code != "tr" or not (swallowed or alone)


def ranked(code: str, n: int) -> bool:
    """Whether it ranks it: French ordinals of what has a plural keep its s there."""
    return 0 < n < 100000 and said(code, n) and not (
        code == "fr" and num2words(n, lang=code).endswith(("vingts", "cents")))


def trained(words: int) -> Tokenizer:
    """A vocabulary of XTTS's form over the lines above."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    marks = ["[STOP]", "[UNK]", "[SPACE]", "[START]"] + [f"[{code}]" for code in [*LINES, "zh-cn", "ja"]]
    # One line of each language is left out, so that some characters are unknown.
    corpus = [multilingual_cleaners(line, code) for code, lines in LINES.items() for line in lines[:1]]
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=words, special_tokens=marks))
    return tokenizer


def main(folder, seed: int):
    draw = random.Random(seed)
    edges = [0, 1, 2, 3, 8, 11, 12, 16, 19, 20, 21, 22, 23, 28, 31, 71, 80, 81, 88, 91, 99, 100, 101, 102, 108, 111, 118,
             180, 188, 200, 218, 222, 1000, 1001, 1002, 1100, 1984, 2000, 2002, 2024, 21000, 22000, 80000, 100000, 200300]
    numbers = edges + [draw.randrange(10 ** draw.randrange(1, 7)) for _ in range(60)]
    cardinals = {code: {str(n): num2words(n, lang=code) for n in numbers if said(code, n)} for code in COUNTED}
    large = [10 ** 6, 2 * 10 ** 6, 21 * 10 ** 6 + 5, 10 ** 9] + [draw.randrange(10 ** 6, 10 ** 12) for _ in range(20)]
    for code in ["en", "es", "fr", "de", "nl", "tr", "ru", "pl", "ko"]:
        cardinals[code].update({str(n): num2words(n, lang=code) for n in large if said(code, n)})
    fractions = [0.5, 12.5, 3.14, 100.05, 2.0, 21.01, 7.125] + [round(draw.random() * 100, draw.randrange(1, 4))
                                                               for _ in range(15)]
    decimals = {code: {repr(x): num2words(x, lang=code) for x in fractions} for code in COUNTED if code != "tr"}
    ordinals = {code: {str(n): num2words(n, lang=code, ordinal=True) for n in numbers if ranked(code, n)}
                for code in RANKED}
    tokenizer = VoiceBpeTokenizer()
    tokenizer.tokenizer = trained(700 + seed % 50)
    lines = []
    for code, texts in LINES.items():
        for text in texts:
            plain = text.replace("[", " ").replace("]", " ")
            # As `Xtts.inference` does it.
            low = plain.strip().lower()
            cleaned = tokenizer.preprocess_text(low, code)
            lines.append(dict(language=code, text=text, cleaned=cleaned, tokens=tokenizer.encode(low, code)))
    text = LONG * (3 + seed % 3)
    case = dict(script="xtts_text.py", seed=seed, cardinals=cardinals, decimals=decimals, ordinals=ordinals,
                vocabulary=tokenizer.tokenizer.to_str(), lines=lines, long=text,
                split=split_sentence(text, "en", 250))
    write_case(folder / f"xttstext-{seed}", case, dict(nothing=torch.zeros(1)))


if __name__ == "__main__":
    given = arguments(__doc__)
    main(given.out, given.seed)
