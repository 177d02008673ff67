"""What Kokoro's own reader makes of Spanish, French, Hindi, Italian and Portuguese: misaki's EspeakG2P over phonemizer,
with the espeak-ng library of this machine, whose version the case names. With a seed other than 0 the words of the
sentences are drawn again.
"""

from misaki.espeak import EspeakG2P
from phonemizer.backend.espeak.wrapper import EspeakWrapper

import ctypes.util
import random

from reference import arguments, write_case

import torch

# The letter that the names of a language's voices begin with, the language for espeak-ng, and sentences in it.
SENTENCES = {
    "e": ("es", [
        "Hola, ¿cómo estás?", "El tren llega mañana a las ocho.", "Tengo 25 años y vivo en Barcelona.",
        "La niña comió una manzana roja; su hermano, dos peras.", "¡Qué alegría verte otra vez!",
        "Los pingüinos viven en el sur.", "Ella dijo: «no quiero ir», y se marchó.",
        "El cielo está gris (parece que va a llover).", "Compramos pan, queso y vino tinto.",
        "Hay 1500 libros en la biblioteca.",
    ]),
    "f": ("fr-fr", [
        "Bonjour, comment allez-vous ?", "Les amis de mon frère arrivent demain.", "Il y a 80 personnes dans la salle.",
        "L'eau de la rivière est très froide en hiver.", "Nous avons mangé une tarte aux pommes ; elle était bonne.",
        "Elle a dit : « je ne sais pas », puis elle est partie.", "Quel beau matin !",
        "Le garçon aime les œufs et les oignons.", "Aujourd'hui, il pleut (encore).", "Où est la gare de Lyon ?",
    ]),
    "h": ("hi", [
        "नमस्ते, आप कैसे हैं?", "मेरा नाम राम है।", "दिल्ली में 25 लोग थे।", "बच्चे बगीचे में खेल रहे हैं।",
        "यह किताब बहुत अच्छी है, लेकिन लंबी है।", "हम कल सुबह बाज़ार जाएँगे।", "क्या तुम चाय पियोगे?",
        "पानी ठंडा है।", "उसने कहा कि वह नहीं आएगी।", "अर्थात् सब ठीक है।",
    ]),
    "i": ("it", [
        "Ciao, come stai?", "Gli amici di Maria mangiano gli gnocchi.", "Ho 25 anni e abito a Roma.",
        "La ragazza legge un libro; il fratello dorme.", "Che bella giornata!", "Perché non vieni con noi domani?",
        "Il treno parte alle otto (forse in ritardo).", "L'acqua del lago è fredda.",
        "Vorrei un caffè, due panini e una bottiglia d'acqua.", "Disse: «non lo so», e uscì.",
    ]),
    "p": ("pt-br", [
        "Olá, tudo bem?", "O menino comeu uma maçã vermelha.", "Há 25 pessoas em São Paulo.",
        "Amanhã vamos à praia com os amigos.", "Que dia bonito!", "Ela disse que não queria ir; ficou em casa.",
        "O coração da cidade é antigo (e muito bonito).", "Quero pão, queijo e um café.",
        "As crianças brincam no jardim.", "Onde fica a estação de trem?",
    ]),
}
DRAWN = 10


def drawn(sentences: list, draw: random.Random) -> list:
    """Sentences of the same words, and of numbers, in any order."""
    words = [word.strip("¿¡?!.,;:«»()।") for text in sentences for word in text.split()]
    words = [word for word in words if word and not word.isdigit()]
    made = []
    for _ in range(DRAWN):
        parts = []
        for _ in range(draw.randrange(1, 4)):
            part = draw.sample(words, draw.randrange(2, 8))
            if draw.random() < 0.3:
                part.insert(draw.randrange(len(part)), str(draw.randrange(10 ** draw.randrange(1, 5))))
            parts.append(" ".join(part))
        made.append(draw.choice([", ", "; ", ": "]).join(parts) + draw.choice([".", "!", "?"]))
    return made


def main(folder, seed: int):
    library = ctypes.util.find_library("espeak-ng")
    # misaki's own choice is a newer library than those of distributions; its data goes with it.
    EspeakWrapper.set_library(library or "libespeak-ng.so.1")
    EspeakWrapper.data_path = None
    draw = random.Random(seed)
    read = {}
    for letter, (language, sentences) in SENTENCES.items():
        reader = EspeakG2P(language)
        texts = sentences if seed == 0 else drawn(sentences, draw)
        read[letter] = [[text, reader(text)[0]] for text in texts]
    version = ".".join(str(part) for part in EspeakWrapper().version)
    case = dict(script="tongues.py", seed=seed, espeak=version, read=read)
    write_case(folder / f"tongues-{seed}", case, dict(nothing=torch.zeros(1)))


if __name__ == "__main__":
    given = arguments(__doc__)
    main(given.out, given.seed)
