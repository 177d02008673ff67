"""The assembly workload in MoviePy 2.2, as the tools built on it do: resized clips, crossfades, composited captions.

Each caption state is drawn once with Pillow and shown as an ImageClip, which is cheaper than a TextClip per state.

usage: assembly_moviepy.py WORKLOAD FONT SPEED OUT
"""

import json
import sys
from pathlib import Path

import numpy
from moviepy import AudioFileClip, CompositeAudioClip, CompositeVideoClip, ImageClip, afx, vfx
from PIL import Image, ImageDraw, ImageFont

FADE = 0.5
SIZE = 92


def scene(path: Path, index: int, length: float, size: tuple[int, int]):
    """A still that zooms about its centre, cut to the frame."""
    base = size[0] / Image.open(path).width
    start, rate = (1.0, 0.02) if index % 2 == 0 else (1.11, -0.02)
    clip = ImageClip(str(path)).with_duration(length).resized(lambda t: base * (start + rate * t))
    return clip.with_position("center")


def caption(words: list[dict], spoken: int, font: ImageFont.FreeTypeFont, width: int) -> numpy.ndarray:
    """Up to two centred lines with one word coloured, as RGBA."""
    image = Image.new("RGBA", (width, SIZE * 3), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    space = draw.textlength(" ", font=font)
    lines, line, used = [], [], 0.0
    for index, word in enumerate(words):
        length = draw.textlength(word["text"], font=font)
        if line and used + space + length > width - 180:
            lines.append((line, used))
            line, used = [], 0.0
        used += length + (space if line else 0)
        line.append((index, word["text"], length))
    lines.append((line, used))
    for row, (line, used) in enumerate(lines[:2]):
        x = (width - used) / 2
        for index, text, length in line:
            colour = (255, 214, 10, 255) if index == spoken else (255, 255, 255, 255)
            draw.text((x, 10 + row * SIZE * 1.3), text, font=font, fill=colour, stroke_width=7, stroke_fill=(18, 10, 11, 255))
            x += length + space
    return numpy.asarray(image)


def main() -> None:
    workload, font_path, speed, out = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    facts = json.loads((workload / "workload.json").read_text())
    size, fps, seconds = (facts["width"], facts["height"]), facts["fps"], facts["seconds"]
    stills = sorted(workload.glob("still-*.png"))
    each = seconds / len(stills)
    clips = []
    for index, path in enumerate(stills):
        start = max(0.0, index * each - FADE / 2)
        end = min(seconds, (index + 1) * each + FADE / 2)
        clip = scene(path, index, end - start, size).with_start(start)
        clips.append(clip.with_effects([vfx.CrossFadeIn(FADE)]) if index else clip)
    font = ImageFont.truetype(font_path, SIZE)
    for group in facts["groups"]:
        for index, word in enumerate(group):
            end = group[index + 1]["start"] if index + 1 < len(group) else word["end"]
            image = ImageClip(caption(group, index, font, size[0])).with_start(word["start"])
            clips.append(image.with_duration(end - word["start"]).with_position(("center", 1240)))
    voice = AudioFileClip(str(workload / "narration.wav"))
    music = AudioFileClip(str(workload / "music.wav")).with_effects([afx.MultiplyVolume(0.2)])
    video = CompositeVideoClip(clips, size=size).with_duration(seconds)
    video = video.with_audio(CompositeAudioClip([voice, music]).with_duration(seconds))
    options = "-g 60 -bf 2 -profile:v high -pix_fmt yuv420p -x264-params sync-lookahead=0 -movflags +faststart".split()
    video.write_videofile(
        out, fps=fps, codec="libx264", preset=speed, bitrate="8000k", threads=2, audio_codec="aac",
        audio_bitrate="256k", ffmpeg_params=options, temp_audiofile=out + ".m4a", logger=None,
    )


main()
