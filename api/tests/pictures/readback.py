"""Reads what picture files carry with Pillow, and prints JSON: one {"parameters": ..., "reelsmith": ...} for each.

usage: readback.py FILE...

JPEG and WebP: the EXIF user comment, as the Stable Diffusion web UI reads it, and the maker note. PNG: text chunks.
"""

import json
import sys

from PIL import Image

EXIF_IFD, MAKER_NOTE, USER_COMMENT = 0x8769, 0x927C, 0x9286


def read(path: str) -> dict:
    with Image.open(path) as image:
        image.load()
        if image.format == "PNG":
            return {name: image.info.get(name) for name in ("parameters", "reelsmith")}
        exif = image.getexif().get_ifd(EXIF_IFD)
    comment, maker = exif.get(USER_COMMENT), exif.get(MAKER_NOTE)
    if comment is not None:
        assert comment[:8] == b"UNICODE\0", comment[:8]
        comment = comment[8:].decode("utf-16-be")
    return {"parameters": comment, "reelsmith": maker and maker.decode()}


json.dump([read(path) for path in sys.argv[1:]], sys.stdout)
